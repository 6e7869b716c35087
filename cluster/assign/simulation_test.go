package assign

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

// simulation is a group as its leader and its members live it: what they run follows from what they
// were told. It can lose answers and members as a network does.
type simulation struct {
	c         *Cooperative
	now       time.Time
	gen, last int
	members   []Member
	leaving   []Member // of the next round
	config    Work
	lastIn    Input
	lastPlan  Plan
	urls      bool // members that join have URLs, of a few workers
}

func newSimulation(maxDelay time.Duration) *simulation {
	return &simulation{c: NewCooperative(maxDelay), now: time.UnixMilli(1_700_000_000_000), last: -1}
}

// join adds a member: ID, or ID@URL.
func (s *simulation) join(text string) {
	id, url, _ := strings.Cut(text, "@")
	s.members = append(s.members, Member{ID: id, URL: url})
}

func (s *simulation) find(id string) int {
	return slices.IndexFunc(s.members, func(m Member) bool { return m.ID == id })
}

func (s *simulation) leave(id string) {
	if n := s.find(id); n >= 0 {
		s.members = slices.Delete(s.members, n, n+1)
	}
}

// handOver makes members leave on purpose: the next round is told of them.
func (s *simulation) handOver(ids ...string) {
	for _, id := range ids {
		if n := s.find(id); n >= 0 {
			s.leaving = append(s.leaving, s.members[n])
		}
		s.leave(id)
	}
}

// configure makes a connector have so many tasks; -1 deletes it.
func (s *simulation) configure(name string, count int) {
	s.config.Connectors = slices.DeleteFunc(slices.Clone(s.config.Connectors), func(c string) bool { return c == name })
	s.config.Tasks = slices.DeleteFunc(slices.Clone(s.config.Tasks), func(id state.TaskID) bool { return id.Connector == name })
	if count < 0 {
		return
	}
	s.config.Connectors = append(s.config.Connectors, name)
	for n := range count {
		s.config.Tasks = append(s.config.Tasks, state.TaskID{Connector: name, Task: n})
	}
}

// rebalance plans a round and gives it to all members but those missed, which keep what they ran.
// completed is false if the leader itself didn't see it through.
func (s *simulation) rebalance(completed bool, missed ...string) Plan {
	s.gen++
	in := Input{Now: s.now, Generation: s.gen, LastGeneration: s.last, Configured: s.config}
	for _, m := range s.members {
		in.Members = append(in.Members, Member{ID: m.ID, URL: m.URL, Runs: Work{
			Connectors: slices.Clone(m.Runs.Connectors), Tasks: slices.Clone(m.Runs.Tasks),
		}})
	}
	in.Leaving, s.leaving = s.leaving, nil
	plan := s.c.Plan(in)
	for n := range s.members {
		if m := &s.members[n]; !slices.Contains(missed, m.ID) {
			m.Runs = apply(m.Runs, plan.Shares[m.ID])
		}
	}
	if completed {
		s.last = s.gen
	}
	s.lastIn, s.lastPlan = in, plan
	return plan
}

// apply is what a member does: new first, then what it had and wasn't revoked, as in Java.
func apply(runs Work, share Share) Work {
	revoked := setOf(share.Revoked.items())
	kept := slices.DeleteFunc(runs.items(), revoked.has)
	return workOf(append(share.Assigned.items(), kept...))
}

// settle goes on until nothing is revoked and no delay is left, and returns how many rounds it took;
// -1 if it doesn't end.
func (s *simulation) settle() int {
	for round := 1; round <= 40; round++ {
		plan := s.rebalance(true)
		quiet := plan.Delay == 0
		for _, share := range plan.Shares {
			quiet = quiet && len(share.Revoked.items()) == 0 && len(share.Assigned.items()) == 0
		}
		if quiet {
			return round
		}
		s.now = s.now.Add(plan.Delay)
	}
	return -1
}

// step does one random thing and rebalances.
func (s *simulation) step(r *rand.Rand) {
	switch r.IntN(12) {
	case 0, 1, 2:
		if len(s.members) < 9 {
			id := randomID(r)
			if s.urls {
				id += fmt.Sprint("@worker-", r.IntN(9))
			}
			s.join(id)
		}
	case 3, 4:
		if len(s.members) > 1 {
			s.leave(s.members[r.IntN(len(s.members))].ID)
		}
	case 5, 6:
		s.configure(randomName(r), r.IntN(7))
	case 7:
		s.configure(randomName(r), -1)
	case 8: // the group's order is the broker's affair
		r.Shuffle(len(s.members), func(i, j int) { s.members[i], s.members[j] = s.members[j], s.members[i] })
	case 9: // a member comes back with work that others may have got meanwhile
		if n := len(s.members); n > 1 {
			i, j := r.IntN(n), r.IntN(n)
			s.members[i].Runs = workOf(append(s.members[i].Runs.items(), s.members[j].Runs.items()...))
		}
	case 10: // a member forgets what it ran
		s.members[r.IntN(len(s.members))].Runs = Work{}
	}
	if r.IntN(3) > 0 {
		switch wait := s.lastPlan.Delay.Milliseconds(); {
		case wait > 0 && r.IntN(2) == 0:
			s.now = s.now.Add(s.lastPlan.Delay)
		case wait > 0:
			s.now = s.now.Add(time.Duration(r.Int64N(wait+1)) * time.Millisecond)
		default:
			s.now = s.now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
		}
	}
	var missed []string
	if r.IntN(8) == 0 {
		missed = append(missed, s.members[r.IntN(len(s.members))].ID)
	}
	s.rebalance(r.IntN(15) > 0, missed...)
}

// Names and ids take in what sorts and hashes differently in Java: beyond ASCII, beyond 16 bits.
func randomID(r *rand.Rand) string {
	const forms = 4
	switch n := r.IntN(1 << 20); r.IntN(forms) {
	case 0:
		return fmt.Sprintf("connect-10.0.0.%d:8083-%08x-6b5f-4d0e-9d0c-%012x", n%250, r.Uint32(), r.Uint64()>>16)
	case 1:
		return fmt.Sprintf("worker-%d", n)
	case 2:
		return fmt.Sprintf("ワーカー\uffe0%d", n)
	default:
		return fmt.Sprintf("w\U0001F680%d", n)
	}
}

func randomName(r *rand.Rand) string {
	return []string{"orders", "payments", "a", "b-1", "b", "日本", "\U0001F600 sink", "\uffe1", "c.d", "sink a"}[r.IntN(10)]
}

// maxDelays of histories: those for which the roundings of Java's logarithm and Go's agree.
var maxDelays = []time.Duration{0, time.Millisecond, 40 * time.Millisecond, 5 * time.Second, time.Minute, 5 * time.Minute}

// history runs a random life of a group; each round is shown to see.
func history(seed uint64, rounds int, see func(*simulation)) {
	live(newSimulation(0), seed, rounds, see)
}

func live(s *simulation, seed uint64, rounds int, see func(*simulation)) {
	r := rand.New(rand.NewPCG(seed, 4))
	s.c = NewCooperative(maxDelays[r.IntN(len(maxDelays))])
	s.join(randomID(r))
	for range r.IntN(4) {
		s.configure(randomName(r), r.IntN(7))
	}
	see(nil)
	for range rounds {
		s.step(r)
		see(s)
	}
}
