//go:build integration

package scenarios_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

const ledgerTopic = "numbers"

// ledgers is a worker with two sinks of one topic into PostgreSQL: "exact" keeps its offsets with its
// data, "control" leaves them to Kafka.
type ledgers struct {
	t        *testing.T
	kafka    *service.Kafka
	url      string
	db       *sql.DB
	bin      string
	producer *kafka.Producer
	sent     int
}

func newLedgers(t *testing.T) *ledgers {
	t.Helper()
	l := &ledgers{t: t, kafka: service.StartKafka(t), url: service.StartPostgres(t)}
	l.bin = service.BuildCommand(t, "./cmd/internal/systemtest/scenarios/ledgerworker")
	db, err := sql.Open("pgx", l.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	l.db = db
	l.kafka.CreateTopic(t, ledgerTopic, 3)
	l.producer, err = kafka.NewProducer(kafka.Props{"bootstrap.servers": l.kafka.Addr}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.producer.Abort)
	return l
}

// worker prepares a worker with the sinks named.
func (l *ledgers) worker(sinks ...string) *service.Worker {
	l.t.Helper()
	dir := l.t.TempDir()
	var files []string
	for _, name := range sinks {
		file := filepath.Join(dir, name+".properties")
		text := strings.Join([]string{
			"name=" + name, "connector.class=LedgerSink", "tasks.max=2", "topics=" + ledgerTopic,
			"connection.url=" + l.url + "&idle_in_transaction_session_timeout=1000", "table=" + name, "exactly.once=" + strconv.FormatBool(name == "exact"),
			"consumer.override.max.poll.records=20", "consumer.override.auto.offset.reset=earliest",
			"consumer.override.session.timeout.ms=2000", "consumer.override.heartbeat.interval.ms=400",
		}, "\n")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			l.t.Fatal(err)
		}
		files = append(files, file)
	}
	return service.NewWorker(l.t, l.bin, []string{
		"bootstrap.servers=" + l.kafka.Addr,
		"key.converter=org.apache.kafka.connect.storage.StringConverter",
		"value.converter=org.apache.kafka.connect.storage.StringConverter",
		"offset.storage.file.filename=" + filepath.Join(dir, "offsets"),
		"offset.flush.interval.ms=2000",
	}, files...)
}

// send sends n more records, each with its number as value, and waits until Kafka has them.
func (l *ledgers) send(n int) {
	l.t.Helper()
	var failed error // promises come one at a time, all before Flush returns
	for range n {
		r := &kafka.Record{Topic: ledgerTopic, Partition: int32(l.sent % 3), Value: strconv.AppendInt(nil, int64(l.sent), 10)}
		if err := l.producer.Produce(l.t.Context(), r, func(_ *kafka.Record, err error) {
			if err != nil {
				failed = err
			}
		}); err != nil {
			l.t.Fatal(err)
		}
		l.sent++
	}
	if err := l.producer.Flush(l.t.Context()); err != nil || failed != nil {
		l.t.Fatal(err, failed)
	}
}

// rows are the rows of a sink's table, and how many different numbers they hold.
func (l *ledgers) rows(sink string) (rows, numbers int, err error) {
	err = l.db.QueryRowContext(l.t.Context(), "SELECT count(*), count(DISTINCT record_value) FROM "+sink).Scan(&rows, &numbers)
	return rows, numbers, err
}

// passes waits, looking every few milliseconds, until the exact sink has written n records.
func (l *ledgers) passes(n int) {
	l.t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		var written int
		if err := l.db.QueryRowContext(l.t.Context(), "SELECT coalesce(sum(next_offset), 0) FROM ledger_offsets").Scan(&written); err == nil && written >= n {
			return
		}
		select {
		case <-again.C:
		case <-deadline.C:
			l.t.Fatalf("%d records of %d written", written, n)
		}
	}
}

// reaches waits until the sink has written so many different numbers.
func (l *ledgers) reaches(sink string, n int) {
	l.t.Helper()
	service.Until(l.t, 2*time.Minute, fmt.Sprintf("%d numbers in %s", n, sink), func() error {
		_, numbers, err := l.rows(sink)
		if err == nil && numbers < n {
			err = fmt.Errorf("%d so far", numbers)
		}
		return err
	})
}

// exact fails the test unless each number sent is in the table once, and each partition's rows are
// its records in their order.
func (l *ledgers) exact(sink string) {
	l.t.Helper()
	rows, numbers, err := l.rows(sink)
	if err != nil || rows != l.sent || numbers != l.sent {
		l.t.Errorf("%s has %d rows with %d numbers, want %d each once: %v", sink, rows, numbers, l.sent, err)
	}
	var wrong int
	if err := l.db.QueryRowContext(l.t.Context(),
		"SELECT count(*) FROM "+sink+" WHERE record_value::int <> from_offset * 3 + from_partition").Scan(&wrong); err != nil || wrong > 0 {
		l.t.Errorf("%d rows of %s have another record's value: %v", wrong, sink, err)
	}
}

// TestSinkExactlyOnceWhileKilled kills a worker ten times, at random moments while 50,000 records
// flow. The sink that keeps its offsets with its data has each once. The one beside it that does not
// has records twice, by the same kills: the test can fail.
func TestSinkExactlyOnceWhileKilled(t *testing.T) {
	const kills, portion = 10, 5000
	l := newLedgers(t)
	w := l.worker("exact", "control")
	inFlow := 0
	for range kills {
		w.Start(t)
		begin := l.sent
		l.send(portion)
		l.passes(begin + rand.IntN(portion*4/5))
		w.Kill(t)
		_, numbers, err := l.rows("exact")
		if err != nil {
			t.Fatal(err)
		}
		if numbers < l.sent {
			inFlow++
		}
	}
	w.Start(t)
	l.reaches("exact", l.sent)
	l.reaches("control", l.sent)
	w.Stop(t)
	l.exact("exact")
	rows, _, err := l.rows("control")
	if err != nil || rows <= l.sent {
		t.Errorf("the control has %d rows of %d records: nothing came twice, so this test shows nothing: %v", rows, l.sent, err)
	}
	if inFlow == 0 {
		t.Error("no kill fell into the flow: this test shows nothing")
	}
	t.Logf("%d of %d kills fell into the flow; the control has %d rows more than records", inFlow, kills, rows-l.sent)
}

// TestSinkExactlyOnceWithZombie freezes a worker in the middle of the flow, has another take over,
// and wakes the first one up, which does not know.
func TestSinkExactlyOnceWithZombie(t *testing.T) {
	const portion = 10_000
	l := newLedgers(t)
	first, second := l.worker("exact", "control"), l.worker("exact", "control")
	first.Start(t)
	for range 2 {
		begin := l.sent
		l.send(portion)
		l.passes(begin + rand.IntN(portion/2))
		first.Freeze(t)
		second.Start(t)
		l.passes(begin + portion*3/4)
		first.Thaw(t)
		l.reaches("exact", l.sent)
		l.reaches("control", l.sent)
		first, second = second, first
		second.Stop(t)
	}
	first.Stop(t)
	l.exact("exact")
	rows, _, err := l.rows("control")
	if err != nil || rows <= l.sent {
		t.Errorf("the control has %d rows of %d records: nothing came twice, so this test shows nothing: %v", rows, l.sent, err)
	}
	t.Logf("the control has %d rows more than records", rows-l.sent)
}
