package task

import (
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// ending is what becomes of the transaction under way.
type ending uint8

const (
	goOn ending = iota
	commitIt
	abortIt // its records; its offsets are committed
)

// boundary says where transactions end (transaction.boundary).
type boundary struct {
	kind     settings.TransactionBoundary
	interval time.Duration
	since    time.Time      // of interval: the last commit, or when the loop was entered
	asked    *txnRequests   // of connector: what the task asked for
	marks    map[int]ending // of connector: by record of the batch under way; nil if there are none
}

func newBoundary(s *settings.SourceSettings) boundary {
	b := boundary{kind: s.Boundary, interval: s.BoundaryInterval}
	if b.kind == settings.BoundaryConnector {
		b.asked = &txnRequests{}
	}
	return b
}

// enter is the start of the loop, also after a pause.
func (b *boundary) enter() { b.since = time.Now() }

// begin is told of a batch before its first record is sent.
func (b *boundary) begin(records int) (err error) {
	if b.asked != nil {
		b.marks, err = b.asked.records(records)
	}
	return err
}

// forget drops what was asked for a batch that didn't come.
func (b *boundary) forget() {
	if b.asked != nil {
		b.asked.dropRecords()
	}
}

// endOfBatch says what is to be done after a batch.
func (b *boundary) endOfBatch() (ending, error) {
	switch b.kind {
	case settings.BoundaryConnector:
		return b.asked.batch()
	case settings.BoundaryInterval:
		now := time.Now()
		if now.Sub(b.since) < b.interval {
			return goOn, nil
		}
		b.since = now
	case settings.BoundaryPoll:
	}
	return commitIt, nil
}

// end says what is to be done when the task stops or pauses.
func (b *boundary) end() (ending, error) {
	if b.kind == settings.BoundaryConnector {
		return b.asked.batch()
	}
	return commitIt, nil
}

// txnRequests is the connectors.TransactionContext of a task: it keeps what was asked for until
// the runner comes to it.
type txnRequests struct {
	mu            sync.Mutex
	commit, abort bool
	marks         map[int]ending
	both          []int // records for which commit and abort were asked
}

// Commit implements connectors.TransactionContext.
func (t *txnRequests) Commit() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commit = true
}

// Abort implements connectors.TransactionContext.
func (t *txnRequests) Abort() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abort = true
}

// CommitAfter implements connectors.TransactionContext.
func (t *txnRequests) CommitAfter(i int) { t.mark(i, commitIt) }

// AbortAfter implements connectors.TransactionContext.
func (t *txnRequests) AbortAfter(i int) { t.mark(i, abortIt) }

func (t *txnRequests) mark(i int, e ending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.marks == nil {
		t.marks = map[int]ending{}
	}
	if was, ok := t.marks[i]; ok && was != e {
		t.both = append(t.both, i)
	}
	t.marks[i] = e
}

// batch takes what was asked for the whole batch. What contradicts itself is told here and not to
// the task, which might take no notice: the alternative to failing would be to lose data.
func (t *txnRequests) batch() (ending, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	commit, abort := t.commit, t.abort
	t.commit, t.abort = false, false
	switch {
	case commit && abort:
		return goOn, errs.IllegalState.New("Connector requested both commit and abort of same transaction")
	case commit:
		return commitIt, nil
	case abort:
		return abortIt, nil
	}
	return goOn, nil
}

// records takes what was asked for single records of a batch of n.
func (t *txnRequests) records(n int) (map[int]ending, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	marks, both := t.marks, t.both
	t.marks, t.both = nil, nil
	if len(both) > 0 {
		return nil, errs.IllegalState.New("Connector requested both commit and abort of same record, %d of its batch of %d", both[0], n)
	}
	for i := range marks {
		if i < 0 || i >= n {
			return nil, errs.IllegalState.New("Connector requested the end of the transaction after record %d of its batch, which has %d", i, n)
		}
	}
	return marks, nil
}

func (t *txnRequests) dropRecords() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marks, t.both = nil, nil
}
