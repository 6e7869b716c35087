//go:build integration

package main_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// readTopic reads a topic until it has given as many records as wanted; each reader begins at its start.
func readTopic(t *testing.T, bootstrap, topic, reader string, want int) []*kafka.Record {
	t.Helper()
	c, err := kafka.NewConsumer(kafka.Props{
		"bootstrap.servers": bootstrap, "auto.offset.reset": "earliest", "metadata.max.age.ms": "500",
	}, reader, []string{topic}, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	defer c.Close(context.WithoutCancel(ctx))
	var out []*kafka.Record
	for len(out) < want {
		polled, err := c.Poll(ctx, 0)
		if err != nil {
			t.Fatalf("topic %s: %d of %d records, then %v", topic, len(out), want, err)
		}
		if ctx.Err() != nil {
			t.Fatalf("topic %s: %d of %d records in time", topic, len(out), want)
		}
		if polled.Rebalance != nil {
			polled.Rebalance.Done(nil)
		}
		out = append(out, polled.Records...)
	}
	return out
}

func letterHeader(r *kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == "__connect.errors."+name {
			return string(h.Value)
		}
	}
	return ""
}

// TestSourceDeadLetters sends a file through a source whose lines are to be numbers and whose topic
// takes no large ones: what is a number gets there, the rest is in the dead letter topic, with its place
// in the file, and the offset is behind the last line.
func TestSourceDeadLetters(t *testing.T) {
	const lines = 3000
	k := service.StartKafka(t)
	k.CreateTopic(t, "numbers", 1, "max.message.bytes=20000")
	f := newFlow(t, k.Addr)
	file := filepath.Join(filepath.Dir(f.in), "numbers.txt")
	var text, want strings.Builder
	bad, large := 0, 0
	for i := range lines {
		switch {
		case i%3 == 0:
			fmt.Fprintf(&text, "no number %d\n", i)
			bad++
		case i%500 == 1: // a number, but too long for the topic
			fmt.Fprintf(&text, "%s%d\n", strings.Repeat("0", 50_000), i)
			large++
		default:
			fmt.Fprintf(&text, "%d\n", i)
			fmt.Fprintf(&want, "%d ", i)
		}
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f.worker.Start(t)
	conf := map[string]string{
		"connector.class": "FileStreamSource", "tasks.max": "1", "file": file, "topic": "numbers",
		// Whole lines are tried as numbers, and written as they are.
		"transforms": "try,text", "transforms.try.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.try.spec": "float64",
		"transforms.text.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.text.spec": "string",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead-source",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	}
	// Floats lose the zeros that make a line large; so large lines are left to a source without the check.
	f.worker.Must(t, http.MethodPost, "/connectors", map[string]any{"name": "numbers", "config": conf})
	f.worker.Running(t, "numbers", 1)
	plain := maps.Clone(conf)
	for _, key := range []string{"transforms", "transforms.try.type", "transforms.try.spec", "transforms.text.type", "transforms.text.spec"} {
		delete(plain, key)
	}
	plain["errors.deadletterqueue.topic.name"] = "dead-large"
	f.worker.Must(t, http.MethodPost, "/connectors", map[string]any{"name": "plain", "config": plain})

	letters := readTopic(t, k.Addr, "dead-source", "reader", bad)
	if len(letters) != bad {
		t.Errorf("%d letters of lines that are no numbers, want %d", len(letters), bad)
	}
	for i, l := range letters {
		line := fmt.Sprintf("no number %d", 3*i)
		if payload := fmt.Sprintf(`{"schema":{"type":"string","optional":false},"payload":%q}`, line); string(l.Value) != payload {
			t.Fatalf("letter %d: %s, want %s", i, l.Value, payload)
		}
		if letterHeader(l, "stage") != "TRANSFORMATION" || letterHeader(l, "class.name") != "org.apache.kafka.connect.transforms.Cast$Value" ||
			letterHeader(l, "topic") != "numbers" || !strings.Contains(letterHeader(l, "source.partition"), "numbers.txt") {
			t.Fatalf("letter %d: headers %v", i, l.Headers)
		}
		var end int // of the line in the file
		if n := strings.Index(text.String(), line+"\n"); n >= 0 {
			end = n + len(line) + 1
		}
		if got := letterHeader(l, "source.offset"); got != fmt.Sprintf(`{"position":%d}`, end) {
			t.Fatalf("letter of %q: source offset %s, want %d", line, got, end)
		}
	}
	cut := readTopic(t, k.Addr, "dead-large", "reader", large)
	for _, l := range cut {
		if len(l.Value) != 16<<10 || letterHeader(l, "stage") != "KAFKA_PRODUCE" || letterHeader(l, "exception.class.name") != "org.apache.kafka.common.errors.RecordTooLargeException" ||
			len(letterHeader(l, "source.value.size")) != 5 {
			t.Fatalf("letter of a large line: %d bytes, headers %v", len(l.Value), l.Headers)
		}
	}
	if len(cut) != large {
		t.Errorf("%d letters of large lines, want %d", len(cut), large)
	}
	// Both sources wrote to the one topic: the numbers twice, and what the second doesn't check.
	good := lines - bad - large
	seen := map[string]int{}
	for _, r := range readTopic(t, k.Addr, "numbers", "reader", (good+large)+(good+bad)) {
		seen[string(r.Value)]++
	}
	for n := range strings.FieldsSeq(want.String()) {
		if seen[n+".0"] != 1 || seen[n] != 1 {
			t.Fatalf("%s is there %d times as a float, %d times as a line", n, seen[n+".0"], seen[n])
		}
	}
	for _, name := range []string{"numbers", "plain"} {
		service.Until(t, time.Minute, "offset of "+name, func() error {
			var o struct {
				Offsets []struct {
					Offset struct{ Position int } `json:"offset"`
				} `json:"offsets"`
			}
			if err := f.worker.Get(t.Context(), "/connectors/"+name+"/offsets", &o); err != nil {
				return err
			}
			if len(o.Offsets) != 1 || o.Offsets[0].Offset.Position != text.Len() {
				return fmt.Errorf("%+v, want %d", o, text.Len())
			}
			return nil
		})
		f.worker.Running(t, name, 1)
	}
	f.worker.Stop(t)
}

// picky is a sink whose put fails for some records, and doesn't report them.
type picky struct {
	mu   sync.Mutex
	got  []string
	down bool
}

func (p *picky) Start(context.Context, connectors.SinkTaskContext, map[string]string) error {
	return nil
}
func (p *picky) Stop(context.Context) error { return nil }

func (p *picky) Put(_ context.Context, batch []data.SinkRecord) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, r := range batch {
		v := r.Value.(string)
		if p.down {
			return errors.New("the target is down")
		}
		if strings.HasPrefix(v, "poison") {
			panic("can't take " + v)
		}
		all = append(all, v)
	}
	p.got = append(p.got, all...)
	return nil
}

func (p *picky) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

func (p *picky) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

type pickyConnector struct{ props map[string]string }

func (c *pickyConnector) Start(_ context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	c.props = props
	return nil
}

func (c *pickyConnector) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	return []map[string]string{c.props}, nil
}
func (c *pickyConnector) Stop(context.Context) error { return nil }

// TestPutDeadLetters runs a sink that panics at some records on a real broker: these are dead letters, all
// others are put, once and in order. Then its target is down: the task fails, and no record is lost or a
// dead letter.
func TestPutDeadLetters(t *testing.T) {
	const records = 20_000
	k := service.StartKafka(t)
	k.CreateTopic(t, "in", 1)
	p := &picky{}
	log := slog.New(slog.DiscardHandler)
	reg, err := plugin.NewRegistry(append(builtin.Plugins(), connectors.Sink{
		Descriptor: plugin.Descriptor{Class: "test.Picky", Version: "1"},
		Connector:  func() connectors.SinkConnector { return &pickyConnector{} }, Task: func() connectors.SinkTask { return p },
	})...)
	if err != nil {
		t.Fatal(err)
	}
	w, _, err := settings.LoadWorker(t.Context(), settings.Standalone, map[string]string{
		"bootstrap.servers": k.Addr, "offset.storage.file.filename": "unused", "offset.flush.interval.ms": "500",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	worker, err := actors.Start(actors.Config{
		Settings: &w, Registry: reg, Offsets: storage.NewMemoryOffsetStore(), WorkerID: "w:1", ClusterID: "c", Log: log,
		Resolve: func(_ context.Context, props map[string]string) (map[string]string, error) {
			return maps.Clone(props), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := worker.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	producer, err := kafka.NewProducer(kafka.Props{"bootstrap.servers": k.Addr}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Abort()
	write := func(from, to int) (good, poison []string) {
		for i := from; i < to; i++ {
			v := fmt.Sprint("fine ", i)
			if i%997 == 5 {
				v = fmt.Sprint("poison ", i)
				poison = append(poison, v)
			} else {
				good = append(good, v)
			}
			if err := producer.Produce(t.Context(), &kafka.Record{Topic: "in", Partition: 0, Value: []byte(v)}, func(_ *kafka.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return good, poison
	}
	good, poison := write(0, records)
	if _, _, err := worker.PutConfig(t.Context(), "picky", map[string]string{
		"name": "picky", "connector.class": "test.Picky", "topics": "in", "tasks.max": "1",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead-put", "errors.deadletterqueue.topic.replication.factor": "1",
		"errors.deadletterqueue.context.headers.enable": "true", "errors.deadletterqueue.put.enable": "true",
		"supervisor.restart.enabled": "false",
	}); err != nil {
		t.Fatal(err)
	}
	letters := readTopic(t, k.Addr, "dead-put", "reader", len(poison))
	for i, l := range letters {
		if string(l.Value) != poison[i] || letterHeader(l, "stage") != "TASK_PUT" || letterHeader(l, "offset") != strings.TrimPrefix(poison[i], "poison ") ||
			!strings.Contains(letterHeader(l, "exception.stacktrace"), "picky).Put") {
			t.Fatalf("letter %d: %s %v", i, l.Value, l.Headers)
		}
	}
	service.Until(t, time.Minute, "all other records", func() error {
		if got := p.taken(); !slices.Equal(got, good) {
			return fmt.Errorf("%d of %d records", len(got), len(good))
		}
		return nil
	})
	admin, err := kafka.NewAdmin(kafka.Props{"bootstrap.servers": k.Addr}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	committed := func() int64 {
		offsets, err := admin.ListGroupOffsets(t.Context(), "connect-picky")
		if err != nil {
			t.Fatal(err)
		}
		return offsets[data.TopicPartition{Topic: "in"}]
	}
	service.Until(t, time.Minute, "the commit", func() error {
		if o := committed(); o != records {
			return fmt.Errorf("offset %d", o)
		}
		return nil
	})

	p.setDown(true)
	more, morePoison := write(records, 2*records)
	service.Until(t, time.Minute, "the failure of the task", func() error {
		s, err := worker.TaskStatus(t.Context(), state.TaskID{Connector: "picky"})
		if err != nil {
			return err
		}
		if s.State != state.Failed || !strings.Contains(s.Trace, "put failed for 10 records in a row") || !strings.Contains(s.Trace, "the target is down") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if o := committed(); o != records {
		t.Errorf("committed %d during the outage", o)
	}
	p.setDown(false)
	if err := worker.RestartTask(t.Context(), state.TaskID{Connector: "picky"}); err != nil {
		t.Fatal(err)
	}
	service.Until(t, time.Minute, "all records after the outage", func() error {
		if got := p.taken(); !slices.Equal(got, append(slices.Clone(good), more...)) {
			return fmt.Errorf("%d of %d records", len(got), len(good)+len(more))
		}
		return nil
	})
	if all := readTopic(t, k.Addr, "dead-put", "again", len(poison)+len(morePoison)); len(all) != len(poison)+len(morePoison) {
		t.Errorf("%d letters in all, want %d", len(all), len(poison)+len(morePoison))
	}
}
