package service

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	// User logs in at the SASL listener and may do what it is granted.
	User = "kc"
	// Password is User's.
	Password = "kc-secret"
	// AdminUser is the super user of the SASL listener.
	AdminUser = "admin"
	// AdminPassword is AdminUser's.
	AdminPassword = "admin-secret"
)

// Kafka is one real broker.
type Kafka struct {
	Addr string // plain listener, host:port

	// SASL and TLS are the secure listeners and CA the file of the certificate authority, with Secure.
	// SASL takes PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
	SASL, TLS, CA string

	// Behind and Proxied are for a fault proxy: it listens on Proxied, which is what this listener
	// advertises, and forwards to Behind.
	Behind, Proxied string

	service service
	up      bool
}

// Secure adds listeners with SASL and TLS, and access control, by which the plain listeners'
// clients may do anything and User nothing that it is not given.
func Secure() KafkaOption { return func(k *Kafka) { k.env("KAFKA_SECURE", "1") } }

// BrokerConfig adds lines to the broker's properties.
func BrokerConfig(lines ...string) KafkaOption {
	return func(k *Kafka) { k.env("KAFKA_CONFIG", strings.Join(lines, "\n")) }
}

// KafkaOption changes a broker before it starts.
type KafkaOption func(*Kafka)

func (k *Kafka) env(key, value string) { k.service.env = append(k.service.env, key+"="+value) }

// StartKafka starts a broker with no data, and ends it with the test.
func StartKafka(tb testing.TB, opts ...KafkaOption) *Kafka {
	tb.Helper()
	port := FreePorts(tb, 6)
	data := filepath.Join(tb.TempDir(), "kafka")
	k := &Kafka{
		Addr:    local(port),
		Behind:  local(port + 2),
		Proxied: local(port + 3),
		SASL:    local(port + 4),
		TLS:     local(port + 5),
		CA:      filepath.Join(data, "ca.pem"),
		service: service{script: "kafka"},
	}
	k.env("KAFKA_PORT", strconv.Itoa(port))
	k.env("KAFKA_DATA", data)
	for _, opt := range opts {
		opt(k)
	}
	tb.Cleanup(func() { k.Stop(tb) })
	k.Start(tb)
	return k
}

// Start starts the broker again after Stop or Kill, on the same ports and with its data.
func (k *Kafka) Start(tb testing.TB) {
	tb.Helper()
	if k.up {
		return
	}
	if addr := k.service.start(tb); addr != k.Addr {
		tb.Fatalf("Kafka says it listens on %q, not on %q", addr, k.Addr)
	}
	k.up = true
}

// Stop shuts the broker down and keeps its data.
func (k *Kafka) Stop(tb testing.TB) {
	tb.Helper()
	k.service.stop(tb)
	k.up = false
}

// Kill ends the broker as a crash would and keeps its data.
func (k *Kafka) Kill(tb testing.TB) {
	tb.Helper()
	killing := k.service
	killing.env = append(slices.Clip(killing.env), "STOP_SIGNAL=KILL")
	killing.stop(tb)
	k.up = false
}

// Restart is Stop and Start.
func (k *Kafka) Restart(tb testing.TB) {
	tb.Helper()
	k.Stop(tb)
	k.Start(tb)
}

// Tool runs one of Kafka's own command line tools by its class, against the plain listener if the
// arguments say so, and returns what it prints.
func (k *Kafka) Tool(tb testing.TB, class string, args ...string) string {
	tb.Helper()
	tool := service{script: "kafka", args: append([]string{class}, args...)}
	out, err := tool.run(tb, startLimit, "run")
	if err != nil {
		tb.Fatalf("%s %v: %v", class, args, err)
	}
	return out
}

// Grant lets the user do all operations on all topics and groups.
func (k *Kafka) Grant(tb testing.TB, user string) {
	tb.Helper()
	k.Tool(tb, "org.apache.kafka.tools.AclCommand", "--bootstrap-server", k.Addr, "--add",
		"--allow-principal", "User:"+user, "--operation", "All", "--topic", "*", "--group", "*",
		"--transactional-id", "*", "--cluster", "kafka-cluster")
}

// CreateTopic creates a topic with the partitions given and one replica.
func (k *Kafka) CreateTopic(tb testing.TB, topic string, partitions int, config ...string) {
	tb.Helper()
	args := []string{
		"--bootstrap-server", k.Addr, "--create", "--topic", topic,
		"--partitions", strconv.Itoa(partitions), "--replication-factor", "1",
	}
	for _, c := range config {
		args = append(args, "--config", c)
	}
	if out := k.Tool(tb, "org.apache.kafka.tools.TopicCommand", args...); !strings.Contains(out, "Created topic") {
		tb.Fatal(fmt.Errorf("creating topic %s: %s", topic, out))
	}
}
