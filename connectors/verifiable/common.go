package verifiable

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

const (
	version = "4.1.1"
	tools   = "org.apache.kafka.connect.tools."

	nameKey       = "name"
	idKey         = "id"
	topicKey      = "topic"
	throughputKey = "throughput"

	seqnoField = "seqno"
	// pollWait is how long Poll waits at most before it returns nothing.
	pollWait = time.Second
	// freeBatch is how many records Poll gives when nothing limits the throughput.
	freeBatch = 100
)

// described is the description of one of the connectors; as in the JVM they define no settings.
func described(simple string) plugin.Descriptor {
	return plugin.Descriptor{
		Class:   tools + simple + "Connector",
		Aliases: []string{simple + "Connector", simple},
		Version: version,
		Config:  config.NewDef(),
	}
}

// numbered is a connector whose tasks differ in their id only.
type numbered struct{ props map[string]string }

func (c *numbered) start(props map[string]string) error {
	c.props = maps.Clone(props)
	return nil
}

// TaskConfigs gives each task its id.
func (c *numbered) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	out := make([]map[string]string, maxTasks)
	for i := range out {
		out[i] = maps.Clone(c.props)
		if out[i] == nil {
			out[i] = map[string]string{}
		}
		out[i][idKey] = strconv.Itoa(i)
	}
	return out, nil
}

// Stop does nothing.
func (c *numbered) Stop(context.Context) error { return nil }

type numberedSource struct{ numbered }

func (c *numberedSource) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	return c.start(props)
}

type numberedSink struct{ numbered }

func (c *numberedSink) Start(_ context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	return c.start(props)
}

// settings reads task settings; the first error stays.
type settings struct {
	props map[string]string
	err   error
}

func (s *settings) number(key string, bits int, absent string) int64 {
	text, ok := s.props[key]
	if !ok {
		text = absent
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil && s.err == nil {
		s.err = errs.Config.New("Invalid value %q for configuration %s: it must be a whole number of %d bits", text, key, bits)
	}
	return n
}

func (s *settings) topic() string {
	t := s.props[topicKey]
	if t == "" && s.err == nil {
		s.err = errs.Config.New("Missing required configuration %q: the topic to send records to", topicKey)
	}
	return t
}

// numbering gives out sequence numbers, going on behind the committed one, no faster than the
// throughput says.
type numbering struct {
	partition  map[string]any
	next       int64
	first      int64
	throughput int64
	began      time.Time
}

func newNumbering(ctx context.Context, tc connectors.SourceTaskContext, id int32, throughput int64) (*numbering, error) {
	n := &numbering{partition: map[string]any{idKey: id}, throughput: throughput, began: time.Now()}
	offset, err := tc.Offsets().Offset(ctx, n.partition)
	if err != nil {
		return nil, errs.Connect.Wrap(err, "committed offset of task %d", id)
	}
	if offset != nil {
		last, ok := offset[seqnoField].(int64)
		if !ok {
			return nil, errs.Connect.New("committed offset of task %d has %s=%v, which is no whole number", id, seqnoField, offset[seqnoField])
		}
		n.next = last + 1
	}
	n.first = n.next
	return n, nil
}

// take is how many records may be sent now: it waits for the first, but not longer than
// pollWait; 0 if there is none by then or ctx ended.
func (n *numbering) take(ctx context.Context) int {
	if ctx.Err() != nil {
		return 0
	}
	sent := n.next - n.first
	if n.throughput < 0 {
		return freeBatch
	}
	wait := time.Duration(0)
	if sent > 0 {
		wait = pollWait + 1 // for throughput 0, and where the division below says as much
		if n.throughput > 0 {
			due := float64(sent) / float64(n.throughput) * float64(time.Second)
			wait = min(wait, time.Duration(due)-time.Since(n.began))
		}
	}
	if wait > 0 && !pause(ctx, min(wait, pollWait)) || wait > pollWait {
		return 0
	}
	return 1
}

// pause waits; false if ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// printJSON writes v as one line with one write.
func printJSON(out io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return errs.Data.Wrap(err, "record can't be printed as JSON")
	}
	_, err = out.Write(append(b, '\n'))
	return err
}

// plain is a Connect value as JSON can print it: text for all but numbers and such.
func plain(v any) any {
	switch v.(type) {
	case nil, bool, string, int8, int16, int32, int64:
		return v
	}
	return data.Text(v)
}
