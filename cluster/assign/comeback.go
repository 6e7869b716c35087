package assign

import "slices"

// ownership is the leader's memory of who ran what: the URL of the worker that does, or did when it was
// missed. In Java the work of a worker that is missed waits for scheduled.rebalance.max.delay.ms, also
// when the worker is back within seconds: under another member id, since its process was started anew or
// its session had expired, or under the old one with nothing, since it stopped all when Kafka was away.
// So after an outage of Kafka from which one worker doesn't come back the others would stand idle too.
// Here a worker has its own as soon as it is back, whoever else is missing.
type ownership map[item]string

// giveBack gives what nobody runs to the worker that ran it, if that is here, and returns what it gave.
// idle is in the order in which it is given.
func (o ownership) giveBack(workers []*worker, idle []item) set {
	returned := set{}
	if len(o) == 0 || len(idle) == 0 {
		return returned
	}
	here := make(map[string]*worker, len(workers))
	for _, w := range workers {
		if w.url != "" && here[w.url] == nil {
			here[w.url] = w
		}
	}
	back := map[*worker][]item{}
	for _, i := range idle {
		if w := here[o[i]]; w != nil {
			back[w] = append(back[w], i)
			returned.add(i)
		}
	}
	for w, items := range back {
		w.back = setOf(items)
		w.takeFirst(items)
	}
	return returned
}

// takeFirst gives the worker items before all that it has: they are the first to go if it has too much,
// for they have not begun.
func (w *worker) takeFirst(items []item) {
	var first [kinds][]item
	for _, i := range items {
		first[kindOf(i)] = append(first[kindOf(i)], i)
	}
	for k := range w.next {
		w.next[k] = slices.Concat(first[k], w.next[k])
	}
}

// takeBack takes out of both sets what was given back and is too much for its worker: nobody has to stop
// it before it is dealt out to others.
func takeBack(surplus, returned set) []item {
	var again []item
	for i := range surplus {
		if returned.has(i) {
			again = append(again, i)
		}
	}
	for _, i := range again {
		delete(surplus, i)
		delete(returned, i)
	}
	slices.SortFunc(again, compareItems)
	return again
}

// remember takes in what all run after a round. What a member gave up is nobody's.
func (o *ownership) remember(workers []*worker, configured set) {
	was := *o
	now := make(ownership, len(configured))
	for i := range configured {
		if url := was[i]; url != "" {
			now[i] = url
		}
	}
	for _, w := range workers {
		for _, i := range w.revoked {
			delete(now, i)
		}
	}
	for _, w := range workers {
		for _, items := range w.next {
			for _, i := range items {
				if delete(now, i); w.url != "" {
					now[i] = w.url
				}
			}
		}
	}
	*o = now
}
