package smt

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt/internal/reuse"
)

// SinkTransform is what a transform implements besides Transform if it uses what only sink
// records have, such as the offset. The chain calls it instead of Apply in a sink task.
type SinkTransform interface {
	Transform
	// ApplySink is Apply for a sink record: it changes the record in place and reports whether it
	// is kept. On an error the record is as it came in.
	ApplySink(r *data.SinkRecord) (keep bool, err error)
}

// Step is one transform of a chain, configured.
type Step struct {
	// Alias is the name in the connector's transforms setting; Class the plugin's class.
	Alias, Class string
	Transform    Transform
	// Predicate decides whether the transform applies; nil for always.
	Predicate      Predicate
	PredicateAlias string
	// Negate applies the transform where the predicate is false.
	Negate bool
}

// Chain is the transforms of a task, in order. It belongs to one task and is used from one
// goroutine at a time.
type Chain struct {
	steps []Step
	sinks []SinkTransform // by step, nil where the transform isn't one
	at    int             // step under way
}

// NewChain makes a chain of configured steps. The chain closes them.
func NewChain(steps ...Step) *Chain {
	c := &Chain{steps: steps, sinks: make([]SinkTransform, len(steps))}
	for i := range steps {
		c.sinks[i], _ = steps[i].Transform.(SinkTransform)
		if i > 0 && steps[i].Predicate == nil {
			reuse.Link(steps[i-1].Transform, steps[i].Transform)
		}
	}
	return c
}

// Steps are the steps, in order; they are not to be changed.
func (c *Chain) Steps() []Step { return c.steps }

// Len is the number of steps.
func (c *Chain) Len() int { return len(c.steps) }

// Working is the class of the step that a record is in: after a panic, of the one that panicked. ""
// if there are no steps.
func (c *Chain) Working() string {
	if c.at >= len(c.steps) {
		return ""
	}
	return c.steps[c.at].Class
}

// StepError says which step of a chain failed, for the error policy: the stage is
// TRANSFORMATION and the class is Class, also if it was the step's predicate that failed.
type StepError struct {
	Index        int // of the step, from 0
	Alias, Class string
	// Predicate is the alias of the predicate if that failed, else "".
	Predicate string
	Err       error
}

// Error names the step and what went wrong.
func (e *StepError) Error() string {
	if e.Predicate != "" {
		return fmt.Sprintf("transform %q (%s), predicate %q: %v", e.Alias, e.Class, e.Predicate, e.Err)
	}
	return fmt.Sprintf("transform %q (%s): %v", e.Alias, e.Class, e.Err)
}

// Unwrap is the error of the transform or predicate.
func (e *StepError) Unwrap() error { return e.Err }

// Apply runs the steps over a record in place, and returns it, or nil if a step dropped it. An error is
// a *StepError; the record is then as it came in, so that the call can be repeated.
func (c *Chain) Apply(r *data.Record) (*data.Record, error) {
	before := *r
	cur := r
	for i := range c.steps {
		c.at = i
		s := &c.steps[i]
		if s.Predicate != nil {
			applies, err := s.applies(i, cur)
			if err != nil {
				*r = before
				return nil, err
			}
			if !applies {
				continue
			}
		}
		next, err := s.Transform.Apply(cur)
		if err != nil {
			*r = before
			return nil, s.failed(i, err)
		}
		if next == nil {
			return nil, nil
		}
		cur = next
	}
	if cur != r {
		*r = *cur
	}
	return r, nil
}

// ApplySink is Apply for sink records: transforms also see the record's offset.
func (c *Chain) ApplySink(r *data.SinkRecord) (*data.SinkRecord, error) {
	before := r.Record
	for i := range c.steps {
		_, keep, err := c.step(i, &r.Record, r)
		if err != nil {
			r.Record = before
			return nil, err
		}
		if !keep {
			return nil, nil
		}
	}
	return r, nil
}

// step runs one step over a record in place; sink is the sink record around it, nil if there is
// none. applied is false where the predicate kept the transform from it.
func (c *Chain) step(i int, r *data.Record, sink *data.SinkRecord) (applied, keep bool, err error) {
	c.at = i
	s := &c.steps[i]
	if s.Predicate != nil {
		applies, err := s.applies(i, r)
		if err != nil || !applies {
			return false, true, err
		}
	}
	if t := c.sinks[i]; t != nil && sink != nil {
		if keep, err = t.ApplySink(sink); err != nil {
			return true, false, s.failed(i, err)
		}
		return true, keep, nil
	}
	next, err := s.Transform.Apply(r)
	if err != nil {
		return true, false, s.failed(i, err)
	}
	if next != nil && next != r {
		*r = *next
	}
	return true, next != nil, nil
}

func (s *Step) applies(i int, r *data.Record) (bool, error) {
	yes, err := s.Predicate.Test(r)
	if err != nil {
		return false, &StepError{Index: i, Alias: s.Alias, Class: s.Class, Predicate: s.PredicateAlias, Err: err}
	}
	return yes != s.Negate, nil
}

func (s *Step) failed(i int, err error) error {
	return &StepError{Index: i, Alias: s.Alias, Class: s.Class, Err: err}
}

// Close closes every transform and predicate and returns their errors joined. Closing twice is
// harmless.
func (c *Chain) Close() error {
	var all []error
	for _, s := range c.steps {
		all = append(all, s.close())
	}
	c.steps, c.sinks = nil, nil
	return errors.Join(all...)
}

func (s *Step) close() error {
	var err, err2 error
	if s.Transform != nil {
		err = s.Transform.Close()
	}
	if s.Predicate != nil {
		err2 = s.Predicate.Close()
	}
	if err = errors.Join(err, err2); err != nil {
		return fmt.Errorf("closing transform %q (%s): %w", s.Alias, s.Class, err)
	}
	return nil
}

// StepConfig is one transform as a connector's configuration has it.
type StepConfig struct {
	Alias string
	// Class is the class, alias or simple name of the plugin; Version the wanted version, "" for any.
	Class, Version string
	// Props are the transform's own settings, without their prefix.
	Props map[string]string
	// Predicate is the alias of a predicate, "" for none.
	Predicate string
	Negate    bool
}

// PredicateConfig is one predicate as a connector's configuration has it.
type PredicateConfig struct {
	Alias          string
	Class, Version string
	Props          map[string]string
}

// Option says more about a chain to build.
type Option func(*builder)

// WithLogger gives transforms that have something to tell the operator a log to tell it to. Without
// it they say nothing.
func WithLogger(log *slog.Logger) Option { return func(b *builder) { b.log = log } }

type builder struct {
	registry   *plugin.Registry
	predicates map[string]PredicateConfig
	log        *slog.Logger
}

// Build makes and configures a chain from a connector's configuration. Each step gets a
// predicate object of its own. Errors name the transform or predicate at fault; a wrong setting
// is errs.Config. What was made until then is closed.
func Build(registry *plugin.Registry, steps []StepConfig, predicates []PredicateConfig, options ...Option) (*Chain, error) {
	b := &builder{registry: registry, predicates: map[string]PredicateConfig{}}
	for _, o := range options {
		o(b)
	}
	for _, p := range predicates {
		b.predicates[p.Alias] = p
	}
	var made []Step
	for _, sc := range steps {
		s, err := b.step(sc)
		if err != nil {
			return nil, errors.Join(err, s.close(), NewChain(made...).Close())
		}
		made = append(made, s)
	}
	return NewChain(made...), nil
}

// step makes one step; with an error it is what has to be closed.
func (b *builder) step(sc StepConfig) (Step, error) {
	s := Step{Alias: sc.Alias, Class: sc.Class, PredicateAlias: sc.Predicate, Negate: sc.Negate}
	p, err := findPlugin[Plugin](b.registry, plugin.Transformation, sc.Class, sc.Version)
	if err != nil {
		return s, fmt.Errorf("transform %q: %w", sc.Alias, err)
	}
	s.Class = p.Class
	s.Transform = p.New()
	if l, ok := s.Transform.(Logger); ok && b.log != nil {
		l.LogTo(b.log.With("transform", sc.Alias))
	}
	if err := s.Transform.Configure(sc.Props); err != nil {
		return s, fmt.Errorf("transform %q (%s): %w", sc.Alias, s.Class, err)
	}
	if sc.Predicate == "" {
		return s, nil
	}
	pc, ok := b.predicates[sc.Predicate]
	if !ok {
		return s, errs.Config.New("transform %q: predicate %q is not one of the connector's predicates: [%s]",
			sc.Alias, sc.Predicate, strings.Join(slices.Sorted(maps.Keys(b.predicates)), ", "))
	}
	pp, err := findPlugin[PredicatePlugin](b.registry, plugin.Predicate, pc.Class, pc.Version)
	if err != nil {
		return s, fmt.Errorf("predicate %q: %w", pc.Alias, err)
	}
	s.Predicate = pp.New()
	if err := s.Predicate.Configure(pc.Props); err != nil {
		return s, fmt.Errorf("predicate %q (%s): %w", pc.Alias, pp.Class, err)
	}
	return s, nil
}

func findPlugin[P plugin.Plugin](registry *plugin.Registry, kind plugin.Kind, class, version string) (P, error) {
	var none P
	found, err := registry.FindVersion(kind, class, version)
	if err != nil {
		return none, err
	}
	p, ok := found.(P)
	if !ok {
		return none, errs.Config.New("%s is registered as a %s but is a %T", class, kind, found)
	}
	return p, nil
}
