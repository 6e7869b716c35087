package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

func TestHeeding(t *testing.T) {
	for _, tt := range []struct {
		name    string
		signals []os.Signal
		want    []heed
	}{
		{"QUIT at any time", []os.Signal{syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGQUIT}, []heed{heedDump, heedStop, heedDump}},
		{"two of timeout", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, []heed{heedStop, heedIgnore}},
		{"three", []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGINT}, []heed{heedStop, heedIgnore, heedGiveUp}},
		{"HUP", []os.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGHUP, syscall.SIGTERM}, []heed{heedStop, heedIgnore, heedIgnore, heedGiveUp}},
	} {
		var h heeding
		for i, s := range tt.signals {
			if got := h.on(s); got != tt.want[i] {
				t.Errorf("%s: signal %d is answered with %d, want %d", tt.name, i, got, tt.want[i])
			}
		}
	}
}

// signalled is a worker that is sent signals.
func signalled(t *testing.T, props map[string]string) (*lockedBuffer, chan<- os.Signal, <-chan error) {
	t.Helper()
	log, signals, ended := &lockedBuffer{}, make(chan os.Signal), make(chan error, 1)
	started := make(chan string, 1)
	go func() { // ended by a signal, or with the test
		ended <- Distributed(t.Context(), Options{Props: props, Log: log, Signals: signals, Started: func(url string) { started <- url }})
	}()
	select {
	case <-started:
	case err := <-ended:
		t.Fatalf("the worker ended: %v\n%s", err, log)
	case <-time.After(time.Minute):
		t.Fatalf("the worker does not start\n%s", log)
	}
	return log, signals, ended
}

// TestSignals has a worker dump its goroutines, go on, and end with the code of a JVM.
func TestSignals(t *testing.T) {
	for sig, code := range map[os.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			log, signals, ended := signalled(t, memberProps(kafkatest.New(t).Bootstrap()))
			name := "or\"ders " + sig.String()
			block := make(chan struct{})
			defer close(block)
			pprof.Do(t.Context(), pprof.Labels("connector", name, "task", "3"), func(context.Context) {
				go func() { <-block }() // has the labels
			})
			signals <- syscall.SIGQUIT
			signals <- sig // taken when the dump is written
			for !strings.Contains(log.String(), "goroutine dump ends") {
				t.Fatalf("no dump\n%s", log)
			}
			if !strings.Contains(log.String(), fmt.Sprintf("\nconnector %s, task 3\n  1 goroutine(s) connector=%q task=\"3\"\n      at ", name, name)) ||
				!strings.Contains(log.String(), "\nworker\n") {
				t.Errorf("the dump does not say whose goroutines these are\n%s", log)
			}
			var exit *ExitError
			select {
			case err := <-ended:
				if !errors.As(err, &exit) || exit.Code != code || !exit.Quiet() {
					t.Errorf("it ended with %v, want code %d\n%s", err, code, log)
				}
			case <-time.After(time.Minute):
				t.Fatalf("it does not end\n%s", log)
			}
			if text := log.String(); !strings.Contains(text, "worker stopping because=\"signal: "+sig.String()) || strings.Contains(text, " ERROR ") {
				t.Errorf("the log\n%s", text)
			}
		})
	}
}

// stuck is a worker that doesn't come to its end.
func stuck(t *testing.T, limit time.Duration) (log *lockedBuffer, signals chan os.Signal, stopped context.Context, giveUp <-chan error) {
	t.Helper()
	n := &node{opts: Options{Log: &lockedBuffer{}}}
	n.opts.Log = &lockedBuffer{}
	n.logger()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	signals = make(chan os.Signal)
	left := newLimit(limit)
	return n.opts.Log.(*lockedBuffer), signals, ctx, n.watch(signals, cancel, left, done)
}

// TestSecondAndThirdSignal: the second is ignored with a line, the third is the end.
func TestSecondAndThirdSignal(t *testing.T) {
	log, signals, stopped, giveUp := stuck(t, time.Hour)
	signals <- syscall.SIGTERM
	<-stopped.Done()
	signals <- syscall.SIGTERM
	signals <- syscall.SIGHUP
	select {
	case err := <-giveUp:
		t.Fatalf("the second signal: %v", err)
	default:
	}
	if got := strings.Count(log.String(), "signal ignored"); got < 1 {
		t.Errorf("no line for the second signal\n%s", log)
	}
	signals <- syscall.SIGINT
	if err := <-giveUp; !strings.Contains(err.Error(), "third signal") {
		t.Error(err)
	}
	log, signals, _, giveUp = stuck(t, time.Millisecond)
	signals <- syscall.SIGTERM
	if err := <-giveUp; !strings.Contains(err.Error(), "did not stop within 1ms") {
		t.Errorf("%v\n%s", err, log)
	}
}
