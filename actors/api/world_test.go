package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/filestream"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// desk is a standalone worker's API in a bubble, with a Kafka in memory, stores that the test fills, and a
// herder that answers what the test says.
type desk struct {
	*API
	kafka    *kafkatest.Cluster
	store    *storage.MemoryConfigStore
	statuses *storage.MemoryStatusStore
	offsets  *storage.MemoryOffsetStore
	board    *herd.Board
	herder   *fakeHerder
	hang     chan struct{} // validation of test.Hangs hangs until it is closed
}

type fakeHerder struct{ ping, restart, settled, gone error }

func (h *fakeHerder) Ping(context.Context) error                  { return h.ping }
func (h *fakeHerder) Restart(context.Context, state.TaskID) error { return h.restart }
func (h *fakeHerder) Settled(context.Context, string) error       { return h.settled }
func (h *fakeHerder) Gone(context.Context, string) error          { return h.gone }

// hanging is a connector whose code hangs whatever its context says.
type hanging struct {
	connectors.SourceConnector
	hang chan struct{}
}

func (h hanging) Validate(_ context.Context, _ map[string]string, v config.Validation) (config.Validation, error) {
	<-h.hang
	return v, nil
}

func (h hanging) AlterOffsets(context.Context, map[string]string, []connectors.SourceOffset) (bool, error) {
	<-h.hang
	return false, errors.New("too late")
}

func atDesk(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		d := &desk{
			kafka: kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(2, "t")), store: storage.NewMemoryConfigStore(nil, log),
			statuses: storage.NewMemoryStatusStore(), offsets: storage.NewMemoryOffsetStore(), board: herd.NewBoard(),
			herder: &fakeHerder{}, hang: make(chan struct{}),
		}
		props := map[string]string{
			"offset.storage.file.filename": "unused",
			"key.converter":                "org.apache.kafka.connect.storage.StringConverter",
			"value.converter":              "org.apache.kafka.connect.storage.StringConverter",
		}
		maps.Copy(props, d.kafka.Props())
		w, _, err := settings.LoadWorker(t.Context(), settings.Standalone, props, nil)
		if err != nil {
			t.Fatal(err)
		}
		hangs := filestream.Source()
		hangs.Class, hangs.Aliases = "test.Hangs", nil
		inner := hangs.Connector
		hangs.Connector = func() connectors.SourceConnector { return hanging{inner(), d.hang} }
		reg, err := plugin.NewRegistry(filestream.Source(), filestream.Sink(), hangs)
		if err != nil {
			t.Fatal(err)
		}
		env := &task.Env{
			Log: log, Registry: reg, Worker: &w, WorkerID: "w:8083", Offsets: d.offsets, Host: host.New(log),
			KafkaOptions: []kafka.Option{d.kafka.Option()},
			Resolve:      func(_ context.Context, p map[string]string) (map[string]string, error) { return maps.Clone(p), nil },
		}
		d.API, _ = NewLocal(Config{Env: env, View: d.store.Snapshot, Statuses: d.statuses, Board: d.board, Herder: d.herder}, d.store)
		f(t, d)
	})
}

// put stores a connector with so many tasks, not validated.
func (d *desk) put(name, class string, target state.TargetState, tasks int, more ...string) {
	props := map[string]string{"name": name, "connector.class": class, "file": "f", "tasks.max": "9"}
	for i := 0; i < len(more); i += 2 {
		props[more[i]] = more[i+1]
	}
	d.store.PutConnector(name, props, target)
	configs := make([]map[string]string, tasks)
	for n := range configs {
		configs[n] = map[string]string{"file": "f"}
	}
	d.store.PutTasks(name, configs)
}
