//go:build integration

package task_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

// flawed is a counter of which every fifth number is a text, which its converter refuses, and every
// seventh has a key that is too large for the producer.
type flawed struct{ counter }

func (f *flawed) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	out, err := f.counter.Poll(ctx)
	for i := range out {
		r := &out[i]
		n := int64(r.SourceOffset.(at))
		if n%5 != 0 {
			r.ValueSchema, r.Value = data.Int64Schema, n
		}
		if n%7 == 0 {
			r.KeySchema, r.Key = data.StringSchema, strings.Repeat("k", 40_000)
		}
	}
	return out, err
}

// numberIn is the number that a record of a flawed source or its letter has.
func numberIn(value string) string {
	if len(value) == 8 {
		return fmt.Sprint(int64(binary.BigEndian.Uint64([]byte(value))))
	}
	_, text, _ := strings.Cut(value, `"payload":"v`)
	return strings.TrimSuffix(text, `"}`)
}

// TestRealOnceDeadLetters: incarnations are given up at random moments; a reader of what is committed
// sees each number once, in its topic or in the dead letter topic, in order in both.
func TestRealOnceDeadLetters(t *testing.T) {
	addr := realBroker(t)
	const last, kills = 4000, 15
	p := sourcePlugin(func() connectors.SourceTask { return &flawed{counter{last: last, pace: 6 * time.Millisecond}} })
	r, topic := inReality(t, addr, p, map[string]string{
		"transaction.boundary": "interval", "transaction.boundary.interval.ms": "50",
		"value.converter":                    "org.apache.kafka.connect.converters.LongConverter",
		"producer.override.max.request.size": "20000",
		"errors.tolerance":                   "all", "errors.deadletterqueue.topic.name": "dead-once",
		"errors.deadletterqueue.topic.replication.factor": "1",
	})
	pid := r.start()
	for range kills {
		select {
		case f := <-r.failures:
			t.Fatalf("failed: %s", f.Trace())
		case <-time.After(time.Duration(20+rand.IntN(250)) * time.Millisecond):
		}
		_ = r.sys.Root.StopFuture(pid).Wait() // the doors are shut, whatever is under way
		pid = r.start()
	}
	r.until(fmt.Sprintf(`{"at":%d}`, last))
	r.stop(pid)
	var good, bad []string
	for n := 1; n <= last; n++ {
		if n%5 == 0 || n%7 == 0 {
			bad = append(bad, fmt.Sprint(n))
		} else {
			good = append(good, fmt.Sprint(n))
		}
	}
	for name, want := range map[string][]string{topic: good, "dead-once": bad} {
		got, _ := r.read(name, "read_committed")
		for i := range got {
			got[i] = numberIn(got[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("topic %s has %d numbers, want %d; first difference %s", name, len(got), len(want), difference(got, want))
		}
		all, _ := r.read(name, "read_uncommitted")
		t.Logf("topic %s: %d committed, %d written", name, len(got), len(all))
	}
}
