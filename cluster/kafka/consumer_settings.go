package kafka

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// consumerSettings are the settings of consumers alone.
type consumerSettings struct {
	leaves          bool // without group.instance.id, with which a member keeps its place
	next            bool // group.protocol=consumer
	group           string
	reset           resetPolicy
	readCommitted   bool
	maxPollRecords  int
	maxPollInterval time.Duration
	metadataAge     time.Duration
	pattern         *regex.Regexp // of topics to find; nil where they are listed
	internal        bool          // the pattern may also find topics that are internal to Kafka
	opts            []kgo.Opt
}

// resetPolicy is auto.offset.reset: where to begin without a committed offset.
type resetPolicy struct {
	kind string // earliest, latest, none, by_duration
	back time.Duration
}

func readConsumer(r *security.Reader, group string, topics []string, topicsRegex string) consumerSettings {
	fallback := r.Str("group.id", "")
	if group == "" {
		group = fallback
	}
	c := consumerSettings{
		group:           group,
		reset:           readReset(r),
		maxPollRecords:  int(r.Int("max.poll.records", 500, 1)),
		maxPollInterval: time.Duration(r.Int("max.poll.interval.ms", 300000, 1)) * time.Millisecond,
	}
	if group == "" {
		r.FailWhole(errs.Config.New("group.id must not be empty"))
	}
	c.readFetch(r)
	c.readGroup(r)
	c.readTopics(r, topics, topicsRegex)
	c.opts = append(c.opts, kgo.ConsumerGroup(group), kgo.DisableAutoCommit(),
		kgo.KeepRetryableFetchErrors(), // some of them tell of topics that were deleted
		kgo.ConsumeStartOffset(c.reset.start()), kgo.ConsumeResetOffset(c.reset.again()))
	return c
}

func (c *consumerSettings) readFetch(r *security.Reader) {
	maxBytes := min(max(r.Int("fetch.max.bytes", 50<<20, 0), 1), 1<<29)
	c.opts = append(c.opts,
		kgo.FetchMinBytes(r.Int("fetch.min.bytes", 1, 0)),
		kgo.FetchMaxBytes(maxBytes),
		kgo.FetchMaxPartitionBytes(max(r.Int("max.partition.fetch.bytes", 1<<20, 0), 1)),
		kgo.FetchMaxWait(max(time.Duration(r.Int("fetch.max.wait.ms", 500, 0))*time.Millisecond, 10*time.Millisecond)),
		// A first batch may be larger than what was asked for.
		kgo.BrokerMaxReadBytes(min(max(100<<20, 2*maxBytes), 1<<30)),
	)
	if !r.Boolean("check.crcs", true) {
		c.opts = append(c.opts, kgo.DisableFetchCRCValidation())
	}
	if r.Choice("isolation.level", "read_uncommitted", false, "read_committed", "read_uncommitted") == "read_committed" {
		c.readCommitted = true
		c.opts = append(c.opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
}

const assignorPackage = "org.apache.kafka.clients.consumer."

func (c *consumerSettings) readGroup(r *security.Reader) {
	session := time.Duration(r.Int("session.timeout.ms", 45000, 1)) * time.Millisecond
	beat := time.Duration(r.Int("heartbeat.interval.ms", 3000, 1)) * time.Millisecond
	strategies := r.List("partition.assignment.strategy", assignorPackage+"RangeAssignor", assignorPackage+"CooperativeStickyAssignor")
	remote := r.Str("group.remote.assignor", "")
	if id := r.Str("group.instance.id", ""); id != "" {
		c.opts = append(c.opts, kgo.InstanceID(id))
	} else if given := r.Given("group.instance.id"); given {
		r.Fail("group.instance.id", "", "String must be non-empty")
	}
	c.leaves = r.Str("group.instance.id", "") == ""
	if r.Choice("group.protocol", "classic", true, "classic", "consumer") == "consumer" {
		c.next = true
		c.readNextGroup(r, remote)
		return
	}
	if beat >= session {
		r.FailWhole(errs.Config.New("Invalid value %d for configuration heartbeat.interval.ms: must be lower than session.timeout.ms, %d",
			beat.Milliseconds(), session.Milliseconds()))
	}
	var balancers []kgo.GroupBalancer
	for _, class := range strategies {
		switch strings.TrimPrefix(class, assignorPackage) {
		case "RangeAssignor":
			balancers = append(balancers, kgo.RangeBalancer())
		case "RoundRobinAssignor":
			balancers = append(balancers, kgo.RoundRobinBalancer())
		case "StickyAssignor":
			balancers = append(balancers, kgo.StickyBalancer())
		case "CooperativeStickyAssignor":
			balancers = append(balancers, kgo.CooperativeStickyBalancer())
		default:
			r.Fail("partition.assignment.strategy", class, "Must be some of "+assignorPackage+
				"{RangeAssignor, RoundRobinAssignor, StickyAssignor, CooperativeStickyAssignor}")
		}
	}
	if len(balancers) == 0 {
		r.Fail("partition.assignment.strategy", strings.Join(strategies, ","), "Must name at least one assignor")
	}
	c.opts = append(c.opts, kgo.Balancers(balancers...),
		kgo.SessionTimeout(max(session, 100*time.Millisecond)),
		kgo.HeartbeatInterval(beat),
		// In Java the time between polls is the time that a rebalance may take.
		kgo.RebalanceTimeout(max(c.maxPollInterval, 100*time.Millisecond)))
}

// readNextGroup is group.protocol=consumer (KIP-848): the broker assigns.
func (c *consumerSettings) readNextGroup(r *security.Reader, remote string) {
	c.opts = append(c.opts, kgo.ServerSideBalancer(), kgo.RebalanceTimeout(max(c.maxPollInterval, 100*time.Millisecond)))
	switch remote {
	case "", "uniform":
		c.opts = append(c.opts, kgo.Balancers(kgo.StickyBalancer()))
	case "range":
		c.opts = append(c.opts, kgo.Balancers(kgo.RangeBalancer()))
	default:
		r.Fail("group.remote.assignor", remote, "Must be one of uniform, range")
	}
}

// readTopics takes the topics or the Java pattern. The client library knows Go's patterns only, which
// read some of Java's otherwise (sets in sets, POSIX names): which topics there are is looked up by
// discoverLoop, and the pattern is matched by the engine that validated it.
func (c *consumerSettings) readTopics(r *security.Reader, topics []string, pattern string) {
	internal := !r.Boolean("exclude.internal.topics", true)
	switch {
	case len(topics) > 0:
		c.opts = append(c.opts, kgo.ConsumeTopics(topics...))
	case pattern == "":
		r.FailWhole(errs.Config.New("there are neither topics nor topics.regex to consume"))
	default:
		re, err := regex.Compile(pattern)
		if err != nil {
			r.FailWhole(errs.Config.Wrap(err, "Invalid value %s for configuration topics.regex", pattern))
			return
		}
		c.pattern, c.internal = re, internal
	}
}

func readReset(r *security.Reader) resetPolicy {
	const key = "auto.offset.reset"
	v := r.Str(key, "earliest")
	switch {
	case v == "earliest", v == "latest", v == "none": // as they are written, as in Java
		return resetPolicy{kind: v}
	case strings.HasPrefix(v, "by_duration:"):
		if d, ok := parseISODuration(v[len("by_duration:"):]); ok {
			return resetPolicy{kind: "by_duration", back: d}
		}
	}
	r.Fail(key, v, "The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.")
	return resetPolicy{kind: "earliest"}
}

func (p resetPolicy) start() kgo.Offset {
	switch p.kind {
	case "latest":
		return kgo.NewOffset().AtEnd()
	case "none":
		return kgo.NewOffset().AtCommitted()
	}
	// by_duration is looked up when partitions are assigned; the start is what is left if that fails.
	return kgo.NewOffset().AtStart()
}

// again is where to go on when the offset lies outside of the log.
func (p resetPolicy) again() kgo.Offset {
	switch p.kind {
	case "none":
		return kgo.NoResetOffset()
	case "by_duration":
		return kgo.LookbackOffset(p.back)
	}
	return p.start()
}

func (p resetPolicy) milli() int64 { return time.Now().Add(-p.back).UnixMilli() }

// timestamp is what ListOffsets is asked for; false: nothing to ask.
func (p resetPolicy) timestamp() (int64, bool) {
	switch p.kind {
	case "earliest":
		return -2, true
	case "latest":
		return -1, true
	case "by_duration":
		return p.milli(), true
	}
	return 0, false
}

var isoDuration = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// parseISODuration reads what Java's Duration.parse does, without signs.
func parseISODuration(s string) (time.Duration, bool) {
	m := isoDuration.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
	if m == nil || m[1]+m[2]+m[3]+m[4] == "" {
		return 0, false
	}
	var total float64
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[i+1], 64)
		if err != nil {
			return 0, false
		}
		total += n * float64(unit)
	}
	if total > float64(100*365*24*time.Hour) {
		return 0, false
	}
	return time.Duration(total), true
}
