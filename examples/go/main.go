// Reads topics of Hadir with franz-go. Settings come from the environment: docs/subscribe.md.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func settings() []kgo.Opt {
	given := []kgo.Opt{kgo.SeedBrokers(strings.Split(os.Getenv("HADIR_KAFKA_BOOTSTRAP"), ",")...)}
	user := os.Getenv("HADIR_KAFKA_USERNAME")
	if user == "" {
		return given
	}
	trust := &tls.Config{} // without a file: the authorities that this machine trusts
	if file := os.Getenv("HADIR_KAFKA_CA_FILE"); file != "" {
		authority, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(authority) {
			log.Fatalf("%s has no certificate", file)
		}
	}
	secret := scram.Auth{User: user, Pass: os.Getenv("HADIR_KAFKA_PASSWORD")}
	return append(given, kgo.DialTLSConfig(trust), kgo.SASL(secret.AsSha512Mechanism()))
}

func main() {
	topics := strings.Split(cmp.Or(os.Getenv("HADIR_TOPICS"), "coverage.changed.v1,record.disowned.v1"), ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	state, err := Open("state.json", cmp.Or(os.Getenv("HADIR_KAFKA_USERNAME"), "example"))
	if err == nil {
		err = state.Save() // the group's name is kept before anything is committed in it
	}
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(append(settings(),
		kgo.ConsumerGroup(state.Group),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), // no partition is given away between taking a batch in and committing it
	)...)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseAllowingRebalance()
	for {
		fetches := client.PollRecords(ctx, 500)
		if ctx.Err() != nil {
			return
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			log.Printf("%s/%d: %v", topic, partition, err) // told, and tried again by the client itself
		})
		fetches.EachRecord(func(record *kgo.Record) {
			headers := map[string]string{}
			for _, header := range record.Headers {
				headers[header.Key] = string(header.Value)
			}
			state.Take(record.Topic, string(record.Key), record.Value, headers)
		})
		if err := state.Save(); err != nil {
			log.Fatal(err)
		}
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			log.Print("not committed, to be read again: ", err)
		}
		client.AllowRebalance()
	}
}
