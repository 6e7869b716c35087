//go:build integration

package fleet_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestBrokerOutage: three workers with the times that are Kafka Connect's defaults run eight connectors when
// the broker goes away, and one worker dies while it is. When it is back the two that live run all of their
// own within seconds, sinks too, whose old members the broker still knows; what ran on the third waits for
// it, and runs as soon as it is back.
func TestBrokerOutage(t *testing.T) {
	for _, dies := range []string{"follower", "leader"} {
		t.Run(dies+" dies", func(t *testing.T) { brokerOutage(t, dies == "leader") })
	}
}

// backLimit is far less than the session of a consumer, 45 s, and than what work waits for its worker; it
// is in the order of a second on a machine with nothing else to do.
const backLimit = 20 * time.Second

// outage is how long the broker is away: two sessions of the workers.
const outage = 20 * time.Second

func brokerOutage(t *testing.T, leaderDies bool) {
	f := newFleet(t, "scheduled.rebalance.max.delay.ms=300000",
		"session.timeout.ms=10000", "heartbeat.interval.ms=3000",
		"consumer.session.timeout.ms=45000", "consumer.heartbeat.interval.ms=3000")
	f.start(service.TroupeWorker, 3)
	for n := range 4 {
		f.feed("outage-"+strconv.Itoa(n), 1, 1)
	}
	r := f.settle()
	f.flow()
	dead := f.follower(r)
	if leaderDies {
		dead = f.leader(r)
	}
	f.kafka.Stop(t)
	gone := time.Now()
	for _, n := range f.Running() {
		service.Until(t, time.Minute, n.ID+" misses Kafka", func() error {
			if code, _, err := n.Do(t.Context(), "GET", "/health", nil); err != nil || code == http.StatusOK {
				return fmt.Errorf("/health says %d, %w", code, err)
			}
			return nil
		})
	}
	service.Until(t, 2*outage, "the outage has lasted long enough for all tasks to be stopped", func() error {
		if lasted := time.Since(gone); lasted < outage {
			return fmt.Errorf("it has lasted %s", lasted)
		}
		return nil
	})
	dead.Kill(t)
	f.kafka.Start(t)
	back := time.Now()
	before := f.ends()
	goOn := func(id string, limit time.Duration) {
		for _, task := range r.Members[id].Tasks {
			service.UntilEvery(t, 20*time.Millisecond, limit-time.Since(back), task.Connector+" goes on", func() error {
				return f.goesOn(task.Connector, before)
			})
			t.Logf("%s of %s went on after %s", task.Connector, id, time.Since(back).Round(10*time.Millisecond))
		}
	}
	for _, n := range f.Running() {
		goOn(n.ID, backLimit)
	}
	if leaderDies { // the next leader knows nothing of who had what, so nothing waits
		goOn(dead.ID, 2*backLimit)
	}
	dead.Start(t)
	f.settle()
	f.flow()
	t.Logf("all runs %s after the broker was back", time.Since(back).Round(10*time.Millisecond))
	f.drain()
	f.check(true, 1)
}

// ends are the ends of all topics of feeds.
func (f *fleet) ends() map[string]int64 {
	f.t.Helper()
	out := map[string]int64{}
	for _, d := range f.feeds {
		ends, err := f.Admin.EndOffsets(f.t.Context(), d.topic)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, end := range ends {
			out[d.topic] += end
		}
	}
	return out
}

// goesOn is an error while a source writes nothing more, and while a sink is not its group's only member
// with the partition assigned.
func (f *fleet) goesOn(connector string, before map[string]int64) error {
	d := f.feeds[slices.IndexFunc(f.feeds, func(d feed) bool {
		return d.source == connector || slices.Contains(d.sinks, connector)
	})]
	if d.source == connector {
		if now := f.ends()[d.topic]; now <= before[d.topic] {
			return fmt.Errorf("%s has %d records, as before", d.topic, now)
		}
		return nil
	}
	g, err := f.Admin.DescribeMembers(f.t.Context(), "connect-"+connector)
	switch {
	case err != nil:
		return err
	case g.State != "Stable" || len(g.Roster) != 1:
		return fmt.Errorf("its group is %s with %d members", g.State, len(g.Roster))
	}
	return nil
}
