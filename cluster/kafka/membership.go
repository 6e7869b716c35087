package kafka

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-connect/troupe/connectors/data"
)

// membership is the consumer in its group: from joining until it leaves. A consumer that joins again
// gets another.
type membership struct {
	c       *Consumer
	client  *kgo.Client
	ready   chan struct{} // closed when the consumer knows it; callbacks may come before
	ended   chan struct{} // closed first of all when it ends; callbacks don't wait any more
	gone    chan struct{} // closed when everything of it has ended
	once    sync.Once
	ctx     context.Context //nolint:containedctx // ends with the membership
	cancel  context.CancelFunc
	cut     context.CancelFunc // ends what the client waits for
	commits chan commit
	doubts  chan string    // topics whose fetches fail
	workers sync.WaitGroup // commits, discovery, deleted topics
}

// errEnded is what waits for a membership get when it ends.
var errEnded = errors.New("the consumer has left the group")

// join makes the client, which joins the group in the background. c.mu is held.
func (c *Consumer) join() error {
	m := &membership{
		c: c, ready: make(chan struct{}), ended: make(chan struct{}), gone: make(chan struct{}),
		commits: make(chan commit, 64), doubts: make(chan string, 16),
	}
	m.ctx, m.cancel = context.WithCancel(background)
	line, cut := context.WithCancel(background)
	m.cut = cut
	client, err := kgo.NewClient(append(slices.Clone(c.opts), kgo.WithContext(line),
		kgo.AdjustFetchOffsetsFn(m.assigned),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, p map[string][]int32) { m.taken(Revoked, p) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, p map[string][]int32) { m.taken(Lost, p) }),
	)...)
	if err != nil {
		m.cancel()
		cut()
		return err
	}
	m.client = client
	c.m, c.last = m, m
	close(m.ready)
	m.workers.Go(m.commitLoop)
	m.workers.Go(m.deletedLoop)
	m.workers.Go(m.idleLoop)
	if c.lag != nil {
		m.workers.Go(m.lagLoop)
	}
	if c.cfg.pattern != nil {
		m.workers.Go(m.discoverLoop)
	}
	return nil
}

// end leaves the group and closes the client. The error is that of leaving.
func (m *membership) end(ctx context.Context) error {
	var err error
	m.once.Do(func() {
		close(m.ended)
		m.cancel()
		err = m.leave(ctx)
		member := m.id()
		m.cut()
		m.client.Close()
		m.workers.Wait()
		if member != "" && m.c.cfg.leaves && err != nil && unleft(err) {
			m.c.late.add(m.c, member)
		}
		close(m.gone)
	})
	return err
}

// tell gives the rebalance to the polling goroutine and waits for its answer. false: it was never
// seen, because the session or the membership ended first.
func (m *membership) tell(ctx context.Context, r *Rebalance) bool {
	c := m.c
	c.mu.Lock()
	if c.m != m {
		c.mu.Unlock()
		return false
	}
	r.of, c.pending = m, r
	c.interrupt()
	c.mu.Unlock()
	select {
	case <-r.done:
		return true
	case <-m.ended:
	case <-ctx.Done():
	}
	c.mu.Lock()
	seen := c.pending != r
	if !seen {
		c.pending = nil
	}
	c.mu.Unlock()
	if !seen {
		return false
	}
	select { // it was handed over: it will be answered
	case <-r.done:
		return true
	case <-m.ended:
		return false
	}
}

// assigned is called by the client with new partitions and where to begin them, before the first
// fetch. ctx ends when the group begins another rebalance; the client then calls again, with the same
// partitions and others.
func (m *membership) assigned(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	<-m.ready
	c := m.c
	committed, position := Offsets{}, Offsets{}
	var fresh, open []data.TopicPartition
	c.mu.Lock()
	for topic, partitions := range offsets {
		for number, offset := range partitions {
			tp := data.TopicPartition{Topic: topic, Partition: number}
			if at, told := c.positions[tp]; told {
				if at >= 0 {
					partitions[number] = kgo.NewOffset().At(at)
				}
				continue
			}
			fresh = append(fresh, tp)
			if at := offset.EpochOffset().Offset; at >= 0 {
				committed[tp], position[tp] = at, at
			} else {
				open = append(open, tp)
			}
		}
	}
	c.mu.Unlock()
	if len(fresh) == 0 {
		return offsets, nil
	}
	for tp, at := range m.resolve(ctx, open) {
		position[tp] = at
		offsets[tp.Topic][tp.Partition] = kgo.NewOffset().At(at)
	}
	r := newRebalance(Assigned, fresh)
	r.Committed, r.Position = committed, position
	if !m.tell(ctx, r) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, errEnded
	}
	m.begin(r, offsets)
	return offsets, nil
}

// begin puts the positions of the answer in place.
func (m *membership) begin(r *Rebalance, offsets map[string]map[int32]kgo.Offset) {
	c := m.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range r.Partitions {
		to, ok := r.seek[tp]
		if later, sought := c.unset[tp]; sought {
			to, ok = later, true
		}
		if ok && to >= 0 {
			c.positions[tp] = to
			offsets[tp.Topic][tp.Partition] = kgo.NewOffset().At(to)
		}
	}
}

// resolve asks where partitions without committed offset begin. What can't be found out soon is left
// to the client, which will go on trying.
func (m *membership) resolve(ctx context.Context, open []data.TopicPartition) Offsets {
	found := Offsets{}
	timestamp, ok := m.c.cfg.reset.timestamp()
	if !ok || len(open) == 0 {
		return found
	}
	for tries := 0; len(open) > 0 && tries < 5 && ctx.Err() == nil; tries++ {
		if tries > 0 {
			timer := time.NewTimer(200 * time.Millisecond)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
		found, open = m.listOffsets(ctx, found, open, timestamp)
	}
	return found
}

// listOffsets asks once; it returns what was found so far and what is still open.
func (m *membership) listOffsets(ctx context.Context, found Offsets, open []data.TopicPartition, timestamp int64) (Offsets, []data.TopicPartition) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	if m.c.cfg.readCommitted {
		req.IsolationLevel = 1
	}
	for topic, numbers := range byTopic(open) {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for _, n := range numbers {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp, p.CurrentLeaderEpoch = n, timestamp, -1
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, m.client)
	if err != nil {
		return found, open
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.Offset >= 0 {
				found[data.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.Offset
			}
		}
	}
	var still []data.TopicPartition
	for _, tp := range open {
		if _, ok := found[tp]; !ok {
			still = append(still, tp)
		}
	}
	return found, still
}

// taken is called by the client when partitions go, and returns when the poller has seen to it. The
// client has stopped fetching them already and dropped what was buffered.
func (m *membership) taken(kind RebalanceKind, lost map[string][]int32) {
	<-m.ready
	c := m.c
	c.mu.Lock()
	var mine []data.TopicPartition
	for _, tp := range partitionsOf(lost) {
		if _, owned := c.positions[tp]; owned {
			mine = append(mine, tp)
		}
	}
	c.mu.Unlock()
	m.give(kind, mine)
}

// give tells that partitions have gone, and forgets them.
func (m *membership) give(kind RebalanceKind, mine []data.TopicPartition) {
	c := m.c
	r := newRebalance(kind, mine)
	if len(mine) == 0 || !m.tell(background, r) {
		return
	}
	c.mu.Lock()
	c.forget(r)
	c.mu.Unlock()
	m.client.ResumeFetchPartitions(byTopic(mine)) // a pause ends with the assignment
}

// lose makes the Lost of a consumer that has left because nobody polled it. c.mu is held.
func (c *Consumer) lose() *Rebalance {
	c.current = newRebalance(Lost, c.owned())
	clear(c.positions)
	clear(c.unset)
	return c.current
}

// commit is a commit on its way.
type commit struct {
	ctx     context.Context //nolint:containedctx // of the call that waits in the queue
	offsets Offsets
	done    func(error)
}

// commitLoop sends commits one after the other: franz-go would make the caller wait while the
// group is being joined.
func (m *membership) commitLoop() {
	for {
		select {
		case next := <-m.commits:
			next.done(m.commitNow(next.ctx, next.offsets))
		case <-m.ended:
			for {
				select {
				case next := <-m.commits:
					next.done(m.c.notMember())
				default:
					return
				}
			}
		}
	}
}

func (m *membership) commitNow(ctx context.Context, offsets Offsets) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	// Java writes no metadata; franz-go would write its member id.
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				req.Topics[i].Partitions[j].Metadata = new("")
			}
		}
		return nil
	})
	var result error
	m.client.CommitOffsetsSync(ctx, epochOffsets(offsets), func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		result = commitError(resp, err)
	})
	return failed(result, "commit offsets of group %s", m.c.cfg.group)
}

// commitError is the request's error or the first of a partition.
func commitError(resp *kmsg.OffsetCommitResponse, err error) error {
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return failed(err, "%s-%d", t.Topic, p.Partition)
			}
		}
	}
	return nil
}

// Commit commits the offsets as a member of the group and waits for the answer or ctx's end. A
// generation that is over is Fenced or Retriable: the partitions are with another member.
func (c *Consumer) Commit(ctx context.Context, offsets Offsets) error {
	answer := make(chan error, 1)
	c.CommitAsync(ctx, offsets, func(err error) { answer <- err })
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return failed(ctx.Err(), "commit offsets of group %s", c.cfg.group)
	}
}

// CommitAsync is Commit without the wait: done is called once, perhaps from another goroutine, and
// must not block. Commits are sent in order. ctx bounds the commit itself.
func (c *Consumer) CommitAsync(ctx context.Context, offsets Offsets, done func(error)) {
	if len(offsets) == 0 {
		done(nil)
		return
	}
	c.mu.Lock()
	m := c.m
	c.mu.Unlock()
	if m == nil {
		done(c.notMember())
		return
	}
	select {
	case <-m.ended:
		done(c.notMember())
	case m.commits <- commit{ctx, offsets, done}:
		select {
		case <-m.ended: // perhaps nobody takes it out any more
			m.drain()
		default:
		}
	case <-ctx.Done():
		done(failed(ctx.Err(), "commit offsets of group %s", c.cfg.group))
	}
}

// drain answers commits that came while the membership ended.
func (m *membership) drain() {
	for {
		select {
		case next := <-m.commits:
			next.done(m.c.notMember())
		default:
			return
		}
	}
}

func (c *Consumer) notMember() error {
	return &Error{
		Op: "commit offsets of group " + c.cfg.group, Class: Fenced, Err: errEnded,
		Java: "org.apache.kafka.clients.consumer.CommitFailedException",
	}
}

// discoverLoop finds the topics of a pattern and gives them to the client, at once and then every
// metadata.max.age.ms, so that a rebalance brings in those that are new.
func (m *membership) discoverLoop() {
	var interval time.Duration
	known := map[string]int{}      // topic -> times missing
	unmatched := map[string]bool{} // topics on which the pattern takes too many steps
	for wait := time.Duration(0); ; wait = interval {
		timer := time.NewTimer(wait)
		select {
		case <-m.ended:
			timer.Stop()
			return
		case <-timer.C:
		}
		if !m.discover(known, unmatched) {
			interval = min(time.Second, m.c.cfg.metadataAge)
			continue
		}
		interval = m.c.cfg.metadataAge
	}
}

// discover looks at all topics once.
func (m *membership) discover(known map[string]int, unmatched map[string]bool) bool {
	ctx, cancel := context.WithTimeout(m.ctx, 30*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = nil // all
	resp, err := req.RequestWith(ctx, m.client)
	if err != nil {
		m.c.log.Debug("look for topics", "error", err)
		return false
	}
	var added, gone []string
	seen := map[string]bool{}
	for _, t := range resp.Topics {
		if t.Topic == nil || t.IsInternal && !m.c.cfg.internal || t.ErrorCode != 0 {
			continue
		}
		matches, err := m.c.cfg.pattern.MatchString(*t.Topic)
		if err != nil && !unmatched[*t.Topic] {
			unmatched[*t.Topic] = true
			m.c.log.Warn("topic is not read: topics.regex can't be matched with its name", "topic", *t.Topic, "error", err)
		}
		if !matches {
			continue
		}
		seen[*t.Topic] = true
		if _, ok := known[*t.Topic]; !ok {
			added = append(added, *t.Topic)
		}
		known[*t.Topic] = 0
	}
	for topic := range known {
		if seen[topic] {
			continue
		}
		if known[topic]++; known[topic] > 1 { // a broker may have forgotten it for a moment
			gone = append(gone, topic)
			delete(known, topic)
		}
	}
	m.client.AddConsumeTopics(added...)
	if len(gone) > 0 {
		m.client.PurgeTopicsFromConsuming(gone...)
	}
	return true
}
