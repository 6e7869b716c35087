package assign

import (
	"slices"

	"github.com/troupe-connect/troupe/connectors/java"
)

// Eager deals everything out anew: all connectors by name and then all tasks by connector and number, in
// turn to the members by id. The members have stopped what they ran.
func Eager(in Input) Plan {
	plan := Plan{Shares: make(map[string]Share, len(in.Members))}
	if len(in.Members) == 0 {
		return plan
	}
	ids := make([]string, len(in.Members))
	for i, m := range in.Members {
		ids[i] = m.ID
	}
	slices.SortFunc(ids, java.Compare)
	dealt := make([][]item, len(ids))
	for n, i := range in.configured().minus() {
		to := n % len(ids)
		dealt[to] = append(dealt[to], i)
	}
	for n, id := range ids {
		plan.Shares[id] = Share{Assigned: workOf(dealt[n]), Runs: workOf(dealt[n])}
	}
	return plan
}
