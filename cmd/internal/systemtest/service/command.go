package service

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// NewCommand prepares a process of troupe with arguments and an environment of the test's own, for
// workers that are started in another way than NewWorker's. url is where its REST interface is. It
// does not start it. It is killed, if it still runs, with the test.
func NewCommand(tb testing.TB, url string, env []string, bin string, args ...string) *Worker {
	tb.Helper()
	dir := tb.TempDir()
	w := &Worker{REST: REST{URL: url}, Log: filepath.Join(dir, "worker.log"), dir: dir, env: env, args: append([]string{bin}, args...)}
	tb.Cleanup(func() {
		w.Kill(tb)
		if tb.Failed() && w.cmd != nil {
			tb.Logf("the end of the log of the worker at %s:\n%s", url, tail(w.Log, 60))
		}
	})
	return w
}

// ExitCode waits until the process has ended by itself, for which it has two minutes, and returns its
// exit code, -1 if a signal ended it.
func (w *Worker) ExitCode(tb testing.TB) int {
	tb.Helper()
	Until(tb, 2*time.Minute, "the worker's end", func() error {
		if w.Ended() == nil {
			return errors.New("it runs")
		}
		return nil
	})
	return w.cmd.ProcessState.ExitCode()
}
