package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Build builds the troupe binary into a folder of the test and returns its path.
func Build(tb testing.TB, flags ...string) string {
	tb.Helper()
	return BuildCommand(tb, "./cmd/troupe", flags...)
}

// BuildCommand builds another worker, with plugins of its own, as Build does.
func BuildCommand(tb testing.TB, pkg string, flags ...string) string {
	tb.Helper()
	bin := filepath.Join(tb.TempDir(), "troupe")
	ctx, cancel := context.WithTimeout(tb.Context(), startLimit)
	defer cancel()
	args := append(append([]string{"build"}, flags...), "-o", bin, pkg)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = Root(tb)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// Worker is a worker as a process of its own: troupe, or in a Cluster also a JVM.
type Worker struct {
	REST
	Log string // the file that has its output, of all its runs

	dir  string
	args []string
	env  []string // beside that of the test
	ends []int    // exit codes of an end in order, beside 0; of JVM workers only
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended and err is set
	err  error
}

// NewWorker prepares a standalone worker: lines are its properties, without listeners; connectors
// are property files. It does not start it. It is killed, if it still runs, with the test.
func NewWorker(tb testing.TB, bin string, lines []string, connectors ...string) *Worker {
	tb.Helper()
	w := newWorker(tb, lines)
	w.args = append([]string{bin, "standalone", w.properties()}, connectors...)
	return w
}

// newWorker writes the properties of a worker that has no command yet.
func newWorker(tb testing.TB, lines []string) *Worker {
	tb.Helper()
	dir := tb.TempDir()
	addr := local(FreePorts(tb, 1))
	w := &Worker{REST: REST{URL: "http://" + addr}, Log: filepath.Join(tb.ArtifactDir(), strings.ReplaceAll(addr, ":", "_")+".log"), dir: dir}
	text := strings.Join(append(slices.Clip(lines), "listeners=http://"+addr), "\n") + "\n"
	if err := os.WriteFile(w.properties(), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		w.Kill(tb)
		if tb.Failed() && w.cmd != nil {
			tb.Logf("the end of the log of the worker at %s:\n%s", addr, tail(w.Log, 60))
		}
	})
	return w
}

func (w *Worker) properties() string { return filepath.Join(w.dir, "worker.properties") }

// Start starts the process and waits until the REST interface answers.
func (w *Worker) Start(tb testing.TB) {
	tb.Helper()
	w.Launch(tb)
	Until(tb, time.Minute, "the worker's start", func() error {
		if err := w.Ended(); err != nil {
			tb.Fatalf("the worker ended: %v\n%s", err, tail(w.Log, 40))
		}
		status, body, err := w.Do(tb.Context(), http.MethodGet, "/connectors", nil)
		if err == nil && status != http.StatusOK {
			return fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

// Launch starts the process and waits for nothing.
func (w *Worker) Launch(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(w.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), w.args[0], w.args[1:]...)
	cmd.Dir = w.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return len(w.ends) == 0 && strings.HasPrefix(v, "CONNECT_") // of the tests; a worker would take them for settings
	}), w.env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	w.cmd, w.done = cmd, done
	go func() { // ends with the process, which Kill or Stop ends
		w.err = cmd.Wait()
		close(done)
	}()
}

// errExited stands for a process that ended with code 0.
var errExited = errors.New("exit status 0")

// Ended says how the process ended, or is nil while it runs.
func (w *Worker) Ended() error {
	select {
	case <-w.done:
		if w.err == nil {
			return errExited
		}
		return w.err
	default:
		return nil
	}
}

// Alive reports whether the process was started and runs.
func (w *Worker) Alive() bool { return w.cmd != nil && w.Ended() == nil }

// Kill ends the process at once, as kill -9 does, and waits for its end.
func (w *Worker) Kill(tb testing.TB) {
	tb.Helper()
	w.end(tb, syscall.SIGKILL, 10*time.Second)
}

// Stop ends the process in order and fails the test unless its exit code is 0, or that of the signal.
func (w *Worker) Stop(tb testing.TB) {
	tb.Helper()
	limit := 90 * time.Second
	if len(w.ends) > 0 {
		limit /= 2
	}
	w.end(tb, syscall.SIGTERM, limit)
	if code := w.cmd.ProcessState.ExitCode(); w.err != nil && code != 143 && !slices.Contains(w.ends, code) {
		tb.Errorf("the worker's end: %v\n%s", w.err, tail(w.Log, 20))
	}
}

// Freeze stops the process where it is, as a long pause of the machine does, until Thaw.
func (w *Worker) Freeze(tb testing.TB) { tb.Helper(); w.signal(tb, syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (w *Worker) Thaw(tb testing.TB) { tb.Helper(); w.signal(tb, syscall.SIGCONT) }

func (w *Worker) signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		tb.Fatalf("signal %s to the worker at %s: %v", s, w.URL, err)
	}
}

// RSS is the process's memory in bytes: what of it lies in RAM now, and the most that did.
func (w *Worker) RSS(tb testing.TB) (now, peak int64) {
	tb.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		switch f[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			peak = n << 10
		}
	}
	return now, peak
}

// CPU is how much processor time the process has used since its start, in user and system mode, to ten
// milliseconds.
func (w *Worker) CPU(tb testing.TB) time.Duration {
	tb.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.PID()))
	if err != nil {
		tb.Fatal(err)
	}
	// The name, in brackets, may hold blanks; of what follows it the 12th and 13th are the times.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 for every process on Linux
}

// PID is the process's id while it runs.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

func (w *Worker) end(tb testing.TB, signal syscall.Signal, limit time.Duration) {
	tb.Helper()
	if w.cmd == nil {
		return
	}
	if err := w.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		tb.Errorf("signal %s: %v", signal, err)
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-w.done:
	case <-late.C:
		if len(w.ends) > 0 { // a JVM worker hangs in its web server now and then, which is not what is tested
			tb.Logf("the JVM worker did not end within %s of %s and was killed", limit, signal)
		} else {
			tb.Errorf("the worker did not end within %s of %s", limit, signal)
		}
		_ = w.cmd.Process.Kill()
		<-w.done
	}
}
