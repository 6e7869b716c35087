package herd

import (
	"maps"
	"slices"

	"github.com/troupe-connect/troupe/cluster/state"
)

// Stopped is a connector object or task that is gone for good.
func (h *Herd) Stopped(id state.TaskID) []Order {
	if f := h.flocks[id.Connector]; f != nil && f.has(id.Task) {
		return nil // wished again meanwhile
	}
	return h.crossOff(id)
}

// AllStopped is a connector whose supervisor has nothing left, or has failed: what is assigned of it starts
// anew.
func (h *Herd) AllStopped(v View, name string) []Order {
	f := h.flocks[name]
	if f == nil {
		return nil
	}
	out := f.unpublish(name)
	delete(h.flocks, name)
	out = append(out, h.settle(func(id state.TaskID) bool { return id.Connector == name })...)
	if h.stopping {
		return out
	}
	again := maps.Clone(h.work)
	maps.DeleteFunc(again, func(id state.TaskID, _ bool) bool { return id.Connector != name })
	return append(out, h.startAll(v, again.Sorted())...)
}

// Wanted are the task configurations that a connector object made of its configuration props. They are
// published unless they are stored already.
func (h *Herd) Wanted(v View, name string, props map[string]string, configs []map[string]string) []Order {
	f := h.flocks[name]
	if f == nil || f.closing || !f.object || h.stopping {
		return nil
	}
	out := f.unpublish(name)
	f.wanted = &wanted{props, configs}
	return append(out, h.publish(v, name, f, false)...)
}

// Wants reports whether the connector object that runs here has said what its tasks should be.
func (h *Herd) Wants(name string) bool {
	f := h.flocks[name]
	return f != nil && f.wanted != nil
}

// Published says that the publication that was ordered last is over, whatever came of it.
func (h *Herd) Published(v View, name string) []Order {
	f := h.flocks[name]
	if f == nil || !f.writing {
		return nil
	}
	f.writing = false
	return h.publish(v, name, f, true)
}

// publish has what the connector object wants stored, if it differs from what is. again says that the
// object wants nothing new: what is stored was replaced by somebody.
func (h *Herd) publish(v View, name string, f *flock, again bool) []Order {
	if f.writing || f.closing || h.stopping || f.wanted == nil || !Publishable(v, name, f.wanted.props, f.wanted.configs) {
		return nil
	}
	f.writing = true
	return []Order{Publish{name, f.wanted.props, f.wanted.configs, again}}
}

func (f *flock) unpublish(name string) []Order {
	if !f.writing {
		return nil
	}
	f.writing = false
	return []Order{Unpublish{name}}
}

// Publishable reports whether task configurations that were made of the connector's configuration props
// are of use and differ from those that are stored.
func Publishable(v View, name string, props map[string]string, configs []map[string]string) bool {
	now, ok := v.Config(name)
	if !ok || !maps.Equal(now, props) || v.Target(name) != state.TargetStarted {
		return false // made of a configuration that was replaced meanwhile
	}
	applied, ever := v.Applied(name)
	have := v.TaskConfigs(name)
	if !ever || !maps.Equal(applied, props) || len(have) != len(configs) || v.TaskCount(name) != len(configs) {
		return true
	}
	return !slices.EqualFunc(have, configs, func(a, b map[string]string) bool { return maps.Equal(a, b) })
}

// Restart restarts what runs here of a connector and for which selected is true (KIP-745).
func (h *Herd) Restart(name string, selected func(state.TaskID) bool) []Order {
	f := h.flocks[name]
	if f == nil || f.closing || h.stopping {
		return nil
	}
	var out []Order
	for _, id := range f.all(name).Sorted() {
		if selected(id) {
			out = append(out, Restart{id})
		}
	}
	return out
}

// Quiet answers with Done when no task is being stopped because its configurations were replaced: others
// may be given it in the rebalance that follows.
func (h *Herd) Quiet(t Ticket) []Order {
	h.calm = append(h.calm, t)
	return h.calmed()
}

func (h *Herd) calmed() []Order {
	if h.restless > 0 {
		return nil
	}
	var out []Order
	for _, t := range h.calm {
		out = append(out, Done{t})
	}
	h.calm = nil
	return out
}

// StopAll stops everything for good; Idle tells when that is done.
func (h *Herd) StopAll() []Order {
	h.stopping, h.work = true, state.WorkSet{}
	var out []Order
	for _, name := range h.names() {
		f := h.flocks[name]
		out = append(out, f.unpublish(name)...)
		if !f.closing {
			f.closing = true
			out = append(out, StopAll{name})
		}
	}
	return out
}

// waitFor gives what follows when all of left has stopped, which may be now.
func (h *Herd) waitFor(left state.WorkSet, then func() []Order) []Order {
	if len(left) == 0 {
		return then()
	}
	h.waits = append(h.waits, &wait{left, then})
	return nil
}

// crossOff crosses off one, which has stopped or is wished again: its supervisor says no more that it has
// stopped, and starts it only when it has.
func (h *Herd) crossOff(id state.TaskID) []Order {
	return h.settle(func(other state.TaskID) bool { return other == id })
}

// settle crosses off what has stopped, and gives what follows for those who waited for the last of it.
func (h *Herd) settle(has func(state.TaskID) bool) []Order {
	var over []*wait
	h.waits = slices.DeleteFunc(h.waits, func(w *wait) bool {
		maps.DeleteFunc(w.left, func(id state.TaskID, _ bool) bool { return has(id) })
		if len(w.left) == 0 {
			over = append(over, w)
		}
		return len(w.left) == 0
	})
	var out []Order
	for _, w := range over {
		out = append(out, w.then()...)
	}
	return out
}
