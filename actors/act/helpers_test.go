package act_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
)

// logbook keeps what was logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logbook) log(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

// has fails the test if one of the texts was not logged.
func (l *logbook) has(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(l.String(), text) {
			t.Errorf("not logged: %q in\n%s", text, l)
		}
	}
}

// stage is an actor system in a bubble.
type stage struct {
	*actor.ActorSystem
	t    *testing.T
	book *logbook
	tops []*actor.PID
}

// inBubble runs f with an actor system; what f spawned is stopped at its end, and a goroutine that
// is still there fails the test.
func inBubble(t *testing.T, f func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		book := &logbook{}
		s := &stage{ActorSystem: act.NewSystem(book.log(slog.LevelDebug)), t: t, book: book}
		f(t, s)
		for _, pid := range s.tops {
			s.Root.Stop(pid)
		}
		time.Sleep(2 * time.Second) // a dead letter keeps a goroutine of the library for one
		synctest.Wait()
	})
}

// spawn is an actor of ours at the top.
func (s *stage) spawn(a actor.Actor) *actor.PID {
	pid := s.Root.Spawn(act.Props(func() actor.Actor { return a }))
	s.tops = append(s.tops, pid)
	return pid
}

// inbox is what an actor saw, to be read after synctest.Wait.
type inbox struct {
	mu   sync.Mutex
	msgs []any
}

func (i *inbox) add(m any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.msgs = append(i.msgs, m)
}

func all[T any](i *inbox) []T {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []T
	for _, m := range i.msgs {
		if x, ok := m.(T); ok {
			out = append(out, x)
		}
	}
	return out
}

// parent is an actor that has one child, does what it is told in its turn, and is the strategy for
// the child: it stops it and keeps the reason.
type parent struct {
	inbox
	make    func() actor.Actor
	child   *actor.PID
	reasons []any
	ended   bool
}

// do is a message that runs in the receiver's turn.
type do func(c actor.Context)

func (p *parent) Receive(c actor.Context) {
	p.add(c.Message())
	switch m := c.Message().(type) {
	case *actor.Started:
		if p.make != nil {
			p.child = c.Spawn(act.Props(p.make))
		}
	case do:
		m(c)
	case *actor.Stopped:
		p.ended = true
	}
}

func (p *parent) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	p.reasons = append(p.reasons, reason)
	sup.StopChildren(child)
}
