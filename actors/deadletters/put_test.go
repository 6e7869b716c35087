package deadletters_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// table is a sink's target: it takes a batch unless one of its values is bad, then nothing of it, or
// nothing at all while it is down.
type table struct {
	bad    string
	down   error
	puts   int
	taken  string
	buried string
	full   error // of the dead letter queue
}

func (p *table) Put(records []data.SinkRecord) error {
	p.puts++
	if p.down != nil {
		return p.down
	}
	for _, r := range records {
		if strings.Contains(p.bad, r.Value.(string)) {
			return fmt.Errorf("bad %s", r.Value)
		}
	}
	return nil
}

func (p *table) Took(records []data.SinkRecord) {
	for _, r := range records {
		p.taken += r.Value.(string)
	}
}

func (p *table) Blames(err error) bool { return !errors.Is(err, errs.Retriable) }

func (p *table) Original(r data.SinkRecord) (*kafka.Record, error) {
	return &kafka.Record{Topic: "t", Offset: r.Offset, Value: []byte(r.Value.(string))}, nil
}

func (p *table) Report(problem pipeline.Problem) error {
	if p.full == nil {
		p.buried += string(problem.Record.Value)
	}
	return p.full
}

// batchOf is a record per letter.
func batchOf(values string) []data.SinkRecord {
	var out []data.SinkRecord
	for i, v := range values {
		out = append(out, data.SinkRecord{Offset: int64(i), Record: data.Record{Value: string(v)}})
	}
	return out
}

// sift puts the batch and has the sieve go on from there.
func sift(s *deadletters.Sieve, p *table, values string) (rest string, err error) {
	batch := batchOf(values)
	left, err := s.Sift(batch, p.Put(batch))
	for _, r := range left {
		rest += r.Value.(string)
	}
	return rest, err
}

func TestSieve(t *testing.T) {
	lost := errors.New("queue is full")
	for _, tt := range []struct {
		name, bad, batch string
		full             error
		limit            int
		buried, taken    string
		fails            string
	}{
		{"nothing bad", "", "abcdefgh", nil, 5, "", "", ""},
		{"one", "d", "abcdefgh", nil, 5, "d", "abcefgh", ""},
		{"the first", "a", "abcdefgh", nil, 5, "a", "bcdefgh", ""},
		{"the last", "h", "abcdefgh", nil, 5, "h", "abcdefg", ""},
		{"two side by side", "cd", "abcdefgh", nil, 5, "cd", "abefgh", ""},
		{"as many as are allowed", "abcd", "abcdefgh", nil, 5, "abcd", "efgh", ""},
		{"one too many", "abcde", "abcdefgh", nil, 5, "", "", "put failed for 5 records in a row"},
		{"all", "abc", "abc", nil, 5, "", "", ""},
		{"no room for letters", "a", "ab", lost, 5, "", "", "queue is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &table{bad: tt.bad, full: tt.full}
			s := &deadletters.Sieve{Limit: tt.limit, Sink: p}
			_, err := sift(s, p, tt.batch)
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("error %v", err)
			}
			if err == nil && (p.buried != tt.buried || p.taken != tt.taken) {
				t.Errorf("buried %q, taken %q", p.buried, p.taken)
			}
		})
	}
}

// A record that fails alone is suspect until another is taken, in a later batch too; until then it is known
// to wait, and after a minute it is the target's failure.
func TestSuspectWaitsForProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &table{bad: "z"}
		s := &deadletters.Sieve{Limit: 5, Sink: p}
		if _, err := sift(s, p, "z"); err != nil || !s.Waits() || p.buried != "" {
			t.Fatalf("%v, buried %q", err, p.buried)
		}
		if wait := time.Until(s.Until()); wait != time.Minute {
			t.Errorf("waits for %v", wait)
		}
		time.Sleep(time.Minute)
		if err := s.Overdue(time.Now(), true); err != nil {
			t.Errorf("while nothing is put: %v", err)
		}
		time.Sleep(time.Minute)
		if err := s.Overdue(time.Now(), false); err == nil || !strings.Contains(err.Error(), "failure of the target") {
			t.Errorf("overdue: %v", err)
		}
		if _, err := sift(s, p, "a"); err != nil || s.Waits() || p.buried != "z" {
			t.Errorf("%v, buried %q", err, p.buried)
		}
	})
}

// Suspects whose partition goes elsewhere come again there.
func TestSuspectIsForgotten(t *testing.T) {
	p := &table{bad: "z"}
	s := &deadletters.Sieve{Limit: 5, Sink: p}
	if _, err := sift(s, p, "z"); err != nil {
		t.Fatal(err)
	}
	s.Forget(func(tp data.TopicPartition) bool { return tp.Topic == "other" })
	if !s.Waits() {
		t.Error("forgotten with another topic")
	}
	s.Forget(func(tp data.TopicPartition) bool { return tp.Topic == "t" })
	if _, err := sift(s, p, "a"); err != nil || p.buried != "" {
		t.Errorf("%v, buried %q", err, p.buried)
	}
	var none *deadletters.Sieve
	none.Forget(func(data.TopicPartition) bool { return true })
	if none.Waits() || none.Overdue(time.Now(), false) != nil {
		t.Error("a sink without sieve has suspects")
	}
}

// An error that may pass is nobody's fault: what was taken is taken, the rest comes again as it was.
func TestSieveStopsAtWhatMayPass(t *testing.T) {
	p := &table{bad: "c"}
	s := &deadletters.Sieve{Limit: 5, Sink: p}
	batch := batchOf("abcd")
	err := p.Put(batch)
	again := &passing{table: p, after: 1}
	s.Sink = again
	left, err := s.Sift(batch, err)
	if !errors.Is(err, errs.Retriable) {
		t.Fatalf("error %v", err)
	}
	var rest []string
	for _, r := range left {
		rest = append(rest, r.Value.(string))
	}
	if p.taken != "ab" || !slices.Equal(rest, []string{"c", "d"}) {
		t.Errorf("taken %q, left %v", p.taken, rest)
	}
}

// passing is a table that is away after some puts.
type passing struct {
	*table
	after int
}

func (p *passing) Put(records []data.SinkRecord) error {
	if p.after--; p.after < 0 {
		return errs.Retriable.New("away")
	}
	return p.table.Put(records)
}
