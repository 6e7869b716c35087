package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-connect/troupe/connectors/data"
)

// Topics that are deleted, and maybe made anew, while they are consumed by name. Java's consumer gives
// their partitions back in a rebalance and finds the new ones; franz-go holds on to what it knew until
// it is told to forget it. Errors of fetches tell that something is wrong, metadata what it is.
const (
	// A topic that brokers don't know is gone when they still don't after goneAfter: right after it
	// was made not all of them may know it.
	goneAfter = time.Second
	// A topic that is there, and whose fetches yet fail for so long, is another of the same name.
	anewAfter = 5 * time.Second
	// Errors further apart than this have nothing to do with each other.
	doubtsFade = 10 * time.Second
)

// doubt is told of a fetch whose topic the broker doesn't know, by name or by id.
func (c *Consumer) doubt(topic string) {
	c.mu.Lock()
	m := c.m
	c.mu.Unlock()
	if m == nil {
		return
	}
	select {
	case m.doubts <- topic:
	default: // there is enough to do; it will be told again
	}
}

// doubts is what is known of a topic in doubt.
type doubts struct {
	first, last time.Time // errors
	missing     time.Time // since when it is not there; zero if it was at the last look
}

// deletedLoop looks into doubts until the membership ends.
func (m *membership) deletedLoop() {
	open := map[string]*doubts{}
	for {
		select {
		case <-m.ended:
			return
		case topic := <-m.doubts:
			now := time.Now()
			d := open[topic]
			if d == nil || now.Sub(d.last) > doubtsFade {
				d = &doubts{first: now, last: now.Add(-time.Minute)}
				open[topic] = d
			}
			if now.Sub(d.last) < 200*time.Millisecond {
				continue // errors come by the partition
			}
			d.last = now
			if m.forgets(topic, d, now) {
				delete(open, topic)
			}
		}
	}
}

// forgets looks at the topic and has the client forget it if it's gone or another by now, so that it is
// found anew when there is one.
func (m *membership) forgets(topic string, d *doubts, now time.Time) bool {
	there, ok := m.exists(topic)
	switch {
	case !ok:
		return false
	case there:
		d.missing = time.Time{}
		if now.Sub(d.first) < anewAfter {
			return false
		}
		m.c.log.Warn("topic was deleted and recreated; reassigning its partitions", "topic", topic)
		m.abandon(topic)
	case d.missing.IsZero():
		d.missing = now
		return false
	case now.Sub(d.missing) < goneAfter:
		return false
	default:
		m.c.log.Warn("topic was deleted, its partitions are given back", "topic", topic)
	}
	m.client.PurgeTopicsFromConsuming(topic)
	m.client.AddConsumeTopics(topic) // nothing where franz-go looks for topics by a pattern: it finds it by itself
	return true
}

// abandon takes the partitions of a topic for lost: what was read of the old one says nothing of the
// new one, and must not be committed for it.
func (m *membership) abandon(topic string) {
	var mine []data.TopicPartition
	m.c.mu.Lock()
	for tp := range m.c.positions {
		if tp.Topic == topic {
			mine = append(mine, tp)
		}
	}
	m.c.mu.Unlock()
	m.give(Lost, mine)
}

// exists asks whether there is such a topic; not ok if there is no answer.
func (m *membership) exists(topic string) (there, ok bool) {
	ctx, cancel := context.WithTimeout(m.ctx, 10*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, m.client)
	if err != nil || len(resp.Topics) != 1 {
		m.c.log.Debug("look for a topic whose fetches fail", "topic", topic, "error", err)
		return false, false
	}
	switch code := resp.Topics[0].ErrorCode; code {
	case 0:
		return true, true
	case kerr.UnknownTopicOrPartition.Code:
		return false, true
	}
	return false, false
}
