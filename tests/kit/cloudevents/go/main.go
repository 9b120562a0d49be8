// Reads {records: [{key, value, headers}], structured: [text]}, bytes in base64; answers what the SDK makes of each.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
)

type record struct {
	Topic   string      `json:"topic"`
	Key     []byte      `json:"key"`
	Value   []byte      `json:"value"`
	Headers [][2]string `json:"headers"`
}

type asked struct {
	Records    []record `json:"records"`
	Structured [][]byte `json:"structured"`
}

func main() {
	var given asked
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	answer := map[string][]any{"records": {}, "structured": {}}
	for _, record := range given.Records {
		read, err := binding.ToEvent(context.Background(), message(record))
		answer["records"] = append(answer["records"], told(read, err))
	}
	for _, body := range given.Structured {
		read := event.New()
		err := json.Unmarshal(body, &read)
		answer["structured"] = append(answer["structured"], told(&read, err))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		panic(err)
	}
}

func message(given record) *kafka_sarama.Message {
	headers := make([]*sarama.RecordHeader, 0, len(given.Headers))
	for _, header := range given.Headers {
		var value []byte
		if err := json.Unmarshal([]byte(`"`+header[1]+`"`), &value); err != nil {
			panic(err)
		}
		headers = append(headers, &sarama.RecordHeader{Key: []byte(header[0]), Value: value})
	}
	return kafka_sarama.NewMessageFromConsumerMessage(&sarama.ConsumerMessage{
		Topic: given.Topic, Key: given.Key, Value: given.Value, Headers: headers,
	})
}

func told(read *event.Event, err error) any {
	if err == nil {
		err = read.Validate()
	}
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	data := json.RawMessage("null")
	if read.Data() != nil {
		data = read.Data()
	}
	return map[string]any{
		"id": read.ID(), "type": read.Type(), "source": read.Source(), "specversion": read.SpecVersion(),
		"subject": read.Subject(), "dataschema": read.DataSchema(), "datacontenttype": read.DataContentType(),
		"time": read.Time(), "data": data,
	}
}
