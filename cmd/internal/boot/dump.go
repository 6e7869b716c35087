package boot

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// sharedWriter lets the log and a dump write to one place.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// dump writes the stacks of all goroutines into the log, those of each connector and task together, and
// one line that counts them. Goroutines of one stack are shown once.
func (n *node) dump() {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		n.log.Error("could not dump goroutines", "err", err)
		return
	}
	stacks := parseStacks(profile.String())
	total := 0
	for _, s := range stacks {
		total += s.count
	}
	n.log.Info("goroutine dump follows, asked for by SIGQUIT", "goroutines", total, "stacks", len(stacks))
	if _, err := n.out.Write(formatStacks(stacks)); err != nil {
		n.log.Error("could not write the goroutine dump", "err", err)
	}
	n.log.Info("goroutine dump ends", "goroutines", total)
}

// stack is what a number of goroutines with the same labels are at.
type stack struct {
	owner  string // "connector orders, task 0", or "worker"
	labels string // all of them
	count  int
	frames []string
}

var (
	stackHead  = regexp.MustCompile(`^(\d+) @`)
	stackLabel = regexp.MustCompile(`("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*")`)
)

// parseStacks reads a goroutine profile in its text form (debug=1).
func parseStacks(profile string) []stack {
	var stacks []stack
	for block := range strings.SplitSeq(profile, "\n\n") {
		var s stack
		labels := map[string]string{}
		for line := range strings.Lines(block) {
			line = strings.TrimRight(line, "\n")
			if m := stackHead.FindStringSubmatch(line); m != nil {
				s.count, _ = strconv.Atoi(m[1]) // digits
			} else if text, ok := strings.CutPrefix(line, "# labels: "); ok {
				for _, m := range stackLabel.FindAllStringSubmatch(text, -1) {
					key, _ := strconv.Unquote(m[1])
					labels[key], _ = strconv.Unquote(m[2])
				}
			} else if frame, ok := strings.CutPrefix(line, "#\t"); ok {
				_, frame, _ = strings.Cut(frame, "\t") // without its address
				s.frames = append(s.frames, strings.Join(strings.Fields(frame), " "))
			}
		}
		if s.count == 0 {
			continue
		}
		s.owner = ownerOf(labels)
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			s.labels += fmt.Sprintf(" %s=%q", key, labels[key])
		}
		stacks = append(stacks, s)
	}
	slices.SortStableFunc(stacks, func(a, b stack) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(b.count, a.count))
	})
	return stacks
}

func ownerOf(labels map[string]string) string {
	connector, known := labels["connector"]
	if !known {
		return "worker"
	}
	if task, ok := labels["task"]; ok {
		return "connector " + connector + ", task " + task[strings.LastIndexByte(task, '-')+1:]
	}
	return "connector " + connector
}

func formatStacks(stacks []stack) []byte {
	var b bytes.Buffer
	owner := ""
	for _, s := range stacks {
		if s.owner != owner {
			owner = s.owner
			fmt.Fprintf(&b, "\n%s\n", owner)
		}
		fmt.Fprintf(&b, "  %d goroutine(s)%s\n", s.count, s.labels)
		for _, frame := range s.frames {
			fmt.Fprintf(&b, "      at %s\n", frame)
		}
	}
	b.WriteByte('\n')
	return b.Bytes()
}
