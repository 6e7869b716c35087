package assign

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

// whoMoved tells who came and went since the last round, which the planner may not know.
func (c *Cooperative) whoMoved(in Input, known bool) Why {
	why := Why{First: !known}
	for _, m := range in.Leaving {
		why.Leaving = append(why.Leaving, m.ID)
	}
	if !known {
		return why
	}
	for _, m := range in.Members {
		if !slices.ContainsFunc(c.members, m.same) {
			why.Joined = append(why.Joined, m.ID)
		}
	}
	for _, was := range c.members {
		if !slices.ContainsFunc(in.Members, was.same) && !slices.ContainsFunc(in.Leaving, was.same) {
			why.Left = append(why.Left, was.ID)
		}
	}
	return why
}

func (m Member) same(other Member) bool { return m.ID == other.ID }

// because adds what is assigned, or waits, and why.
func (w Why) because(created []item, handed set, lost []item, waits bool) Why {
	var fresh, taken []item
	for _, i := range created {
		if handed.has(i) {
			taken = append(taken, i)
		} else {
			fresh = append(fresh, i)
		}
	}
	w.New, w.HandedOver = workOf(fresh), workOf(taken)
	if waits {
		w.Waiting = workOf(lost)
	} else {
		w.Lost = workOf(lost)
	}
	return w
}

// revoked adds what is revoked and why.
func (w *Why) revoked(shares map[string]Share, deleted, duplicated, surplus set) {
	all := set{}
	for _, share := range shares {
		all.add(share.Revoked.items()...)
	}
	var by [3][]item
	for _, i := range all.minus() {
		for n, because := range []set{deleted, duplicated, surplus} {
			if because.has(i) {
				by[n] = append(by[n], i)
				break
			}
		}
	}
	w.Deleted, w.Duplicated, w.Surplus = workOf(by[0]), workOf(by[1]), workOf(by[2])
}

// mostMembers is how many members Explain names in one list; what is more is counted.
const mostMembers = 16

// Explain tells a person what a round moves and why, in attributes of one log line: who came and went,
// what each member starts and stops, what waits and until when. What is empty is left out, long lists are
// cut. name says how a member is called, by its URL, say; for one that is gone it may have but its id.
func Explain(in Input, plan Plan, name func(id string) string) []slog.Attr {
	why := plan.Why
	var out []slog.Attr
	add := func(key, text string) {
		if text != "" {
			out = append(out, slog.String(key, text))
		}
	}
	out = append(out, slog.Int("members", len(plan.Shares)))
	add("joined", members(why.Joined, name))
	add("left", members(why.Left, name))
	add("handing_over", members(why.Leaving, name))
	if why.First {
		add("note", "this leader doesn't know the round before: all that no member runs is dealt out")
	}
	for _, part := range []struct {
		key  string
		work Work
	}{
		{"new", why.New},
		{"handed_over", why.HandedOver},
		{"given_back", why.Returned},
		{"lost_and_given_out", why.Lost},
		{"revoked_as_deleted", why.Deleted},
		{"revoked_as_run_twice", why.Duplicated},
		{"revoked_to_balance", why.Surplus},
		{"waiting_for_its_worker", why.Waiting},
	} {
		add(part.key, state.Describe(part.work.Connectors, part.work.Tasks))
	}
	add("moves", moves(in, plan, name))
	switch {
	case plan.Delay <= 0:
	case why.Waiting.empty():
		add("delay", fmt.Sprintf("balancing goes on in %s, at %s", plan.Delay, clock(why.Until)))
	default:
		add("delay", fmt.Sprintf("given to others in %s, at %s", plan.Delay, clock(why.Until)))
	}
	return out
}

func clock(t time.Time) string { return t.Format("15:04:05") }

// members lists members, as many as fit.
func members(ids []string, name func(string) string) string {
	var texts []string
	for _, id := range ids {
		text := name(id)
		if text != id {
			text += " (" + id + ")"
		}
		texts = append(texts, text)
	}
	return state.Cut(texts, mostMembers, ", ")
}

// moves lists the members whose work changes.
func moves(in Input, plan Plan, name func(string) string) string {
	var texts []string
	for _, m := range in.Members {
		share, ok := plan.Shares[m.ID]
		var parts []string
		if !share.Assigned.empty() {
			parts = append(parts, "starts "+state.Count(share.Assigned.Connectors, share.Assigned.Tasks))
		}
		if !share.Revoked.empty() {
			parts = append(parts, "stops "+state.Count(share.Revoked.Connectors, share.Revoked.Tasks))
		}
		if ok && len(parts) > 0 {
			texts = append(texts, fmt.Sprintf("%s %s, then has %s", name(m.ID), strings.Join(parts, " and "), state.Count(share.Runs.Connectors, share.Runs.Tasks)))
		}
	}
	return state.Cut(texts, mostMembers, "; ")
}

func (w Work) empty() bool { return len(w.Connectors)+len(w.Tasks) == 0 }
