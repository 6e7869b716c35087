//go:build integration

package kafka_test

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// A login at a listener that has none is refused in words that say so, by clients of all kinds.
func TestRealSASLWhereThereIsNone(t *testing.T) {
	props := realProps(t, nil)
	props["security.protocol"], props["sasl.mechanism"] = "SASL_PLAINTEXT", "PLAIN"
	props["sasl.jaas.config"] = `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="hush-1";`
	props["default.api.timeout.ms"] = "3000"
	admin, err := kafka.NewAdmin(props, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() //nolint:errcheck // it returns none
	_, ofAdmin := admin.ClusterID(soon(t))
	producer, err := kafka.NewProducer(props, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Abort()
	ofProducer := producer.Produce(soon(t), &kafka.Record{Topic: "t"}, func(*kafka.Record, error) {})
	consumer, err := kafka.NewConsumer(props, "g", []string{"t"}, "", quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close(soon(t)) //nolint:errcheck // it never was in the group
	_, ofConsumer := consumer.Poll(soon(t), 0)
	for kind, err := range map[string]error{"admin": ofAdmin, "producer": ofProducer, "consumer": ofConsumer} {
		if err == nil || !strings.Contains(err.Error(), "does not use SASL, but security.protocol says so") || kafka.Classify(err) != kafka.Authorization {
			t.Errorf("%s: %v (%v)", kind, err, kafka.Classify(err))
		}
	}
}
