package boot

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Signals are those that a worker heeds: INT, TERM and HUP stop it in order, QUIT writes a dump of its
// goroutines into the log, as a JVM's does of its threads.
func Signals() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	return c, func() { signal.Stop(c) }
}

// signalError is why a worker stops, or stopped: a signal.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "signal: " + e.signal.String() }

// exitCode is that of a JVM, and of a shell's, after an orderly stop by the signal: 143 for TERM.
func (e *signalError) exitCode() int {
	if s, ok := e.signal.(syscall.Signal); ok {
		return 128 + int(s)
	}
	return ExitUsage
}

// heed is what a signal is answered with.
type heed int

const (
	heedDump   heed = iota + 1 // write a dump, go on
	heedStop                   // stop in order
	heedIgnore                 // it is stopping already
	heedGiveUp                 // end now
)

// heeding decides what a signal does. `timeout` and process supervisors send two signals within
// seconds, so the second is no wish to lose the work under way; the third is.
type heeding struct{ asked int }

func (h *heeding) on(s os.Signal) heed {
	if s == syscall.SIGQUIT {
		return heedDump
	}
	h.asked++
	switch {
	case h.asked == 1:
		return heedStop
	case h.asked == 2, s == syscall.SIGHUP: // a terminal that closes sends HUP to all
		h.asked = 2
		return heedIgnore
	}
	return heedGiveUp
}

// watch heeds signals until done is closed: it cancels the worker's context with a *signalError, and
// sends to the channel why nobody should wait for the worker's end any more. limit is the time that an
// orderly stop may take, read when it begins.
func (n *node) watch(signals <-chan os.Signal, cancel context.CancelCauseFunc, limit *atomic.Int64, done <-chan struct{}) <-chan error {
	giveUp := make(chan error, 1)
	go func() { // ends with run
		var h heeding
		var late <-chan time.Time
		for {
			select {
			case <-done:
				return
			case <-late:
				giveUp <- fmt.Errorf("the worker did not stop within %v", time.Duration(limit.Load()))
				return
			case s := <-signals:
				switch h.on(s) {
				case heedDump:
					n.dump()
				case heedStop:
					cancel(&signalError{s})
					late = time.After(time.Duration(limit.Load()))
				case heedIgnore:
					n.log.Warn("signal ignored: the worker is stopping already; one more INT or TERM ends it at once", "signal", s.String())
				case heedGiveUp:
					giveUp <- fmt.Errorf("ended before it had stopped, by a third signal: %v", s)
					return
				}
			}
		}
	}()
	return giveUp
}
