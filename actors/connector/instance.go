package connector

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// instance is the actor of one connector object. Its calls run one at a time, each on a goroutine
// of its own that ends with the call: a connector that has nothing to do costs none.
type instance struct {
	env   *task.Env
	name  string
	inc   int
	props map[string]string // raw
	log   *slog.Logger

	soft, hard context.Context
	cancel     context.CancelFunc // soft: give the call back
	kill       context.CancelFunc // hard: and whatever else
	reader     *offsets.Reader

	// What the calls made; touched between calls only.
	obj  object
	conf settings.Connector

	version, taskClass string
	written            settings.References // hides in errors what config providers put into the settings

	door  *host.Door
	lane  *host.Lane
	watch *act.Timer // for calls that hang

	running  *act.Running
	busy     bool
	want     bool // task configurations are wished
	stopping bool
	by       time.Time
	failure  *act.Failure // reported when the object has been stopped
}

// object is a connector object of either kind.
type object interface {
	TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error)
	Stop(ctx context.Context) error
}

type (
	raised     struct{ err error }
	failDue    struct{}
	killDue    struct{}
	stallCheck struct{}
)

func instanceProps(env *task.Env, name string, inc int, props map[string]string) *actor.Props {
	return act.Props(func() actor.Actor {
		return &instance{env: env, name: name, inc: inc, props: props, log: env.Log.With("connector", name)}
	})
}

// Receive handles one message and returns at once.
func (i *instance) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		i.hard, i.kill = context.WithCancel(context.Background()) //nolint:forbidigo // the actor starts its goroutines here
		i.soft, i.cancel = context.WithCancel(i.hard)
		i.door = i.env.Host.Door(i.hard, host.Who{Connector: i.name, Task: host.ConnectorItself})
		i.lane = i.door.Lane()
		i.run(c, host.Start, i.start(c))
		i.lookLater(c)
	case RequestTaskConfigs:
		i.want = true
		i.next(c)
	case task.Stop:
		i.stopping, i.by = true, m.By
		i.cancel()
		act.After(c, time.Until(m.By), killDue{})
		i.next(c)
	case raised:
		i.fail(c, act.AsFailure(i.written.HideError(m.err), false))
	case act.Exited:
		i.exited(c, m)
	case failDue:
		panic(i.failure)
	case killDue:
		i.door.Kill()
	case stallCheck:
		i.lookAtCalls(c)
	case *actor.Stopping:
		i.cancel()
		i.kill()
		if i.reader != nil {
			i.reader.Close()
		}
		i.watch.Stop()
		if i.busy {
			i.door.Kill()
			i.env.Host.Zombies.Abandon(i.running)
		}
	}
}

func (i *instance) run(c actor.Context, what *host.Call, f func(context.Context) (any, error)) {
	i.busy = true
	i.running = act.Go(c, i.hard, what, []string{"connector", i.name, "in", what.String()}, f)
}

// next makes the call that is due, if none is under way.
func (i *instance) next(c actor.Context) {
	switch {
	case i.busy:
	case i.stopping || i.failure != nil:
		if i.obj == nil {
			i.ended(c)
			return
		}
		obj := i.obj
		by := i.by
		i.run(c, host.Stop, func(ctx context.Context) (any, error) {
			if !by.IsZero() {
				var cancel context.CancelFunc
				ctx, cancel = context.WithDeadline(ctx, by)
				defer cancel()
			}
			return nil, i.lane.Call(host.Stop, func() error { return obj.Stop(ctx) })
		})
	case i.want && i.obj != nil:
		i.want = false
		i.run(c, host.TaskConfigs, i.taskConfigs)
	}
}

// ended is the end of an object that has been stopped.
func (i *instance) ended(c actor.Context) {
	if i.failure != nil && !i.stopping {
		panic(i.failure)
	}
	c.Send(c.Parent(), instanceDone{i.inc})
}

type started struct {
	obj                object
	conf               settings.Connector
	version, taskClass string
	written            settings.References // hides in errors what config providers put into the settings
}

// start makes the object and starts it; it runs off the actor.
func (i *instance) start(c actor.Context) func(context.Context) (any, error) {
	root, self := c.ActorSystem().Root, c.Self()
	i.reader = offsets.NewReader(i.env.Offsets, i.name, i.log)
	cc := &instanceContext{root: root, self: self, reader: i.reader, log: i.log}
	return func(context.Context) (_ any, err error) {
		var written settings.References
		defer func() { err = written.HideError(err) }()
		release, err := i.env.Starts.Acquire(i.soft)
		if err != nil {
			return nil, err
		}
		defer release()
		props, err := i.env.Resolve(i.soft, i.props)
		if err != nil {
			return nil, errs.Config.Wrap(err, "configuration of connector %q", i.name)
		}
		written = settings.NewReferences(i.props, props)
		p, kind, err := task.FindConnector(i.env.Registry, props)
		if err != nil {
			return nil, err
		}
		s := started{version: p.Describe().Version, written: written}
		if s.conf, err = settings.ParseConnector(i.env.Worker, kind, props); err != nil {
			return nil, err
		}
		switch p := p.(type) { // an object whose start panics is stopped like one whose start fails
		case connectors.Source:
			if err := i.openOffsets(props); err != nil {
				return nil, err
			}
			s.taskClass = p.TaskClass
			s.obj, err = startObject(i, p.Connector, func(obj connectors.SourceConnector) error { return obj.Start(i.soft, cc, props) })
		case connectors.Sink:
			s.taskClass = p.TaskClass
			s.obj, err = startObject(i, p.Connector, func(obj connectors.SinkConnector) error { return obj.Start(i.soft, cc, props) })
		default:
			return nil, errs.Config.New("%s is no connector", p.Describe().Class)
		}
		return s, err
	}
}

// startObject makes and starts a connector object. One whose start fails is returned too: it is to be
// stopped; one whose constructor panics is nil.
func startObject[T object](i *instance, construct func() T, start func(T) error) (object, error) {
	var obj T
	if err := i.lane.Call(host.Create, func() error { obj = construct(); return nil }); err != nil {
		return nil, err
	}
	i.door.Holds(obj)
	return obj, i.lane.Call(host.Start, func() error { return start(obj) })
}

// storeCloseTime is what the connector's own offset store may take to close.
const storeCloseTime = 5 * time.Second

// openOffsets has the reader read from the connector's own store, if it has one; that is closed
// with the instance.
func (i *instance) openOffsets(props map[string]string) error {
	store, err := task.OpenOffsets(i.soft, i.env, i.name, props)
	if err != nil {
		return errs.Connect.Wrap(err, "offsets of connector %q", i.name)
	}
	i.reader.Use(store)
	context.AfterFunc(i.hard, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(i.hard), storeCloseTime)
		defer cancel()
		if err := store.Close(ctx); err != nil {
			i.log.Warn("offset store of the connector did not close cleanly", "err", err)
		}
	})
	return nil
}

// taskConfigs asks the object how to divide the work, and makes of it what is to be stored.
func (i *instance) taskConfigs(context.Context) (any, error) {
	var configs []map[string]string
	err := i.lane.Call(host.TaskConfigs, func() (err error) {
		configs, err = i.obj.TaskConfigs(i.soft, i.conf.TasksMax)
		return err
	})
	if err != nil {
		return nil, i.written.HideError(err)
	}
	warning, err := settings.CheckTasksMax(i.name, len(configs), i.conf.TasksMax, i.conf.EnforceMax)
	if err != nil {
		return nil, err
	}
	if warning != "" {
		i.log.Warn("more tasks than tasks.max", "warning", warning)
	}
	return settings.TaskConfigs(i.props, i.taskClass, configs), nil
}

func (i *instance) exited(c actor.Context, m act.Exited) {
	i.busy = false
	switch m.ID {
	case host.Start:
		s, _ := m.Result.(started)
		i.obj, i.conf, i.version, i.taskClass, i.written = s.obj, s.conf, s.version, s.taskClass, s.written
		if m.Err != nil {
			i.fail(c, act.AsFailure(m.Err, false))
			return
		}
		if !i.stopping {
			c.Send(c.Parent(), instanceChanged{i.inc, state.Running, i.version})
			i.want = true
		}
	case host.TaskConfigs:
		if m.Err != nil {
			i.fail(c, act.AsFailure(m.Err, false))
			return
		}
		if !i.stopping {
			c.Send(c.Parent(), TaskConfigsReady{Name: i.name, Inc: i.inc, Props: i.props, Configs: m.Result.([]map[string]string)})
		}
	case host.Stop:
		if m.Err != nil {
			i.log.Warn("connector's stop failed", "err", m.Err)
		}
		i.obj = nil
	}
	i.next(c)
}

// stalled is a call of the connector object that hasn't returned for long; moved takes it back.
type stalled struct {
	inc   int
	stall host.Stall // its In is nil if it is over
}

// stallLooks is how often per supervisor.task.stall.warn.ms the calls are looked at.
const stallLooks = 4

func (i *instance) lookLater(c actor.Context) {
	if limit := i.env.Worker.Supervisor.StallWarn; limit > 0 {
		i.watch = act.After(c, limit/stallLooks, stallCheck{})
	}
}

// lookAtCalls tells the supervisor of a call that hangs.
func (i *instance) lookAtCalls(c actor.Context) {
	fresh, over := i.door.Stalls(time.Now(), i.env.Worker.Supervisor.StallWarn)
	for _, s := range fresh {
		c.Send(c.Parent(), stalled{i.inc, s})
	}
	if over {
		c.Send(c.Parent(), stalled{inc: i.inc})
	}
	i.lookLater(c)
}

// fail stops the object and then hands the failure to the supervisor, soon even if stop hangs.
func (i *instance) fail(c actor.Context, f *act.Failure) {
	if i.failure != nil {
		return
	}
	if i.stopping {
		i.log.Warn("connector failed while it was being stopped", "err", f)
	} else {
		i.failure = f
		act.After(c, i.env.Worker.TaskShutdownTimeout, failDue{})
	}
	i.cancel()
	i.next(c)
}

// instanceContext is what the connector object gets. It may be used from any goroutine of the
// plugin.
type instanceContext struct {
	root   *actor.RootContext
	self   *actor.PID
	reader *offsets.Reader
	log    *slog.Logger
}

// RequestTaskReconfiguration implements connectors.ConnectorContext.
func (c *instanceContext) RequestTaskReconfiguration() { c.root.Send(c.self, RequestTaskConfigs{}) }

// RaiseError implements connectors.ConnectorContext.
func (c *instanceContext) RaiseError(err error) {
	if err == nil {
		err = errs.Connect.New("the connector raised an error without saying which")
	}
	c.root.Send(c.self, raised{err})
}

// Logger implements connectors.ConnectorContext.
func (c *instanceContext) Logger() *slog.Logger { return c.log }

// Offsets implements connectors.SourceContext.
func (c *instanceContext) Offsets() connectors.OffsetReader { return c.reader }
