//go:build integration

package fleet_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// number is a record of a numbered source: at the topic or at a sink.
type number struct {
	seqno int64
	at    time.Time
}

// ledger is what came of each source task, in the order in which it came.
type ledger map[int][]number

// records reads all that is in a topic now.
func (f *fleet) records(topic string, each func(*kafka.Record) error) {
	f.t.Helper()
	err := kafka.PeekTopic(f.t.Context(), kafka.Props{"bootstrap.servers": f.kafka.Addr},
		kafka.Peek{Topic: topic, Count: math.MaxInt}, each, quiet)
	if err != nil {
		f.t.Fatal(err)
	}
}

// sent is what a source has written.
func (f *fleet) sent(topic string) ledger {
	f.t.Helper()
	out := ledger{}
	f.records(topic, func(r *kafka.Record) error {
		task, err := strconv.Atoi(string(r.Key))
		if err != nil {
			return fmt.Errorf("key of %s-%d@%d: %w", topic, r.Partition, r.Offset, err)
		}
		seqno, err := strconv.ParseInt(string(r.Value), 10, 64)
		if err != nil {
			return fmt.Errorf("value of %s-%d@%d: %w", topic, r.Partition, r.Offset, err)
		}
		out[task] = append(out[task], number{seqno, r.Timestamp})
		return nil
	})
	return out
}

// printed is a line that a numbered connector prints.
type printed struct {
	Name      string `json:"name"`
	Task      int    `json:"task"`
	SinkTask  *int   `json:"sinkTask"`
	Time      int64  `json:"time_ms"`
	Seqno     int64  `json:"seqno"`
	Flushed   bool   `json:"flushed"`
	Committed bool   `json:"committed"`
}

// printed reads what the connectors have printed at all workers, one worker after the other.
func (f *fleet) printed() map[string][]printed {
	f.t.Helper()
	out := map[string][]printed{}
	for _, n := range f.Nodes {
		raw, err := os.ReadFile(n.Log)
		if err != nil {
			f.t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(raw))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var p printed
			if !bytes.Contains(lines.Bytes(), []byte(`"seqno":`)) || json.Unmarshal(lines.Bytes(), &p) != nil {
				continue // the worker's own log
			}
			out[p.Name] = append(out[p.Name], p)
		}
		if err := lines.Err(); err != nil {
			f.t.Fatalf("%s: %v", n.Log, err)
		}
	}
	return out
}

// complete says what is wrong with the numbers of one task: each from 0 to the last must be there,
// in order but for repetitions, and repetitions only if they are allowed.
func complete(numbers []number, inOrder, repeats bool) (repeated int, err error) {
	if len(numbers) == 0 {
		return 0, errors.New("nothing came")
	}
	seen := make(map[int64]int, len(numbers))
	next, last := int64(0), int64(0)
	for _, n := range numbers {
		if inOrder && n.seqno > next {
			return 0, fmt.Errorf("%d came when %d was the next", n.seqno, next)
		}
		next, last = max(next, n.seqno+1), max(last, n.seqno)
		seen[n.seqno]++
	}
	var missing, twice []int64
	for s := range last + 1 {
		if seen[s] == 0 {
			missing = append(missing, s)
		}
		if seen[s] > 1 {
			twice = append(twice, s)
		}
	}
	if len(missing) > 0 {
		err = fmt.Errorf("%d of %d are missing: %v", len(missing), last+1, missing[:min(10, len(missing))])
	}
	if len(twice) > 0 && !repeats {
		err = errors.Join(err, fmt.Errorf("%d of %d came more than once: %v", len(twice), last+1, twice[:min(10, len(twice))]))
	}
	return len(numbers) - len(seen), err
}

// check fails the test unless every number of every source is in its topic, and has come at each of its
// sinks and was flushed there, by the end of what was printed. Call it after drain.
func (f *fleet) check(repeats bool, atLeast int64) {
	f.t.Helper()
	lines := f.printed()
	for _, d := range f.feeds {
		sent := f.sent(d.topic)
		var total, again int
		for task := range d.tasks {
			n, err := complete(sent[task], true, repeats)
			if err != nil {
				f.t.Errorf("%s, task %d: in the topic: %v", d.source, task, err)
				continue
			}
			if last := lastOf(sent[task]); last < atLeast {
				f.t.Errorf("%s, task %d: it sent only up to %d, at least %d are wanted", d.source, task, last, atLeast)
			}
			total, again = total+len(sent[task]), again+n
			for _, sink := range d.sinks {
				f.checkSink(sink, task, lines[sink], lastOf(sent[task]), repeats)
			}
		}
		f.t.Logf("%s: %d records of %d tasks, %d of them repeated; sinks %v complete", d.topic, total, d.tasks, again, d.sinks)
	}
}

func (f *fleet) checkSink(sink string, task int, lines []printed, last int64, repeats bool) {
	f.t.Helper()
	var flushed []number
	for _, p := range lines {
		if p.Task == task && p.Flushed {
			flushed = append(flushed, number{p.Seqno, time.UnixMilli(p.Time)})
		}
	}
	if _, err := complete(flushed, false, repeats); err != nil {
		f.t.Errorf("%s: flushed of source task %d: %v", sink, task, err)
		return
	}
	if got := lastOf(flushed); got != last {
		f.t.Errorf("%s: flushed up to %d of source task %d, which sent up to %d", sink, got, task, last)
	}
}

func lastOf(numbers []number) int64 {
	if len(numbers) == 0 {
		return -1
	}
	return slices.MaxFunc(numbers, func(a, b number) int { return int(a.seqno - b.seqno) }).seqno
}

// quiet is the log of the tests' own clients.
var quiet = slog.New(slog.DiscardHandler)
