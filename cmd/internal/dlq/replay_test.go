package dlq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// base is the time of the letters.
var base = time.UnixMilli(1_700_000_000_000)

// office is a cluster with dead letters and what replays them.
type office struct {
	t *testing.T
	*kafkatest.Cluster
}

func newOffice(t *testing.T) *office {
	t.Helper()
	return &office{t, kafkatest.New(t, kafkatest.Topics(3, "orders", "others"), kafkatest.Topics(2, "dead"), kafkatest.NoAutoCreate())}
}

func (o *office) clients() *Clients {
	props := o.Props()
	props["fetch.max.wait.ms"] = "50"
	return NewClients(props, slog.New(slog.DiscardHandler), o.Option())
}

// letters writes n dead letters, from orders and others in turn, to both partitions.
func (o *office) letters(first, n int) {
	o.t.Helper()
	var records []*kafka.Record
	for i := first; i < first+n; i++ {
		topic, connector := "orders", "a"
		if i%2 == 1 {
			topic, connector = "others", "b"
		}
		headers := append([]kafka.RecordHeader{header("own", strconv.Itoa(i))}, failure(topic, strconv.Itoa(i%3), strconv.Itoa(i), connector, "VALUE_CONVERTER", "a.E")...)
		records = append(records, &kafka.Record{
			Topic: "dead", Partition: int32(i / 2 % 2), Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, i),
			Timestamp: base.Add(time.Duration(i) * time.Second), Headers: headers,
		})
	}
	o.Produce(records...)
}

// replay runs a replay of all letters, as changed.
func (o *office) replay(change func(*Replay)) (Totals, error) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	r := &Replay{Clients: o.clients(), Topic: "dead", Filter: &Filter{}, ProgressTopic: ProgressTopic}
	if change != nil {
		change(r)
	}
	if err := r.Filter.Prepare(); err != nil {
		o.t.Fatal(err)
	}
	return r.Run(ctx)
}

// must runs a replay and checks how many letters were replayed and how many were before.
func (o *office) must(what string, replayed int64, change func(*Replay)) Totals {
	o.t.Helper()
	totals, err := o.replay(change)
	if err != nil || totals.Replayed != replayed {
		o.t.Fatalf("%s: %+v, %v, want %d replayed", what, totals, err, replayed)
	}
	return totals
}

// once checks that the topics hold the letters up to n, each once.
func (o *office) once(n int) {
	o.t.Helper()
	seen := map[string]int{}
	for _, topic := range []string{"orders", "others"} {
		for _, r := range o.Records(topic) {
			seen[string(r.Value)]++
		}
	}
	for i := range n {
		if got := seen[strconv.Itoa(i)]; got != 1 {
			o.t.Errorf("letter %d was replayed %d times", i, got)
		}
	}
	if len(seen) != n {
		o.t.Errorf("%d letters were replayed, want %d", len(seen), n)
	}
}

func TestReplayAsTheyWere(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 20)
	totals := o.must("all", 20, nil)
	if want := (Totals{Read: 20, Replayed: 20, To: map[string]int64{"orders": 10, "others": 10}}); !reflect.DeepEqual(totals, want) {
		t.Errorf("%+v, want %+v", totals, want)
	}
	for topic, rest := range map[string]int{"orders": 0, "others": 1} {
		for _, r := range o.Records(topic) {
			i, err := strconv.Atoi(string(r.Value))
			if err != nil || i%2 != rest || string(r.Key) != fmt.Sprint("k", i) || !r.Timestamp.Equal(base.Add(time.Duration(i)*time.Second)) ||
				!reflect.DeepEqual(r.Headers, []kafka.RecordHeader{header("own", strconv.Itoa(i))}) {
				t.Errorf("%s: %q = %q at %s with %v", topic, r.Key, r.Value, r.Timestamp, r.Headers)
			}
		}
	}
	o.must("again", 0, nil)
	o.once(20)
}

// TestReplayNulls: nothing and an empty text stay apart.
func TestReplayNulls(t *testing.T) {
	o := newOffice(t)
	context := failure("orders", "1", "1", "a", "TASK_PUT", "a.E")
	in := []*kafka.Record{
		{Topic: "dead", Key: []byte("k"), Headers: append([]kafka.RecordHeader{{Key: "null"}, {Key: "empty", Value: []byte{}}}, context...)},
		{Topic: "dead", Value: []byte{}, Headers: context},
		{Topic: "dead", Key: []byte{}, Value: []byte{0xff}, Headers: context},
	}
	o.Produce(in...)
	edit := &Command{Line: "cat", Err: &bytes.Buffer{}}
	o.must("as they were", 3, func(r *Replay) { r.KeepPartition = true })
	o.must("through JSON", 3, func(r *Replay) { r.KeepPartition, r.Edit, r.Round = true, edit, "2" })
	got := o.Records("orders")
	if len(got) != 6 {
		t.Fatalf("%d records", len(got))
	}
	for i, r := range got {
		want := in[i%3]
		if (r.Key == nil) != (want.Key == nil) || !bytes.Equal(r.Key, want.Key) || (r.Value == nil) != (want.Value == nil) || !bytes.Equal(r.Value, want.Value) {
			t.Errorf("%d: %#v = %#v, want %#v = %#v", i, r.Key, r.Value, want.Key, want.Value)
		}
		if i%3 == 0 && (len(r.Headers) != 2 || r.Headers[0].Value != nil || r.Headers[1].Value == nil) {
			t.Errorf("%d: headers %#v", i, r.Headers)
		}
	}
}

func TestPrune(t *testing.T) {
	p := Progress{}
	one, two := Filter{Connectors: []string{"a"}}, Filter{Connectors: []string{"b"}}
	p.put(one, map[int32]int64{0: 5, 1: 3}, nil)
	p.put(two, map[int32]int64{0: 5, 1: 4}, nil)
	p.prune()
	if len(p.entries) != 2 {
		t.Errorf("%+v", p.entries)
	}
	p.put(Filter{}, map[int32]int64{0: 9, 1: 3}, nil)
	p.prune()
	if len(p.entries) != 2 || p.entries[0].filter.String() != two.String() || p.entries[1].filter.String() != "{}" {
		t.Errorf("%+v", p.entries)
	}
}

func TestReplayOptions(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 12)
	o.must("to one topic, by its partition", 12, func(r *Replay) { r.To, r.KeepPartition, r.Now = "orders", true, true })
	for _, r := range o.Records("orders") {
		if i, err := strconv.Atoi(string(r.Value)); err != nil || int(r.Partition) != i%3 || r.Timestamp.Before(base.Add(24*time.Hour)) {
			t.Errorf("%q in partition %d at %s", r.Value, r.Partition, r.Timestamp)
		}
	}
	if got := len(o.Records("others")); got != 0 {
		t.Errorf("%d records in the other topic", got)
	}
}

// TestReplayOverlapping: what one filter has chosen, another doesn't write again, nor a later replay of
// all; a limit counts letters written.
func TestReplayOverlapping(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 40)
	o.must("a, 3 of them", 3, func(r *Replay) { r.Filter.Connectors, r.Limit = []string{"a"}, 3 })
	if totals := o.must("partition 0", 17, func(r *Replay) { r.Filter.Partitions = []int32{0} }); totals.Done+totals.Replayed != 20 {
		// the three of a may lie in both partitions
		t.Errorf("partition 0: %+v", totals)
	}
	o.must("offsets", 1, func(r *Replay) { r.Filter.Offsets = &Span{0, 100}; r.Limit = 1 })
	o.must("all", 19, nil)
	o.once(40)
	o.letters(40, 10)
	o.must("a, of what has come", 5, func(r *Replay) { r.Filter.Connectors = []string{"a"} })
	o.must("all, of what has come", 5, nil)
	o.must("offsets again", 0, func(r *Replay) { r.Filter.Offsets = &Span{0, 100} })
	o.once(50)
	o.must("another round", 50, func(r *Replay) { r.Round = "2" })
}

func TestReplayChunks(t *testing.T) {
	const n = 2*chunkRecords + 345
	o := newOffice(t)
	o.letters(0, n)
	o.must("some", chunkRecords+1, func(r *Replay) { r.Limit = chunkRecords + 1 })
	o.must("rest", n-chunkRecords-1, nil)
	o.once(n)
}

func TestReplayDry(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 10)
	var would []string
	dry := func(r *Replay) {
		r.DryRun = true
		r.Would = func(l *Letter, out *kafka.Record) error {
			would = append(would, WouldText(l, out))
			return nil
		}
	}
	o.must("dry", 10, dry)
	if len(would) != 10 || !strings.Contains(strings.Join(would, ""), "dead-0@0 -> orders (partition by key)  key k0  value 0\n") {
		t.Errorf("%q", would)
	}
	if _, made := o.TopicExists(ProgressTopic); made || len(o.Records("orders"))+len(o.Records("others")) > 0 {
		t.Error("a dry run wrote something")
	}
	o.must("five", 5, func(r *Replay) { r.Limit = 5 })
	if totals := o.must("dry, of the rest", 5, dry); totals.To["orders"]+totals.To["others"] != 5 {
		t.Errorf("%+v", totals)
	}
}

// TestReplayStops: what can't be written stops the replay, what came before it is written, and once it's
// mended the replay goes on.
func TestReplayStops(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 6)
	plain := &kafka.Record{Topic: "dead", Partition: 0, Value: []byte("6"), Timestamp: base}
	cut := &kafka.Record{Topic: "dead", Partition: 0, Value: []byte("7"), Timestamp: base, Headers: []kafka.RecordHeader{
		header("__connect.errors.topic", "orders"), header("__connect.errors.connector.name", "src"), header("__connect.errors.source.value.size", "5000000"),
	}}
	away := &kafka.Record{Topic: "dead", Partition: 0, Value: []byte("8"), Timestamp: base, Headers: failure("gone", "0", "1", "a", "TASK_PUT", "a.E")}
	o.Produce(plain, cut, away)
	one := func(r *Replay) { r.Filter.Partitions = []int32{0} }
	stops := func(what, want string, replayed int64, change func(*Replay)) {
		t.Helper()
		if totals, err := o.replay(change); err == nil || !strings.Contains(err.Error(), want) || totals.Replayed != replayed {
			t.Fatalf("%s: %+v, %v, want %q", what, totals, err, want)
		}
	}
	stops("no headers", "dead-0@4 does not say what topic it is from", 4, one)
	stops("no headers, with nothing before", "dead-0@4 does not say", 0, one)
	stops("cut", "dead-0@5, of source connector src, is not the record that was to be written to topic orders: it was too large and was cut (its value had 5000000 bytes)", 0,
		func(r *Replay) { r.Filter.Partitions, r.Filter.Offsets = []int32{0}, &Span{5, 5} })
	stops("no partition", "dead-0@5 does not say what partition it is from", 0,
		func(r *Replay) {
			r.Filter.Partitions, r.Filter.Offsets, r.AsIs, r.KeepPartition = []int32{0}, &Span{5, 5}, true, true
		})
	stops("topic that isn't there", "topic gone, to which dead-0@6 would be written, does not exist", 0,
		func(r *Replay) { r.Filter.Partitions, r.Filter.Offsets = []int32{0}, &Span{6, 6} })
	stops("to itself", "dead-0@4 would be written to topic dead", 0, func(r *Replay) { one(r); r.To = "dead" })
	o.CreateTopic("gone", 1, nil)
	o.must("the one of the topic that is there now", 1, func(r *Replay) { r.Filter.Origins = []string{"gone"} })
	o.must("rest, to a topic", 2, func(r *Replay) { one(r); r.To, r.AsIs = "orders", true })
	o.must("other partition", 2, nil)
	if got := o.Records("gone"); len(got) != 1 || string(got[0].Value) != "8" {
		t.Errorf("%v", got)
	}
	o.once(8)
}

func TestReplayEdited(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 6)
	var said bytes.Buffer
	// It leaves out 2, in partition 1, fails at 5, in partition 0, and mends the others.
	edit := &Command{Line: `read -r r; case "$r" in *'"value":{"text":"2"}'*) ;; *'"value":{"text":"5"}'*) echo no five >&2; exit 1;; *) printf '%s' "$r" | sed 's/"value":{"text":"/&mended /';; esac`, Err: &said}
	if totals := o.must("partition 1", 1, func(r *Replay) { r.Edit, r.Filter.Partitions = edit, []int32{1} }); totals.LeftOut != 1 {
		t.Errorf("%+v", totals)
	}
	totals, err := o.replay(func(r *Replay) { r.Edit = edit })
	if err == nil || !strings.Contains(err.Error(), "--edit") || !strings.Contains(said.String(), "no five") || totals.Replayed != 3 {
		t.Fatalf("%+v, %v, %s", totals, err, said.String())
	}
	o.must("the one that failed, as it was", 1, nil)
	seen := map[string]int{}
	for _, topic := range []string{"orders", "others"} {
		for _, r := range o.Records(topic) {
			seen[string(r.Value)]++
		}
	}
	want := map[string]int{"mended 0": 1, "mended 1": 1, "mended 3": 1, "mended 4": 1, "5": 1}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("%v, want %v", seen, want)
	}
}

// TestReplayNewTopic: a dead letter topic that was deleted and made again begins anew.
func TestReplayNewTopic(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 4)
	o.must("first", 4, nil)
	o.DeleteTopic("dead")
	o.CreateTopic("dead", 2, nil)
	o.letters(4, 4)
	o.must("second", 4, nil)
	o.once(8)
}

// TestReplayAborts: a transaction that fails leaves nothing, and the next replay writes it whole.
func TestReplayAborts(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 30)
	healed := o.Fail(kafkatest.Fault{Request: "Produce", Topic: "others", Error: "MESSAGE_TOO_LARGE", Times: -1})
	totals, err := o.replay(nil)
	if hits := healed(); err == nil || !strings.Contains(err.Error(), "written to topic others") || totals.Replayed != 0 || hits == 0 {
		t.Fatalf("%+v, %v, %d hits", totals, err, hits)
	}
	if got := len(o.Records("orders")); got != 0 {
		t.Errorf("%d committed records of a transaction that failed", got)
	}
	o.must("healed", 30, nil)
	o.once(30)
}

func TestReplayInterrupted(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 10)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	edit := &Command{Line: "cat", Err: &bytes.Buffer{}}
	r := &Replay{Clients: o.clients(), Topic: "dead", Filter: &Filter{}, ProgressTopic: ProgressTopic, Edit: edit, DryRun: true}
	n := 0
	r.Would = func(*Letter, *kafka.Record) error {
		if n++; n == 4 {
			cancel(stop)
		}
		return nil
	}
	if totals, err := r.Run(ctx); !errors.Is(err, stop) && !errors.Is(err, context.Canceled) || totals.Replayed < 4 {
		t.Errorf("%+v, %v", totals, err)
	}
}

// TestReplayReplaced: a later replay stops the one before it, which can't write any more.
func TestReplayReplaced(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 10)
	first := &replaying{
		Replay: &Replay{Clients: o.clients(), Topic: "dead", Filter: &Filter{}, ProgressTopic: ProgressTopic},
		parts:  map[string]int{}, totals: Totals{To: map[string]int64{}},
	}
	var err error
	if first.admin, err = first.Clients.Admin(); err != nil {
		t.Fatal(err)
	}
	defer first.admin.Close()
	if err := first.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer first.reader.Close()
	defer first.producer.Abort()
	o.must("second", 10, nil)
	err = first.reader.Each(t.Context(), func(r *kafka.Record) error { return first.take(t.Context(), r) })
	if err == nil {
		err = first.write(t.Context())
	}
	if _, replaced := errors.AsType[*FencedError](err); !replaced {
		t.Errorf("the first replay ended with %v", err)
	}
	o.once(10)
}

// TestProgressOfOthers: progress that isn't understood stops a replay of the topic, and no other's.
func TestProgressOfOthers(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 2)
	o.CreateTopic(ProgressTopic, 1, map[string]string{"cleanup.policy": "compact"})
	o.Produce(&kafka.Record{Topic: ProgressTopic, Key: []byte(`{"version":9,"topic":"elsewhere","x":1}`), Value: []byte("?")})
	o.must("another topic's", 2, nil)
	o.Produce(&kafka.Record{Topic: ProgressTopic, Key: []byte(`{"version":9,"topic":"dead","x":1}`), Value: []byte("?")})
	if _, err := o.replay(nil); err == nil || !strings.Contains(err.Error(), "another version of troupe") {
		t.Errorf("%v", err)
	}
}
