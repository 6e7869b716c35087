package service

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Time limits of the scripts. The first start on a machine fetches the jars.
const (
	startLimit = 8 * time.Minute
	stopLimit  = time.Minute
)

// service is one component with a script of testdata/services.
type service struct {
	script string
	args   []string // behind start and stop
	env    []string
}

// start runs the script and returns the address it prints.
func (s *service) start(tb testing.TB) string {
	tb.Helper()
	out, err := s.run(tb, startLimit, "start")
	if err != nil {
		tb.Fatalf("starting %s: %v", s.script, err)
	}
	return strings.TrimSpace(out)
}

func (s *service) stop(tb testing.TB) {
	tb.Helper()
	if _, err := s.run(tb, stopLimit, "stop"); err != nil {
		tb.Errorf("stopping %s: %v", s.script, err)
	}
}

// run carries out the script. It does not use the test's context, which has ended when a cleanup
// stops the service.
func (s *service) run(tb testing.TB, limit time.Duration, action string) (string, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(Root(tb), "testdata", "services", s.script), append([]string{action}, s.args...)...)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.WaitDelay = time.Second
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w (limit %s)\n%s", err, limit, said.String())
	}
	return out.String(), nil
}

// Root is the folder of the module, whatever package the test is of.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			tb.Fatalf("no go.mod in or above %s", dir)
		}
	}
}

// FreePorts finds n ports of 127.0.0.1 in a row on which nothing listens and returns the first.
// They lie below the range from which systems give out ports by themselves.
func FreePorts(tb testing.TB, n int) int {
	tb.Helper()
	for range 200 {
		first := 20000 + rand.IntN(12000-n)
		if allFree(tb, first, n) {
			return first
		}
	}
	tb.Fatalf("no %d free ports in a row between 20000 and 32000", n)
	return 0
}

func allFree(tb testing.TB, first, n int) bool {
	var lc net.ListenConfig
	for port := first; port < first+n; port++ {
		l, err := lc.Listen(tb.Context(), "tcp", local(port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Until calls ok again and again until it returns nil, and fails the test with its last error when
// the limit is over first.
func Until(tb testing.TB, limit time.Duration, what string, ok func() error) {
	tb.Helper()
	UntilEvery(tb, 50*time.Millisecond, limit, what, ok)
}

// UntilEvery is Until with as long as every between two calls.
func UntilEvery(tb testing.TB, every, limit time.Duration, what string, ok func() error) {
	tb.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-deadline.C:
			tb.Fatalf("%s: not within %s: %v", what, limit, err)
		case <-tb.Context().Done():
			tb.Fatalf("%s: %v: %v", what, context.Cause(tb.Context()), err)
		}
	}
}

// tail is the last n lines of a log file, for a failure's text, without what numbered connectors print.
func tail(file string, n int) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimRight(string(raw), "\n"), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "{") && strings.Contains(line, `"seqno":`)
	})
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
