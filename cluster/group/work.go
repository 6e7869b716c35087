package group

import (
	"context"
	"log/slog"

	"github.com/troupe-connect/troupe/cluster/state"
)

// Work is connectors and tasks.
type Work = state.Work

// runs is what a member with this assignment runs; it may be nil.
func (a *Assignment) runs() Work {
	if a == nil {
		return Work{}
	}
	return a.Assigned
}

// explain logs what the member does after a rebalance, and what the leader has to say.
func (m *Member) explain(ctx context.Context, generation int, before Work, a Assignment, stop Work, why []slog.Attr) {
	attrs := []slog.Attr{
		slog.Int("generation", generation), slog.String("leader", a.Leader), slog.String("leader_url", a.LeaderURL),
		slog.Any("protocol", m.protocol), slog.Int("connectors", len(a.Assigned.Connectors)), slog.Int("tasks", len(a.Assigned.Tasks)),
	}
	if a.Delay > 0 {
		attrs = append(attrs, slog.Duration("delay", a.Delay))
	}
	m.log.LogAttrs(ctx, slog.LevelInfo, "rebalance is complete", append(attrs, changes(before, stop, a)...)...)
	if len(why) > 0 {
		m.log.LogAttrs(ctx, slog.LevelInfo, "this worker leads the group and has planned", append([]slog.Attr{slog.Int("generation", generation)}, why...)...)
	}
}

// changes says what a member that ran before starts, stops and keeps. What is empty is left out.
func changes(before, stop Work, a Assignment) []slog.Attr {
	if a.Error != NoError {
		return []slog.Attr{slog.String("problem",
			"nothing was assigned: the leader hasn't read the config topic as far as another worker; all join again")}
	}
	var out []slog.Attr
	for _, part := range []struct {
		key  string
		work Work
	}{{"starts", a.Assigned.Without(before)}, {"stops", stop}, {"keeps", before.Without(before.Without(a.Assigned))}} {
		if text := state.Describe(part.work.Connectors, part.work.Tasks); text != "" {
			out = append(out, slog.String(part.key, text))
		}
	}
	return out
}
