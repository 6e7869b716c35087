//go:build integration

package fire_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// scale is how much there is of everything.
type scale struct{ count, rate, kills, restarts int }

const fireTasks = 5

func fireScale() scale {
	if os.Getenv("TROUPE_FIRE") == "big" {
		return scale{count: 40_000, rate: 400, kills: 20, restarts: 2}
	}
	return scale{count: 8_000, rate: 1000, kills: 5, restarts: 1}
}

func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("TROUPE_FIRE_SEED")
	if text == "" {
		return uint64(time.Now().UnixNano())
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("TROUPE_FIRE_SEED=%q: %v", text, err)
	}
	return n
}

// TestFire kills workers at random moments while five tasks number their records, two with a
// transaction per batch, two with one per 200 ms, one that says itself where they end; and restarts the broker, in
// order and by kill -9 in turn. A reader of what is committed must see each number once and in order.
// The same run without exactly once support must show some of them again.
func TestFire(t *testing.T) {
	s := seed(t)
	for _, support := range []string{"enabled", "disabled"} {
		t.Run(support, func(t *testing.T) { fire(t, support, s, fireScale()) })
	}
}

func fire(t *testing.T, support string, seed uint64, s scale) {
	const topic = "numbers"
	dice := rand.New(rand.NewPCG(seed, 618))
	t.Logf("seed %d", seed)
	a := newArena(t, support)
	defer a.sane()
	a.start(service.TroupeWorker, service.TroupeWorker)
	a.topic(topic, fireTasks)
	began := time.Now()
	a.numbers("poll", topic, 0, 2, s.count, s.rate, nil)
	a.numbers("interval", topic, 2, 2, s.count, s.rate, map[string]string{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "200"})
	a.numbers("connector", topic, 4, 1, s.count, s.rate, map[string]string{"transaction.boundary": "connector"})
	a.settle()
	for i, m := range moments(dice, s) {
		a.reaches(topic, m.at)
		if m.broker {
			t.Logf("%3d: %6.1f s, at %d: broker restarted, kill -9: %t", i, time.Since(began).Seconds(), m.at, m.hard)
			if m.hard {
				a.Kafka.Kill(t)
			} else {
				a.Kafka.Stop(t)
			}
			a.Kafka.Start(t)
			continue
		}
		n := a.Nodes[dice.IntN(len(a.Nodes))]
		got, err := a.written(topic)
		t.Logf("%3d: %6.1f s, at %d (%d, %v): kill -9 of %s", i, time.Since(began).Seconds(), m.at, got, err, n.ID)
		n.Kill(t)
		n.Launch(t)
	}
	a.finished("poll", 2, s.count)
	a.finished("interval", 2, s.count)
	a.finished("connector", 1, s.count)
	took := time.Since(began)
	a.settle()
	for _, n := range a.Nodes {
		n.Stop(t)
	}
	all := a.read(topic, "read_uncommitted", nil).records()
	committed := a.read(topic, "read_committed", nil)
	sum, err := committed.faults(fireTasks, int64(s.count))
	t.Logf("exactly.once.source.support=%s: %d records of %d in %.0f s, %d kills, %d broker restarts: %+v; %d records of aborted transactions",
		support, committed.records(), fireTasks*s.count, took.Seconds(), s.kills, s.restarts, sum, all-committed.records())
	switch {
	case support == "enabled" && err != nil:
		t.Error(err)
	case support == "enabled" && all == committed.records():
		t.Error("no transaction was aborted: this run shows nothing")
	case support == "disabled" && (sum.missing > 0 || sum.repeated == 0):
		t.Errorf("nothing may be missing and something must have come twice: %v", err)
	}
}

// moment is when something happens: as soon as so much is in the topic.
type moment struct {
	at           int64
	broker, hard bool
}

// moments are random and lie all within the run: what counts is never less than the records written.
func moments(dice *rand.Rand, s scale) []moment {
	total := int64(s.count) * fireTasks
	at := func() int64 { return total/50 + dice.Int64N(total*8/10) }
	var out []moment
	for range s.kills {
		out = append(out, moment{at: at()})
	}
	for i := range s.restarts {
		out = append(out, moment{at: at(), broker: true, hard: i%2 == 1})
	}
	slices.SortFunc(out, func(a, b moment) int { return int(a.at - b.at) })
	return out
}
