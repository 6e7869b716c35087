//go:build integration

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// notYet are the scenarios, by profile, that cannot pass before what they ask for is there. One that
// passes fails the test until it is taken off.
var notYet = map[string][]string{
	"default": {"plugins/list-mirror"}, // the MirrorMaker connectors
}

// TestRecordedREST replays what the JVM worker was recorded to answer, each profile against a
// worker with that profile's settings.
func TestRecordedREST(t *testing.T) {
	k := service.StartKafka(t)
	bin := service.Build(t)
	for _, profile := range []string{"default", "locked", "principal"} {
		t.Run(profile, func(t *testing.T) {
			w := service.NewWorker(t, bin, append([]string{
				"bootstrap.servers=" + k.Addr,
				"key.converter=org.apache.kafka.connect.json.JsonConverter",
				"value.converter=org.apache.kafka.connect.json.JsonConverter",
				"offset.storage.file.filename=" + filepath.Join(t.TempDir(), "offsets"),
			}, profileLines(t, profile)...))
			w.Start(t)
			replay(t, profile, "standalone", w.URL)
			w.Stop(t)
		})
	}
}

// TestRecordedRESTOfClusters is the same of workers of a cluster: of one, and of two that are asked in
// turn, so that each request about a connector reaches another worker than the one before.
func TestRecordedRESTOfClusters(t *testing.T) {
	k := service.StartKafka(t)
	bin := service.Build(t)
	for _, profile := range []string{"default", "locked", "principal", "eos"} {
		for workers := 1; workers <= 2; workers++ {
			t.Run(fmt.Sprintf("%s, %d", profile, workers), func(t *testing.T) {
				c := restCluster(t, k, bin, workers, profileLines(t, profile)...)
				var urls []string
				for _, n := range c.Nodes {
					urls = append(urls, n.URL)
				}
				replay(t, profile, "distributed", urls...)
				for _, n := range c.Nodes {
					n.Stop(t)
				}
			})
		}
	}
}

// restCluster starts a cluster of workers with JSON converters as they are by default; lines are
// added to the properties.
func restCluster(tb testing.TB, k *service.Kafka, bin string, workers int, lines ...string) *service.Cluster {
	tb.Helper()
	c := service.NewCluster(tb, service.ClusterConfig{
		Kafka: k, Binary: bin, Group: fmt.Sprintf("rest-%d", rand.Uint32()),
		Config: append([]string{"key.converter.schemas.enable=true", "value.converter.schemas.enable=true"}, lines...),
	})
	for range workers {
		c.Add(tb, service.TroupeWorker).Launch(tb)
	}
	for _, n := range c.Nodes {
		healthy(tb, n.Worker)
	}
	return c
}

// healthy waits until a worker says that it is.
func healthy(tb testing.TB, w *service.Worker) {
	tb.Helper()
	service.Until(tb, 2*time.Minute, "health of "+w.URL, func() error {
		if err := w.Ended(); err != nil {
			tb.Fatalf("the worker ended: %v", err)
		}
		status, body, err := w.Do(tb.Context(), http.MethodGet, "/health", nil)
		if err == nil && status != http.StatusOK {
			return fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

func restKit(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(service.Root(tb), "testdata", "rest")
}

// profileLines are the properties of a profile of the kit.
func profileLines(tb testing.TB, profile string) []string {
	tb.Helper()
	lines, err := os.ReadFile(filepath.Join(restKit(tb), "profiles", profile+".properties"))
	if err != nil {
		tb.Fatal(err)
	}
	return []string{
		string(lines), "offset.flush.interval.ms=500",
		"supervisor.restart.enabled=false", // the recorded worker left failed tasks as they were
	}
}

// replay holds workers against the kit's scenarios of the profile, texts of messages included.
func replay(t *testing.T, profile, mode string, urls ...string) {
	t.Helper()
	args := []string{filepath.Join(restKit(t), "replay.py"), "--mode", mode, "--profile", profile, "--no-quirks", "--strict-messages"}
	for _, url := range urls {
		args = append(args, "--url", url)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	t.Log(text[strings.LastIndexByte(text, '\n')+1:])
	if failed := failures(text); !slices.Equal(failed, notYet[profile]) || err != nil && len(failed) == 0 {
		t.Errorf("%q failed, not %q (%v)\n%s", failed, notYet[profile], err, notPassed(text))
	}
}

// failures are the scenarios that replay.py calls failed.
func failures(out string) []string {
	var names []string
	for l := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(l, "FAIL "); ok {
			names = append(names, strings.Fields(rest)[0])
		}
	}
	return names
}

// notPassed is the output of replay.py without the scenarios that passed.
func notPassed(out string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(out, "\n"), func(l string) bool {
		return strings.HasPrefix(l, "ok ")
	}), "\n")
}

// TestTwoClients lets two clients act on the same few connectors for a minute, which can deadlock
// the JVM's standalone worker. Only 404 and 409 may be said, and all works afterwards.
func TestTwoClients(t *testing.T) {
	const clients, atOnce = 2, time.Minute
	k := service.StartKafka(t)
	f := newFlow(t, k.Addr)
	f.append(100)
	f.worker.Start(t)
	ends(t, time.Minute, f.out, f.lines)

	names := []string{"a", "b", "c"}
	ctx, cancel := context.WithTimeout(t.Context(), atOnce)
	defer cancel()
	var done sync.WaitGroup
	counts := make([]map[string]int, clients)
	for i := range clients {
		c := &client{REST: f.worker.REST, in: f.in, rnd: rand.New(rand.NewPCG(uint64(i), 1)), names: names, counts: map[string]int{}}
		counts[i] = c.counts
		done.Go(func() {
			for ctx.Err() == nil {
				// To its end: what a client gives up may still be under way when the others have ended.
				if err := c.act(t.Context()); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	done.Wait()
	for i, c := range counts {
		t.Logf("client %d: %v", i, c)
		for _, what := range []string{"POST 201", "DELETE 204", "PUT 202"} {
			if c[what] == 0 {
				t.Errorf("client %d never got %s: the test did not do what it is for", i, what)
			}
		}
	}
	if err := f.worker.Ended(); err != nil {
		t.Fatalf("the worker ended: %v", err)
	}
	consistent(t, f, names)
}

// consistent checks that what the worker lists is what it has, that all can be deleted, and that
// the flow that nobody touched goes on.
func consistent(t *testing.T, f *flow, names []string) {
	t.Helper()
	var list []string
	if err := f.worker.Get(t.Context(), "/connectors", &list); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		status, body, err := f.worker.Do(t.Context(), http.MethodGet, "/connectors/"+name+"/status", nil)
		want := http.StatusNotFound
		if slices.Contains(list, name) {
			want = http.StatusOK
		}
		if err != nil || status != want {
			t.Errorf("%s, listed %t: %d %s %v", name, want == http.StatusOK, status, body, err)
		}
		if want == http.StatusOK {
			f.worker.Must(t, http.MethodPut, "/connectors/"+name+"/resume", nil)
			f.worker.Running(t, name, 1)
			f.worker.Must(t, http.MethodDelete, "/connectors/"+name, nil)
		}
	}
	service.Until(t, 30*time.Second, "deletion", func() error {
		if err := f.worker.Get(t.Context(), "/connectors", &list); err != nil {
			return err
		}
		slices.Sort(list)
		if !slices.Equal(list, []string{"in", "out"}) {
			return fmt.Errorf("still there: %q", list)
		}
		return nil
	})
	f.append(100)
	ends(t, time.Minute, f.out, f.lines)
	f.worker.Must(t, http.MethodPost, "/connectors", map[string]any{"name": names[0], "config": map[string]string{
		"connector.class": "FileStreamSource", "tasks.max": "1", "file": f.in, "topic": "after",
	}})
	f.worker.Running(t, names[0], 1)
	f.worker.Stop(t)
	identical(t, f.in, f.out)
}

// client does one random thing after the other to the same connectors as the others.
type client struct {
	service.REST
	in     string
	rnd    *rand.Rand
	names  []string
	counts map[string]int // answers by method and status
}

func (c *client) act(ctx context.Context) error {
	name := c.names[c.rnd.IntN(len(c.names))]
	at := "/connectors/" + name
	switch c.rnd.IntN(8) {
	case 0, 1:
		return c.send(ctx, http.MethodPost, "/connectors", map[string]any{"name": name, "config": c.config()})
	case 2:
		return c.send(ctx, http.MethodPut, at+"/config", c.config())
	case 3:
		return c.send(ctx, http.MethodPut, at+"/pause", nil)
	case 4:
		return c.send(ctx, http.MethodPut, at+"/resume", nil)
	case 5:
		return c.send(ctx, http.MethodPost, at+"/restart?includeTasks=true", nil)
	case 6:
		return c.send(ctx, http.MethodGet, at+"/status", nil)
	default:
		return c.send(ctx, http.MethodDelete, at, nil)
	}
}

func (c *client) config() map[string]string {
	return map[string]string{
		"connector.class": "FileStreamSource", "tasks.max": "1", "file": c.in, "topic": "other",
		"batch.size": fmt.Sprint(100 + c.rnd.IntN(100)),
	}
}

func (c *client) send(ctx context.Context, method, path string, body any) error {
	status, answer, err := c.Do(ctx, method, path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	c.counts[fmt.Sprintf("%s %d", method, status)]++
	if status >= 300 && status != http.StatusNotFound && status != http.StatusConflict {
		return fmt.Errorf("%s %s: %d %s", method, path, status, bytes.TrimSpace(answer))
	}
	return nil
}
