package group

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/java"
)

// ErrMalformed is in every error about bytes that can't be read.
var ErrMalformed = errors.New("malformed bytes of the connect protocol")

// AssignmentError says why the leader couldn't assign.
type AssignmentError int16

// The errors of assignments.
const (
	NoError AssignmentError = 0
	// ConfigMismatch means that the leader hasn't read as much of the config topic as some member. All
	// lists are empty; read to its end and rejoin.
	ConfigMismatch AssignmentError = 1
)

// Assignment is what the leader tells a member, and, in a member's state, what it runs.
//
// Before carrying it out the owner of a member has to: rejoin on an Error, the leader after reading the
// config topic to its end; read the config topic up to Offset; rejoin if its own offset is another. After
// a round with revocations it has to rejoin too, for only then is the work given to others.
type Assignment struct {
	Error     AssignmentError
	Leader    string // member id
	LeaderURL string
	Offset    int64 // of the config topic, by which it was made
	// Assigned is additions only, unless Eager; in an event and a member's state it is all it runs.
	Assigned Work
	Revoked  Work          // to stop; never with Eager
	Delay    time.Duration // until all are to rejoin, to the millisecond; 0: no need to
	// HandsOver is told by leaders that give out the work of a member that says it is Leaving: ours.
	HandsOver bool
}

// WorkerState is what a member tells the leader.
type WorkerState struct {
	URL    string // of its REST server, as Java writes it: with a slash at the end
	Offset int64  // of the config topic, as far as the member has read it; -1: nothing yet
	// Current is what it runs; nil if it has no assignment. Eager doesn't send it.
	Current *Assignment
	// Leaving is said by a member that has stopped all of Current and is about to go. It is for leaders
	// that have said HandsOver; a JVM worker passes it over. Eager doesn't send it.
	Leaving bool
}

// What isn't in Java's format stands behind the last field, where Java's readers don't look: this mark and
// a byte of flags. Java doesn't hand it on either.
const (
	trailer       = "trpe"
	flagHandsOver = 1 // of an assignment
	flagLeaving   = 1 // of a member's state
)

// connectorTask is the task number that stands for the connector itself.
const connectorTask = -1

// Encode writes the state as the protocol has it. The error names a text too long for the format.
func (s WorkerState) Encode(p Protocol) ([]byte, error) {
	e := encoder{b: binary.BigEndian.AppendUint16(nil, uint16(p))}
	e.text("REST URL", s.URL)
	e.int64(s.Offset)
	if p == Eager {
		return e.b, e.err
	}
	if s.Current == nil {
		e.int32(-1)
		return e.b, e.err
	}
	current := *s.Current
	current.HandsOver = false // it is of no use in there
	assignment, err := current.Encode(p)
	if err != nil {
		return nil, err
	}
	e.int32(len(assignment))
	e.b = append(e.b, assignment...)
	e.trail(s.Leaving, flagLeaving)
	return e.b, e.err
}

// Encode writes the assignment as the protocol has it. The error names a text too long for the format.
func (a Assignment) Encode(p Protocol) ([]byte, error) {
	e := encoder{b: binary.BigEndian.AppendUint16(nil, uint16(p))}
	e.b = binary.BigEndian.AppendUint16(e.b, uint16(a.Error))
	e.text("leader", a.Leader)
	e.text("leader URL", a.LeaderURL)
	e.int64(a.Offset)
	assigned := a.Assigned
	assigned.Connectors = hashSet(assigned.Connectors)
	e.work(assigned)
	if p != Eager {
		e.work(a.Revoked)
		e.int32(int(min(max(a.Delay.Milliseconds(), 0), math.MaxInt32)))
		e.trail(a.HandsOver, flagHandsOver)
	}
	return e.b, e.err
}

type encoder struct {
	b   []byte
	err error
}

func (e *encoder) int32(n int) { e.b = binary.BigEndian.AppendUint32(e.b, uint32(int32(n))) }

func (e *encoder) int64(n int64) { e.b = binary.BigEndian.AppendUint64(e.b, uint64(n)) }

// trail writes the trailer, if there is anything to say.
func (e *encoder) trail(set bool, flag byte) {
	if set {
		e.b = append(append(e.b, trailer...), flag)
	}
}

func (e *encoder) text(what, s string) {
	if len(s) > math.MaxInt16 {
		e.err = errors.Join(e.err, fmt.Errorf("%s %.60q… has %d bytes, the group's protocol takes %d", what, s, len(s), math.MaxInt16))
		return
	}
	e.b = binary.BigEndian.AppendUint16(e.b, uint16(len(s)))
	e.b = append(e.b, s...)
}

// work writes an entry per connector, those whose instance is in the work first.
func (e *encoder) work(w Work) {
	var names []string
	numbers := map[string][]int{}
	add := func(name string, task int) {
		if _, ok := numbers[name]; !ok {
			names = append(names, name)
		}
		numbers[name] = append(numbers[name], task)
	}
	for _, name := range w.Connectors {
		if _, twice := numbers[name]; !twice {
			add(name, connectorTask)
		}
	}
	for _, id := range w.Tasks {
		add(id.Connector, id.Task)
	}
	e.int32(len(names))
	for _, name := range names {
		e.text("connector name", name)
		e.int32(len(numbers[name]))
		for _, n := range numbers[name] {
			e.int32(n)
		}
	}
}

// DecodeState reads a member's state, of any protocol. Versions above Sessioned are read as that, as the
// JVM does, and what follows the last known field is passed over. An error is an ErrMalformed.
func DecodeState(b []byte) (WorkerState, error) {
	d := decoder{b: b}
	d.version()
	s := WorkerState{URL: d.text(), Offset: d.int64()}
	if len(d.b) > 0 && d.err == nil { // Eager ends here
		if size := d.int32(); size >= 0 {
			current := decoder{b: d.take(size)}
			a := current.assignment()
			d.err = errors.Join(d.err, current.err)
			s.Current = &a
		}
		s.Leaving = d.trailed(flagLeaving)
	}
	return s, d.failed("state of a member")
}

// DecodeAssignment reads an assignment, of any protocol; see DecodeState.
func DecodeAssignment(b []byte) (Assignment, error) {
	d := decoder{b: b}
	a := d.assignment()
	return a, d.failed("assignment")
}

type decoder struct {
	b   []byte
	err error
}

func (d *decoder) failed(what string) error {
	if d.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", what, ErrMalformed, d.err)
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.fail("%d bytes are left, %d expected", len(d.b), n)
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) int16() int16 {
	if b := d.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (d *decoder) int32() int {
	if b := d.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

func (d *decoder) int64() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (d *decoder) text() string {
	n := d.int16()
	if n < 0 {
		d.fail("a text of %d bytes", n)
		return ""
	}
	return string(d.take(int(n)))
}

func (d *decoder) version() {
	if v := d.int16(); v < 0 {
		d.fail("version %d", v)
	}
}

func (d *decoder) assignment() Assignment {
	d.version()
	a := Assignment{Error: AssignmentError(d.int16()), Leader: d.text(), LeaderURL: d.text(), Offset: d.int64()}
	// What is missing at the end has its default: older protocols are shorter.
	if len(d.b) > 0 {
		a.Assigned = d.work()
	}
	if len(d.b) > 0 {
		a.Revoked = d.work()
	}
	if len(d.b) > 0 {
		a.Delay = time.Duration(max(d.int32(), 0)) * time.Millisecond
	}
	a.HandsOver = d.trailed(flagHandsOver)
	return a
}

// trailed reports whether a trailer follows that has the flag. Anything else that follows is a newer
// format's, and is passed over.
func (d *decoder) trailed(flag byte) bool {
	rest, ok := bytes.CutPrefix(d.b, []byte(trailer))
	return ok && len(rest) > 0 && rest[0]&flag != 0
}

// work reads entries; null is none. Sizes are checked against what is left before anything is kept.
func (d *decoder) work() Work {
	var w Work
	entries := d.int32()
	if entries > len(d.b)/6 { // 2 bytes for the name's length, 4 for the number of tasks
		d.fail("%d connectors in %d bytes", entries, len(d.b))
	}
	for range entries {
		name, count := d.text(), d.int32()
		if count < 0 || count > len(d.b)/4 {
			d.fail("%d tasks in %d bytes", count, len(d.b))
		}
		if d.err != nil {
			return Work{}
		}
		for range count {
			switch n := d.int32(); {
			case n == connectorTask:
				w.Connectors = append(w.Connectors, name)
			case n < 0:
				d.fail("task %d of connector %q", n, name)
			default:
				w.Tasks = append(w.Tasks, state.TaskID{Connector: name, Task: n})
			}
		}
	}
	return w
}

// hashSet lists texts as the HashSet in which the JVM collects them does, each once. It makes our bytes
// those of the JVM; to who reads them the order means nothing.
func hashSet(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	out := make([]string, 0, len(texts))
	for _, s := range texts {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	java.SortByHash(out, max(16, java.CopiedBuckets(len(texts))), func(s string) string { return s })
	return out
}
