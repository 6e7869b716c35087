//go:build integration

package fleet_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestManyConnectors puts many file sources of one task on three workers, as many as -fleet says: how long
// until all run, how much memory each worker takes and how much of a processor when there is nothing to do,
// how long the list of all with status and info takes, and how long until all run again when a worker is
// lost by kill -9, when it comes back, and when another ends in order.
func TestManyConnectors(t *testing.T) {
	f := newFleet(t)
	f.rate = 0
	k := kind(t)
	m := &measure{f: f}
	f.start(k, 3)
	dir := t.TempDir()
	m.step(fmt.Sprintf("create %d connectors of one task", *fleetFlag), func() {
		f.topic("many", 1)
		for i := range *fleetFlag {
			file := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(file, fmt.Appendf(nil, "line of %d\n", i), 0o600); err != nil {
				t.Fatal(err)
			}
			f.create(f.next(), fmt.Sprintf("many-%04d", i), 1, map[string]string{
				"connector.class": fileClass + "SourceConnector", "topic": "many", "file": file,
			})
		}
	})
	m.memory("with all of them")
	m.list()
	m.idle(5 * time.Second)
	lost := f.follower(f.settle())
	m.step("kill -9 of a follower with many", func() { lost.Kill(t) })
	m.step("it is back", func() { lost.Launch(t) })
	leaving := f.follower(f.settle())
	m.step("a follower ends in order", func() { leaving.Stop(t) })
	m.memory("at the end")
	ends, err := f.Admin.EndOffsets(t.Context(), "many")
	if err != nil {
		t.Fatal(err)
	}
	for tp, end := range ends {
		if end < int64(*fleetFlag) {
			t.Errorf("%v has %d records, there are %d files with a line each", tp, end, *fleetFlag)
		}
	}
	m.report(k)
}

// memory notes what lies in RAM of each worker.
func (m *measure) memory(when string) {
	m.f.t.Helper()
	for _, n := range m.f.Running() {
		now, peak := n.RSS(m.f.t)
		m.notes = append(m.notes, fmt.Sprintf("%s\tmemory %s\t%d MB now\t%d MB at most", n.Kind, when, now>>20, peak>>20))
	}
}

// list notes how long each worker takes to list all connectors with what they do.
func (m *measure) list() {
	m.f.t.Helper()
	for _, n := range m.f.Running() {
		began := time.Now()
		answer := n.Ask(m.f.t, "GET", "/connectors?expand=status&expand=info", nil)
		took := time.Since(began).Round(time.Millisecond)
		m.notes = append(m.notes, fmt.Sprintf("%s\tGET /connectors?expand=status&expand=info\t%s\t%d kB", n.Kind, took, len(answer)>>10))
	}
}

// idle notes how much of a processor each worker takes while nothing happens, as seen for so long.
func (m *measure) idle(window time.Duration) {
	m.f.t.Helper()
	before := map[*service.Node]time.Duration{}
	for _, n := range m.f.Running() {
		before[n] = n.CPU(m.f.t)
	}
	<-time.After(window) // a measurement, nothing is waited for
	for n, used := range before {
		share := float64(n.CPU(m.f.t)-used) / float64(window)
		m.notes = append(m.notes, fmt.Sprintf("%s\tidle\t%.1f %% of a processor", n.Kind, 100*share))
	}
}
