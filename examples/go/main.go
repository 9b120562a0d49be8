// Reads topics of Hadir with franz-go. Settings come from the environment: docs/subscribe.md.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
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

// told logs an error, which franz-go tries again by itself. Where only somebody can mend it, it says so in its answer.
func told(where string, err error) (refusal string) {
	mend := ""
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		mend = "HADIR_KAFKA_CA_FILE has to be the file that the operators gave you"
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		mend = "ask the operators for a new password, or whether you are revoked"
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		mend = "ask the operators whether your user may read it and whether there is such a topic, or leave it out of HADIR_TOPICS"
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		mend = "ask the operators whether you are revoked; is state.json of another user, delete it"
	default:
		log.Printf("%s: %v", where, err)
		return ""
	}
	return fmt.Sprintf("refused: %s: %v: %s", where, err, mend)
}

func end(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}

// connections tells why one could not be made: a poll says nothing of it.
type connections struct{}

func (connections) OnBrokerConnect(broker kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) {
		if refusal := told(net.JoinHostPort(broker.Host, strconv.Itoa(int(broker.Port))), err); refusal != "" {
			end(refusal)
		}
	}
}

func main() {
	if os.Getenv("HADIR_KAFKA_BOOTSTRAP") == "" {
		end("HADIR_KAFKA_BOOTSTRAP is not set: docs/subscribe.md")
	}
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
		kgo.WithHooks(connections{}),
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
		refusal := ""
		fetches.EachError(func(topic string, _ int32, err error) {
			refusal = cmp.Or(told(topic, err), refusal)
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
			refusal = cmp.Or(refusal, told("not committed, to be read again", err))
		}
		client.AllowRebalance()
		if refusal != "" {
			client.Close() // who does not leave the group keeps its next process waiting
			end(refusal)
		}
	}
}
