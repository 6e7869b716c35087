// Package host is the one door to the code of plugins: constructors, start, poll, put, commit,
// transforms, converters, validation. Whoever calls a plugin does it through a Lane (a runner with
// many calls) or Within (one call that somebody waits for). The door owns
//
//   - panics: they become errors with their stack, and never end the process;
//   - the sign of life: which call is under way and how far it has come, so that a call that hangs
//     is noticed by Door.Stalls, whoever hangs: task, transform, converter or producer;
//   - deadlines: Within gives a call back to whoever waits for it, Door.Kill ends what runs in a
//     process of its own (connectors.Killable), which is the only kill that is real;
//   - zombies: goroutines that were left behind are counted, and logged with their stack;
//   - labels: goroutines that it starts, or package act does, name connector and task in profiles;
//   - timing (Meter) and injected faults (Faults), which cost nothing while nobody asks for them.
//
// A call costs two atomic stores, and a batch of records is one call: per record there is one store
// that says which record it is (Lane.At). No clock is read unless there is a Meter.
//
// Nothing here is an actor. What an actor calls (Stalls, Kill, Zombies.Abandon) returns at once.
package host
