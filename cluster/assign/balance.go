package assign

import (
	"cmp"
	"slices"

	"github.com/troupe-connect/troupe/connectors/java"
)

// surplusOf is what members run beyond their part of all that is configured, connectors and tasks apart.
func surplusOf(configured set, workers []*worker) set {
	if len(configured) == 0 || !slices.ContainsFunc(workers, func(w *worker) bool { return !w.idle() }) {
		return nil
	}
	var total [kinds]int
	for i := range configured {
		total[kindOf(i)]++
	}
	surplus := set{}
	for k, n := range total {
		addSurplus(surplus, kind(k), n, workers)
	}
	return surplus
}

// addSurplus adds what is to be given up of one kind, of which there are total. Everybody keeps
// total/members, and as many as there is a remainder may keep one more: the first that have one. What
// is given up is taken from the front of the member's list.
func addSurplus(surplus set, k kind, total int, workers []*worker) {
	part, extras := total/len(workers), total%len(workers)
	even, above := 0, 0
	for _, w := range workers {
		switch len(w.next[k]) {
		case part:
			even++
		case part + 1:
			above++
		}
	}
	if above == extras && even+above == len(workers) {
		return
	}
	for _, w := range workers {
		has := len(w.next[k])
		if has <= part {
			continue
		}
		keeps := part
		if extras > 0 {
			extras--
			keeps++
		}
		surplus.add(w.next[k][:has-keeps]...)
	}
}

// deal gives items, in their order and each kind apart, to the members that run the least of the kind: a
// level at a time, by id.
func deal(workers []*worker, items []item) {
	for k := range kinds {
		slices.SortFunc(workers, func(a, b *worker) int {
			return cmp.Or(cmp.Compare(len(a.next[k]), len(b.next[k])), java.Compare(a.id, b.id))
		})
		dealKind(workers, k, items)
	}
}

func dealKind(workers []*worker, k kind, items []item) {
	low, at := len(workers[0].next[k]), 0
	for _, i := range items {
		if kindOf(i) != k {
			continue
		}
		if at == len(workers) || len(workers[at].next[k]) > low { // the level is full
			low, at = len(workers[0].next[k]), 0
		}
		workers[at].give(i)
		at++
	}
}
