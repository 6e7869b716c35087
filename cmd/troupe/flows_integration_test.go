//go:build integration

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// million is how many lines the big flows move.
const million = 1_000_000

// flow is a file that goes through a topic into another file, by one worker.
type flow struct {
	t           *testing.T
	worker      *service.Worker
	in, out     string
	offsets     string
	topic       string
	lines       int // written to the input
	source, snk string
}

// newFlow prepares a worker with the file source "in" and the file sink "out"; more are properties
// of the worker beside those of testdata/flows/worker.properties.
func newFlow(t *testing.T, bootstrap string, more ...string) *flow {
	t.Helper()
	dir := t.TempDir()
	f := &flow{
		t:  t,
		in: filepath.Join(dir, "in.txt"), out: filepath.Join(dir, "out.txt"), offsets: filepath.Join(dir, "offsets"),
		topic: "lines",
	}
	f.append(0)
	f.source, f.snk = filepath.Join(dir, "source.properties"), filepath.Join(dir, "sink.properties")
	f.connectors()
	props := expand(t, "worker", map[string]string{"BOOTSTRAP": bootstrap, "OFFSETS": f.offsets})
	f.worker = service.NewWorker(t, service.Build(t), append([]string{props}, more...), f.source, f.snk)
	return f
}

// expand is a file of testdata/flows with its variables filled in.
func expand(t *testing.T, name string, vars map[string]string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(service.Root(t), "testdata", "flows", name+".properties"))
	if err != nil {
		t.Fatal(err)
	}
	return os.Expand(string(raw), func(key string) string {
		v, ok := vars[key]
		if !ok {
			t.Errorf("testdata/flows/%s.properties: no value for ${%s}", name, key)
		}
		return v
	})
}

// connectors writes the files of source and sink; once more after a change of the topic.
func (f *flow) connectors() {
	f.t.Helper()
	for path, text := range map[string]string{
		f.source: expand(f.t, "file-source", map[string]string{"NAME": "in", "FILE": f.in, "TOPIC": f.topic}),
		f.snk:    expand(f.t, "file-sink", map[string]string{"NAME": "out", "FILE": f.out, "TOPIC": f.topic}),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

// lineSize is the length of every line with its end.
const lineSize = 41

// line is the n-th line, counted from 1.
func line(n int) string { return fmt.Sprintf("line %09d of the flow, padded to 41", n) }

// number is the n of a line, 0 for what is none.
func number(text []byte) int {
	if len(text) != lineSize-1 || !bytes.HasPrefix(text, []byte("line ")) {
		return 0
	}
	n, err := strconv.Atoi(string(text[5:14]))
	if err != nil || n < 1 || string(text) != line(n) {
		return 0
	}
	return n
}

// append writes n more lines to the input.
func (f *flow) append(n int) {
	f.t.Helper()
	file, err := os.OpenFile(f.in, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	w := bufio.NewWriterSize(file, 1<<20)
	for range n {
		f.lines++
		_, _ = w.WriteString(line(f.lines)) // its error comes back from Flush
		_ = w.WriteByte('\n')
	}
	if err := errors.Join(w.Flush(), file.Close()); err != nil {
		f.t.Fatal(err)
	}
}

// reached is the number of the last whole line of the file, 0 if there is none.
func reached(file string) int {
	last, err := lastLine(file)
	if err != nil {
		return 0
	}
	return number(last)
}

// ends waits until the last whole line of the file is the n-th.
func ends(t *testing.T, limit time.Duration, file string, n int) {
	t.Helper()
	service.Until(t, limit, fmt.Sprintf("line %d in %s", n, filepath.Base(file)), func() error {
		last, err := lastLine(file)
		if err == nil && number(last) != n {
			err = fmt.Errorf("the last line is %q", last)
		}
		return err
	})
}

// lastLine is the text between the last two line ends.
func lastLine(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, min(st.Size(), 4*lineSize))
	if _, err := f.ReadAt(buf, st.Size()-int64(len(buf))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	buf = buf[:bytes.LastIndexByte(buf, '\n')+1]
	if len(buf) == 0 {
		return nil, nil
	}
	buf = buf[:len(buf)-1]
	return buf[bytes.LastIndexByte(buf, '\n')+1:], nil
}

// identical fails the test unless the two files have the same bytes.
func identical(t *testing.T, want, got string) {
	t.Helper()
	a, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a, b) {
		return
	}
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	t.Fatalf("%s has %d bytes, %s %d; they differ from byte %d (line %d) on: %q, not %q", want, len(a), got, len(b), at, at/lineSize+1,
		b[at:min(len(b), at+120)], a[at:min(len(a), at+120)])
}

// order is what a file says about a flow that may have sent lines again.
type order struct {
	lines, again, torn int // lines in all, those that came before, and those begun by a process that died in the middle
}

// inOrder fails the test unless the file has all n lines and each comes first in its place: a line
// is the one after the line before it, or one that was there already, from which it goes on again.
func inOrder(t *testing.T, file string, n int) order {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var o order
	last, furthest := 0, 0
	for s := bufio.NewScanner(f); s.Scan(); {
		o.lines++
		text := s.Bytes()
		if torn := len(text) - (lineSize - 1); torn > 0 && torn < lineSize && bytes.HasPrefix([]byte(line(furthest+1)), text[:torn]) {
			o.torn++ // killed while it wrote a line: the next process began with a whole one
			text = text[torn:]
		}
		at := number(text)
		switch {
		case at == 0:
			t.Fatalf("%s: line %d is %q", file, o.lines, text)
		case at == furthest+1:
			furthest++
		case at > furthest:
			t.Fatalf("%s: line %d is number %d; %d to %d are not there yet", file, o.lines, at, furthest+1, at-1)
		default:
			o.again++
		}
		if at > last+1 {
			t.Fatalf("%s: line %d is number %d, the one before it %d", file, o.lines, at, last)
		}
		last = at
	}
	if furthest != n {
		t.Fatalf("%s ends at number %d of %d", file, furthest, n)
	}
	return o
}

// TestMillionLines sends a million lines through Kafka by one process: they arrive as they were.
func TestMillionLines(t *testing.T) {
	k := service.StartKafka(t)
	f := newFlow(t, k.Addr)
	f.append(million)
	began := time.Now()
	f.worker.Start(t)
	ends(t, 5*time.Minute, f.out, million)
	t.Logf("%d lines in %s, the worker's start included", million, time.Since(began).Round(time.Millisecond))
	f.worker.Running(t, "in", 1)
	f.worker.Running(t, "out", 1)
	f.worker.Stop(t)
	identical(t, f.in, f.out)
}

// TestKill kills the worker at ten random moments of a run. Nothing is lost and the order is kept,
// both in the topic and in the sink's file; lines may have been sent again.
func TestKill(t *testing.T) {
	const kills = 10
	k := service.StartKafka(t)
	// A member that was killed is waited for until its session ends: a second, not 45, or the sink
	// would never work.
	f := newFlow(t, k.Addr, "consumer.session.timeout.ms=1000", "consumer.heartbeat.interval.ms=300")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range kills {
		f.append(million / (kills + 1))
		// The moment is in turn a time from the process's start, which meets the start, the source
		// and commits, and a place in what arrives, which meets the sink at work.
		moment, place := time.Duration(rnd.Int64N(int64(3*time.Second))), million
		if i%2 == 1 {
			moment, place = time.Minute, reached(f.out)+1+rnd.IntN(f.lines-reached(f.out))
		}
		f.worker.Launch(t)
		at := f.wait(moment, place)
		f.worker.Kill(t)
		t.Logf("kill %d after %s at line %d of %d", i+1, at.Round(time.Millisecond), reached(f.out), f.lines)
	}
	f.append(million - f.lines)
	f.worker.Start(t)
	ends(t, 5*time.Minute, f.out, million)

	check := filepath.Join(filepath.Dir(f.out), "topic.txt")
	f.worker.Must(t, "POST", "/connectors", map[string]any{"name": "check", "config": map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "1", "file": check, "topics": f.topic,
	}})
	ends(t, 5*time.Minute, check, million)
	f.worker.Stop(t)
	t.Logf("topic: %+v", inOrder(t, check, million))
	t.Logf("file: %+v", inOrder(t, f.out, million))
}

// wait returns when the time is over or the line of that number is in the output, and says how long it took.
func (f *flow) wait(limit time.Duration, lines int) time.Duration {
	began := time.Now()
	over := time.NewTimer(limit)
	defer over.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for reached(f.out) < lines {
		select {
		case <-again.C:
		case <-over.C:
			return time.Since(began)
		}
	}
	return time.Since(began)
}

// TestBrokerAway stops Kafka for half a minute in the middle of a run: the worker goes on by itself.
func TestBrokerAway(t *testing.T) {
	const away = 30 * time.Second
	k := service.StartKafka(t)
	f := newFlow(t, k.Addr)
	f.append(million / 4)
	f.worker.Start(t)
	f.wait(time.Minute, million/8)
	if n := reached(f.out); n < million/8 {
		t.Fatalf("only %d lines arrived in a minute", n)
	}
	f.append(million / 4)
	k.Stop(t)
	f.append(million / 4)
	ctx, cancel := context.WithTimeout(t.Context(), away)
	defer cancel()
	<-ctx.Done() // the outage itself: there is nothing to poll for
	if err := f.worker.Ended(); err != nil {
		t.Fatalf("the worker ended while Kafka was away: %v", err)
	}
	var list []string
	if err := f.worker.Get(t.Context(), "/connectors", &list); err != nil || len(list) != 2 {
		t.Fatalf("REST while Kafka is away: %q %v", list, err)
	}
	k.Start(t)
	back := time.Now()
	f.append(million / 4)
	ends(t, 4*time.Minute, f.out, f.lines)
	t.Logf("all lines had arrived %s after Kafka was back", time.Since(back).Round(time.Millisecond))
	f.worker.Running(t, "in", 1)
	f.worker.Running(t, "out", 1)
	f.worker.Stop(t)
	t.Logf("file: %+v", inOrder(t, f.out, f.lines))
}

// TestOffsetFileOfJVM hands a running source from us to the JVM worker and back, by the offset
// file: each goes on where the other ended, and no line is sent twice.
func TestOffsetFileOfJVM(t *testing.T) {
	const part = 20_000
	k := service.StartKafka(t)
	f := newFlow(t, k.Addr)
	f.append(part)
	f.worker.Start(t)
	ends(t, 2*time.Minute, f.out, f.lines)
	f.worker.Stop(t)

	for range 2 {
		f.append(part)
		jvm := service.StartJVM(t, service.JVMConfig{
			Bootstrap: k.Addr, OffsetFile: f.offsets, Connectors: []string{f.source, f.snk},
			Config: strings.Split(expand(t, "worker", map[string]string{"BOOTSTRAP": k.Addr, "OFFSETS": f.offsets}), "\n"),
		})
		ends(t, 2*time.Minute, f.out, f.lines)
		jvm.Stop(t)

		f.append(part)
		f.worker.Start(t)
		ends(t, 2*time.Minute, f.out, f.lines)
		f.worker.Stop(t)
	}
	identical(t, f.in, f.out)
}
