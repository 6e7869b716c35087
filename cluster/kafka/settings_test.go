package kafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// make makes and closes a client of the kind.
func makeClient(kind string, props kafka.Props, log *slog.Logger) error {
	switch kind {
	case "producer":
		p, err := kafka.NewProducer(props, log)
		if err == nil {
			p.Abort()
		}
		return err
	case "consumer":
		c, err := kafka.NewConsumer(props, "g", []string{"t"}, "", log)
		if err == nil {
			closed, cancel := contextEnded()
			defer cancel()
			c.Close(closed)
		}
		return err
	default:
		a, err := kafka.NewAdmin(props, log)
		if err == nil {
			a.Close()
		}
		return err
	}
}

func TestWrongSettings(t *testing.T) {
	const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="hush-1";`
	for _, tt := range []struct {
		kind  string
		props kafka.Props
		want  string
	}{
		{"producer", kafka.Props{"acks": "2"}, "Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1"},
		{"producer", kafka.Props{"linger.ms": "soon"}, "Invalid value soon for configuration linger.ms: Not a number of type LONG"},
		{"producer", kafka.Props{"linger.ms": "-1"}, "Invalid value -1 for configuration linger.ms: Value must be at least 0"},
		{"producer", kafka.Props{"max.request.size": "99999999999"}, "Invalid value 99999999999 for configuration max.request.size: Not a number of type INT"},
		{"producer", kafka.Props{"compression.type": "rar"}, "compression.type: String must be one of: none, gzip, snappy, lz4, zstd"},
		{"producer", kafka.Props{"enable.idempotence": "perhaps"}, "Invalid value perhaps for configuration enable.idempotence: Expected value to be either true or false"},
		{"producer", kafka.Props{"enable.idempotence": "true", "acks": "1"}, "Must set acks to all in order to use the idempotent producer."},
		{"producer", kafka.Props{"enable.idempotence": "true", "retries": "0"}, "Must set retries to non-zero when using the idempotent producer."},
		{"producer", kafka.Props{"transactional.id": "x", "enable.idempotence": "false"}, "Cannot set a transactional.id without also enabling idempotence."},
		{"producer", kafka.Props{"partitioner.class": "my.Partitioner"}, "partitioner.class"},
		{"producer", kafka.Props{"bootstrap.servers": ""}, "No bootstrap urls given in bootstrap.servers"},
		{"producer", kafka.Props{"bootstrap.servers": "host"}, "Invalid url in bootstrap.servers: host"},
		{"admin", kafka.Props{"security.protocol": "HTTP"}, "Invalid value HTTP for configuration security.protocol: String must be one of (case insensitive): PLAINTEXT, SASL_PLAINTEXT, SASL_SSL, SSL"},
		{"admin", kafka.Props{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}, "sasl.jaas.config"},
		{"admin", kafka.Props{"security.protocol": "SASL_PLAINTEXT"}, "Invalid value GSSAPI for configuration sasl.mechanism"},
		{"admin", kafka.Props{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.jaas.config": jaas}, "needs ScramLoginModule"},
		{"admin", kafka.Props{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": strings.TrimSuffix(jaas, ";")}, "not terminated by semi-colon"},
		{"admin", kafka.Props{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas + jaas}, "should be 1 module"},
		{"admin", kafka.Props{"security.protocol": "SSL", "ssl.truststore.location": "/none", "ssl.truststore.password": "hush-1"}, "/none"},
		{"admin", kafka.Props{"ssl.enabled.protocols": "TLSv9"}, "ssl.enabled.protocols"},
		{"admin", kafka.Props{"ssl.cipher.suites": "ROT13"}, "ssl.cipher.suites"},
		{"admin", kafka.Props{"ssl.keystore.type": "DKS"}, "ssl.keystore.type"},
		{"admin", kafka.Props{"ssl.keystore.type": "PEM", "ssl.keystore.location": "/x", "ssl.keystore.password": "hush-1"}, "cannot be specified with PEM format"},
		{"consumer", kafka.Props{"auto.offset.reset": "middle"}, "Invalid value middle for configuration auto.offset.reset"},
		{"consumer", kafka.Props{"auto.offset.reset": "EARLIEST"}, "Invalid value EARLIEST for configuration auto.offset.reset: The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."},
		{"consumer", kafka.Props{"auto.offset.reset": "by_duration:x"}, "Invalid value by_duration:x for configuration auto.offset.reset"},
		{"consumer", kafka.Props{"isolation.level": "READ_COMMITTED"}, "Invalid value READ_COMMITTED for configuration isolation.level: String must be one of: read_committed, read_uncommitted"},
		{"consumer", kafka.Props{"key.deserializer": "x"}, "Invalid value x for configuration key.deserializer: Class x could not be found."},
		{"consumer", kafka.Props{"value.deserializer": "org.apache.kafka.common.serialization.StringDeserializer"}, "only org.apache.kafka.common.serialization.ByteArrayDeserializer takes"},
		{"producer", kafka.Props{"key.serializer": "x"}, "Invalid value x for configuration key.serializer: Class x could not be found."},
		{"producer", kafka.Props{"value.serializer": "org.apache.kafka.common.serialization.StringSerializer"}, "Invalid value org.apache.kafka.common.serialization.StringSerializer for configuration value.serializer"},
		{"producer", kafka.Props{"partitioner.class": "no.such.P"}, "Invalid value no.such.P for configuration partitioner.class: Class no.such.P could not be found."},
		{"producer", kafka.Props{"delivery.timeout.ms": "1000"}, "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms: it is 1000, they are 30005"},
		{"producer", kafka.Props{"delivery.timeout.ms": "30004"}, "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"},
		{"producer", kafka.Props{"delivery.timeout.ms": "99", "linger.ms": "50", "request.timeout.ms": "50"}, "it is 99, they are 100"},
		{"producer", kafka.ConnectorProducerProps(nil, map[string]string{"producer.override.transactional.id": "x"}, "c", 0), "Cannot set a transactional.id without also enabling idempotence."},
		{"consumer", kafka.Props{"isolation.level": "none"}, "isolation.level"},
		{"consumer", kafka.Props{"partition.assignment.strategy": "my.Assignor"}, "partition.assignment.strategy"},
		{"consumer", kafka.Props{"session.timeout.ms": "1000"}, "heartbeat.interval.ms"},
		{"consumer", kafka.Props{"max.poll.records": "0"}, "Value must be at least 1"},
		{"consumer", kafka.Props{"group.protocol": "modern"}, "group.protocol"},
	} {
		props := kafka.Props{"bootstrap.servers": "127.0.0.1:1"}
		maps.Copy(props, tt.props)
		err := makeClient(tt.kind, props, slog.New(slog.DiscardHandler))
		if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s with %v: %v; want %s", tt.kind, tt.props, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hush-1") {
			t.Errorf("a secret shows: %v", err)
		}
	}
	if _, err := kafka.NewConsumer(kafka.Props{"bootstrap.servers": "127.0.0.1:1"}, "g", nil, "a(b", slog.New(slog.DiscardHandler)); !errors.Is(err, errs.Config) {
		t.Errorf("a wrong pattern: %v", err)
	}
}

// What Java's clients take at the edge of the above is taken.
func TestSettingsAtTheEdge(t *testing.T) {
	for _, tt := range []struct {
		kind  string
		props kafka.Props
	}{
		{"producer", kafka.Props{"delivery.timeout.ms": "30005"}},
		{"producer", kafka.Props{"delivery.timeout.ms": "100", "linger.ms": "50", "request.timeout.ms": "50"}},
		{"producer", kafka.Props{"delivery.timeout.ms": "2147483647", "request.timeout.ms": "2147483647"}},
		{"producer", kafka.Props{"partitioner.class": "org.apache.kafka.clients.producer.RoundRobinPartitioner"}},
		{"producer", kafka.Props{"value.serializer": "org.apache.kafka.common.serialization.ByteArraySerializer", "key.serializer": ""}},
		{"consumer", kafka.Props{"auto.offset.reset": "by_duration:PT1H"}},
		{"consumer", kafka.Props{"group.protocol": "CONSUMER"}},
		{"consumer", kafka.Props{"value.deserializer": "org.apache.kafka.common.serialization.ByteArrayDeserializer"}},
	} {
		props := kafka.Props{"bootstrap.servers": "127.0.0.1:1"}
		maps.Copy(props, tt.props)
		if err := makeClient(tt.kind, props, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%s with %v: %v", tt.kind, tt.props, err)
		}
	}
	// An id of the user's gives way to the worker's, and nothing else does.
	worker := map[string]string{"producer.transactional.id": "x"}
	if props, replaced := kafka.TransactionalProducerProps(worker, nil, "c", 0, "g-c-0"); props["transactional.id"] != "g-c-0" ||
		props["enable.idempotence"] != "true" || !slices.Equal(replaced, []string{"transactional.id"}) {
		t.Errorf("%v, replaced %q", props, replaced)
	}
}

// Of all clients of a worker only the first names a setting without effect, and none one that is empty.
func TestToldOnce(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	told := kafka.WithTold(&kafka.Told{})
	for n, props := range []kafka.Props{
		{"interceptor.classes": "a.B", "metric.reporters": ""}, {"interceptor.classes": "a.B"}, {"interceptor.classes": "a.B", "odd": "1"},
	} {
		props["bootstrap.servers"], props["client.id"] = "127.0.0.1:1", fmt.Sprint("client-", n)
		p, err := kafka.NewProducer(props, log, told)
		if err != nil {
			t.Fatal(err)
		}
		p.Abort()
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "no_equivalent=[interceptor.classes] unknown=[]") || !strings.Contains(lines[1], "no_equivalent=[] unknown=[odd]") {
		t.Errorf("the log says\n%s", out.String())
	}
}

func TestMissingPrefixes(t *testing.T) {
	for _, tt := range []struct {
		props map[string]string
		want  []string // what the texts begin with, and name
	}{
		{nil, nil},
		{map[string]string{"security.protocol": "plaintext"}, nil},
		{map[string]string{"security.protocol": "SASL_SSL"}, []string{"producer.security.protocol", "consumer.security.protocol"}},
		{map[string]string{"security.protocol": "ssl", "producer.security.protocol": "SSL"}, []string{"consumer.security.protocol"}},
		{map[string]string{"security.protocol": "SSL", "producer.security.protocol": "SSL", "consumer.security.protocol": "PLAINTEXT"}, nil},
	} {
		got := kafka.MissingPrefixes(tt.props)
		ok := len(got) == len(tt.want)
		for n := range min(len(got), len(tt.want)) {
			ok = ok && strings.Contains(got[n], tt.want[n])
		}
		if !ok {
			t.Errorf("%v: %q, want %q", tt.props, got, tt.want)
		}
	}
}

// All that Java's clients know is taken without error and what has no effect named once.
func TestOneWarning(t *testing.T) {
	for _, kind := range []string{"producer", "consumer", "admin"} {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
		err := makeClient(kind, kafka.Props{
			"bootstrap.servers": "127.0.0.1:1", "interceptor.classes": "a.B", "metric.reporters": "c.D",
			"what.is.this": "1", "sasl.jaas.config": "x", "client.id": "me", "request.timeout.ms": "1000",
		}, log)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if !strings.Contains(lines[0], "interceptor.classes metric.reporters") || !strings.Contains(lines[0], "unknown=[what.is.this]") || strings.Contains(lines[0], "request.timeout") {
			t.Errorf("%s: %s", kind, out.String())
		}
		if n := strings.Count(out.String(), "no effect"); n != 1 {
			t.Errorf("%s: %d warnings", kind, n)
		}
	}
}

// TestUnresolvable: a client none of whose brokers has an address is refused, with setting and host.
func TestUnresolvable(t *testing.T) {
	for _, kind := range []string{"producer", "consumer", "admin"} {
		err := makeClient(kind, kafka.Props{"bootstrap.servers": "kafka.invalid:9092,other.invalid:1"}, slog.New(slog.DiscardHandler))
		const want = "bootstrap.servers=kafka.invalid:9092,other.invalid:1: No resolvable bootstrap urls given in bootstrap.servers: no such host: kafka.invalid, other.invalid"
		if err == nil || err.Error() != want || kafka.Classify(err) != kafka.Retriable || !errors.Is(err, errs.Retriable) {
			t.Errorf("%s: %v (%s)", kind, err, kafka.Classify(err))
		}
		if err := makeClient(kind, kafka.Props{"bootstrap.servers": "kafka.invalid:9092,127.0.0.1:1"}, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%s with one that resolves: %v", kind, err)
		}
	}
}

func TestConnectorProps(t *testing.T) {
	worker := map[string]string{
		"bootstrap.servers": "w:9092", "security.protocol": "SSL", "ssl.truststore.location": "/t", "group.id": "workers",
		"client.id": "worker-1", "producer.linger.ms": "50", "producer.acks": "1", "consumer.max.poll.records": "9",
		"consumer.auto.offset.reset": "latest", "admin.request.timeout.ms": "5", "retries": "3", "key.converter": "x.Y",
	}
	connector := map[string]string{
		"producer.override.acks": "all", "consumer.override.group.id": "mine", "admin.override.retries": "4",
		"producer.override.": "nothing", "topics": "t",
	}
	for name, tt := range map[string]struct{ got, want kafka.Props }{
		"producer": {kafka.ConnectorProducerProps(worker, connector, "c", 2), kafka.Props{
			"bootstrap.servers": "w:9092", "acks": "all", "linger.ms": "50", "client.id": "connector-producer-c-2",
			"max.block.ms": "9223372036854775807", "delivery.timeout.ms": "2147483647",
		}},
		"dlq producer": {kafka.ConnectorDLQProducerProps(worker, nil, "c", 2), kafka.Props{
			"bootstrap.servers": "w:9092", "acks": "1", "linger.ms": "50", "client.id": "connector-dlq-producer-c-2",
			"max.block.ms": "9223372036854775807", "delivery.timeout.ms": "2147483647",
		}},
		"consumer": {kafka.ConnectorConsumerProps(worker, connector, "c", 0), kafka.Props{
			"bootstrap.servers": "w:9092", "group.id": "mine", "client.id": "connector-consumer-c-0",
			"enable.auto.commit": "false", "auto.offset.reset": "latest", "max.poll.records": "9",
		}},
		"admin": {kafka.ConnectorAdminProps(worker, connector, "c", 1), kafka.Props{
			"bootstrap.servers": "w:9092", "client.id": "worker-1", "security.protocol": "SSL", "ssl.truststore.location": "/t",
			"request.timeout.ms": "5", "retries": "4",
		}},
		"admin by default": {kafka.ConnectorDLQAdminProps(nil, nil, "c", 1), kafka.Props{
			"bootstrap.servers": "localhost:9092", "client.id": "connector-dlq-adminclient-c-1",
		}},
	} {
		if !maps.Equal(tt.got, tt.want) {
			t.Errorf("%s:\n got %v\nwant %v", name, tt.got, tt.want)
		}
	}
}

// The texts are those of Kafka Connect 4.1.1, recorded in conformance/rest.
func TestOverridePolicy(t *testing.T) {
	connector := map[string]string{
		"producer.override.acks": "all", "producer.override.sasl.mechanism": "PLAIN",
		"consumer.override.max.poll.records": "5", "admin.override.retries": "1",
	}
	for _, tt := range []struct {
		policy  string
		clients []kafka.Client
		want    []string
	}{
		{"All", []kafka.Client{kafka.ProducerClient, kafka.ConsumerClient, kafka.AdminClient}, nil},
		{"", []kafka.Client{kafka.ProducerClient}, nil},
		{"None", []kafka.Client{kafka.ConsumerClient}, []string{"consumer.override.max.poll.records: The 'None' policy does not allow 'max.poll.records' to be overridden in the connector configuration."}},
		{"Principal", []kafka.Client{kafka.ProducerClient}, []string{"producer.override.acks: The 'Principal' policy does not allow 'acks' to be overridden in the connector configuration."}},
		{"Allowlist", []kafka.Client{kafka.ProducerClient, kafka.AdminClient}, []string{
			"admin.override.retries: The 'Allowlist' policy does not allow 'retries' to be overridden in the connector configuration.",
			"producer.override.sasl.mechanism: The 'Allowlist' policy does not allow 'sasl.mechanism' to be overridden in the connector configuration.",
		}},
		{"org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy", []kafka.Client{kafka.AdminClient}, []string{
			"admin.override.retries: The 'None' policy does not allow 'retries' to be overridden in the connector configuration.",
		}},
	} {
		worker := map[string]string{"connector.client.config.override.allowlist": "acks, linger.ms"}
		if tt.policy != "" {
			worker["connector.client.config.override.policy"] = tt.policy
		}
		policy, err := kafka.ReadOverridePolicy(worker)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range policy.Check(connector, tt.clients...) {
			got = append(got, e.Key+": "+e.Err)
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s: %v", tt.policy, got)
		}
	}
	if _, err := kafka.ReadOverridePolicy(map[string]string{"connector.client.config.override.policy": "Some"}); !errors.Is(err, errs.Config) {
		t.Errorf("policy Some: %v", err)
	}
}

// The times of the group are those of the worker's file, which an admin client has no use for.
func TestWorkerGroupProps(t *testing.T) {
	worker := map[string]string{
		"bootstrap.servers": "127.0.0.1:1", "session.timeout.ms": "6000", "heartbeat.interval.ms": "700", "rebalance.timeout.ms": "20000",
		"producer.linger.ms": "5", "offset.flush.interval.ms": "1",
	}
	props := kafka.WorkerGroupProps(worker)
	if len(props) != 4 {
		t.Errorf("%v", props)
	}
	c, err := kafka.NewCoordinator(props, "g", quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it never connected
	want := kafka.GroupTiming{SessionTimeout: 6 * time.Second, HeartbeatInterval: 700 * time.Millisecond, RebalanceTimeout: 20 * time.Second}
	if c.Timing() != want {
		t.Errorf("%+v, want %+v", c.Timing(), want)
	}
}
