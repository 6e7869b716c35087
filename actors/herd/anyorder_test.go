package herd_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// Whatever is written, read, assigned and answered in whatever order: in the end what is wished runs,
// once, with the newest configurations. The herd is driven at random against supervisors that do as they
// are told, each answer coming at some time.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(600) {
		p := newPlay(seed)
		for range 60 {
			p.step()
		}
		p.calmDown()
		if err := p.check(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(p.book, "\n"))
		}
	}
}

// play is a worker alone in its group, with everything about it.
type play struct {
	scenario
	rand     *rand.Rand
	book     []string
	sups     map[string]*sup
	answers  []func() // what is on its way to the herd
	rejoin   bool
	gen      int
	tickets  map[herd.Ticket]bool // given out and not brought back
	next     herd.Ticket
	problems []string
}

// sup is a connector's supervisor.
type sup struct {
	target  state.TargetState
	object  map[string]string // its configuration, nil if it isn't there
	tasks   map[int]herd.StartTask
	leaving map[int]bool // told to stop, and not wished again
	closing bool
	writing int // counts publications; 0: none
}

func newPlay(seed uint64) *play {
	p := &play{rand: rand.New(rand.NewPCG(seed, 1)), sups: map[string]*sup{}, tickets: map[herd.Ticket]bool{}}
	p.store = storage.NewMemoryConfigStore(&p.scenario, slog.New(slog.DiscardHandler))
	p.hold = true // changes are read when the play says so
	if p.rand.IntN(2) == 0 {
		p.write("create", []string{"a"}, map[string]string{"tasks": "2"})
	}
	p.herd = herd.New(p.store.Snapshot())
	p.rejoin = true
	return p
}

func (p *play) note(format string, args ...any) {
	p.book = append(p.book, fmt.Sprintf(format, args...))
}

// step is one thing that happens.
func (p *play) step() {
	name := string("ab"[p.rand.IntN(2)])
	there := p.store.Snapshot().Born(name) >= 0
	switch p.rand.IntN(13) {
	case 0, 1:
		p.note("put %s", name)
		p.write("put", []string{name}, map[string]string{"tasks": strconv.Itoa(1 + p.rand.IntN(3)), "class": strconv.Itoa(p.rand.IntN(2))})
	case 2:
		if there {
			p.note("delete %s", name)
			p.write("delete", []string{name}, nil)
		}
	case 3:
		if there { // as REST stops a connector
			p.note("stop %s", name)
			p.write("tasks", []string{name, "0"}, nil)
			p.write("target", []string{name, "STOPPED"}, nil)
		}
	case 4:
		if target := []string{"STARTED", "PAUSED"}[p.rand.IntN(2)]; there {
			p.note("%s %s", target, name)
			p.write("target", []string{name, target}, nil)
		}
	case 5, 6:
		p.readAll()
	case 7:
		p.assign()
	case 8:
		if run := p.herd.Running().Sorted(); len(run) > 0 {
			id := run[p.rand.IntN(len(run))]
			p.ticket(func(t herd.Ticket) []herd.Order { return p.herd.Revoke(state.WorkSet{id: true}, false, t) })
			p.rejoin = true
		}
	case 9:
		p.ticket(p.herd.Quiet)
	case 10:
		if p.rand.IntN(4) == 0 && p.sups[name] != nil { // a bug in the supervisor
			p.note("supervisor of %s fails", name)
			delete(p.sups, name)
			p.carryOut(p.herd.AllStopped(p.store.Snapshot(), name))
		}
	default:
		p.answer()
	}
}

func (p *play) ticket(f func(herd.Ticket) []herd.Order) {
	p.next++
	p.tickets[p.next] = true
	p.carryOut(f(p.next))
}

func (p *play) readAll() {
	p.orders = nil
	p.note("read %v", p.pending)
	p.read()
	p.hold = true
	p.carryOut(p.orders)
}

func (p *play) assign() {
	work := state.WorkSet{}
	v := p.store.Snapshot()
	for _, name := range v.Connectors() {
		work[state.ConnectorID(name)] = true
		for _, id := range v.Tasks(name) {
			work[id] = true
		}
	}
	p.gen++
	p.rejoin = false
	p.note("assign %d %s", p.gen, names(work.Sorted()))
	p.carryOut(p.herd.Assign(v, p.gen, work))
}

func (p *play) answer() {
	if len(p.answers) > 0 {
		f := p.answers[0]
		p.answers = p.answers[1:]
		f()
	}
}

func (p *play) calmDown() {
	for range 1000 {
		switch {
		case len(p.pending) > 0:
			p.readAll()
		case len(p.answers) > 0:
			p.answer()
		case p.rejoin:
			p.assign()
		default:
			return
		}
	}
	p.problems = append(p.problems, "it never comes to rest")
}

// later has f called at some time, unless the supervisor of the connector is another by then.
func (p *play) later(name string, s *sup, f func()) {
	p.answers = append(p.answers, func() {
		if p.sups[name] == s {
			f()
		}
	})
}

func (p *play) carryOut(orders []herd.Order) {
	for _, o := range orders {
		p.note("  %s", o)
		p.do(o)
	}
}

func (p *play) do(o herd.Order) {
	switch o := o.(type) {
	case herd.Supervise:
		if p.sups[o.Connector] != nil {
			p.problems = append(p.problems, "two supervisors of "+o.Connector)
		}
		p.sups[o.Connector] = &sup{target: o.Target, tasks: map[int]herd.StartTask{}, leaving: map[int]bool{}}
	case herd.StartConnector:
		s := p.sup(o.Connector, o)
		s.object, s.target = o.Props, o.Target
		delete(s.leaving, state.ConnectorTask)
		p.wants(o.Connector, s)
	case herd.StartTask:
		s := p.sup(o.ID.Connector, o)
		s.tasks[o.ID.Task] = o
		delete(s.leaving, o.ID.Task)
	case herd.SetTarget:
		s := p.sup(o.Connector, o)
		s.target = o.Target
		p.wants(o.Connector, s)
	case herd.Stop:
		s := p.sup(o.ID.Connector, o)
		s.leaving[o.ID.Task] = true
		if o.ID.IsConnector() {
			s.object = nil
		} else {
			delete(s.tasks, o.ID.Task)
		}
		p.later(o.ID.Connector, s, func() {
			if s.leaving[o.ID.Task] {
				delete(s.leaving, o.ID.Task)
				p.note("stopped %s", names([]state.TaskID{o.ID}))
				p.carryOut(p.herd.Stopped(o.ID))
			}
		})
	case herd.StopAll:
		s := p.sup(o.Connector, o)
		s.closing = true
		p.later(o.Connector, s, func() {
			p.note("all of %s stopped", o.Connector)
			delete(p.sups, o.Connector)
			p.carryOut(p.herd.AllStopped(p.store.Snapshot(), o.Connector))
		})
	case herd.Publish:
		p.publish(o)
	case herd.Unpublish:
		if s := p.sups[o.Connector]; s != nil { // nil: it has failed
			s.writing = 0
		}
	case herd.Rejoin:
		p.rejoin = true
	case herd.Done:
		delete(p.tickets, o.Ticket)
	}
}

// publish writes what a connector wants, as the leader would, at some time.
func (p *play) publish(o herd.Publish) {
	s := p.sup(o.Connector, o)
	p.next++
	mine := int(p.next)
	s.writing = mine
	p.later(o.Connector, s, func() {
		if s.writing != mine {
			return
		}
		s.writing = 0
		if herd.Publishable(p.store.Snapshot(), o.Connector, o.Props, o.Configs) {
			p.note("published %s", o.Connector)
			p.store.PutTasks(o.Connector, o.Configs)
		}
		p.carryOut(p.herd.Published(p.store.Snapshot(), o.Connector))
	})
}

// sup is the supervisor that an order is for: there has to be one.
func (p *play) sup(name string, o herd.Order) *sup {
	s := p.sups[name]
	if s == nil || s.closing {
		p.problems = append(p.problems, "no supervisor for: "+o.String())
		return &sup{tasks: map[int]herd.StartTask{}, leaving: map[int]bool{}}
	}
	return s
}

// wants has a connector object that was started say what its tasks are to be.
func (p *play) wants(name string, s *sup) {
	props := s.object
	if props == nil || s.target != state.TargetStarted {
		return
	}
	p.later(name, s, func() {
		if s.target == state.TargetStarted && s.object != nil && maps.Equal(s.object, props) {
			p.note("%s wants %s tasks", name, props["tasks"])
			p.carryOut(p.herd.Wanted(p.store.Snapshot(), name, props, configs(props["tasks"], map[string]string{"class": props["class"]})))
		}
	})
}

// check compares what runs with what is wished.
func (p *play) check() error {
	v := p.store.Snapshot()
	for name, s := range p.sups {
		if v.Born(name) < 0 {
			p.problems = append(p.problems, name+" was deleted and has a supervisor")
		}
		if s.closing {
			p.problems = append(p.problems, name+" is still closing")
		}
	}
	for _, name := range v.Connectors() {
		props, _ := v.Config(name)
		s := p.sups[name]
		if s == nil {
			p.problems = append(p.problems, name+" doesn't run")
			continue
		}
		if !maps.Equal(s.object, props) || s.target != v.Target(name) {
			p.problems = append(p.problems, fmt.Sprintf("%s runs with %v %s, wished is %v %s", name, s.object, s.target, props, v.Target(name)))
		}
		if want := number(props["tasks"]); v.Target(name) == state.TargetStarted && v.TaskCount(name) != want {
			p.problems = append(p.problems, fmt.Sprintf("%s has %d tasks, wants %d", name, v.TaskCount(name), want))
		}
		if run := slices.Sorted(maps.Keys(s.tasks)); len(run) != v.TaskCount(name) {
			p.problems = append(p.problems, fmt.Sprintf("of %s tasks %v run, stored are %d", name, run, v.TaskCount(name)))
		}
		for n, task := range s.tasks {
			conf, _ := v.TaskConfig(state.TaskID{Connector: name, Task: n})
			if generation, _ := v.Generation(name); task.Generation != generation || !maps.Equal(task.Props, conf) {
				p.problems = append(p.problems, fmt.Sprintf("%s-%d runs with %v of %d, stored is %v of %d", name, n, task.Props, task.Generation, conf, generation))
			}
		}
	}
	if len(p.tickets) > 0 {
		p.problems = append(p.problems, fmt.Sprintf("tickets not brought back: %v", p.tickets))
	}
	if len(p.problems) > 0 {
		return fmt.Errorf("%s", strings.Join(p.problems, "; "))
	}
	return nil
}
