package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// bench is one connector on an SQLite file.
type bench struct {
	t     *testing.T
	db    *sql.DB
	props map[string]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	file := "file:" + filepath.Join(t.TempDir(), "ledger.db") + "?_pragma=busy_timeout(5000)&_pragma=synchronous(off)"
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	b := &bench{t, db, map[string]string{"name": "books", urlKey: file}}
	conn := Sink("sqlite").Connector()
	b.must(conn.Start(t.Context(), connectorstest.NewConnectorContext(nil), b.props))
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// rows are "topic-partition@offset=value" of all rows, in the order of their offsets.
func (b *bench) rows() []string {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), "SELECT from_topic, from_partition, from_offset, record_value FROM ledger ORDER BY 1, 2, 3")
	b.must(err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var topic, value string
		var part, offset int64
		b.must(rows.Scan(&topic, &part, &offset, &value))
		out = append(out, fmt.Sprintf("%s-%d@%d=%s", topic, part, offset, value))
	}
	b.must(rows.Err())
	return out
}

func (b *bench) want(rows ...string) {
	b.t.Helper()
	if got := b.rows(); !slices.Equal(got, rows) {
		b.t.Errorf("rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(rows, "\n"))
	}
}

// hand is a worker's side of one task: it keeps the positions of its partitions.
type hand struct {
	*connectorstest.SinkTaskContext
	*task
	at connectors.Offsets
}

func (h *hand) Offset(o connectors.Offsets) {
	maps.Copy(h.at, o)
}

// start starts a task whose partitions begin at the offsets given.
func (b *bench) start(at connectors.Offsets) *hand {
	b.t.Helper()
	h := &hand{connectorstest.NewSinkTaskContext(b.props), Sink("sqlite").Task().(*task), at}
	b.must(h.task.Start(b.t.Context(), h, b.props))
	b.t.Cleanup(func() { _ = h.Stop(context.WithoutCancel(b.t.Context())) })
	b.must(h.Open(b.t.Context(), keys(at)))
	return h
}

func keys(o connectors.Offsets) (tps []data.TopicPartition) {
	for tp := range o {
		tps = append(tps, tp)
	}
	return tps
}

// put gives the task n records of each partition from its positions on, and moves these.
func (b *bench) put(h *hand, n int64, tps ...data.TopicPartition) {
	b.t.Helper()
	var records []data.SinkRecord
	for _, tp := range tps {
		for range n {
			records = append(records, record(tp, h.at[tp]))
			h.at[tp]++
		}
	}
	b.must(h.Put(b.t.Context(), records))
}

func record(tp data.TopicPartition, offset int64) data.SinkRecord {
	return data.SinkRecord{
		Record:        data.Record{Topic: tp.Topic, Value: fmt.Sprint("v", offset)},
		OriginalTopic: tp.Topic, OriginalPartition: tp.Partition, OriginalOffset: offset,
	}
}

var p0, p1 = data.TopicPartition{Topic: "t"}, data.TopicPartition{Topic: "t", Partition: 1}

func TestContract(t *testing.T) {
	b := newBench(t)
	connectorstest.SinkContract{
		Sink:   Sink("sqlite"),
		Config: b.props,
		Records: []data.SinkRecord{
			record(p0, 5), record(p0, 6), record(p1, 0),
		},
		Wrong: map[string]map[string]string{
			"no database":  {"name": "x"},
			"hostile name": {"name": "x", urlKey: "file:x", tableKey: "a; DROP TABLE b"},
		},
		Written: func(*testing.T) { b.want("t-0@5=v5", "t-0@6=v6", "t-1@0=v0") },
	}.Run(t)
}

func TestBeginsBehindItsRows(t *testing.T) {
	b := newBench(t)
	one := b.start(connectors.Offsets{p0: 0, p1: 0})
	b.put(one, 2, p0)
	b.must(one.Stop(t.Context()))
	two := b.start(connectors.Offsets{p0: 0, p1: 0}) // Kafka knows of no commit
	if two.at[p0] != 2 || two.at[p1] != 0 {
		t.Fatalf("the second task begins at %v", two.at)
	}
	b.put(two, 1, p0, p1)
	b.want("t-0@0=v0", "t-0@1=v1", "t-0@2=v2", "t-1@0=v0")
}

func TestPassesOverWhatItWrote(t *testing.T) {
	b := newBench(t)
	h := b.start(connectors.Offsets{p0: 0})
	b.put(h, 2, p0)
	h.at[p0] = 1 // as after a refused commit
	b.put(h, 2, p0)
	b.want("t-0@0=v0", "t-0@1=v1", "t-0@2=v2")
	h.at[p0] = 0
	b.put(h, 3, p0)
	b.want("t-0@0=v0", "t-0@1=v1", "t-0@2=v2")
}

// TestZombie has a task write that was believed dead: whoever comes second writes nothing, and goes
// on behind the other.
func TestZombie(t *testing.T) {
	b := newBench(t)
	zombie := b.start(connectors.Offsets{p0: 0, p1: 0})
	b.put(zombie, 1, p0)
	heir := b.start(connectors.Offsets{p0: 0, p1: 0})
	b.put(zombie, 1, p0)
	b.put(heir, 2, p0, p1) // p0 has moved, so nothing of p1 is written either
	if heir.at[p0] != 2 || heir.at[p1] != 0 {
		t.Fatalf("goes on at %v, want 2 and 0", heir.at)
	}
	b.put(heir, 2, p0, p1)
	b.put(zombie, 1, p1) // there was no row of it when it looked last
	if zombie.at[p1] != 2 {
		t.Fatalf("the zombie goes on at %v, want 2", zombie.at)
	}
	b.want("t-0@0=v0", "t-0@1=v1", "t-0@2=v2", "t-0@3=v3", "t-1@0=v0", "t-1@1=v1")
}

// TestManyHands lets tasks come, go, lose their memory and write past each other at random: each
// row must be there once and none be missing.
func TestManyHands(t *testing.T) {
	const records = 400
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			b := newBench(t)
			hands := []*hand{b.start(connectors.Offsets{p0: 0, p1: 0}), b.start(connectors.Offsets{p0: 0, p1: 0})}
			for done := false; !done; {
				i := rng.IntN(len(hands))
				h := hands[i]
				switch rng.IntN(12) {
				case 0: // killed: another begins where Kafka's commit was, or before
					b.must(h.Stop(t.Context()))
					hands[i] = b.start(connectors.Offsets{p0: rng.Int64N(h.at[p0] + 1), p1: 0})
				case 1: // read again from a commit
					tp := keys(h.at)[0]
					h.at[tp] = rng.Int64N(h.at[tp] + 1)
				default:
					var tps []data.TopicPartition
					for _, tp := range []data.TopicPartition{p0, p1} {
						if h.at[tp] < records-10 && rng.IntN(2) == 0 {
							tps = append(tps, tp)
						}
					}
					b.put(h, 1+rng.Int64N(10), tps...)
				}
				done = h.at[p0] >= records-10 && h.at[p1] >= records-10
			}
			rows := b.rows()
			for i, row := range rows {
				if i > 0 && rows[i-1] == row {
					t.Fatalf("%s is there twice", row)
				}
			}
			b.whole(len(rows), 2*(records-10))
		})
	}
}

// whole fails the test unless each partition's rows go from 0 without a gap, in all at least n.
func (b *bench) whole(rows, n int) {
	b.t.Helper()
	if rows < n {
		b.t.Errorf("%d rows, want at least %d", rows, n)
	}
	var gaps int
	b.must(b.db.QueryRowContext(b.t.Context(), "SELECT count(*) FROM (SELECT from_partition, count(*) c, max(from_offset) m FROM ledger GROUP BY 1) x WHERE c <> m + 1").Scan(&gaps))
	if gaps > 0 {
		b.t.Errorf("%d partitions have gaps or rows twice", gaps)
	}
}

// TestControl is the same without the offsets: rows come twice. The tests above can fail.
func TestControl(t *testing.T) {
	b := newBench(t)
	b.props[exactlyKey] = "false"
	one := b.start(connectors.Offsets{p0: 0})
	b.put(one, 1, p0)
	two := b.start(connectors.Offsets{p0: 0})
	b.put(two, 1, p0)
	b.want("t-0@0=v0", "t-0@0=v0")
	safe, err := two.PreCommit(t.Context(), connectors.Offsets{p0: 1})
	if err != nil || safe[p0] != 1 {
		t.Errorf("commits %v %v", safe, err)
	}
	if took, err := Sink("sqlite").Connector().(connectors.SinkOffsetAlterer).AlterOffsets(t.Context(), b.props, connectors.Offsets{p0: 0}); took || err != nil {
		t.Errorf("alter: %t %v", took, err)
	}
}

func TestPreCommit(t *testing.T) {
	b := newBench(t)
	h := b.start(connectors.Offsets{p0: 0, p1: 0})
	b.put(h, 3, p0)
	for asked, want := range map[int64]int64{2: 2, 3: 3, 9: 3} { // 9: filtered records behind the last
		safe, err := h.PreCommit(t.Context(), connectors.Offsets{p0: asked, p1: 4})
		if _, ok := safe[p1]; err != nil || ok || safe[p0] != want {
			t.Errorf("of %d may be committed %v %v, want %d", asked, safe, err, want)
		}
	}
	b.must(h.Close(t.Context(), []data.TopicPartition{p0}))
	if safe, err := h.PreCommit(t.Context(), connectors.Offsets{p0: 3}); err != nil || len(safe) != 0 {
		t.Errorf("of a closed partition may be committed %v %v", safe, err)
	}
}

func TestAlterOffsets(t *testing.T) {
	b := newBench(t)
	h := b.start(connectors.Offsets{p0: 0, p1: 0})
	b.put(h, 3, p0, p1)
	b.must(h.Stop(t.Context()))
	took, err := Sink("sqlite").Connector().(connectors.SinkOffsetAlterer).AlterOffsets(t.Context(), b.props, connectors.Offsets{p0: 1, p1: -1})
	if !took || err != nil {
		t.Fatal(took, err)
	}
	next := b.start(connectors.Offsets{p0: 3, p1: 3})
	if next.at[p0] != 1 || next.at[p1] != 3 {
		t.Errorf("begins at %v, want 1 and where Kafka says", next.at)
	}
}

// TestAnotherConnector shares the tables: its offsets are its own.
func TestAnotherConnector(t *testing.T) {
	b := newBench(t)
	b.put(b.start(connectors.Offsets{p0: 0}), 2, p0)
	b.props["name"] = "other books"
	if h := b.start(connectors.Offsets{p0: 0}); h.at[p0] != 0 {
		t.Errorf("begins at %v", h.at)
	}
}

// TestAllOrNothing has the database refuse a row in the middle of a batch.
func TestAllOrNothing(t *testing.T) {
	b := newBench(t)
	_, err := b.db.ExecContext(t.Context(), "CREATE TRIGGER no BEFORE INSERT ON ledger WHEN new.from_offset = 450 BEGIN SELECT RAISE(ABORT, 'no'); END")
	b.must(err)
	h := b.start(connectors.Offsets{p0: 0})
	b.put(h, 100, p0)
	var records []data.SinkRecord
	for o := int64(100); o < 500; o++ { // more than one statement
		records = append(records, record(p0, o))
	}
	err = h.Put(t.Context(), records)
	if err == nil || errors.Is(err, errs.Retriable) {
		t.Fatalf("put: %v", err)
	}
	if n := len(b.rows()); n != 100 {
		t.Errorf("%d rows, want 100", n)
	}
	if next := b.start(connectors.Offsets{p0: 0}); next.at[p0] != 100 {
		t.Errorf("the next task begins at %v", next.at)
	}
}

type coded string

func (coded) Error() string      { return "coded" }
func (c coded) SQLState() string { return string(c) }

func TestFailure(t *testing.T) {
	for _, tt := range []struct {
		err       error
		retriable bool
	}{
		{coded("57P01"), true},
		{coded("25P03"), true},
		{coded("25001"), false},
		{coded("40P01"), true},
		{coded("23505"), false},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true},
		{errors.New("else"), false},
		{context.Canceled, false},
	} {
		if got := errors.Is(failure(tt.err), errs.Retriable); got != tt.retriable || !errors.Is(failure(tt.err), tt.err) {
			t.Errorf("%v: retriable %t, want %t", tt.err, got, tt.retriable)
		}
	}
}

// TestNoSecretInErrors asks for databases that are not there.
func TestNoSecretInErrors(t *testing.T) {
	for _, url := range []string{"postgres://u:geheim@127.0.0.1:1/x?connect_timeout=5", "postgres://u:geheim@:x:/", "password=geheim port=x"} {
		db, err := open("pgx", map[string]string{"name": "x", urlKey: url})
		if err == nil {
			err = db.reach(t.Context())
			_ = db.close()
		}
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
