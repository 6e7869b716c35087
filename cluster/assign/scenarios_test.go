package assign

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios runs the life of groups written down in testdata, a file each:
//
//	group max-delay=5m      a new group, its leader's planner new too
//	connector NAME TASKS    sets what is configured; delete NAME removes it
//	join ID… | ID@URL…      members, of workers that the leader knows by their URL or doesn't
//	leave ID…               what a member ran goes with it
//	stop ID…                members stop all they run, as when they miss the coordinator
//	hand-over ID…           members that leave in the next round, giving away what they ran
//	wait DURATION
//	new-leader              the planner is a new one: it knows nothing of before
//	rebalance [lost=ID] [unseen] [explain]   a round; lost: the member doesn't get its share; unseen: the
//	                        leader doesn't see the round completed; explain: print what the log says of it
//	eager                   a round of the eager assignor, which changes nothing here
//
// rebalance and eager print what each member gets (+), gives up (-) and runs (=).
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s *simulation
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var names []string
			for _, a := range d.CmdArgs {
				if len(a.Vals) == 0 {
					names = append(names, a.Key)
				}
			}
			switch d.Cmd {
			case "group":
				var text string
				d.ScanArgs(t, "max-delay", &text)
				s = newSimulation(duration(t, d, text))
			case "connector":
				s.configure(names[0], number(t, names[1]))
			case "delete":
				s.configure(names[0], -1)
			case "join":
				for _, id := range names {
					s.join(id)
				}
			case "leave":
				for _, id := range names {
					if s.find(id) < 0 {
						d.Fatalf(t, "%s is no member", id)
					}
					s.leave(id)
				}
			case "stop":
				for _, id := range names {
					if s.find(id) < 0 {
						d.Fatalf(t, "%s is no member", id)
					}
					s.members[s.find(id)].Runs = Work{}
				}
			case "hand-over":
				s.handOver(names...)
			case "wait":
				s.now = s.now.Add(duration(t, d, names[0]))
			case "new-leader":
				s.c = NewCooperative(time.Duration(s.c.maxDelay) * time.Millisecond)
			case "rebalance":
				var missed []string
				if d.HasArg("lost") {
					var id string
					d.ScanArgs(t, "lost", &id)
					missed = append(missed, id)
				}
				plan := s.rebalance(!slices.Contains(names, "unseen"), missed...)
				if slices.Contains(names, "explain") {
					return explainText(s.lastIn, plan)
				}
				return planText(plan)
			case "eager":
				return planText(Eager(Input{Members: s.members, Configured: s.config}))
			default:
				d.Fatalf(t, "no such command")
			}
			return ""
		})
	})
}

func duration(t *testing.T, d *datadriven.TestData, text string) time.Duration {
	t.Helper()
	out, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return out
}

func explainText(in Input, p Plan) string {
	var b strings.Builder
	p.Why.Until = p.Why.Until.UTC()
	for _, a := range Explain(in, p, func(id string) string { return "http://" + id + ":8083/" }) {
		fmt.Fprintf(&b, "%s: %s\n", a.Key, a.Value)
	}
	return b.String()
}

func planText(p Plan) string {
	var b strings.Builder
	if p.Delay > 0 {
		fmt.Fprintf(&b, "delay %s\n", p.Delay)
	}
	ids := make([]string, 0, len(p.Shares))
	for id := range p.Shares {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		b.WriteString(id)
		share := p.Shares[id]
		for _, part := range []struct {
			mark string
			work Work
		}{{"+", share.Assigned}, {"-", share.Revoked}, {"=", share.Runs}} {
			items := part.work.items()
			slices.SortFunc(items, compareItems)
			if text := workText(workOf(items)); text != "" {
				fmt.Fprintf(&b, " %s[%s]", part.mark, strings.ReplaceAll(text, ",", " "))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
