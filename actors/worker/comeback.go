package worker

import (
	"maps"
	"slices"

	"github.com/troupe-connect/troupe/cluster/assign"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/state"
)

// comeback is the leader's memory of who ran what. In the JVM the work of a worker that is missed waits
// for scheduled.rebalance.max.delay.ms, also when the worker is back within seconds, since it comes
// back as another member: its process was started anew, or its session had expired. By its URL it is
// known, and there is nothing left to wait for.
type comeback struct {
	ran map[state.TaskID]string // the URL of who runs it, or ran it when it was missed
	ids map[string]string       // member ids by URL, of the last round
}

// returned are members that have come back under another id, with what they ran and nobody runs.
func (c *comeback) returned(members []group.RoundMember) []assign.Member {
	back := map[string]bool{}
	runs := workSet{}
	for _, m := range members {
		if was, known := c.ids[m.URL]; known && was != m.ID {
			back[m.URL] = true
		}
		maps.Copy(runs, setOf(m.Runs()))
	}
	if len(back) == 0 {
		return nil
	}
	waits := map[string]workSet{}
	for id, url := range c.ran {
		if back[url] && !runs[id] {
			if waits[url] == nil {
				waits[url] = workSet{}
			}
			waits[url][id] = true
		}
	}
	var out []assign.Member
	for _, url := range slices.Sorted(maps.Keys(waits)) {
		out = append(out, assign.Member{ID: c.ids[url], Runs: workOf(waits[url])})
	}
	return out
}

// planned takes a round in. urls are by member id, configured is what should run.
func (c *comeback) planned(urls map[string]string, shares map[string]assign.Share, configured assign.Work) {
	ran := make(map[state.TaskID]string, len(configured.Connectors)+len(configured.Tasks))
	for id := range setOf(group.Work(configured)) {
		if url, ok := c.ran[id]; ok {
			ran[id] = url
		}
	}
	for member, s := range shares {
		for id := range setOf(group.Work(s.Runs)) {
			ran[id] = urls[member]
		}
	}
	ids := maps.Clone(c.ids) // those that are missed, too
	if ids == nil {
		ids = map[string]string{}
	}
	still := map[string]bool{}
	for _, url := range ran {
		still[url] = true
	}
	maps.DeleteFunc(ids, func(url, _ string) bool { return !still[url] })
	for member, url := range urls {
		ids[url] = member
	}
	c.ran, c.ids = ran, ids
}

// workOf lists a set.
func workOf(s workSet) assign.Work {
	var w assign.Work
	for _, id := range sortedWork(s) {
		if id.Task < 0 {
			w.Connectors = append(w.Connectors, id.Connector)
		} else {
			w.Tasks = append(w.Tasks, id)
		}
	}
	return w
}
