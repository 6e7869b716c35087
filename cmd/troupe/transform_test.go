package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

var updateTransform = flag.Bool("update-transform", false, "write what troupe transform prints to testdata/smt/transform")

const transformCases = "../../testdata/smt/transform"

// ran is what a run of the command left behind.
type ran struct {
	code        int
	out, errors string
}

// runTransform runs the command in this process.
func runTransform(t testing.TB, in io.Reader, args ...string) ran {
	t.Helper()
	var out, log bytes.Buffer
	root := command()
	root.SetArgs(append([]string{"transform"}, args...))
	root.SetIn(in)
	root.SetOut(&out)
	root.SetErr(&log)
	r := ran{}
	if err := root.ExecuteContext(t.Context()); err != nil {
		fmt.Fprintln(&log, "troupe:", err)
		r.code = boot.ExitUsage
		if exit, ok := errors.AsType[*boot.ExitError](err); ok {
			r.code = exit.Code
		}
	}
	r.out, r.errors = out.String(), log.String()
	return r
}

func (r ran) String() string {
	return fmt.Sprintf("%s--- standard error\n%s--- exit code %d\n", r.out, r.errors, r.code)
}

// TestTransformGoldens holds the command to testdata/smt/transform: a folder each with a config, records, the
// arguments beside them, and what is printed as text and as JSON.
func TestTransformGoldens(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join(transformCases, "*", "records.jsonl"))
	if err != nil || len(cases) < 10 {
		t.Fatalf("cases: %v, %v", cases, err)
	}
	for _, records := range cases {
		dir := filepath.Dir(records)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Chdir(dir)
			args := []string{"--config", "config.json"}
			if _, err := os.Stat("config.properties"); err == nil {
				args[1] = "config.properties"
			}
			if more, err := os.ReadFile("args"); err == nil {
				args = append(args, strings.Fields(string(more))...)
			}
			in, err := os.ReadFile("records.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "expected.txt", runTransform(t, bytes.NewReader(in), args...))
			asJSON := runTransform(t, bytes.NewReader(in), append(args, "-o", "json")...)
			golden(t, "expected.jsonl", asJSON)
			for line := range strings.Lines(asJSON.out) {
				if !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
		})
	}
}

func golden(t *testing.T, file string, got ran) {
	t.Helper()
	if *updateTransform {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s differs (-update-transform writes it anew)\n--- got\n%s--- want\n%s", file, got, want)
	}
}

const hoist = "org.apache.kafka.connect.transforms.HoistField$Value"

// hoisting are arguments for a chain of one transform, without a file.
func hoisting(more ...string) []string {
	return append([]string{"--as", "source", "--set", "transforms=h", "--set", "transforms.h.type=" + hoist, "--set", "transforms.h.field=line"}, more...)
}

func TestTransformColors(t *testing.T) {
	const line = `{"a": 1}`
	for _, tt := range []struct {
		name, flag, noColor string
		want                bool
	}{
		{"always", "always", "", true},
		{"a flag is stronger than the environment", "always", "1", true},
		{"never", "never", "", false},
		{"no terminal", "auto", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			got := runTransform(t, strings.NewReader(line), hoisting("--color", tt.flag)...)
			if colored := strings.Contains(got.out, "\x1b["); got.code != 0 || colored != tt.want {
				t.Errorf("coloured %v: %q", colored, got)
			}
			if tt.want && (!strings.Contains(got.out, "\x1b[31m- value.a     1\x1b[0m\n") ||
				!strings.Contains(got.out, "\x1b[32m+ value.line  {\"a\": 1}\x1b[0m\n")) {
				t.Errorf("added green, removed red: %q", got.out)
			}
		})
	}
}

// TestTransformTerminal: colours are for a terminal alone, and not if NO_COLOR or TERM speak
// against it.
func TestTransformTerminal(t *testing.T) {
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this system has no pseudo terminals: %v", err)
	}
	defer tty.Close()
	c := transform{color: "auto", out: tty}
	for _, tt := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm", true}, {"1", "xterm", false}, {"", "dumb", false}} {
		t.Setenv("NO_COLOR", tt.noColor)
		t.Setenv("TERM", tt.term)
		if c.colored() != tt.want {
			t.Errorf("NO_COLOR=%q TERM=%q: coloured %v", tt.noColor, tt.term, !tt.want)
		}
	}
}

func TestTransformRefusals(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	worker := file("worker.properties", "bootstrap.servers=127.0.0.1:1\nkey.converter=NoSuch\nvalue.converter=org.apache.kafka.connect.storage.StringConverter\noffset.storage.file.filename=x\n")
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "there is nothing to run"},
		{"unknown flag", []string{"--confg", "x"}, "unknown flag"},
		{"missing file", []string{"-c", filepath.Join(dir, "none.json")}, "none.json"},
		{"broken file", []string{"-c", file("broken.json", `{"transforms": `)}, "neither a JSON object nor properties"},
		{"list", []string{"-c", file("list.json", `{"transforms": ["a"]}`)}, "transforms must be a text"},
		{"set", []string{"--set", "x"}, "--set x: it must be key=value"},
		{"no type", []string{"--set", "transforms=a"}, "transforms.a.type"},
		{"unknown class", []string{"--set", "transforms=a", "--set", "transforms.a.type=HoistField$Value"}, "Did you mean " + hoist},
		{"unknown predicate", hoisting("--set", "transforms.h.predicate=p"), `predicate "p" is not one of the connector's predicates`},
		{"as", hoisting("--as", "both"), "--as both: it must be source or sink"},
		{"input", hoisting("--input", "avro"), "--input avro: it must be one of"},
		{"output", hoisting("-o", "yaml"), "--output yaml"},
		{"color", hoisting("--color", "red"), "--color red"},
		{"forms", hoisting("--plain", "--envelope"), "exclude each other"},
		{"from", hoisting("--from", "middle"), "--from middle"},
		{"count", hoisting("-n", "-1"), "--count -1"},
		{"timeout", hoisting("--timeout", "0s"), "--timeout 0s"},
		{"timestamp", hoisting("--timestamp", "noon"), "--timestamp"},
		{"step", hoisting("--step", "x"), "--step x is not one of the connector's transforms: [h]"},
		{"predicate", hoisting("--predicate", "x"), "--predicate x is not one of the connector's predicates: it has none"},
		{"topic and files", hoisting("--from-topic", "t", "file"), "exclude each other"},
		{"no server", hoisting("--from-topic", "t", "--set", "key.converter="+stringConverter, "--set", "value.converter="+stringConverter), "--from-topic needs --bootstrap-server"},
		{"no converters", hoisting("--from-topic", "t", "-b", "127.0.0.1:1"), "key.converter and value.converter not set"},
		{"no value converter", hoisting("--input", "converter"), "value.converter not set"},
		{"both from standard input", []string{"-c", "-"}, "takes standard input"},
		{"missing records", hoisting(filepath.Join(dir, "none.jsonl")), "none.jsonl"},
		{"worker", hoisting("-w", worker), "NoSuch"},
		{"missing worker", hoisting("-w", filepath.Join(dir, "none.properties")), "--worker-config"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runTransform(t, strings.NewReader(""), tt.args...)
			if got.code != exitConfig || !strings.Contains(got.errors, tt.want) || got.out != "" {
				t.Errorf("want exit code 2 and %q, got\n%s", tt.want, got)
			}
		})
	}
}

const stringConverter = "org.apache.kafka.connect.storage.StringConverter"

// TestTransformWorker: converters and config providers of the worker count, and without a worker a
// reference is told.
func TestTransformWorker(t *testing.T) {
	t.Setenv("TROUPE_TEST_FIELD", "from-env")
	dir := t.TempDir()
	worker := filepath.Join(dir, "worker.properties")
	if err := os.WriteFile(worker, []byte("bootstrap.servers=127.0.0.1:1\noffset.storage.file.filename=x\nkey.converter="+stringConverter+
		"\nvalue.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter.schemas.enable=false\n"+
		"config.providers=env\nconfig.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := hoisting("-w", worker, "--set", "transforms.h.field=${env:TROUPE_TEST_FIELD}")
	got := runTransform(t, strings.NewReader(`{"a": 1}`), args...)
	if got.code != 0 || !strings.Contains(got.out, `value   {"from-env":{"a":1}}`) {
		t.Errorf("%s", got)
	}
	without := runTransform(t, strings.NewReader(`{"a": 1}`), hoisting("--set", "transforms.h.field=${env:X}")...)
	if !strings.Contains(without.errors, `transforms.h.field refers to the config provider "env", which is not known here`) {
		t.Errorf("no note of the reference: %s", without)
	}
}

// TestTransformConfigFromInput: the configuration by a pipe, records from files, several of them.
func TestTransformConfigFromInput(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, name := range []string{"one.jsonl", "two.jsonl"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("{\"v\": 1}"), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	config := `{"transforms": "h", "transforms.h.type": "` + hoist + `", "transforms.h.field": "x"}`
	got := runTransform(t, strings.NewReader(config), append([]string{"-c", "-"}, files...)...)
	if got.code != 0 || !strings.Contains(got.out, "two.jsonl line 1") || !strings.Contains(got.out, "2 records: 2 kept") {
		t.Errorf("%s", got)
	}
}

// TestTransformCancelled: a signal ends it, also while it waits for input that doesn't come.
func TestTransformCancelled(t *testing.T) {
	in, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	root := command()
	root.SetArgs(append([]string{"transform"}, hoisting()...))
	root.SetIn(in)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	if _, err := w.Write([]byte("one\n")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestTransformTopic reads the records of a topic through the connector's converters.
func TestTransformTopic(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "orders"))
	for i := range 6 {
		c.Produce(&kafka.Record{
			Topic: "orders", Partition: int32(i % 2), Timestamp: time.UnixMilli(int64(1_700_000_000_000 + 1000*i)), Key: []byte{byte('0' + i)},
			Value: fmt.Appendf(nil, `{"n": %d}`, i), Headers: []kafka.RecordHeader{{Key: "src", Value: []byte("web")}},
		})
	}
	c.Produce(&kafka.Record{Topic: "orders", Value: []byte("broken {"), Timestamp: time.UnixMilli(1_700_000_006_000)})
	settings := []string{
		"--as", "sink", "--set", "transforms=o", "--set", "transforms.o.type=org.apache.kafka.connect.transforms.InsertField$Value", "--set", "transforms.o.offset.field=offset",
		"--set", "key.converter=" + stringConverter, "--set", "value.converter=org.apache.kafka.connect.json.JsonConverter", "--set", "value.converter.schemas.enable=false",
		"--from-topic", "orders", "--bootstrap-server", c.Bootstrap(),
	}
	got := runTransform(t, strings.NewReader(""), append(settings, "--from", "end", "-n", "3")...)
	for _, want := range []string{
		"record 1  orders-0 @ 2  2023-11-14T22:13:24Z", `+ value.offset  2`, `header src "web"  (string)`, "record 2  orders-1 @ 2",
		"record 3  orders-0 @ 3", "value   broken {", "stage     VALUE_CONVERTER", "3 records: 2 kept, 0 dropped, 1 failed",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got.code != exitRecords {
		t.Errorf("exit code %d", got.code)
	}
	if got := runTransform(t, strings.NewReader(""), append(settings, "-n", "2")...); got.code != 0 || !strings.Contains(got.out, "2 records: 2 kept") {
		t.Errorf("first two: %s", got)
	}
	if got := runTransform(t, strings.NewReader(""), append(settings, "--from-topic", "missing")...); got.code != exitConfig || !strings.Contains(got.errors, "topic missing: the topic does not exist") {
		t.Errorf("missing topic: %s", got)
	}
	c.Hang()
	defer c.Start()
	if got := runTransform(t, strings.NewReader(""), append(settings, "--timeout", "100ms")...); got.code != exitConfig || !strings.Contains(got.errors, "--timeout 100ms is over") {
		t.Errorf("hanging cluster: %s", got)
	}
}

// Records whose schema is in a registry are decoded by it, and every step shows what they mean.
func TestTransformByRegistry(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "orders"))
	r, err := embedded.Open(t.Context(), embedded.Memory{}, builtin.SchemaFormats())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	defer server.Close()
	plugins, err := builtin.Registry()
	if err != nil {
		t.Fatal(err)
	}
	found, err := plugins.Find(plugin.Converter, avroConverter)
	if err != nil {
		t.Fatal(err)
	}
	conv := found.(codecs.Plugin).New()
	if err := conv.Configure(map[string]string{"schema.registry.url": server.URL}, false); err != nil {
		t.Fatal(err)
	}
	schema := data.NewBuilder(data.StructType).Name("shop.Order").Field("id", data.Int64Schema).Field("name", data.StringSchema).MustBuild()
	value, err := conv.FromConnect("orders", schema, data.NewStruct(schema).With("id", int64(7)).With("name", "Ada"))
	if err != nil {
		t.Fatal(err)
	}
	c.Produce(&kafka.Record{Topic: "orders", Value: value}, &kafka.Record{Topic: "orders", Value: []byte{0, 0, 0, 0, 99, 1}})
	args := []string{
		"--as", "sink", "--set", "transforms=m", "--set", "transforms.m.type=org.apache.kafka.connect.transforms.ReplaceField$Value",
		"--set", "transforms.m.renames=name:customer", "--set", "key.converter=" + stringConverter,
		"--set", "value.converter=" + avroConverter, "--set", "value.converter.schema.registry.url=" + server.URL,
		"--from-topic", "orders", "--bootstrap-server", c.Bootstrap(), "-n", "2",
	}
	got := runTransform(t, strings.NewReader(""), args...)
	for _, want := range []string{`{"id": 7, "name": "Ada"}  (struct shop.Order v1)`, `+ value.customer  "Ada"`, "stage     VALUE_CONVERTER", "Schema 99 not found", "2 records: 1 kept, 0 dropped, 1 failed"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	asJSON := runTransform(t, strings.NewReader(""), append(args, "-o", "json")...)
	if first, _, _ := strings.Cut(asJSON.out, "\n"); !json.Valid([]byte(first)) || !strings.Contains(first, `"customer":"Ada"`) {
		t.Errorf("as JSON\n%s", first)
	}
}

const avroConverter = "io.confluent.connect.avro.AvroConverter"
