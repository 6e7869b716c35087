package boot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// schemaLog outlives the registries that keep their schemas in it.
type schemaLog struct {
	mu      sync.Mutex
	records [][2][]byte
}

func (l *schemaLog) Load(_ context.Context, apply func(key, value []byte) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if err := apply(r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

func (l *schemaLog) Append(_ context.Context, key, value []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, [2][]byte{key, value})
	return nil
}

// shaky is a registry at one address that is well, answers nonsense, or isn't there.
type shaky struct {
	t       *testing.T
	log     *schemaLog
	address string
	server  *httptest.Server // nil while it is down
}

// handle puts h at the address; nil takes down what is there.
func (s *shaky) handle(h http.Handler) {
	s.t.Helper()
	if s.server != nil {
		s.server.CloseClientConnections()
		s.server.Close()
		s.server = nil
	}
	if h == nil {
		return
	}
	var l net.Listener
	kafkatest.Eventually(s.t, s.address+" is free", func() (ok bool) {
		var err error
		l, err = new(net.ListenConfig).Listen(s.t.Context(), "tcp", s.address)
		return err == nil
	})
	s.address = l.Addr().String()
	s.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: h}} //nolint:gosec // a test's
	s.server.Start()
}

// heal starts the registry with what the log has.
func (s *shaky) heal() {
	s.t.Helper()
	r, err := embedded.Open(s.t.Context(), s.log, builtin.SchemaFormats())
	if err != nil {
		s.t.Fatal(err)
	}
	s.handle(r.Handler())
}

func (s *shaky) url() string { return "http://" + s.address }

// The ways to be ill, nil for down.
var illnesses = []http.HandlerFunc{
	nil,
	func(w http.ResponseWriter, _ *http.Request) { // answers 500
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"error_code":50001,"message":"boom"}`)
	},
	func(_ http.ResponseWriter, r *http.Request) { // slower than any time-out
		_, _ = io.Copy(io.Discard, r.Body) // else nobody is told that the client has gone
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	},
	func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },                                // cuts connections
	func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>please log in</html>") }, // is a proxy
}

func (s *shaky) fallIll(n int) {
	s.t.Helper()
	if ill := illnesses[n%len(illnesses)]; ill != nil {
		s.handle(ill)
		return
	}
	s.handle(nil)
}

// perSchema is after how many rows of the source another schema comes, halved between two steps of
// the test.
const perSchema = 5000

// rows is a source that makes as many rows as it is allowed to, and a sink that counts them.
type rows struct {
	allowed atomic.Int64
	seen    [100_000]atomic.Int32
	arrived atomic.Int64 // of different rows
	next    int64        // of the source's task
	schema  *data.Schema
}

type (
	rowsConnector struct{}
	rowsTask      struct{ *rows }
	rowsSink      struct{ *rows }
)

func (rowsConnector) Stop(context.Context) error { return nil }

func (rowsConnector) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	return []map[string]string{{}}, nil
}

type (
	rowsSource  struct{ rowsConnector }
	rowsSinkCon struct{ rowsConnector }
)

func (rowsSource) Start(context.Context, connectors.SourceContext, map[string]string) error {
	return nil
}

func (rowsSinkCon) Start(context.Context, connectors.ConnectorContext, map[string]string) error {
	return nil
}

func (rowsTask) Start(context.Context, connectors.SourceTaskContext, map[string]string) error {
	return nil
}

func (rowsTask) Stop(context.Context) error { return nil }

func (r rowsTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	end := min(r.allowed.Load(), r.next+500)
	if end == r.next {
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
		return nil, nil
	}
	var all []data.SourceRecord
	for ; r.next < end; r.next++ {
		if r.next%perSchema == 0 { // each schema has a field more than the last
			b := data.NewBuilder(data.StructType).Name("shop.Row").Field("id", data.Int64Schema)
			for i := range r.next / perSchema {
				b.Field(fmt.Sprintf("f%d", i), data.OptionalStringSchema)
			}
			r.schema = b.MustBuild()
		}
		value := data.NewStruct(r.schema).With("id", r.next)
		all = append(all, data.SourceRecord{Record: data.Record{Topic: "rows", ValueSchema: r.schema, Value: value}})
	}
	return all, nil
}

func (rowsSink) Start(context.Context, connectors.SinkTaskContext, map[string]string) error {
	return nil
}

func (rowsSink) Stop(context.Context) error { return nil }

func (rowsSink) Flush(context.Context, connectors.Offsets) error { return nil }

func (r rowsSink) Put(_ context.Context, records []data.SinkRecord) error {
	for _, rec := range records {
		id, _ := rec.Value.(*data.Struct).Get("id")
		if r.seen[id.(int64)].Add(1) == 1 {
			r.arrived.Add(1)
		}
	}
	return nil
}

func (r *rows) plugins() []plugin.Plugin {
	return []plugin.Plugin{
		connectors.Source{
			Descriptor: plugin.Descriptor{Class: "test.Rows", Version: "1", Config: config.NewDef()}, TaskClass: "test.RowsTask",
			Connector: func() connectors.SourceConnector { return rowsSource{} },
			Task:      func() connectors.SourceTask { return rowsTask{r} },
		},
		connectors.Sink{
			Descriptor: plugin.Descriptor{Class: "test.Count", Version: "1", Config: config.NewDef()}, TaskClass: "test.CountTask",
			Connector: func() connectors.SinkConnector { return rowsSinkCon{} },
			Task:      func() connectors.SinkTask { return rowsSink{r} },
		},
	}
}

// outage is a worker with two registries over one log, of its source and of its sink.
type outage struct {
	*memberProcess
	rows             rows
	ofSource, ofSink *shaky
}

func avroAt(name, class, urls string) map[string]string {
	return map[string]string{
		"name": name, "connector.class": class, "topics": "rows", "tasks.max": "1",
		"value.converter":                         "io.confluent.connect.avro.AvroConverter",
		"value.converter.schema.registry.url":     urls,
		"value.converter.http.connect.timeout.ms": "200", "value.converter.http.read.timeout.ms": "200",
		"value.converter.max.retries": "1", "value.converter.retries.wait.ms": "1", "value.converter.retries.max.wait.ms": "20",
	}
}

// start starts worker and connectors; the source knows of a second URL where nobody answers yet.
func (o *outage) start(t *testing.T, second string) {
	c := kafkatest.New(t, kafkatest.Topics(1, "rows"))
	source := avroAt("source", "test.Rows", o.ofSource.url()+","+second)
	delete(source, "topics")
	o.memberProcess = &memberProcess{T: t, log: &lockedBuffer{}, ended: make(chan error, 1)}
	var ctx context.Context
	ctx, o.stop = context.WithCancel(t.Context())
	started := make(chan string, 1)
	props := memberProps(c.Bootstrap(), "offset.storage.file.filename", t.TempDir()+"/offsets", "consumer.fetch.max.wait.ms", "20")
	go func() {
		o.ended <- Standalone(ctx, Options{
			Props: props, Log: o.log, Plugins: o.rows.plugins(), Started: func(url string) { started <- url },
			Connectors: []settings.ConnectorFile{
				{Name: "source", Config: source}, {Name: "sink", Config: avroAt("sink", "test.Count", o.ofSink.url())},
			},
		})
	}()
	select {
	case o.url = <-started:
	case err := <-o.ended:
		t.Fatalf("%v\n%s", err, o.log)
	case <-time.After(time.Minute):
		t.Fatalf("not started\n%s", o.log)
	}
}

// allow lets the source go on; arrive waits until the sink has got all of that.
func (o *outage) allow(n int64) { o.rows.allowed.Add(n) }

func (o *outage) arrive() {
	o.Helper()
	want := o.rows.allowed.Load()
	kafkatest.Eventually(o, fmt.Sprintf("%d rows are there", want), func() bool {
		o.running()
		return o.rows.arrived.Load() == want
	})
}

func (o *outage) get(path string) string {
	o.Helper()
	req, err := http.NewRequestWithContext(o.Context(), http.MethodGet, strings.TrimSuffix(o.url, "/")+path, nil)
	if err != nil {
		o.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		o.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		o.Fatal(err)
	}
	return string(raw)
}

// running checks that no task has failed, and is what the status notes of each connector's task.
func (o *outage) running() (notes map[string]string) {
	o.Helper()
	var all map[string]struct {
		Status struct {
			Tasks []struct{ State, Trace string }
		}
	}
	if err := json.Unmarshal([]byte(o.get("/connectors?expand=status")), &all); err != nil {
		o.Fatal(err)
	}
	notes = map[string]string{}
	for name, c := range all {
		for _, task := range c.Status.Tasks {
			if task.State == "FAILED" {
				o.Fatalf("%s has failed: %s\n%s", name, task.Trace, o.log)
			}
			notes[name] = task.State + " " + task.Trace
		}
	}
	return notes
}

// waits waits until the connector's task says that it waits for the registry, and the metrics count it.
func (o *outage) waits(connector string) {
	o.Helper()
	kafkatest.Eventually(o, connector+" waits for the registry", func() bool {
		note := o.running()[connector]
		return strings.HasPrefix(note, "RUNNING waiting for the schema registry since ") &&
			strings.Contains(note, ": subject rows-value: ") && o.metric("waiting") > 0
	})
}

// atEase waits until no task has anything to note.
func (o *outage) atEase() {
	o.Helper()
	kafkatest.Eventually(o, "nobody waits any more", func() bool {
		notes := o.running()
		return notes["source"] == "RUNNING " && notes["sink"] == "RUNNING " && o.metric("waiting") == 0
	})
}

// metric is a number of /metrics, troupe_schema_registry_….
func (o *outage) metric(name string) int {
	o.Helper()
	found := regexp.MustCompile(`(?m)^troupe_schema_registry_` + name + ` (\d+)$`).FindStringSubmatch(o.get("/metrics"))
	if found == nil {
		o.Fatalf("/metrics has no troupe_schema_registry_%s", name)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		o.Fatal(err)
	}
	return n
}

// TestRegistryOutage has 100,000 rows of twenty schemas flow through a worker while its registries are
// down, slow, answer 500 or nonsense, cut connections, restart and move to another URL. Rows of known
// schemas go on; for those of new ones source and sink wait in turn, RUNNING, and say what for.
// Nothing is lost, no task fails.
func TestRegistryOutage(t *testing.T) {
	log := &schemaLog{}
	at := func() *shaky { return &shaky{t: t, log: log, address: "127.0.0.1:0"} }
	o := &outage{ofSource: at(), ofSink: at()}
	second := at() // where the source's registry moves to; its address is known before
	for _, s := range []*shaky{o.ofSource, o.ofSink, second} {
		s.heal()
		t.Cleanup(func() { s.handle(nil) })
	}
	second.handle(nil)
	o.ofSink.handle(nil) // it has to hear of the first schema
	o.start(t, second.url())
	o.allow(perSchema / 2)
	o.waits("sink")
	o.ofSink.heal()
	o.arrive()
	const schemas = len(o.rows.seen) / perSchema
	for n := 1; n < schemas; n++ {
		o.ofSource.fallIll(n)
		o.ofSink.fallIll(n + 1)
		o.allow(perSchema / 2) // of the known schema
		o.arrive()
		o.allow(perSchema / 2)
		o.waits("source")
		switch n {
		case 8: // moved to the URL that was known all the while
			o.ofSource.handle(nil)
			o.ofSource = second
		case 14: // back
			second.handle(nil)
			o.ofSource = at()
			o.ofSource.address = strings.TrimPrefix(strings.Split(o.setting("source"), ",")[0], "http://")
		}
		o.ofSource.heal()
		o.waits("sink")
		if n == 11 { // moved to a URL that the operator has to tell
			moved := at()
			moved.heal()
			t.Cleanup(func() { moved.handle(nil) })
			o.ofSink.handle(nil)
			o.ofSink = moved
			body, err := json.Marshal(avroAt("sink", "test.Count", moved.url()))
			if err != nil {
				t.Fatal(err)
			}
			o.until(http.MethodPut, "/connectors/sink/config", string(body), 200, moved.url())
		}
		o.ofSink.heal()
		o.arrive()
		o.atEase()
	}
	o.allow(perSchema / 2)
	o.arrive()
	again := 0
	for i := range o.rows.seen {
		again += int(o.rows.seen[i].Load()) - 1
	}
	t.Logf("%d rows, %d of them twice; %d requests, %d of them failed, %d tried again, %d to another URL, %d shared", o.rows.arrived.Load(), again,
		o.metric("requests_total"), o.metric("failures_total"), o.metric("retries_total"), o.metric("failovers_total"), o.metric("shared_total"))
	if o.metric("failures_total") < 2*schemas || o.metric("retries_total") == 0 || o.metric("failovers_total") == 0 {
		t.Error("the metrics tell of no outage")
	}
	o.end()
}

// setting is the connector's list of registries.
func (o *outage) setting(connector string) string {
	o.Helper()
	var c map[string]string
	if err := json.Unmarshal([]byte(o.get("/connectors/"+connector+"/config")), &c); err != nil {
		o.Fatal(err)
	}
	return c["value.converter.schema.registry.url"]
}
