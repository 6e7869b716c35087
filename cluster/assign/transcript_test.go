package assign

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

// transcripts is where the driver and what it recorded lie; README.md there tells their lines.
var transcripts = filepath.Join("..", "..", "testdata", "assign")

// command is what the driver is told of a round.
func command(s *simulation, kind string) string {
	var b strings.Builder
	var configured []string
	for _, name := range s.lastIn.Configured.Connectors {
		count := 0
		for _, id := range s.lastIn.Configured.Tasks {
			if id.Connector == name {
				count++
			}
		}
		configured = append(configured, fmt.Sprintf("%s/%d", name, count))
	}
	fmt.Fprintf(&b, "round\t%d\t%d\t%d\t%s\n", s.lastIn.Now.UnixMilli(), s.lastIn.LastGeneration, s.lastIn.Generation, strings.Join(configured, ","))
	for _, m := range s.lastIn.Members {
		fmt.Fprintf(&b, "member\t%s\t%s\n", m.ID, workText(m.Runs))
	}
	fmt.Fprintln(&b, kind)
	return b.String()
}

func workText(w Work) string {
	texts := slices.Clone(w.Connectors)
	for _, id := range w.Tasks {
		texts = append(texts, fmt.Sprintf("%s/%d", id.Connector, id.Task))
	}
	return strings.Join(texts, ",")
}

func parseWork(t *testing.T, text string) Work {
	t.Helper()
	var w Work
	for one := range strings.SplitSeq(text, ",") {
		name, number, task := strings.Cut(one, "/")
		switch n, err := strconv.Atoi(number); {
		case one == "":
		case !task:
			w.Connectors = append(w.Connectors, name)
		case err != nil:
			t.Fatalf("task %q: %v", one, err)
		default:
			w.Tasks = append(w.Tasks, state.TaskID{Connector: name, Task: n})
		}
	}
	return w
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// replayed counts what a transcript held.
type replayed struct{ histories, rounds, eager, delays, revocations int }

// replay plans every round of a transcript and compares with what Java answered in it.
func replay(t *testing.T, transcript io.Reader) replayed {
	t.Helper()
	var did replayed
	var c *Cooperative
	var in Input
	var plan Plan
	lines := bufio.NewScanner(transcript)
	lines.Buffer(nil, 1<<20)
	for at := 1; lines.Scan() && !t.Failed(); at++ {
		f := strings.Split(lines.Text(), "\t")
		switch f[0] {
		case "history":
			did.histories++
			c = NewCooperative(time.Duration(number(t, f[1])) * time.Millisecond)
		case "round":
			in = Input{Now: time.UnixMilli(int64(number(t, f[1]))), LastGeneration: number(t, f[2]), Generation: number(t, f[3])}
			for one := range strings.SplitSeq(f[4], ",") {
				name, count, ok := strings.Cut(one, "/")
				if !ok {
					continue
				}
				in.Configured.Connectors = append(in.Configured.Connectors, name)
				for n := range number(t, count) {
					in.Configured.Tasks = append(in.Configured.Tasks, state.TaskID{Connector: name, Task: n})
				}
			}
		case "member":
			in.Members = append(in.Members, Member{ID: f[1], Runs: parseWork(t, f[2])})
		case "cooperative":
			did.rounds++
			plan = c.Plan(in)
		case "eager":
			did.eager++
			plan = Eager(in)
		case "delay":
			if want := time.Duration(number(t, f[1])) * time.Millisecond; plan.Delay != want {
				t.Errorf("line %d: delay %s, Java's is %s", at, plan.Delay, want)
			}
			if plan.Delay > 0 {
				did.delays++
			}
		case "share":
			if len(f) == 5 && f[3] != "" {
				did.revocations++
			}
			compareShare(t, at, plan.Shares[f[1]], f)
		default:
			t.Fatalf("line %d: %q", at, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return did
}

// compareShare compares one line. The order counts, but for what Java holds in hash sets.
func compareShare(t *testing.T, at int, got Share, f []string) {
	t.Helper()
	same := func(what string, got Work, want string, ordered bool) {
		a, b := strings.Split(workText(got), ","), strings.Split(want, ",")
		if !ordered {
			slices.Sort(a)
			slices.Sort(b)
		}
		if !slices.Equal(a, b) {
			t.Errorf("line %d: %s of %s: %v, Java's are %v", at, what, f[1], a, b)
		}
	}
	if len(f) == 3 {
		same("all", got.Assigned, f[2], false)
		return
	}
	same("assigned", got.Assigned, f[2], true)
	same("revoked", got.Revoked, f[3], false)
	same("runs", got.Runs, f[4], true)
}

// Sixty histories that the assignors of Kafka Connect 4.1.1 decided, rounds in which members and answers
// were lost among them.
func TestRecordedHistories(t *testing.T) {
	file, err := os.Open(filepath.Join(transcripts, "histories.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	did := replay(t, text)
	if did.histories != 60 || did.rounds < 1000 || did.eager < 100 || did.delays < 150 || did.revocations < 200 {
		t.Errorf("the transcript holds less than it should: %+v", did)
	}
}

// millis is the history's maximal delay as the driver reads it.
func millis(s *simulation) string { return strconv.FormatInt(s.c.maxDelay, 10) }
