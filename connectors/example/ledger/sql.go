package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// errMoved says that the stored offset is not the one that the task began at: somebody else wrote.
var errMoved = errors.New("the stored offset is another than expected")

// rowsPerInsert are the rows of one statement; databases bound its parameters.
const rowsPerInsert = 200

const columns = 5

// ledger is the two tables, as one connector sees them.
type ledger struct {
	db             *sql.DB
	connector      string // whose offsets these are
	table, offsetT string
	exactly        bool
	insertFull     string // the statement for rowsPerInsert rows
}

// open reads the settings. It does not reach for the database.
func open(driverName string, props map[string]string) (*ledger, error) {
	v, err := ledgerConfig.Parse(props)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(driverName, v.Password(urlKey).Reveal())
	if err != nil {
		// The cause may show the URL with its password.
		return nil, errs.Config.New("%s: the driver %s can't read it", urlKey, driverName)
	}
	db.SetMaxOpenConns(1) // a task does one thing at a time
	l := &ledger{
		db: db, connector: props["name"], table: v.String(tableKey), offsetT: v.String(offsetsKey), exactly: v.Bool(exactlyKey),
	}
	l.insertFull = l.insert(rowsPerInsert)
	return l, nil
}

func (l *ledger) close() error { return l.db.Close() }

// reach checks that the database answers.
func (l *ledger) reach(ctx context.Context) error {
	if err := l.db.PingContext(ctx); err != nil {
		return failure(err)
	}
	return nil
}

// create makes the tables if they are not there.
func (l *ledger) create(ctx context.Context) error {
	for _, ddl := range []string{
		"CREATE TABLE IF NOT EXISTS " + l.table + ` (
			from_topic VARCHAR(249) NOT NULL, from_partition INTEGER NOT NULL, from_offset BIGINT NOT NULL,
			record_key TEXT, record_value TEXT)`,
		"CREATE TABLE IF NOT EXISTS " + l.offsetT + ` (
			connector VARCHAR(400) NOT NULL, topic VARCHAR(249) NOT NULL, part INTEGER NOT NULL, next_offset BIGINT NOT NULL,
			PRIMARY KEY (connector, topic, part))`,
	} {
		if _, err := l.db.ExecContext(ctx, ddl); err != nil {
			return errs.Connect.Wrap(err, "tables %s and %s", l.table, l.offsetT)
		}
	}
	return nil
}

// offsets are those stored of the partitions.
func (l *ledger) offsets(ctx context.Context, partitions []data.TopicPartition) (connectors.Offsets, error) {
	rows, err := l.db.QueryContext(ctx, "SELECT topic, part, next_offset FROM "+l.offsetT+" WHERE connector = $1", l.connector)
	if err != nil {
		return nil, failure(err)
	}
	defer rows.Close()
	stored := connectors.Offsets{}
	for rows.Next() {
		var tp data.TopicPartition
		var next int64
		if err := rows.Scan(&tp.Topic, &tp.Partition, &next); err != nil {
			return nil, failure(err)
		}
		if slices.Contains(partitions, tp) {
			stored[tp] = next
		}
	}
	if err := rows.Err(); err != nil {
		return nil, failure(err)
	}
	return stored, nil
}

// write is the transaction: records and offsets, both or none. expected are the stored offsets as
// the caller knows them; errMoved if they are others.
func (l *ledger) write(ctx context.Context, b batch, expected connectors.Offsets) error {
	return l.within(ctx, func(tx *sql.Tx) error {
		if l.exactly {
			// First, so that one of two who write the same partition waits here for the other, and
			// in one order, so that they don't wait for each other.
			for _, tp := range slices.SortedFunc(maps.Keys(b.ends), order) {
				from, stored := expected[tp]
				if err := l.move(ctx, tx, tp, from, stored, b.ends[tp]); err != nil {
					return err
				}
			}
		}
		for rows := range slices.Chunk(b.records, rowsPerInsert) {
			if err := l.add(ctx, tx, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

// move sets a stored offset if it is what it should be. The database decides, not a look before:
// between look and change another may have written.
func (l *ledger) move(ctx context.Context, tx *sql.Tx, tp data.TopicPartition, from int64, stored bool, to int64) error {
	var res sql.Result
	var err error
	if stored {
		res, err = tx.ExecContext(ctx, "UPDATE "+l.offsetT+" SET next_offset = $1 WHERE connector = $2 AND topic = $3 AND part = $4 AND next_offset = $5",
			to, l.connector, tp.Topic, tp.Partition, from)
	} else {
		res, err = tx.ExecContext(ctx, "INSERT INTO "+l.offsetT+" (next_offset, connector, topic, part) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
			to, l.connector, tp.Topic, tp.Partition)
	}
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errMoved
}

func (l *ledger) add(ctx context.Context, tx *sql.Tx, rows []*data.SinkRecord) error {
	query := l.insertFull
	if len(rows) < rowsPerInsert {
		query = l.insert(len(rows))
	}
	args := make([]any, 0, columns*len(rows))
	for _, r := range rows {
		args = append(args, r.OriginalTopic, r.OriginalPartition, r.OriginalOffset, text(r.Key), text(r.Value))
	}
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// insert is the statement for n rows.
func (l *ledger) insert(n int) string {
	var q strings.Builder
	q.WriteString("INSERT INTO " + l.table + " (from_topic, from_partition, from_offset, record_key, record_value) VALUES ")
	for i := range n {
		if i > 0 {
			q.WriteString(", ")
		}
		p := columns * i
		fmt.Fprintf(&q, "($%d, $%d, $%d, $%d, $%d)", p+1, p+2, p+3, p+4, p+5)
	}
	return q.String()
}

func text(v any) any {
	if v == nil {
		return nil
	}
	return data.Text(v)
}

// alter sets or, with -1, removes stored offsets.
func (l *ledger) alter(ctx context.Context, offsets connectors.Offsets) error {
	return l.within(ctx, func(tx *sql.Tx) error {
		for tp, to := range offsets {
			var err error
			if to < 0 {
				_, err = tx.ExecContext(ctx, "DELETE FROM "+l.offsetT+" WHERE connector = $1 AND topic = $2 AND part = $3",
					l.connector, tp.Topic, tp.Partition)
			} else {
				_, err = tx.ExecContext(ctx, "INSERT INTO "+l.offsetT+" (next_offset, connector, topic, part) VALUES ($1, $2, $3, $4) "+
					"ON CONFLICT (connector, topic, part) DO UPDATE SET next_offset = excluded.next_offset",
					to, l.connector, tp.Topic, tp.Partition)
			}
			if err != nil {
				return errs.Connect.Wrap(err, "offset of %s-%d in table %s", tp.Topic, tp.Partition, l.offsetT)
			}
		}
		return nil
	})
}

// within runs do in a transaction, which ends well only if do does.
func (l *ledger) within(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // says only what do said already
		return err
	}
	return tx.Commit()
}

// idleTransaction is what PostgreSQL says to a client whose transaction it ended.
const idleTransaction = "25P03"

// failure is of kind errs.Retriable where the same call may go well once the database is back.
func failure(err error) error {
	if unreachable(err) {
		return errs.Retriable.Wrap(err, "the database does not answer")
	}
	return errs.Connect.Wrap(err, "the database refused")
}

func unreachable(err error) bool {
	// A driver's error with an SQLSTATE: broken connection, deadlock, out of resources, going down.
	if coded, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok && len(coded.SQLState()) == 5 {
		return coded.SQLState() == idleTransaction || slices.Contains([]string{"08", "40", "53", "57"}, coded.SQLState()[:2])
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func order(a, b data.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition - b.Partition)
}
