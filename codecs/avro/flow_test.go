package avro_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
	"github.com/troupe-connect/troupe/connectors/data"
)

// sick is a registry that can be made to misbehave.
type sick struct {
	handler atomic.Pointer[http.Handler]
	mood    atomic.Int64
	server  *httptest.Server
}

// The moods.
const (
	healthy = iota
	failing // 500 to everything
	slow    // answers after the client's time-out
	cutting // closes the connection without an answer
	garbled // answers with a page of a proxy
)

func newSick(t *testing.T, log embedded.Log) *sick {
	t.Helper()
	s := &sick{}
	s.restart(t, log)
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	return s
}

// restart makes the registry a new one that knows what its log has.
func (s *sick) restart(t *testing.T, log embedded.Log) {
	t.Helper()
	r, err := embedded.Open(t.Context(), log, map[registry.Format]registry.Parser{registry.Avro: avro.ParseSchema})
	if err != nil {
		t.Fatal(err)
	}
	h := r.Handler()
	s.handler.Store(&h)
}

func (s *sick) serve(w http.ResponseWriter, r *http.Request) {
	switch s.mood.Load() {
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error_code":50001,"message":"boom"}`)
	case slow:
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	case cutting:
		panic(http.ErrAbortHandler)
	case garbled:
		fmt.Fprint(w, "<html>please log in</html>")
	default:
		(*s.handler.Load()).ServeHTTP(w, r)
	}
}

// memory is a log that outlives its registry.
type memory struct {
	mu      sync.Mutex
	records [][2][]byte
}

func (m *memory) Load(_ context.Context, apply func(key, value []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if err := apply(r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Append(_ context.Context, key, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, [2][]byte{key, value})
	return nil
}

// versionOf is the n-th version of a row's schema: each has a field more.
func versionOf(n int) *data.Schema {
	b := data.NewBuilder(data.StructType).Name("shop.Row").Field("id", data.Int64Schema)
	for i := range n {
		b.Field(fmt.Sprintf("f%d", i), data.OptionalStringSchema)
	}
	return b.MustBuild()
}

// 100,000 records flow through two converters, a task's that writes and one's that reads, while the
// registry fails in every way; new schemas come all the while. Nothing is lost, nothing fails.
func TestFlowsThroughEveryOutage(t *testing.T) {
	const records, perSchema = 100_000, 5_000
	log := &memory{}
	first, second := newSick(t, log), newSick(t, log)
	pool := registry.NewPool()
	conv := func() codecs.Converter {
		c := avro.Plugin(pool).New()
		c.(codecs.EnvUser).UseEnv(codecs.Env{Context: t.Context(), Log: slog.New(slog.DiscardHandler)})
		err := c.Configure(map[string]string{
			"schema.registry.url":     first.server.URL + "," + second.server.URL,
			"http.connect.timeout.ms": "50", "http.read.timeout.ms": "50",
			"max.retries": "1", "retries.wait.ms": "1", "retries.max.wait.ms": "20",
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	moods := []int64{failing, slow, cutting, garbled}
	wires := make(chan []byte, 1000)
	var waited atomic.Int64
	go func() {
		defer close(wires)
		w := conv()
		var schema *data.Schema
		for n := range records {
			if n%500 == 0 { // another object, the same schema
				schema = versionOf(n / perSchema)
			}
			if n%perSchema == 0 { // a schema that nobody knows, and nobody to ask
				k := n / perSchema
				mood := moods[k%len(moods)]
				first.mood.Store(mood)
				second.mood.Store(mood)
				switch k {
				case 8: // restarted
					second.restart(t, log)
				case 12: // moved: one is gone for good
					first.server.CloseClientConnections()
					first.server.Listener.Close()
				}
				heal := time.AfterFunc(30*time.Millisecond, func() {
					waited.Add(pool.Stats().Waiting.Load())
					if k < 12 {
						first.restart(t, log) // it has missed what the other one was told
						first.mood.Store(healthy)
					} else {
						second.restart(t, log)
						second.mood.Store(healthy)
					}
				})
				defer heal.Stop()
			}
			b, err := w.FromConnect("rows", schema, data.NewStruct(schema).With("id", int64(n)))
			if err != nil {
				t.Errorf("record %d can't be written: %v", n, err)
				return
			}
			wires <- b
		}
	}()
	r := conv()
	next := int64(0)
	for b := range wires {
		sv, err := r.ToConnect("rows", b)
		if err != nil {
			t.Fatalf("record %d can't be read: %v", next, err)
		}
		if id, _ := sv.Value.(*data.Struct).Get("id"); id != next {
			t.Fatalf("record %d is %v", next, id)
		}
		next++
	}
	if next != records {
		t.Errorf("%d records of %d", next, records)
	}
	s := pool.Stats()
	t.Logf("%d requests, %d of them failed, %d tried again, %d went to the other URL", s.Requests.Load(), s.Failures.Load(), s.Retries.Load(), s.Failovers.Load())
	if waited.Load() == 0 || s.Failures.Load() < 40 {
		t.Error("the registry was never missed: the test shows nothing")
	}
}
