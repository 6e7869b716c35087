package metrics

import (
	"strings"
	"sync"
	"time"
)

// TaskInfo says what a task is made of.
type TaskInfo struct {
	ConnectorClass, ConnectorVersion             string
	TaskClass, TaskVersion                       string
	KeyConverterClass, KeyConverterVersion       string
	ValueConverterClass, ValueConverterVersion   string
	HeaderConverterClass, HeaderConverterVersion string
	Transforms, Predicates                       []PluginInfo
}

// PluginInfo names a transform or predicate of a task's chain.
type PluginInfo struct{ Alias, Class, Version string }

// Stage is a part of a record's way that is timed per batch.
type Stage int

// The stages of source and sink tasks.
const (
	Poll Stage = iota
	Transform
	Convert
	Produce
	Consume
	Put
	Commit
	stages
)

var stageNames = [stages]string{"poll", "transform", "convert", "produce", "consume", "put", "commit"}

// String is the stage's name as the label "stage" has it.
func (s Stage) String() string { return stageNames[s] }

// stageBounds are the buckets of a stage's time per batch, in seconds.
var stageBounds = []float64{.0001, .001, .01, .1, .5, 2.5, 10, 60}

// latencyBounds are the buckets of a record's age, in seconds: from a quick pipe to a backlog.
var latencyBounds = []float64{.01, .1, .5, 1, 5, 30, 300, 3600}

// Task has the numbers of one task for as long as it is this worker's: they go on over restarts,
// and a failed task keeps them, with the time and class of its last error.
type Task struct {
	Connector string
	Number    int
	Errors    ErrorCounts
	Source    *Source // nil of a sink
	Sink      *Sink   // nil of a source

	mu        sync.Mutex
	info      TaskInfo
	clock     stateClock
	commits   odds
	commitMS  sampled
	batch     sampled
	stages    [stages]*Histogram
	latency   Histogram // record's timestamp to put, or to acknowledged
	bytesIn   float64
	restarts  map[string]int64 // by reason
	restartAt int64            // ms; when a failed task is started again, 0 for not waiting
	budget    int64            // restarts left; -1 for no limit
	lastError string           // class of the last failure of the task
	failedAt  int64            // ms
	stalled   bool
}

// NewTask returns the numbers of a task, of a source or else a sink, that is about to start.
func NewTask(connector string, number int, source bool, w Windows) *Task {
	t := &Task{
		Connector: connector, Number: number, commits: newOdds(w), commitMS: newSampled(w), batch: newSampled(w),
		latency: newHistogram(latencyBounds), budget: -1,
	}
	if source {
		t.Source = newSource(w)
	} else {
		t.Sink = newSink(w)
	}
	return t
}

// Describe says what the task is made of, which each incarnation finds out for itself.
func (t *Task) Describe(info TaskInfo) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.info = info
}

// Info is what the task is made of.
func (t *Task) Info() TaskInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.info
}

// Enter notes that the task's state is now state, a name of Connect's such as RUNNING.
func (t *Task) Enter(state string, now int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clock.enter(strings.ToLower(state), now)
	t.stalled = false
	if state != "RESTARTING" {
		t.restartAt = 0
	}
}

// Committed notes the end of an offset commit that took took. Only times of commits that
// succeeded are kept, as in Kafka Connect.
func (t *Task) Committed(ok bool, took time.Duration, now int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commits.record(ok, now)
	if ok {
		t.commitMS.record(milliseconds(took), now)
	}
}

// Batch notes the size, in records, of a batch that was polled or delivered.
func (t *Task) Batch(records int, now int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.batch.record(float64(records), now)
}

// Spent notes that a batch took took in a stage.
func (t *Task) Spent(s Stage, took time.Duration) {
	if t == nil || s < 0 || s >= stages {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stages[s] == nil {
		h := newHistogram(stageBounds)
		t.stages[s] = &h
	}
	t.stages[s].observe(took.Seconds(), 1)
}

// Aged notes that records were as old as age, by their timestamps, when they were put or
// acknowledged. A batch counts by the age of its oldest record.
func (t *Task) Aged(records int, age time.Duration) {
	if t == nil || records <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latency.observe(max(age, 0).Seconds(), uint64(records))
}

// Took notes bytes of keys and values that came in from Kafka. What a source writes is told by its
// producer's numbers.
func (t *Task) Took(bytes int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytesIn += float64(bytes)
}

// Failed notes that the task failed with an error of class.
func (t *Task) Failed(class string, now int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastError, t.failedAt = class, now
}

// Restarting notes that the task is started again at at, for reason, and how many restarts its
// budget has left after that (-1: no limit).
func (t *Task) Restarting(reason string, at time.Time, left int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restarts == nil {
		t.restarts = make(map[string]int64, 2)
	}
	t.restarts[reason]++
	t.restartAt, t.budget = at.UnixMilli(), int64(left)
}

// Stalled notes that a call of the task hangs, or does so no more.
func (t *Task) Stalled(hangs bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stalled = hangs
}

// Status is the task's state in lower case, as Kafka Connect's metrics say it.
func (t *Task) Status() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.clock.state == "" {
		return "unassigned"
	}
	return t.clock.state
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Source has the numbers that only source tasks have.
type Source struct {
	mu          sync.Mutex
	polled      meter
	written     meter
	pollMS      sampled
	active      level
	transaction sampled
	acked       func() int64 // of the incarnation that runs
	counted     int64        // of what acked says, what is in written or was skipped
	skipped     int64        // of what acked says or will say, what Kafka did not take
	seen        int64        // ms of the last poll with records
	committed   int64        // ms of the last commit of offsets
}

func newSource(w Windows) *Source {
	return &Source{polled: newMeter(w), written: newMeter(w), pollMS: newSampled(w), active: newLevel(w), transaction: newSampled(w)}
}

// Follow has the number of written records read from acked whenever numbers are asked for: how many
// records of the incarnation that begins have been done with by now. acked is called from any
// goroutine and must not block.
func (s *Source) Follow(acked func() int64, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(now)
	s.acked, s.counted, s.skipped = acked, 0, 0
	s.active.now = 0 // what the incarnation before has not written is polled again
}

// settle counts what was acknowledged since the last look. s.mu is held.
func (s *Source) settle(now int64) {
	if s.acked == nil {
		return
	}
	n := s.acked() - s.counted
	if n <= 0 {
		return
	}
	s.counted += n
	s.active.set(max(s.active.now-float64(n), 0), now)
	left := min(s.skipped, n)
	s.skipped -= left
	if n > left {
		s.written.add(float64(n-left), now)
	}
}

// Polled notes a poll that returned records after took.
func (s *Source) Polled(records int, took time.Duration, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(now)
	s.polled.add(float64(records), now)
	s.pollMS.record(milliseconds(took), now)
	s.active.set(s.active.now+float64(records), now)
	s.seen = now
}

// Dropped notes records that were filtered out or skipped before they were given to Kafka.
func (s *Source) Dropped(records int, now int64) {
	if s == nil || records == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active.set(max(s.active.now-float64(records), 0), now)
}

// Skipped notes a record that Kafka refused and that was let go: it counts as acknowledged, but was
// not written.
func (s *Source) Skipped() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped++
}

// Transaction notes a committed transaction of so many records.
func (s *Source) Transaction(records int, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transaction.record(float64(records), now)
	s.committed = now
}

// Stored notes that source offsets were committed.
func (s *Source) Stored(now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed = now
}

// PartitionLag is how far a sink is behind in one partition.
type PartitionLag struct {
	Topic     string
	Partition int32
	Records   int64 // between the sink's position and the end that consumers can read
	Since     int64 // ms; timestamp of the oldest record not yet put, 0 if unknown or none
}

// Sink has the numbers that only sink tasks have.
type Sink struct {
	mu         sync.Mutex
	read       meter
	sent       meter
	putMS      sampled
	active     level
	partitions int
	seq        int64
	completed  meter
	skipped    meter
	lag        []PartitionLag
	idleSince  int64 // ms; since when the task has had no partitions, 0 while it has some
}

func newSink(w Windows) *Sink {
	return &Sink{
		read: newMeter(w), sent: newMeter(w), putMS: newSampled(w), active: newLevel(w),
		completed: newMeter(w), skipped: newMeter(w),
	}
}

// Read notes records consumed from Kafka, before transforms.
func (s *Sink) Read(records int, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read.add(float64(records), now)
}

// Put notes records that put took in took, after transforms.
func (s *Sink) Put(records int, took time.Duration, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.add(float64(records), now)
	s.putMS.record(milliseconds(took), now)
}

// Active notes how many records were consumed and are not committed.
func (s *Sink) Active(records int64, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active.set(float64(records), now)
}

// Assigned notes how many partitions the task has.
func (s *Sink) Assigned(partitions int, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partitions = partitions
	switch {
	case partitions > 0:
		s.idleSince = 0
	case s.idleSince == 0:
		s.idleSince = now
	}
}

// Completed notes a commit of consumer offsets that succeeded; seq counts the task's commits.
func (s *Sink) Completed(seq int64, now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq = seq
	s.completed.add(1, now)
}

// Skipped notes the answer to a commit that came too late to matter.
func (s *Sink) Skipped(now int64) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped.add(1, now)
}

// SetLag replaces what is known of the lag. The slice is kept: the caller gives it up.
func (s *Sink) SetLag(lag []PartitionLag) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = lag
}

// Lag is what is known of the lag, partition by partition; not to be changed.
func (s *Sink) Lag() []PartitionLag {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lag
}

// lagMax is the lag of the partition that is furthest behind, in records.
func (s *Sink) lagMax() float64 {
	var most int64
	for _, l := range s.lag {
		most = max(most, l.Records)
	}
	return float64(most)
}

func (s *Sink) lagSum() float64 {
	var all int64
	for _, l := range s.lag {
		all += l.Records
	}
	return float64(all)
}

// lagSeconds is the age of the oldest record that is known and not put, in seconds.
func (s *Sink) lagSeconds(now int64) float64 {
	var oldest int64
	for _, l := range s.lag {
		if l.Records > 0 && l.Since > 0 && (oldest == 0 || l.Since < oldest) {
			oldest = l.Since
		}
	}
	if oldest == 0 {
		return 0
	}
	return float64(max(now-oldest, 0)) / 1000
}
