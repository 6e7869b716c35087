package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
)

func runDLQ(ctx context.Context, args ...string) ran {
	var out, log bytes.Buffer
	root := command()
	root.SetArgs(append([]string{"dlq"}, args...))
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(&log)
	r := ran{}
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(&log, "troupe:", err)
		r.code = boot.ExitUsage
		if exit, ok := errors.AsType[*boot.ExitError](err); ok {
			r.code = exit.Code
		}
	}
	r.out, r.errors = out.String(), log.String()
	return r
}

// deadLetters is a cluster with n letters of orders in the topic dead.
func deadLetters(t *testing.T, n int) *kafkatest.Cluster {
	t.Helper()
	c := kafkatest.New(t, kafkatest.Topics(1, "orders", "dead"), kafkatest.NoAutoCreate())
	for i := range n {
		c.Produce(&kafka.Record{Topic: "dead", Value: fmt.Append(nil, "bad ", i), Headers: []kafka.RecordHeader{
			{Key: "__connect.errors.topic", Value: []byte("orders")},
			{Key: "__connect.errors.partition", Value: []byte("0")},
			{Key: "__connect.errors.offset", Value: fmt.Append(nil, i)},
			{Key: "__connect.errors.connector.name", Value: []byte("strict")},
			{Key: "__connect.errors.stage", Value: []byte("TASK_PUT")},
			{Key: "__connect.errors.exception.message", Value: fmt.Append(nil, "no ", i)},
		}})
	}
	return c
}

func TestDLQ(t *testing.T) {
	c := deadLetters(t, 3)
	for _, tt := range []struct {
		args     string
		code     int
		out, err string // what is among it
	}{
		{"ls", 0, "3      0", ""},
		{"ls --topic dead --json", 0, `{"topic":"dead","connector":"strict","stage":"TASK_PUT","exception":"","count":3,"replayed":0,`, ""},
		{"ls --topic orders", 0, "orders: empty\n", ""},
		{"ls --topic nix", 2, "", "topic nix: the topic does not exist"},
		{"ls --topic dead --worker http://x", 2, "", "exclude each other"},
		{"ls --last -1", 2, "", "--last -1"},
		{"show dead -n 1", 0, "from      orders-0@0", ""},
		{"show dead --json --offset 2", 0, `"message":"no 2"`, ""},
		{"show dead --exception 7$", 0, "", "no letter of the 3"},
		{"show dead --partition 3", 2, "", "topic dead has no partition 3, it has 1"},
		{"show", 2, "", "accepts 1 arg"},
		{"show dead --offset x", 2, "", "--offset"},
		{"show dead --since x", 2, "", "--since"},
		{"show dead --until x", 2, "", "--until"},
		{"show dead --exception (", 2, "", "--exception"},
		{"show dead --key base64:x", 2, "", "--key"},
		{"show dead --limit -1", 2, "", "--limit"},
		{"show dead --partition -1", 2, "", "--partition"},
		{"show dead --nix", 2, "", "unknown flag"},
		{"show dead --command-config nowhere", 2, "", "--command-config nowhere"},
		{"show dead --worker-config nowhere", 2, "", "--worker-config nowhere"},
		{"replay dead --to dead", 2, "", "--to dead"},
		{"replay dead --timestamp then", 2, "", "--timestamp then"},
		{"replay dead --edit=", 2, "", "--edit: it is empty"},
		{"replay dead --dry-run", 0, "dead-0@2 -> orders (any partition)  key null  value bad 2\nwould replay 3 of 3 letters read of topic dead: 3 to orders\n", ""},
		{"replay dead --dry-run --json -n 1", 0, `{"topic":"orders","partition":null,`, ""},
		{"replay dead --edit=false", 1, "replayed 0 of 1", "--edit false, given dead-0@0: exit status 1"},
		{"replay dead --to nowhere", 1, "", "topic nowhere, to which dead-0@0 would be written, does not exist"},
		{"replay dead --offset 1", 0, "replayed 1 of 1 letters read of topic dead: 1 to orders\n", ""},
		{"replay dead --json", 0, `{"read":3,"replayed":2,"already":1,"leftOut":0,"to":{"orders":2}}`, ""},
		{"replay dead", 0, "replayed 0 letters: topic dead holds none that were not replayed before\n", ""},
		{"ls --topic dead --json", 0, `"count":3,"replayed":3`, ""},
	} {
		args := append(strings.Fields(tt.args), "-b", c.Bootstrap())
		got := runDLQ(t.Context(), args...)
		if got.code != tt.code || !strings.Contains(got.out, tt.out) || !strings.Contains(got.errors, tt.err) {
			t.Errorf("%s: exit code %d, want %d\n%s\nwant %q and %q", tt.args, got.code, tt.code, got, tt.out, tt.err)
		}
	}
	if got := runDLQ(t.Context(), "show", "dead"); got.code != 2 || !strings.Contains(got.errors, "--bootstrap-server") {
		t.Errorf("no servers: %s", got)
	}
	var values []string
	for _, r := range c.Records("orders") {
		values = append(values, string(r.Value))
	}
	if strings.Join(values, ",") != "bad 1,bad 0,bad 2" {
		t.Errorf("%v", values)
	}
}

// TestDLQConnects: a worker's file and one of client properties say where Kafka is and how to get in, and
// no secret is shown.
func TestDLQConnects(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "dead"), kafkatest.User("PLAIN", "me", "open-sesame"))
	jaas := func(password string) string {
		return "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"me\" password=\"" + password + "\";\n"
	}
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	servers := "bootstrap.servers=" + c.Bootstrap() + "\n"
	worker := servers + jaas("${env:DLQ_PASSWORD}") + "config.providers=env\nconfig.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n"
	for _, kind := range []string{"consumer.", "producer.", "admin."} {
		for line := range strings.Lines(jaas("${env:DLQ_PASSWORD}")) {
			worker += kind + line
		}
	}
	t.Setenv("DLQ_PASSWORD", "open-sesame")
	for name, args := range map[string][]string{
		"client properties": {"--command-config", file("client.properties", servers+jaas("open-sesame"))},
		"worker":            {"--worker-config", file("worker.properties", worker)},
	} {
		for _, what := range [][]string{{"ls", "--topic", "dead"}, {"show", "dead"}, {"replay", "dead"}} {
			if got := runDLQ(t.Context(), append(what, args...)...); got.code != 0 {
				t.Errorf("%s, %v: %s", name, what, got)
			}
		}
	}
	// The fake breaks the connection on a wrong password, where Kafka says so.
	c.Fail(kafkatest.Fault{Request: "SASLAuthenticate", Error: "SASL_AUTHENTICATION_FAILED", Times: -1, TopLevel: true})
	got := runDLQ(t.Context(), "show", "dead", "--command-config", file("wrong.properties", servers+jaas("open-barley")))
	if got.code != 1 || strings.Contains(got.String(), "open-") {
		t.Errorf("wrong password: %s", got)
	}
}

func TestDLQInterrupted(t *testing.T) {
	c := deadLetters(t, 2)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal: interrupt"))
	for _, args := range [][]string{{"ls"}, {"show", "dead"}, {"replay", "dead"}} {
		if got := runDLQ(ctx, append(args, "-b", c.Bootstrap())...); got.code != exitInterrupted || !strings.Contains(got.errors, "signal: interrupt") {
			t.Errorf("%v: %s", args, got)
		}
	}
	if got := len(c.Records("orders")); got != 0 {
		t.Errorf("%d records", got)
	}
}
