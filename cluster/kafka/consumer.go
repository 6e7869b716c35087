package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Consumer reads its share of a group's topics. One goroutine polls and calls everything else,
// except Wakeup, CommitAsync and Close, which any goroutine may call.
//
// Memory: a fetch from each broker is held at most, of fetch.max.bytes as compressed, until it is
// polled; nothing more is fetched meanwhile.
type Consumer struct {
	cfg  consumerSettings
	opts []kgo.Opt
	bare []kgo.Opt // those that have nothing to do with consuming
	log  *slog.Logger
	id   string      // client.id
	late *Departures // may be nil

	numbers numbers
	retire  func()   // ends numbers
	lag     *lagging // nil if nobody wants to know
	idle    atomic.Pointer[Idle]

	records []*Record // of the last poll
	stashed error     // found beside records, for the next poll
	current *Rebalance
	timer   *time.Timer // runs between polls: max.poll.interval.ms

	mu        sync.Mutex  // below: also used by callbacks of the client
	m         *membership // nil while not in the group
	last      *membership // the latest, perhaps still on its way out
	pending   *Rebalance  // for the next poll
	cancel    context.CancelFunc
	woken     bool
	polling   bool
	closed    bool
	fatal     error
	positions Offsets // of owned partitions
	unset     Offsets // seeks that the client hasn't taken yet
}

// NewConsumer makes a consumer in the group ("" takes group.id of props) of the topics, or if there
// are none of those whose whole name matches the Java pattern topicsRegex. It joins the group in
// the background; a wrong setting or pattern is an errs.Config error. auto.offset.reset is earliest
// by default, as Connect's is.
func NewConsumer(props Props, group string, topics []string, topicsRegex string, log *slog.Logger, opts ...Option) (*Consumer, error) {
	r := security.NewReader(props)
	s := readSettings(r, opts)
	c := &Consumer{log: log, id: s.clientID, late: s.departures, positions: Offsets{}, unset: Offsets{}}
	c.cfg = readConsumer(r, group, topics, topicsRegex)
	readClasses(r, ConsumerClient)
	if r.Err() != nil {
		return nil, r.Err()
	}
	if err := s.resolve(background); err != nil {
		return nil, err
	}
	c.cfg.metadataAge = clip(s.metadataMaxAge, 10*time.Millisecond, time.Hour)
	r.Use("enable.auto.commit") // Connect sets it itself: offsets are committed by the task
	s.warnUnread(r, log)
	c.bare = append(s.franzOptions(log, c.loginFailed), s.outlast()...)
	c.keepNumbers(s)
	c.opts = append(slices.Clip(c.bare), c.cfg.opts...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.join(); err != nil {
		c.retire()
		return nil, errs.Config.Wrap(err, "settings of consumer %s", c.id)
	}
	c.timer = time.AfterFunc(c.cfg.maxPollInterval, c.expired)
	return c, nil
}

// Without says why a consumer has no partitions, as far as it knows.
func (c *Consumer) Without() string {
	c.mu.Lock()
	m, group := c.m, c.cfg.group
	c.mu.Unlock()
	generation := int32(-1)
	if m != nil {
		_, generation = m.client.GroupMetadata()
	}
	if generation < 0 {
		return fmt.Sprintf("it is joining group %s: the group's coordinator is away, or waits for members that are gone until their "+
			"session ends (session.timeout.ms), or for those of a rebalance (rebalance.timeout.ms)", group)
	}
	return fmt.Sprintf("it is a member of group %s (generation %d) that was given none: there are fewer partitions than members, "+
		"or the topics do not exist", group, generation)
}

// Polled is what a poll found: either may be empty.
type Polled struct {
	// Records are ordered per partition. The slice is the consumer's and valid until the next
	// Poll; the records may be kept.
	Records []*Record
	// Rebalance, if not nil, must be answered with Done before the next Poll. Records polled
	// before it still count.
	Rebalance *Rebalance
}

// Poll waits for records, a rebalance, Wakeup or the end of ctx, which is no error: it then returns
// an empty Polled. At most max records are returned; max <= 0 stands for max.poll.records. An error
// is classified (see Classify); after one the consumer is of no more use.
//
// A consumer that isn't polled for max.poll.interval.ms leaves the group, as Java's does; the next
// Poll tells that its partitions are Lost, and the one after that joins again.
func (c *Consumer) Poll(ctx context.Context, max int) (Polled, error) {
	if c.current != nil && !c.current.answered() {
		return Polled{}, errs.IllegalState.New("poll before the rebalance of the last poll was answered with Done")
	}
	clear(c.records) // so that what was polled can be freed
	c.records = c.records[:0]
	if max <= 0 {
		max = c.cfg.maxPollRecords
	}
	client, rebalance, err := c.enter()
	defer c.leave()
	if err != nil || rebalance != nil {
		return Polled{Rebalance: rebalance}, err
	}
	if client == nil {
		return Polled{}, nil // woken
	}
	c.applySeeks(client)
	//nolint:staticcheck // nil asks for what is there without waiting; a context would be allocated
	fetches := client.PollRecords(nil, max)
	if len(fetches) == 0 {
		fetches, rebalance, err = c.wait(ctx, client, max)
		if err != nil || rebalance != nil {
			return Polled{Rebalance: rebalance}, err
		}
	}
	if err := c.take(fetches); err != nil {
		return Polled{}, err
	}
	c.tellLag()
	return Polled{Records: c.records}, nil
}

// enter begins a poll: it stops the clock between polls and finds what is to be told before records.
// No client and nothing else: Wakeup was called.
func (c *Consumer) enter() (*kgo.Client, *Rebalance, error) {
	c.timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling = true
	if r := c.current; r != nil && r.Kind != Assigned && r.of != c.m {
		c.forget(r) // the membership ended while this was being answered: don't tell of it twice
	}
	c.current = nil
	switch {
	case c.closed:
		return nil, nil, failed(ErrAborted, "poll")
	case c.fatal != nil:
		return nil, nil, c.fatal
	case c.stashed != nil:
		return nil, nil, c.stashed
	case c.m == nil && len(c.positions) > 0:
		return nil, c.lose(), nil
	case c.pending != nil:
		return nil, c.handOver(), nil
	case c.woken:
		c.woken = false
		return nil, nil, nil
	}
	if c.m == nil {
		if err := c.join(); err != nil {
			return nil, nil, failed(err, "join group %s again", c.cfg.group)
		}
		c.log.Info("joining the group again", "group", c.cfg.group)
	}
	return c.m.client, nil, nil
}

// leave ends a poll.
func (c *Consumer) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling = false
	if !c.closed {
		c.timer.Reset(c.cfg.maxPollInterval)
	}
}

// handOver gives the pending rebalance to the polling goroutine. From here on assigned partitions
// count as owned: whatever happens next, the poller is told when they go. c.mu is held.
func (c *Consumer) handOver() *Rebalance {
	r := c.pending
	c.current, c.pending = r, nil
	if r.Kind == Assigned {
		for _, tp := range r.Partitions {
			c.positions[tp] = -1
			if at, ok := r.Position[tp]; ok {
				c.positions[tp] = at
			}
		}
	}
	return r
}

// forget ends the ownership of the rebalance's partitions. c.mu is held.
func (c *Consumer) forget(r *Rebalance) {
	for _, tp := range r.Partitions {
		delete(c.positions, tp)
		delete(c.unset, tp)
	}
}

// wait polls until there is something or the context ends, or whatever else interrupts it.
func (c *Consumer) wait(ctx context.Context, client *kgo.Client, max int) (kgo.Fetches, *Rebalance, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	if c.pending != nil || c.woken || c.fatal != nil || c.closed {
		cancel()
	}
	c.cancel = cancel
	c.mu.Unlock()
	fetches := client.PollRecords(ctx, max)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = nil
	c.woken = false
	if fetches.NumRecords() > 0 {
		return fetches, nil, nil // a rebalance is told at the next poll
	}
	switch {
	case c.closed:
		return nil, nil, failed(ErrAborted, "poll")
	case c.fatal != nil:
		return nil, nil, c.fatal
	case c.pending != nil:
		return nil, c.handOver(), nil
	}
	return fetches, nil, nil
}

// take collects records and errors of a poll.
func (c *Consumer) take(fetches kgo.Fetches) error {
	var bad error
	for i := range fetches {
		for j := range fetches[i].Topics {
			topic := &fetches[i].Topics[j]
			for k := range topic.Partitions {
				p := &topic.Partitions[k]
				if p.Err != nil {
					bad = cmpErr(bad, c.judge(topic.Topic, p.Partition, p.Err))
				}
				c.takePartition(topic.Topic, p)
			}
		}
	}
	if bad != nil && len(c.records) > 0 {
		c.stashed, bad = bad, nil
	}
	return bad
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (c *Consumer) takePartition(topic string, p *kgo.FetchPartition) {
	if len(p.Records) == 0 {
		return
	}
	tp := data.TopicPartition{Topic: topic, Partition: p.Partition}
	c.mu.Lock()
	_, owned := c.positions[tp]
	if _, elsewhere := c.unset[tp]; elsewhere {
		owned = false // from before a seek: it is made good at the next poll
	}
	if owned {
		c.positions[tp] = p.Records[len(p.Records)-1].Offset + 1
		c.noteEnd(tp, p)
	}
	c.mu.Unlock()
	if owned {
		c.records = append(c.records, p.Records...)
	}
}

// judge decides what an error of a fetch means: nil is one that the client gets over by itself, as
// Java's does.
func (c *Consumer) judge(topic string, partition int32, err error) error {
	var session *kgo.ErrGroupSession
	var lost *kgo.ErrDataLoss
	inSession := errors.As(err, &session)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrClientClosed):
		return nil
	case errors.As(err, &lost):
		c.log.Warn("records were lost by the brokers", "topic", topic, "partition", partition,
			"consumed_to", lost.ConsumedTo, "reset_to", lost.ResetTo)
		return nil
	case inSession && (errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.FencedMemberEpoch)):
		return nil // the client joins again
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		c.doubt(topic)
		return nil
	case Classify(err) == Retriable:
		c.log.Debug("consumer goes on after an error", "topic", topic, "partition", partition, "error", err)
		return nil
	case inSession:
		return failed(err, "consume in group %s", c.cfg.group)
	}
	if partition < 0 { // of the topic as a whole
		return failed(noOffset(err), "consume topic %s", topic)
	}
	return failed(noOffset(err), "consume %s-%d", topic, partition)
}

// noOffset gives Java's class to the errors of auto.offset.reset=none.
func noOffset(err error) error {
	if err.Error() == "partition has no prior committed offset" {
		return &Error{
			Op: "auto.offset.reset is none", Class: Fatal, Err: err,
			Java: "org.apache.kafka.clients.consumer.NoOffsetForPartitionException",
		}
	}
	return err
}

// interrupt ends a poll that waits. c.mu is held.
func (c *Consumer) interrupt() {
	if c.cancel != nil {
		c.cancel()
	}
}

// Wakeup makes a Poll that waits, or else the next one, return at once.
func (c *Consumer) Wakeup() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken = true
	c.interrupt()
}

// loginFailed is told by the client of a login or handshake that failed.
func (c *Consumer) loginFailed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fatal == nil {
		c.fatal = failed(err, "log in to Kafka")
	}
	c.interrupt()
}

// client is the client of the group, nil while the consumer isn't in it.
func (c *Consumer) client() *kgo.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		return nil
	}
	return c.m.client
}

// Pause stops fetching partitions. Partitions that are lost and assigned again are not paused.
func (c *Consumer) Pause(partitions ...data.TopicPartition) {
	if client := c.client(); client != nil && len(partitions) > 0 {
		client.PauseFetchPartitions(byTopic(partitions))
	}
}

// Resume is the opposite of Pause.
func (c *Consumer) Resume(partitions ...data.TopicPartition) {
	if client := c.client(); client != nil && len(partitions) > 0 {
		client.ResumeFetchPartitions(byTopic(partitions))
	}
}

// Seek sets where the next Poll reads on in assigned partitions. Others are an errs.IllegalState
// error, and nothing is changed.
func (c *Consumer) Seek(to Offsets) error {
	c.mu.Lock()
	for tp, offset := range to {
		if _, owned := c.positions[tp]; !owned || offset < 0 {
			c.mu.Unlock()
			return errs.IllegalState.New("No current assignment for partition %s-%d, or offset %d is negative", tp.Topic, tp.Partition, offset)
		}
	}
	for tp, offset := range to {
		c.positions[tp], c.unset[tp] = offset, offset
	}
	c.mu.Unlock()
	if client := c.client(); client != nil {
		c.applySeeks(client)
	}
	return nil
}

// applySeeks gives seeks to the client, which leaves out silently partitions whose assignment isn't
// through yet; those are tried again at each poll, and what is fetched of them meanwhile is dropped.
func (c *Consumer) applySeeks(client *kgo.Client) {
	c.mu.Lock()
	todo := maps.Clone(c.unset)
	c.mu.Unlock()
	if len(todo) == 0 {
		return
	}
	client.SetOffsets(epochOffsets(todo)) // it takes the locks of callbacks that wait for ours
	now := client.CommittedOffsets()
	c.mu.Lock()
	defer c.mu.Unlock()
	for tp, offset := range todo {
		if at, ok := now[tp.Topic][tp.Partition]; ok && at.Offset == offset && c.unset[tp] == offset {
			delete(c.unset, tp)
		}
	}
}

func epochOffsets(offsets Offsets) map[string]map[int32]kgo.EpochOffset {
	m := make(map[string]map[int32]kgo.EpochOffset)
	for tp, offset := range offsets {
		if m[tp.Topic] == nil {
			m[tp.Topic] = make(map[int32]kgo.EpochOffset)
		}
		m[tp.Topic][tp.Partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	return m
}

// Position is the offset of the next record that Poll returns of an assigned partition; false if it
// isn't assigned or not known yet.
func (c *Consumer) Position(tp data.TopicPartition) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	offset, ok := c.positions[tp]
	return offset, ok && offset >= 0
}

// Assignment are the partitions that were told of by Assigned, in order.
func (c *Consumer) Assignment() []data.TopicPartition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owned()
}

func (c *Consumer) owned() []data.TopicPartition {
	out := make([]data.TopicPartition, 0, len(c.positions))
	for tp := range c.positions {
		out = append(out, tp)
	}
	return slices.Clip(newRebalance(Lost, out).Partitions)
}

// MaxPollInterval is max.poll.interval.ms.
func (c *Consumer) MaxPollInterval() time.Duration { return c.cfg.maxPollInterval }

// expired runs when nobody has polled for max.poll.interval.ms.
func (c *Consumer) expired() {
	c.mu.Lock()
	m := c.m
	if c.polling || c.closed || m == nil {
		c.mu.Unlock()
		return
	}
	c.m = nil
	c.dropPending()
	c.mu.Unlock()
	c.log.Warn("the consumer leaves the group: it was not polled within max.poll.interval.ms; "+
		"raise it, or lower max.poll.records", "group", c.cfg.group, "max_poll_interval", c.cfg.maxPollInterval)
	ctx, cancel := context.WithTimeout(background, 10*time.Second)
	defer cancel()
	m.end(ctx) //nolint:errcheck // the session ends without it too
}

// dropPending forgets a rebalance that nobody has seen. c.mu is held.
func (c *Consumer) dropPending() {
	if c.pending != nil {
		c.pending.Done(nil)
		c.pending = nil
	}
}

// Close leaves the group and closes, waiting at most until ctx ends. It doesn't commit, and no
// rebalance is told any more. Calls after the first do nothing.
func (c *Consumer) Close(ctx context.Context) error {
	c.timer.Stop()
	c.mu.Lock()
	m := c.m
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed, c.m = true, nil
	c.retire()
	last := c.last
	c.dropPending()
	c.interrupt()
	c.mu.Unlock()
	if m != nil {
		return failed(m.end(ctx), "leave group %s", c.cfg.group)
	}
	select {
	case <-last.gone:
		return nil
	case <-ctx.Done():
		return failed(ctx.Err(), "leave group %s", c.cfg.group)
	}
}
