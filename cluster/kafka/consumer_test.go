package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/data"
)

// await polls until a rebalance of the kind and answers it; no records must come before. Other
// rebalances are answered too.
func await(t *testing.T, c *kafka.Consumer, kind kafka.RebalanceKind) *kafka.Rebalance {
	t.Helper()
	ctx := soon(t)
	for {
		p, err := c.Poll(ctx, 0)
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		if ctx.Err() != nil {
			t.Fatalf("no partitions were %s", kind)
		}
		if len(p.Records) > 0 {
			t.Fatalf("%d records before partitions were %s", len(p.Records), kind)
		}
		if p.Rebalance == nil {
			continue
		}
		p.Rebalance.Done(nil)
		if p.Rebalance.Kind == kind {
			return p.Rebalance
		}
	}
}

// collect polls until there are n records, answering rebalances.
func collect(t *testing.T, c *kafka.Consumer, n int) []*kafka.Record {
	t.Helper()
	ctx := soon(t)
	var out []*kafka.Record
	for len(out) < n {
		p, err := c.Poll(ctx, 0)
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		if ctx.Err() != nil {
			t.Fatalf("%d records, want %d", len(out), n)
		}
		out = append(out, p.Records...)
		if p.Rebalance != nil {
			p.Rebalance.Done(nil)
		}
	}
	return out
}

func values(records []*kafka.Record) string {
	var v []string
	for _, r := range records {
		v = append(v, string(r.Value))
	}
	return strings.Join(v, " ")
}

func TestConsumeCommitAndGoOn(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Values("t", "a", "b", "c")
	con := newConsumer(t, c, "g", nil, "t")
	first := await(t, con, kafka.Assigned)
	if !slices.Equal(first.Partitions, []data.TopicPartition{tp("t", 0)}) || len(first.Committed) != 0 ||
		!maps.Equal(first.Position, kafka.Offsets{tp("t", 0): 0}) {
		t.Errorf("assigned %+v", first)
	}
	if got := values(collect(t, con, 3)); got != "a b c" {
		t.Errorf("got %s", got)
	}
	if at, ok := con.Position(tp("t", 0)); at != 3 || !ok {
		t.Errorf("position %d, %v", at, ok)
	}
	if err := con.Commit(soon(t), kafka.Offsets{tp("t", 0): 2}); err != nil {
		t.Fatal(err)
	}
	if got := c.Committed("g"); !maps.Equal(got, kafka.Offsets{tp("t", 0): 2}) {
		t.Errorf("committed %v", got)
	}
	if err := con.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := c.Members("g"); n != 0 {
		t.Errorf("%d members after close", n)
	}
	again := newConsumer(t, c, "g", nil, "t")
	if r := await(t, again, kafka.Assigned); r.Committed[tp("t", 0)] != 2 || r.Position[tp("t", 0)] != 2 {
		t.Errorf("assigned again: %+v", r)
	}
	if got := values(collect(t, again, 1)); got != "c" {
		t.Errorf("got %s", got)
	}
}

func TestDoneOverridesPositions(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Values("t", "a", "b", "c", "d")
	con := newConsumer(t, c, "g", nil, "t")
	p, err := con.Poll(soon(t), 0)
	for err == nil && p.Rebalance == nil {
		p, err = con.Poll(soon(t), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := con.Poll(t.Context(), 0); err == nil {
		t.Error("poll before Done was no error")
	}
	p.Rebalance.Done(kafka.Offsets{tp("t", 0): 2})
	if got := values(collect(t, con, 2)); got != "c d" {
		t.Errorf("got %s", got)
	}
}

func TestSeek(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Values("t", "a", "b", "c", "d")
	con := newConsumer(t, c, "g", nil, "t")
	await(t, con, kafka.Assigned)
	collect(t, con, 4)
	for _, to := range []int64{1, 3, 0, 0} {
		if err := con.Seek(kafka.Offsets{tp("t", 0): to}); err != nil {
			t.Fatal(err)
		}
		got := collect(t, con, int(4-to))
		if got[0].Offset != to || len(got) != int(4-to) {
			t.Errorf("after seeking to %d: %d records from %d", to, len(got), got[0].Offset)
		}
	}
	if err := con.Seek(kafka.Offsets{tp("t", 9): 0}); err == nil {
		t.Error("seeking an unassigned partition was no error")
	}
}

// A seek right after the assignment, before the client has it, is not lost.
func TestSeekAtOnce(t *testing.T) {
	for i := range 20 {
		c := kafkatest.New(t, kafkatest.Topics(1, "t"))
		c.Values("t", "a", "b", "c", "d")
		con := newConsumer(t, c, "g", nil, "t")
		await(t, con, kafka.Assigned)
		if err := con.Seek(kafka.Offsets{tp("t", 0): 2}); err != nil {
			t.Fatal(err)
		}
		if got := values(collect(t, con, 2)); got != "c d" {
			t.Fatalf("round %d: got %s", i, got)
		}
		con.Close(soon(t))
	}
}

func TestPauseAndResume(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t"))
	con := newConsumer(t, c, "g", nil, "t")
	await(t, con, kafka.Assigned)
	con.Pause(tp("t", 0))
	c.Produce(&kafka.Record{Topic: "t", Partition: 0, Value: []byte("paused")}, &kafka.Record{Topic: "t", Partition: 1, Value: []byte("flows")})
	if got := values(collect(t, con, 1)); got != "flows" {
		t.Errorf("got %s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if p, err := con.Poll(ctx, 0); err != nil || len(p.Records) > 0 {
		t.Errorf("polled %v, %v from a paused partition", p.Records, err)
	}
	con.Resume(tp("t", 0))
	if got := values(collect(t, con, 1)); got != "paused" {
		t.Errorf("got %s", got)
	}
}

func TestMaxRecordsAndWakeup(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	con := newConsumer(t, c, "g", kafka.Props{"max.poll.records": "3"}, "t")
	await(t, con, kafka.Assigned)
	var many []string
	for i := range 10 {
		many = append(many, fmt.Sprint(i))
	}
	c.Values("t", many...)
	ctx := soon(t)
	for _, max := range []int{0, 2, 0, 5} {
		want := max
		if max == 0 {
			want = 3
		}
		p, err := con.Poll(ctx, max)
		for err == nil && len(p.Records) == 0 {
			p, err = con.Poll(ctx, max)
		}
		if err != nil || len(p.Records) > want {
			t.Errorf("poll of %d: %d records, %v", max, len(p.Records), err)
		}
	}
	con.Wakeup()
	for range 3 {
		if p, err := con.Poll(ctx, 0); err != nil || len(p.Records) == 0 {
			break // woken, or nothing left
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := con.Poll(ctx, 0)
		done <- err
	}()
	kafkatest.Eventually(t, "the poll ends", func() bool {
		con.Wakeup()
		select {
		case err := <-done:
			return err == nil
		default:
			return false
		}
	})
}

// member is a consumer with a goroutine of its own, as a sink task's runner.
type member struct {
	c      *kafka.Consumer
	events chan *kafka.Rebalance
	seen   chan *kafka.Record
	stop   context.CancelFunc
	done   chan error
}

func runMember(t *testing.T, con *kafka.Consumer) *member {
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{c: con, events: make(chan *kafka.Rebalance, 100), seen: make(chan *kafka.Record, 100000), stop: cancel, done: make(chan error, 1)}
	go func() {
		next := kafka.Offsets{}
		for ctx.Err() == nil {
			p, err := con.Poll(ctx, 0)
			if err != nil {
				m.done <- err
				return
			}
			for _, r := range p.Records {
				m.seen <- r
				next[tp(r.Topic, r.Partition)] = r.Offset + 1
			}
			if r := p.Rebalance; r != nil {
				if r.Kind == kafka.Revoked {
					closing := kafka.Offsets{}
					for _, tp := range r.Partitions {
						if at, ok := next[tp]; ok {
							closing[tp] = at
						}
						delete(next, tp)
					}
					if err := con.Commit(ctx, closing); err != nil {
						m.done <- err
						return
					}
				}
				m.events <- r
				r.Done(nil)
			}
		}
		m.done <- nil
	}()
	t.Cleanup(cancel)
	return m
}

func owns(c *kafka.Consumer) int { return len(c.Assignment()) }

func TestRebalance(t *testing.T) {
	for _, strategy := range []string{"", "CooperativeStickyAssignor", "RangeAssignor", "StickyAssignor", "RoundRobinAssignor", "consumer"} {
		t.Run("strategy "+strategy, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.New(t, kafkatest.Topics(6, "t"))
			props := kafka.Props{}
			switch strategy {
			case "":
			case "consumer":
				props["group.protocol"] = "consumer"
			default:
				props["partition.assignment.strategy"] = "org.apache.kafka.clients.consumer." + strategy
			}
			a := runMember(t, newConsumer(t, c, "g", props, "t"))
			kafkatest.Eventually(t, "the first has all", func() bool { return owns(a.c) == 6 })
			b := runMember(t, newConsumer(t, c, "g", props, "t"))
			kafkatest.Eventually(t, "both have half", func() bool { return owns(a.c) == 3 && owns(b.c) == 3 })
			const n = 600
			var batch []*kafka.Record
			for i := range n {
				batch = append(batch, &kafka.Record{Topic: "t", Partition: int32(i % 6), Value: fmt.Append(nil, i)})
			}
			c.Produce(batch...)
			kafkatest.Eventually(t, "records arrive at both", func() bool { return len(a.seen)+len(b.seen) >= n })
			// The second leaves in good order: the first gets its partitions back, and goes on where
			// the second's offsets were when it closed.
			b.stop()
			if err := <-b.done; err != nil {
				t.Fatal(err)
			}
			if err := b.c.Close(soon(t)); err != nil {
				t.Fatal(err)
			}
			kafkatest.Eventually(t, "the first has all again", func() bool { return owns(a.c) == 6 })
			a.stop()
			if err := <-a.done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Nothing is lost and, in good order, nothing comes twice while members come and go.
func TestRebalanceExactly(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(4, "t"))
	const n = 4000
	go func() {
		for i := 0; i < n; i += 100 {
			var batch []*kafka.Record
			for j := i; j < i+100; j++ {
				batch = append(batch, &kafka.Record{Topic: "t", Partition: int32(j % 4), Value: fmt.Append(nil, j)})
			}
			c.Produce(batch...)
		}
	}()
	var members []*member
	total := func() (sum int) {
		for _, m := range members {
			sum += len(m.seen)
		}
		return sum
	}
	for i := range 3 {
		members = append(members, runMember(t, newConsumer(t, c, "g", nil, "t")))
		kafkatest.Eventually(t, "the new member gets partitions", func() bool { return owns(members[i].c) > 0 })
	}
	kafkatest.Eventually(t, "all records", func() bool { return total() >= n })
	seen := map[string]int{}
	for _, m := range members {
		m.stop()
		if err := <-m.done; err != nil {
			t.Fatal(err)
		}
		close(m.seen)
		for r := range m.seen {
			seen[string(r.Value)]++
		}
	}
	for v, times := range seen {
		if times != 1 {
			t.Errorf("record %s came %d times", v, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d different records, want %d", len(seen), n)
	}
}

func TestRevokedWaitsForDone(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t"))
	c.Produce(&kafka.Record{Topic: "t", Partition: 0, Value: []byte("0")}, &kafka.Record{Topic: "t", Partition: 1, Value: []byte("1")})
	a := newConsumer(t, c, "g", nil, "t")
	await(t, a, kafka.Assigned)
	collect(t, a, 2)
	b := runMember(t, newConsumer(t, c, "g", nil, "t"))
	var revoked *kafka.Rebalance
	for ctx := soon(t); revoked == nil; {
		p, err := a.Poll(ctx, 0)
		if err != nil || ctx.Err() != nil {
			t.Fatal(err, ctx.Err())
		}
		revoked = p.Rebalance
	}
	if revoked.Kind != kafka.Revoked || len(revoked.Partitions) != 2 {
		t.Fatalf("got %s of %v", revoked.Kind, revoked.Partitions)
	}
	// The group waits: a commit in the generation works, and the other gets nothing yet.
	if err := a.Commit(soon(t), kafka.Offsets{tp("t", 0): 1, tp("t", 1): 1}); err != nil {
		t.Fatal(err)
	}
	if owns(b.c) != 0 {
		t.Error("the other member has partitions before they were given up")
	}
	revoked.Done(nil)
	r := await(t, a, kafka.Assigned)
	if len(r.Partitions) != 1 || r.Committed[r.Partitions[0]] != 1 {
		t.Errorf("assigned %+v", r)
	}
	kafkatest.Eventually(t, "the other has one", func() bool { return owns(b.c) == 1 })
	if len(b.seen) != 0 {
		t.Error("the other got records that were committed")
	}
}

func TestPollIntervalLeavesAndJoinsAgain(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	con := newConsumer(t, c, "g", kafka.Props{"max.poll.interval.ms": "300"}, "t")
	await(t, con, kafka.Assigned)
	con.Poll(soonIn(t, 100*time.Millisecond), 0) //nolint:errcheck // what is looked at comes after
	kafkatest.Eventually(t, "it leaves", func() bool { return c.Members("g") == 0 })
	if err := con.Commit(soon(t), kafka.Offsets{tp("t", 0): 1}); kafka.Classify(err) != kafka.Fenced || !strings.HasSuffix(kafka.ClassName(err), ".CommitFailedException") {
		t.Errorf("commit after leaving: %v", err)
	}
	p, err := con.Poll(soon(t), 0)
	if err != nil || p.Rebalance == nil || p.Rebalance.Kind != kafka.Lost || len(p.Rebalance.Partitions) != 1 {
		t.Fatalf("after leaving: %+v, %v", p, err)
	}
	p.Rebalance.Done(nil)
	c.Values("t", "x")
	await(t, con, kafka.Assigned)
	if got := values(collect(t, con, 1)); got != "x" {
		t.Errorf("got %s", got)
	}
}

func soonIn(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestRegexFindsNewTopics(t *testing.T) {
	for name, regex := range map[string]string{"plain": "a-.*", "look-ahead": "(?!b)a-.+"} {
		t.Run(name, func(t *testing.T) {
			c := kafkatest.New(t, kafkatest.Topics(1, "a-1", "b-1", "xa-1"))
			con := newRegexConsumer(t, c, "g", regex, nil)
			if r := await(t, con, kafka.Assigned); !slices.Equal(r.Partitions, []data.TopicPartition{tp("a-1", 0)}) {
				t.Errorf("assigned %v", r.Partitions)
			}
			c.CreateTopic("a-2", 1, nil)
			c.Values("a-2", "new")
			if got := values(collect(t, con, 1)); got != "new" {
				t.Errorf("got %s", got)
			}
			// A deleted topic goes and doesn't break the others.
			c.DeleteTopic("a-1")
			c.Values("a-2", "more")
			if got := values(collect(t, con, 1)); got != "more" {
				t.Errorf("got %s", got)
			}
		})
	}
}

// What a pattern reads is what Kafka Connect 4.1.1 reads for it, also where Go's engine reads the same
// text otherwise or not at all, and more partitions of a topic found are read as well.
func TestRegexIsJavas(t *testing.T) {
	for pattern, want := range map[string]string{
		`shop-r[a-z&&[^b]]`:       "shop-ra",
		`shop-r[a-c&&[ab]]`:       "shop-ra shop-rb",
		`shop-r[\w&&[^b]]`:        "shop-rA shop-ra",
		`shop-r[[a][b]]`:          "shop-ra shop-rb",
		`shop-r[a-z&&a]`:          "shop-ra",
		`shop-r[[:alpha:]]`:       "shop-ra",
		`shop-r\p{Lower}`:         "shop-ra shop-rb",
		`shop-r\p{javaLowerCase}`: "shop-ra shop-rb",
		`shop-r\p{IsAlphabetic}`:  "shop-rA shop-ra shop-rb",
		`shop-r\w++`:              "shop-rA shop-ra shop-rb",
		`shop-r[a-b[m-p]]`:        "shop-ra shop-rb",
		`\Qshop-\Era|shop-rb`:     "shop-ra shop-rb",
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.New(t, kafkatest.Topics(1, "shop-ra", "shop-rb", "shop-rA", "shop-r", "xshop-ra"))
			con := newRegexConsumer(t, c, "g", pattern, nil)
			var got []string
			for _, p := range await(t, con, kafka.Assigned).Partitions {
				got = append(got, p.Topic)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("reads %s, want %s", got, want)
			}
		})
	}
}

func TestExcludeInternalTopics(t *testing.T) {
	for value, want := range map[string]int{"true": 1, "false": 2} {
		c := kafkatest.New(t, kafkatest.Topics(1, "open"))
		c.CreateTopic("hidden", 1, map[string]string{"kfake.is_internal": "true"})
		props := kafka.Props{"exclude.internal.topics": value}
		if got := await(t, newRegexConsumer(t, c, "pattern", ".*", props), kafka.Assigned).Partitions; len(got) != want {
			t.Errorf("%s with a pattern: reads %v", value, got)
		}
		listed := newConsumer(t, c, "listed", props, "hidden")
		if got := await(t, listed, kafka.Assigned).Partitions; !slices.Equal(got, []data.TopicPartition{tp("hidden", 0)}) {
			t.Errorf("%s with a list: reads %v", value, got)
		}
	}
}

// A pattern that takes too many steps on a name leaves that topic out, says so once, and reads the rest.
func TestRegexTooComplex(t *testing.T) {
	long := strings.Repeat("a", 60)
	c := kafkatest.New(t, kafkatest.Topics(1, "aab", long+"c"))
	var log logged
	con, err := kafka.NewConsumer(with(c.Props(), fast), "g", nil, "(a+)+b", slog.New(slog.NewTextHandler(&log, nil)), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	defer con.Close(t.Context())
	if r := await(t, con, kafka.Assigned); !slices.Equal(r.Partitions, []data.TopicPartition{tp("aab", 0)}) {
		t.Errorf("assigned %v", r.Partitions)
	}
	c.CreateTopic("ab", 1, nil)
	c.Values("ab", "x") // read after a second look at all topics
	if got := values(collect(t, con, 1)); got != "x" {
		t.Errorf("got %s", got)
	}
	if n := strings.Count(log.String(), "topic is not read: topics.regex can't be matched"); n != 1 || !strings.Contains(log.String(), long+"c") {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
}

func TestTopicsThatAreMissing(t *testing.T) {
	c := kafkatest.New(t, kafkatest.NoAutoCreate(), kafkatest.Topics(1, "there"))
	con := newConsumer(t, c, "g", nil, "there", "later")
	c.Values("there", "x")
	if got := values(collect(t, con, 1)); got != "x" {
		t.Errorf("got %s", got)
	}
	if err := con.Commit(soon(t), kafka.Offsets{tp("there", 0): 1}); err != nil {
		t.Fatal(err)
	}
	c.CreateTopic("later", 1, nil)
	c.Values("later", "y")
	if got := values(collect(t, con, 1)); got != "y" {
		t.Errorf("got %s", got)
	}
	c.DeleteTopic("later")
	c.Values("there", "z")
	if got := values(collect(t, con, 1)); got != "z" {
		t.Errorf("got %s", got)
	}
}

func TestOffsetReset(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Values("t", "old")
	t.Run("latest", func(t *testing.T) {
		con := newConsumer(t, c, "latest", kafka.Props{"auto.offset.reset": "latest"}, "t")
		if r := await(t, con, kafka.Assigned); r.Position[tp("t", 0)] != 1 {
			t.Errorf("position %v", r.Position)
		}
		c.Values("t", "new")
		if got := values(collect(t, con, 1)); got != "new" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("by duration", func(t *testing.T) {
		con := newConsumer(t, c, "dur", kafka.Props{"auto.offset.reset": "by_duration:PT1H"}, "t")
		if r := await(t, con, kafka.Assigned); r.Position[tp("t", 0)] != 0 {
			t.Errorf("position %v", r.Position)
		}
	})
	t.Run("none", func(t *testing.T) {
		con := newConsumer(t, c, "none", kafka.Props{"auto.offset.reset": "none"}, "t")
		var err error
		for ctx := soon(t); err == nil && ctx.Err() == nil; {
			var p kafka.Polled
			if p, err = con.Poll(ctx, 0); p.Rebalance != nil {
				p.Rebalance.Done(nil)
			}
		}
		if kafka.ClassName(err) != "org.apache.kafka.clients.consumer.NoOffsetForPartitionException" {
			t.Errorf("%v (%s)", err, kafka.ClassName(err))
		}
	})
}

func TestConsumerErrors(t *testing.T) {
	for _, tt := range []struct {
		fault kafkatest.Fault
		class kafka.Class
		java  string
	}{
		{kafkatest.Fault{Request: "JoinGroup", Error: "GROUP_AUTHORIZATION_FAILED", Times: -1}, kafka.Authorization, "GroupAuthorizationException"},
		{kafkatest.Fault{Request: "Fetch", Topic: "t", Error: "TOPIC_AUTHORIZATION_FAILED", Times: -1}, kafka.Authorization, "TopicAuthorizationException"},
		{kafkatest.Fault{Request: "JoinGroup", Error: "INVALID_SESSION_TIMEOUT", Times: -1}, kafka.Fatal, "InvalidSessionTimeoutException"},
		{kafkatest.Fault{Request: "Metadata", Topic: "t", Error: "TOPIC_AUTHORIZATION_FAILED", Times: -1}, kafka.Authorization, "TopicAuthorizationException"},
	} {
		t.Run(tt.fault.Request+" "+tt.fault.Error, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.New(t, kafkatest.Topics(1, "t"))
			c.Values("t", "x")
			c.Fail(tt.fault)
			con := newConsumer(t, c, "g", nil, "t")
			var err error
			for ctx := soon(t); err == nil && ctx.Err() == nil; {
				var p kafka.Polled
				if p, err = con.Poll(ctx, 0); p.Rebalance != nil {
					p.Rebalance.Done(nil)
				}
			}
			if kafka.Classify(err) != tt.class || !strings.HasSuffix(kafka.ClassName(err), "."+tt.java) {
				t.Errorf("%v: %s, %s", err, kafka.Classify(err), kafka.ClassName(err))
			}
		})
	}
	t.Run("what passes is got over", func(t *testing.T) {
		t.Parallel()
		c := kafkatest.New(t, kafkatest.Topics(1, "t"))
		c.Values("t", "x")
		for _, f := range []kafkatest.Fault{
			{Request: "JoinGroup", Error: "COORDINATOR_LOAD_IN_PROGRESS", Times: 2},
			{Request: "SyncGroup", Error: "REBALANCE_IN_PROGRESS", Times: 1},
			{Request: "OffsetFetch", Error: "COORDINATOR_NOT_AVAILABLE", Times: 1, TopLevel: true},
			{Request: "Fetch", Topic: "t", Error: "NOT_LEADER_FOR_PARTITION", Times: 2},
			{Request: "Heartbeat", Error: "UNKNOWN_MEMBER_ID", Times: 1},
		} {
			c.Fail(f)
		}
		con := newConsumer(t, c, "g", nil, "t")
		if got := values(collect(t, con, 1)); got != "x" {
			t.Errorf("got %s", got)
		}
	})
}

func TestBrokerAwayWhileConsuming(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	con := newConsumer(t, c, "g", nil, "t")
	await(t, con, kafka.Assigned)
	c.Values("t", "a")
	collect(t, con, 1)
	c.Stop()
	if p, err := con.Poll(soonIn(t, 300*time.Millisecond), 0); err != nil || len(p.Records) > 0 {
		t.Errorf("while it is away: %+v, %v", p, err)
	}
	c.Start()
	c.Values("t", "b")
	for got := collect(t, con, 1); values(got) != "b"; got = collect(t, con, 1) {
		if values(got) != "a" { // nothing was committed: a rejoin may give it again
			t.Fatalf("got %s", values(got))
		}
	}
}

func TestCommitsKeepOrderAndAnswer(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	con := newConsumer(t, c, "g", nil, "t")
	await(t, con, kafka.Assigned)
	answers := make(chan error, 100)
	for i := range int64(50) {
		con.CommitAsync(soon(t), kafka.Offsets{tp("t", 0): i + 1}, func(err error) { answers <- err })
	}
	for range 50 {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Committed("g"); got[tp("t", 0)] != 50 {
		t.Errorf("committed %v", got)
	}
	c.Hang()
	if err := con.Commit(soonIn(t, 100*time.Millisecond), kafka.Offsets{tp("t", 0): 60}); kafka.Classify(err) != kafka.Retriable {
		t.Errorf("commit to a silent broker: %v", err)
	}
	go con.CommitAsync(soon(t), kafka.Offsets{tp("t", 0): 70}, func(err error) { answers <- err })
	con.Close(soonIn(t, 200*time.Millisecond))
	select {
	case err := <-answers:
		if err == nil {
			t.Error("a commit through a silent broker and a closed consumer was answered with success")
		}
	case <-soon(t).Done():
		t.Error("a commit was never answered")
	}
	c.Start()
}

func TestStaticMemberKeepsItsPlace(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	con := newConsumer(t, c, "g", kafka.Props{"group.instance.id": "one"}, "t")
	await(t, con, kafka.Assigned)
	if err := con.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := c.Members("g"); n != 1 {
		t.Errorf("%d members after a static one closed, want 1", n)
	}
}

func TestReadCommitted(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, kafka.Props{"transactional.id": "x"})
	if err := p.InitTransactions(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"aborted", "committed"} {
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := outcome(t, p, &kafka.Record{Topic: "t", Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
		end := p.CommitTransaction
		if v == "aborted" {
			end = p.AbortTransaction
		}
		if err := end(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	con := newConsumer(t, c, "g", kafka.Props{"isolation.level": "read_committed"}, "t")
	if got := values(collect(t, con, 1)); got != "committed" {
		t.Errorf("got %s", got)
	}
}

func TestCloseReleasesAPoll(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	con := newConsumer(t, c, "g", nil, "t")
	await(t, con, kafka.Assigned)
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = con.Poll(t.Context(), 0)
		}
		done <- err
	}()
	if err := con.Close(soon(t)); err != nil {
		t.Error(err)
	}
	if err := <-done; kafka.Classify(err) != kafka.Aborted {
		t.Errorf("poll: %v", err)
	}
}
