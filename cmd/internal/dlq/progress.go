package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafkalog"
)

// ProgressTopic is the topic of progress unless another is named.
const ProgressTopic = "__troupe_dlq_replay"

// Progress is how far replays of one dead letter topic have come. It lies in a compacted topic that
// keeps it for as long as it's wanted, where a consumer group's offsets would be forgotten after a week
// without replays, and all letters be replayed a second time. The topic's id is part of it: a topic that
// was deleted and made again begins anew.
type Progress struct {
	topic, id, round string
	entries          []entry
	// mine are offsets of the replay's own filter: all letters before are done.
	mine map[int32]int64
}

// entry is what one filter has done. Two filters may choose the same letters.
type entry struct {
	filter  Filter
	offsets map[int32]int64
}

// progressVersion is that of the records' form. Others aren't understood.
const progressVersion = 1

// progressKey and progressValue are the records of the topic of progress.
type progressKey struct {
	Version int    `json:"version"`
	Topic   string `json:"topic"`
	ID      string `json:"id,omitempty"` // the topic's, 32 hexadecimal digits
	Round   string `json:"round,omitempty"`
	Filter  Filter `json:"filter"`
}

type progressValue struct {
	Offsets map[int32]int64 `json:"offsets"` // by partition: letters before are done
	Time    time.Time       `json:"time"`
}

// loadProgress reads how far replays of the topic have come: everything that was committed before the
// call. With make it makes the topic of progress if there is none.
func (c *Clients) loadProgress(ctx context.Context, in string, p *Progress, own *Filter, make bool) (err error) {
	admin, err := c.Admin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	// A replay of another topic that was killed within a transaction holds readers up until its time is over.
	ctx, cancel := context.WithTimeoutCause(ctx, beginLimit, fmt.Errorf("topic %s was not read to its end within %s", in, beginLimit))
	defer cancel()
	if !make {
		found, err := admin.DescribeTopics(ctx, in)
		if err != nil || found[in].Partitions == 0 {
			return err
		}
	}
	var bad error
	log := kafkalog.New(kafkalog.Config{
		Topic: kafkalog.Topic{
			Name: in, Partitions: 1, ReplicationFactor: -1, Single: true,
			Setting: "--progress-topic", Purpose: "progress of replays of dead letters",
		},
		Props: c.admin, ClientID: "troupe-dlq-progress", ReadCommitted: true, ReadOnly: true,
	}, admin, func(r *kafka.Record) {
		if err := p.apply(r, own); err != nil && bad == nil {
			bad = fmt.Errorf("%s: %w", place(r.Topic, r.Partition, r.Offset), err)
		}
	}, c.log, c.opts...)
	err = log.Start(ctx)
	p.prune()
	return errors.Join(err, log.Stop(context.WithoutCancel(ctx)), bad)
}

// apply takes a record of the topic of progress in.
func (p *Progress) apply(r *kafka.Record, own *Filter) error {
	var about struct {
		Topic string `json:"topic"`
	}
	if err := json.Unmarshal(r.Key, &about); err != nil {
		return fmt.Errorf("this is no progress of a replay: %w", err)
	}
	if about.Topic != p.topic {
		return nil // another topic's, which may be of a form that isn't known here
	}
	var key progressKey
	keys := json.NewDecoder(bytes.NewReader(r.Key))
	keys.DisallowUnknownFields()
	if err := keys.Decode(&key); err != nil || key.Version != progressVersion {
		return fmt.Errorf("the progress was written by another version of troupe, with which the replay must go on (%w)",
			errors.Join(err, fmt.Errorf("version %d", key.Version)))
	}
	if key.ID != p.id || key.Round != p.round {
		return nil
	}
	if err := key.Filter.Prepare(); err != nil {
		return fmt.Errorf("filter %s: %w", key.Filter.String(), err)
	}
	var value progressValue
	if len(r.Value) > 0 {
		if err := json.Unmarshal(r.Value, &value); err != nil {
			return fmt.Errorf("this is no progress of a replay: %w", err)
		}
	}
	p.put(key.Filter, value.Offsets, own)
	return nil
}

// put sets what a filter has done.
func (p *Progress) put(f Filter, offsets map[int32]int64, own *Filter) {
	if own != nil && f.String() == own.String() {
		p.mine = offsets
	}
	for i := range p.entries {
		if p.entries[i].filter.String() == f.String() {
			p.entries[i].offsets = offsets
			return
		}
	}
	p.entries = append(p.entries, entry{f, offsets})
}

// prune leaves out what adds nothing to what the replay of all letters has done: there is an entry for
// each letter that was ever mended by hand.
func (p *Progress) prune() {
	all := slices.IndexFunc(p.entries, func(e entry) bool { return e.filter.String() == "{}" })
	if all < 0 {
		return
	}
	done := p.entries[all].offsets
	p.entries = slices.DeleteFunc(p.entries, func(e entry) bool {
		if e.filter.String() == "{}" {
			return false
		}
		for n, at := range e.offsets {
			if at > done[n] {
				return false
			}
		}
		return true
	})
}

// Done reports whether a replay has written the letter. Errors are those of Filter.Match.
func (p *Progress) Done(l *Letter) (bool, error) {
	for i := range p.entries {
		e := &p.entries[i]
		if l.Record.Offset >= e.offsets[l.Record.Partition] {
			continue
		}
		if chosen, err := e.filter.Match(l); err != nil || chosen {
			return chosen, err
		}
	}
	return false, nil
}

// from is where a replay has to begin.
func (p *Progress) from() map[int32]int64 {
	out := maps.Clone(p.mine)
	if out == nil {
		out = map[int32]int64{}
	}
	for i := range p.entries {
		if e := &p.entries[i]; e.filter.String() == "{}" {
			for n, at := range e.offsets {
				out[n] = max(out[n], at)
			}
		}
	}
	return out
}

// record is the progress of the own filter, as it is written with the letters.
func (p *Progress) record(in string, own *Filter, offsets map[int32]int64) (*kafka.Record, error) {
	key, err := json.Marshal(progressKey{progressVersion, p.topic, p.id, p.round, *own})
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(progressValue{offsets, time.Now().UTC().Truncate(time.Millisecond)})
	if err != nil {
		return nil, err
	}
	return &kafka.Record{Topic: in, Partition: 0, Key: key, Value: value}, nil
}
