//go:build integration

package fleet_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// files is the folder of the file connectors of a test, which may run in any order of workers.
type files struct {
	*fleet
	dir string
}

const fileClass = "org.apache.kafka.connect.file.FileStream"

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

// write adds lines from the one number up to before the other.
func (f *files) write(name string, from, to int) {
	f.t.Helper()
	file, err := os.OpenFile(f.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	if _, err := file.WriteString(b.String()); err != nil {
		f.t.Fatal(err)
	}
}

// has waits until the file has the lines 0 to n-1, each once and in order.
func (f *files) has(name string, n int) {
	f.t.Helper()
	service.Until(f.t, settleLimit(), fmt.Sprintf("%d lines in %s", n, name), func() error {
		raw, err := os.ReadFile(f.path(name))
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
		for i, line := range lines {
			if want := fmt.Sprintf("line %d", i); line != want {
				if line == "" && len(lines) == 1 {
					break
				}
				f.t.Fatalf("line %d of %s is %q, it should be %q", i, name, line, want)
			}
		}
		if len(lines) > n {
			f.t.Fatalf("%s has %d lines, there are %d", name, len(lines), n)
		}
		if len(lines) < n {
			return fmt.Errorf("%d lines", len(lines))
		}
		return nil
	})
}

// connectors makes: a source and a sink that run, a sink that is paused, a source that is stopped, each
// of which have done a part, and numbered ones.
func (f *files) connectors(n *service.Node) {
	f.t.Helper()
	for _, topic := range []string{"lines", "later"} {
		f.topic(topic, 1)
	}
	f.write("in", 0, 500)
	f.write("later.in", 0, 300)
	f.create(n, "reader", 1, map[string]string{"connector.class": fileClass + "SourceConnector", "topic": "lines", "file": f.path("in")})
	f.create(n, "later", 1, map[string]string{"connector.class": fileClass + "SourceConnector", "topic": "later", "file": f.path("later.in")})
	for _, sink := range []string{"writer", "held"} {
		f.create(n, sink, 1, map[string]string{"connector.class": fileClass + "SinkConnector", "topics": "lines", "file": f.path(sink)})
	}
	f.create(n, "later-writer", 1, map[string]string{"connector.class": fileClass + "SinkConnector", "topics": "later", "file": f.path("later.out")})
	f.feed("numbers", 3, 1)
	f.settle()
	f.has("writer", 500)
	f.has("held", 500)
	f.has("later.out", 300)
	f.caughtUp(n, 500)
	f.halt(n)
	f.write("in", 500, 1000)
	f.write("later.in", 300, 600)
	f.has("writer", 1000)
	f.caughtUp(n, 500)
}

// halt pauses the one sink and stops the other source.
func (f *files) halt(n *service.Node) {
	f.t.Helper()
	n.Ask(f.t, "PUT", "/connectors/held/pause", nil)
	n.Ask(f.t, "PUT", "/connectors/later/stop", nil)
	f.state(n, "held", "PAUSED")
	f.state(n, "later", "STOPPED")
}

// caughtUp waits until what was done is committed: the file positions and the sinks' offsets.
func (f *files) caughtUp(n *service.Node, held int) {
	f.t.Helper()
	service.Until(f.t, settleLimit(), "offsets are committed", func() error {
		if err := f.lag("writer", "lines"); err != nil {
			return err
		}
		committed, err := f.Admin.ListGroupOffsets(f.t.Context(), "connect-held")
		if err != nil {
			return err
		}
		for tp, at := range committed {
			if at == int64(held) {
				return f.position(n, "reader", "in")
			}
			return fmt.Errorf("%v of connect-held is at %d, not %d", tp, at, held)
		}
		return fmt.Errorf("connect-held has committed nothing")
	})
}

// position is an error while the source's committed place in its file is not the end.
func (f *files) position(n *service.Node, source, file string) error {
	info, err := os.Stat(f.path(file))
	if err != nil {
		return err
	}
	var offsets struct {
		Offsets []struct {
			Offset map[string]int64 `json:"offset"`
		} `json:"offsets"`
	}
	if err := n.Get(f.t.Context(), "/connectors/"+source+"/offsets", &offsets); err != nil {
		return err
	}
	if len(offsets.Offsets) != 1 || offsets.Offsets[0].Offset["position"] != info.Size() {
		return fmt.Errorf("%s is at %+v, the file has %d bytes", source, offsets.Offsets, info.Size())
	}
	return nil
}

// state waits for a state of the connector and, but for STOPPED, of its tasks.
func (f *files) state(n *service.Node, name, state string) {
	f.t.Helper()
	service.Until(f.t, settleLimit(), name+" "+state, func() error {
		var s service.Status
		if err := n.Get(f.t.Context(), "/connectors/"+name+"/status", &s); err != nil {
			return err
		}
		if s.Connector.State != state || (state == "STOPPED") != (len(s.Tasks) == 0) {
			return fmt.Errorf("%+v", s)
		}
		for _, task := range s.Tasks {
			if task.State != state {
				return fmt.Errorf("%+v", s)
			}
		}
		return nil
	})
}

// picture is what REST says about all connectors that must outlive a change of workers.
func (f *files) picture(n *service.Node) map[string]any {
	f.t.Helper()
	out := map[string]any{}
	ask := func(path string) {
		var v any
		if err := json.Unmarshal(n.Ask(f.t, "GET", path, nil), &v); err != nil {
			f.t.Fatalf("%s: %v", path, err)
		}
		out[path] = anonymous(ordered(v))
	}
	ask("/connectors?expand=info&expand=status")
	for name := range f.want {
		ask("/connectors/" + name + "/tasks")
		ask("/connectors/" + name + "/topics")
		if !strings.HasPrefix(name, "numbers") { // those go on all the time
			ask("/connectors/" + name + "/offsets")
		}
	}
	return out
}

// anonymous leaves out who the worker is.
func anonymous(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "worker_id")
		for k := range v {
			v[k] = anonymous(v[k])
		}
	case []any:
		for i := range v {
			v[i] = anonymous(v[i])
		}
	}
	return v
}

// looks waits until a worker's answers are those of a picture.
func (f *files) looks(n *service.Node, want map[string]any) {
	f.t.Helper()
	service.Until(f.t, settleLimit(), "the same connectors, states and offsets", func() error {
		got := f.picture(n)
		for path := range want {
			if !reflect.DeepEqual(want[path], got[path]) {
				return fmt.Errorf("%s: %s", path, differ(want[path], got[path]))
			}
		}
		return nil
	})
}

// TestTakeover lets a JVM worker and Troupe take over from each other in turn, on the same group, topics
// and files: the JVM, Troupe, the JVM again. What REST says about connectors, states, tasks, topics and
// offsets must stay the same, what was paused or stopped must stay so, and files and numbers go on where
// they were, nothing lost and nothing twice.
func TestTakeover(t *testing.T) {
	f := &files{fleet: newFleet(t), dir: t.TempDir()}
	workers := []*service.Node{f.Add(t, service.JVMWorker), f.add(kind(t)), f.Add(t, service.JVMWorker)}
	workers[0].Start(t)
	f.connectors(workers[0])
	lines, held, done, later := 1000, 500, 300, 600 // in the files: in, held, later.out, later.in
	for i, next := range workers[1:] {
		before := workers[i]
		picture := f.picture(before)
		before.Stop(t)
		next.Start(t)
		f.looks(next, picture)

		// Work goes on; what is paused or stopped does nothing.
		f.write("in", lines, lines+500)
		lines += 500
		f.has("writer", lines)
		f.has("held", held)
		f.has("later.out", done)
		f.flow()

		// It goes on as well, where it was, and is halted again for the next worker.
		next.Ask(t, "PUT", "/connectors/held/resume", nil)
		next.Ask(t, "PUT", "/connectors/later/resume", nil)
		held, done = lines, later
		f.has("held", held)
		f.has("later.out", done)
		f.settle()
		f.caughtUp(next, held)
		f.halt(next)
		f.write("later.in", later, later+300)
		later += 300
	}
	f.drain()
	f.check(false, 10)
}
