package dlq

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/cluster/kafka"
)

// Group counts the letters of a topic that failed in the same way.
type Group struct {
	Topic     string `json:"topic"`
	Connector string `json:"connector"` // "" without context headers
	Stage     string `json:"stage"`
	Exception string `json:"exception"` // Java's class
	Count     int64  `json:"count"`
	Replayed  int64  `json:"replayed"`
	// Oldest and Newest are times of records, in milliseconds since 1970; null if none has one.
	Oldest *int64 `json:"oldest"`
	Newest *int64 `json:"newest"`
}

// Listing is what a dead letter topic holds.
type Listing struct {
	Topic string
	// Connectors are those whose configuration names the topic, if workers were asked.
	Connectors []string
	Missing    bool // a configuration names the topic, and there is none yet
	// Groups, the largest first. None: the topic is empty.
	Groups []Group
}

// List reads the letters of a topic, only the newest of each partition if last is more than 0, and counts
// them.
func (c *Clients) List(ctx context.Context, topic, progressTopic string, last int64) (*Listing, error) {
	reader, err := c.open(ctx, kafka.Range{Topic: topic, Last: last})
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	progress := Progress{topic: topic, id: reader.TopicID()}
	if err := c.loadProgress(ctx, progressTopic, &progress, nil, false); err != nil {
		return nil, fmt.Errorf("progress of replays: %w", err)
	}
	groups := map[Group]*Group{}
	err = reader.Each(ctx, func(r *kafka.Record) error {
		l := Read(r)
		key := Group{Topic: topic}
		if l.Context != nil {
			key.Connector, key.Stage, key.Exception = l.Context.Connector, l.Context.Stage, l.Context.Exception
		}
		g := groups[key]
		if g == nil {
			one := key
			g = &one
			groups[key] = g
		}
		done, err := progress.Done(&l)
		g.add(&l, done)
		return err
	})
	out := &Listing{Topic: topic}
	for _, g := range groups {
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Exception, b.Exception))
	})
	return out, err
}

func (g *Group) add(l *Letter, done bool) {
	g.Count++
	if done {
		g.Replayed++
	}
	at := millisOf(l.Time())
	if at == nil {
		return
	}
	if g.Oldest == nil || *at < *g.Oldest {
		g.Oldest = at
	}
	if g.Newest == nil || *at > *g.Newest {
		g.Newest = at
	}
}

// probes is how many topics are looked into at a time, and probeDepth how many of the newest offsets of
// each partition: marks of transactions are among them.
const (
	probes     = 4
	probeDepth = 4
)

// Find looks for dead letter topics: all topics but Kafka's own whose newest records have context headers.
// It reads a few records of each topic, so it takes some milliseconds per topic. failed is told of topics
// that can't be read; it is called from one goroutine at a time.
func (c *Clients) Find(ctx context.Context, failed func(topic string, err error)) ([]string, error) {
	admin, err := c.Admin()
	if err != nil {
		return nil, err
	}
	all, err := admin.DescribeTopics(ctx)
	if err = errors.Join(err, admin.Close()); err != nil {
		return nil, fmt.Errorf("bootstrap server %s: %w", c.Servers(), err)
	}
	names := make(chan string)
	var found []string
	var mu sync.Mutex // of found and failed
	var running sync.WaitGroup
	for range probes {
		running.Go(func() {
			for topic := range names {
				is, err := c.probe(ctx, topic)
				mu.Lock()
				if err != nil {
					failed(topic, err)
				} else if is {
					found = append(found, topic)
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if t := all[name]; !t.Internal && !strings.HasPrefix(name, "__") && ctx.Err() == nil {
			names <- name
		}
	}
	close(names)
	running.Wait()
	slices.Sort(found)
	return found, context.Cause(ctx)
}

func (c *Clients) probe(ctx context.Context, topic string) (bool, error) {
	reader, err := c.open(ctx, kafka.Range{Topic: topic, Last: probeDepth})
	if err != nil {
		return false, err
	}
	defer reader.Close()
	is := false
	err = reader.Each(ctx, func(r *kafka.Record) error {
		if is = slices.ContainsFunc(r.Headers, func(h kafka.RecordHeader) bool { return strings.HasPrefix(h.Key, deadletters.HeaderPrefix) }); is {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return is, err
}

// workerLimit is how long a worker may take to answer, and workerBytes how much that may be.
const (
	workerLimit = 30 * time.Second
	workerBytes = 256 << 20
)

// Ask asks a worker for the dead letter topics of its cluster's connectors: topic to connectors.
func Ask(ctx context.Context, worker string) (map[string][]string, error) {
	u, err := url.Parse(worker)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		shown := worker[strings.LastIndexByte(worker, '@')+1:] // without a password
		return nil, fmt.Errorf("--worker %q is no URL like http://localhost:8083", shown)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, workerLimit, fmt.Errorf("no answer within %s", workerLimit))
	defer cancel()
	u = u.JoinPath("connectors")
	u.RawQuery = "expand=info"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err // it names the URL, without a password
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, workerBytes))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", u.Redacted(), resp.Status, printable(string(body[:min(len(body), 500)])))
	}
	var all map[string]struct {
		Info struct {
			Config map[string]string `json:"config"`
		} `json:"info"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("%s is no answer of a worker: %w", u.Redacted(), err)
	}
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if topic := strings.TrimSpace(all[name].Info.Config["errors.deadletterqueue.topic.name"]); topic != "" {
			out[topic] = append(out[topic], name)
		}
	}
	return out, nil
}
