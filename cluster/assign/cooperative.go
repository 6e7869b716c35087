package assign

import (
	"math"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/connectors/java"
)

// Cooperative plans rounds of incremental cooperative rebalancing. It remembers what it planned before,
// as the leader has to; a worker that becomes leader anew goes on with the one it has, and rounds that
// others led in between are found by their generation. One goroutine at a time may use it.
type Cooperative struct {
	maxDelay int64 // ms

	previous   set      // what ran or waited after the last round
	revoked    set      // what the last round revoked
	handed     set      // what leaving members ran, as of the last round
	members    []Member // of the last round, without what they ran
	generation int      // of the last round
	owners     ownership

	// rebalanceAt is when work that waits is dealt out, in ms of Unix time; 0: nothing waits.
	rebalanceAt int64
	delay       int64    // ms until then, as last told
	candidates  []string // members that were idle while work waited: it goes to them

	balanced bool // the last round that balanced has revoked something
	streak   int  // rounds in a row that wanted to
}

// NewCooperative makes a planner. maxDelay is scheduled.rebalance.max.delay.ms: how long the work of a
// lost worker waits for it to come back, and the most that balancing is put off; 0 is not at all. It is
// used to the millisecond.
func NewCooperative(maxDelay time.Duration) *Cooperative {
	return &Cooperative{maxDelay: max(maxDelay.Milliseconds(), 0), generation: -1}
}

// worker is a member during a round.
type worker struct {
	id, url string
	had     set           // what it ran before
	next    [kinds][]item // what it runs after
	back    set           // what it gets again
	revoked []item        // what it gives up
}

func (w *worker) idle() bool { return len(w.next[connectors])+len(w.next[tasks]) == 0 }

func (w *worker) give(i item) {
	k := kindOf(i)
	w.next[k] = append(w.next[k], i)
}

// Plan plans a round and remembers it.
func (c *Cooperative) Plan(in Input) Plan {
	in.Members = slices.DeleteFunc(slices.Clone(in.Members), in.leaves)
	if len(in.Members) == 0 {
		return Plan{Shares: map[string]Share{}}
	}
	known := c.generation == in.LastGeneration && c.generation >= 0
	if c.generation != in.LastGeneration {
		// Somebody else has led since, or a round of ours didn't reach the members: what ran is not
		// known, so nothing counts as lost.
		c.previous = nil
	}
	configured := in.configured()
	workers, active, duplicated := newWorkers(in.Members)
	for i := range c.revoked {
		if active.has(i) { // a revocation that didn't take effect
			c.previous = active
			break
		}
	}
	why := c.whoMoved(in, known)
	handed := c.takeOver(in.Leaving, active)
	deleted := setOf(c.previous.minus(configured))
	for _, w := range workers {
		w.drop(func(i item) bool { return deleted.has(i) || duplicated.has(i) })
	}
	returned := c.owners.giveBack(workers, configured.minus(active, handed))
	lost := c.previous.minus(active, deleted, returned)
	created := configured.minus(c.previous, active, returned)
	dealt, waits := c.handleLost(in.Now.UnixMilli(), lost, workers)
	surplus := c.balance(in.Now.UnixMilli(), configured, workers)
	again := takeBack(surplus, returned)
	deal(workers, slices.Concat(created, dealt, again))
	c.remember(in, workers, lost)
	c.owners.remember(workers, configured)
	plan := Plan{Shares: make(map[string]Share, len(workers)), Delay: time.Duration(c.delay) * time.Millisecond}
	for _, w := range workers {
		plan.Shares[w.id] = w.share()
	}
	plan.Why = why.because(append(created, again...), handed, lost, waits)
	plan.Why.Returned = workOf(returned.minus())
	plan.Why.revoked(plan.Shares, deleted, duplicated, surplus)
	if plan.Delay > 0 {
		plan.Why.Until = in.Now.Add(plan.Delay)
	}
	return plan
}

// leaves reports whether the member is one of those about to go.
func (in Input) leaves(m Member) bool {
	return slices.ContainsFunc(in.Leaving, func(l Member) bool { return l.ID == m.ID })
}

// takeOver forgets that leaving members ran anything, so that it is new work, and returns what that is.
// So is what the last round took over and nobody runs: a member didn't get its answer before the group
// went on without those that left. The members that go are not missed either.
func (c *Cooperative) takeOver(leaving []Member, active set) set {
	handed := set{}
	for i := range c.handed {
		if !active.has(i) {
			handed.add(i)
		}
	}
	for _, m := range leaving {
		for _, i := range m.Runs.items() {
			if !active.has(i) {
				handed.add(i)
			}
		}
		c.members = slices.DeleteFunc(c.members, func(was Member) bool { return was.ID == m.ID })
	}
	for i := range handed {
		delete(c.previous, i)
	}
	c.handed = handed
	return handed
}

// newWorkers lists the members in Java's order, with all that runs and what runs more than once.
func newWorkers(members []Member) (workers []*worker, active, duplicated set) {
	byID := make(map[string]*worker, len(members))
	ids := make([]string, 0, len(members))
	active, duplicated = set{}, set{}
	for _, m := range members {
		if byID[m.ID] != nil {
			continue
		}
		w := &worker{id: m.ID, url: m.URL, had: set{}}
		for _, i := range m.Runs.items() {
			if active.has(i) {
				duplicated.add(i)
			}
			active.add(i)
			w.had.add(i)
			w.next[kindOf(i)] = append(w.next[kindOf(i)], i)
		}
		byID[m.ID] = w
		ids = append(ids, m.ID)
	}
	for _, id := range java.HashOrder(ids) {
		workers = append(workers, byID[id])
	}
	return workers, active, duplicated
}

// drop makes the worker give up what is named.
func (w *worker) drop(named func(item) bool) {
	for k := range w.next {
		w.next[k] = slices.DeleteFunc(w.next[k], func(i item) bool {
			if !named(i) {
				return false
			}
			if !w.back.has(i) { // what it was only about to get again needs no revocation
				w.revoked = append(w.revoked, i)
			}
			return true
		})
	}
}

// handleLost decides what becomes of work that nobody runs any more: it goes to members that came while
// it waited, or it is returned to be dealt out to all, or it waits.
func (c *Cooperative) handleLost(now int64, lost []item, workers []*worker) (dealt []item, waits bool) {
	switch {
	case len(lost) == 0 && !c.balanced:
		c.stopWaiting()
	case c.rebalanceAt <= 0 && c.allStayed(workers):
		// Nobody has left, so the members didn't get what the last round gave them.
		return lost, false
	case c.maxDelay == 0:
		return lost, false
	case c.rebalanceAt > 0 && now >= c.rebalanceAt:
		if candidates := c.present(workers); len(candidates) > 0 {
			deal := [kinds]int{}
			for _, i := range lost {
				k := kindOf(i)
				candidates[deal[k]%len(candidates)].give(i)
				deal[k]++
			}
		} else {
			dealt = lost
		}
		c.stopWaiting()
		c.balanced = false // the delay is over: balancing may revoke at once
	default:
		c.noteIdle(workers)
		c.delay = c.maxDelay
		if now < c.rebalanceAt {
			c.delay = min(c.rebalanceAt-now, c.maxDelay)
		}
		c.rebalanceAt = now + c.delay
		return nil, true
	}
	return dealt, false
}

func (c *Cooperative) stopWaiting() { c.candidates, c.rebalanceAt, c.delay = nil, 0, 0 }

// allStayed reports whether the members of the last round are all there, be it under another id.
func (c *Cooperative) allStayed(workers []*worker) bool {
	for _, m := range c.members {
		same := func(w *worker) bool { return w.id == m.ID || m.URL != "" && w.url == m.URL }
		if !slices.ContainsFunc(workers, same) {
			return false
		}
	}
	return true
}

// noteIdle adds the members that run nothing to the candidates.
func (c *Cooperative) noteIdle(workers []*worker) {
	var idle []string
	for _, w := range workers {
		if w.idle() {
			idle = append(idle, w.id)
		}
	}
	for _, id := range java.HashOrder(idle) {
		if !slices.Contains(c.candidates, id) {
			c.candidates = append(c.candidates, id)
		}
	}
}

// present are the candidates that are still members.
func (c *Cooperative) present(workers []*worker) []*worker {
	var out []*worker
	for _, id := range c.candidates {
		if n := slices.IndexFunc(workers, func(w *worker) bool { return w.id == id }); n >= 0 {
			out = append(out, workers[n])
		}
	}
	return out
}

// balance makes members that run more than their part give up the rest, unless work waits. When one
// round after the other wants to, the next is put off, longer each time. It returns what is given up.
func (c *Cooperative) balance(now int64, configured set, workers []*worker) set {
	if c.delay != 0 {
		c.balanced = false
		return nil
	}
	surplus := surplusOf(configured, workers)
	switch {
	case len(surplus) == 0:
		if c.balanced {
			c.balanced, c.streak = false, 0
		}
		return nil
	case c.balanced:
		c.streak++
		if c.delay = c.backoff(); c.delay != 0 {
			c.rebalanceAt = now + c.delay
			return nil
		}
	default:
		c.balanced = true
	}
	for _, w := range workers {
		w.drop(surplus.has)
	}
	return surplus
}

// backoff is 40^n ms up to the maximal delay for n rounds in a row. It is computed as Java does,
// roundings included: at the maximum it may be a millisecond less.
func (c *Cooperative) backoff() int64 {
	if c.maxDelay <= 1 {
		return c.maxDelay
	}
	const base = 40
	top := math.Log(float64(c.maxDelay)) / math.Log(base)
	return min(int64(math.Pow(base, min(float64(c.streak), top))), c.maxDelay)
}

// remember keeps what the next round has to know.
func (c *Cooperative) remember(in Input, workers []*worker, lost []item) {
	c.previous, c.revoked, c.members = set{}, set{}, nil
	for _, w := range workers {
		c.members = append(c.members, Member{ID: w.id, URL: w.url})
		c.revoked.add(w.revoked...)
		for _, items := range w.next {
			c.previous.add(items...)
		}
	}
	for i := range c.revoked {
		delete(c.previous, i)
	}
	c.previous.add(lost...) // those dealt out are in it, the others wait
	c.generation = in.Generation
}

func (w *worker) share() Share {
	var added, runs []item
	for _, items := range w.next {
		for _, i := range items {
			runs = append(runs, i)
			if !w.had.has(i) {
				added = append(added, i)
			}
		}
	}
	return Share{Assigned: workOf(added), Revoked: workOf(w.revoked), Runs: workOf(runs)}
}
