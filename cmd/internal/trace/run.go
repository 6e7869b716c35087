package trace

import (
	"context"
	"fmt"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// Outcome is what became of a record.
type Outcome string

// The outcomes. Matched and Unmatched are of Tests only.
const (
	Kept      Outcome = "kept"
	Dropped   Outcome = "dropped"
	Failed    Outcome = "failed"
	Matched   Outcome = "matched"
	Unmatched Outcome = "unmatched"
)

// Result is what happened to one sample.
type Result struct {
	Sample  *Sample
	Kind    plugin.Kind
	Outcome Outcome
	// Steps are what the transforms did, up to the one that dropped the record or failed.
	Steps []Entry
	// Written is the record as a source would write it, nil unless it was kept and a converter is
	// set.
	Written *kafka.Record
	// Problem is the operation that failed; nil for what fails outside of one (a line that can't be
	// read, a record without a topic).
	Problem *pipeline.Problem
	// Err is the error of a failed record: what the task would end with, unless Tolerated.
	Err error
	// Tolerated says that errors.tolerance=all skips the record.
	Tolerated bool

	reached  bool         // whether the record came to the transforms
	asked    *data.Record // what the predicate was asked about, nil if it wasn't
	in, out  data.Record  // before and behind them
	hasKey   bool         // whether Written's key was made by a converter
	hasValue bool
}

// Entry is what one step did.
type Entry struct {
	smt.TraceStep
	PredicateClass string
	// Changed says whether the step changed the record.
	Changed bool

	before, after data.Record
}

// Test is a predicate that is asked about records instead of running all of the chain.
type Test struct {
	Alias, Class string
	predicate    smt.Predicate
	at           int // the step before which it is asked
}

// NewTest makes a test of one of the connector's predicates. It is asked about the record as it
// comes to the step, or as it comes in if step is "". Close it.
func (p *Plan) NewTest(alias, step string) (*Test, error) {
	t := &Test{Alias: alias}
	if step != "" {
		for t.at = 0; t.at < len(p.steps) && p.steps[t.at].conf.Alias != step; t.at++ {
		}
	}
	for _, pc := range p.conf.Predicates {
		if pc.Alias != alias {
			continue
		}
		found, err := p.registry.FindVersion(plugin.Predicate, pc.Class, pc.Version)
		if err != nil {
			return nil, errs.Config.Wrap(err, "predicate %q", alias)
		}
		pp, ok := found.(smt.PredicatePlugin)
		if !ok {
			return nil, errs.Config.New("predicate %q: %s is no predicate", alias, found.Describe().Class)
		}
		t.Class, t.predicate = pp.Class, pp.New()
		if err := t.predicate.Configure(pc.Props); err != nil {
			return nil, fmt.Errorf("predicate %q (%s): %w", alias, pp.Class, err)
		}
		return t, nil
	}
	return nil, errs.Config.New("--predicate %s is not one of the connector's predicates: %s", alias, listed(p.Predicates()))
}

// Close closes the predicate.
func (t *Test) Close() error { return t.predicate.Close() }

// Predicates are the aliases of the predicates.
func (p *Plan) Predicates() []string {
	out := make([]string, len(p.conf.Predicates))
	for i, pc := range p.conf.Predicates {
		out[i] = pc.Alias
	}
	return out
}

// Run takes one sample the way of the connector. With a test the way ends where that is asked.
func (p *Plan) Run(ctx context.Context, s *Sample, test *Test) (r Result) {
	r = Result{Sample: s, Kind: p.Kind}
	if s.Err != nil {
		r.Outcome, r.Err = Failed, s.Err
		return r
	}
	noted := &notes{plan: p, test: test}
	defer func() {
		if v := recover(); v != nil { // outside of what the pipeline guards: a worker's task fails of it
			r.Outcome, r.Err = Failed, noted.panicked(v)
		}
		r.Steps, r.reached, r.in, r.asked = noted.entries, noted.reached, noted.in, noted.asked
	}()
	ok, err := p.run(ctx, s, noted, &r)
	r.Problem, r.Err = noted.problem, err
	switch {
	case noted.asked != nil && err == nil && noted.problem == nil:
		r.Outcome = Unmatched
		if noted.matches {
			r.Outcome = Matched
		}
	case err != nil, noted.problem != nil:
		r.Outcome, r.Tolerated = Failed, err == nil
		r.Written = nil
		if r.Tolerated {
			r.Err = noted.problem.Err
		}
	case !ok:
		r.Outcome = Dropped
	default:
		r.Outcome = Kept
	}
	return r
}

// run is the way of actors/task: converters and chain of a sink, or chain and converters of a source,
// which here gets its record from converters first.
func (p *Plan) run(ctx context.Context, s *Sample, n *notes, r *Result) (bool, error) {
	policy := &pipeline.Policy{TolerateAll: p.conf.Errors.TolerateAll, Reporters: []pipeline.Reporter{n}}
	reading := pipeline.Sink{Converters: p.converters, Policy: policy}
	if s.decoded {
		reading.Converters = presets(s)
	}
	var record data.SinkRecord
	if p.Kind == plugin.Sink {
		reading.Chain = n
		ok, err := reading.Convert(ctx, &s.raw, &record)
		r.out = record.Record
		return ok, err
	}
	if ok, err := reading.Convert(ctx, &s.raw, &record); err != nil || !ok {
		return false, err
	}
	if !s.partition {
		record.Partition = data.Partition{}
	}
	writing := pipeline.Source{Chain: n, Converters: p.converters, Policy: policy}
	var written kafka.Record
	ok, err := writing.Convert(ctx, &data.SourceRecord{Record: record.Record}, &written)
	r.out = n.out
	if r.hasKey, r.hasValue = p.has.key, p.has.value; r.hasKey || r.hasValue {
		r.Written = &written
	}
	if !ok {
		r.Written = nil
	}
	return ok, err
}

// notes is the chain that takes notes: pipeline.Chain and Reporter of one record.
type notes struct {
	plan    *Plan
	test    *Test
	entries []Entry
	reached bool
	now     *step // the step at work
	in, out data.Record
	asked   *data.Record
	matches bool
	problem *pipeline.Problem
}

// Report implements pipeline.Reporter.
func (n *notes) Report(_ context.Context, p pipeline.Problem) (pipeline.Wait, error) {
	n.problem = &p
	return nil, nil
}

// Apply implements pipeline.Chain.
func (n *notes) Apply(r *data.Record) (*data.Record, error) {
	keep, err := n.run(r, nil)
	if err != nil || !keep {
		return nil, err
	}
	return r, nil
}

// Working is the class of the step at work, for a panic in it.
func (n *notes) Working() string {
	if n.now == nil {
		return ""
	}
	return n.now.conf.Class
}

// ApplySink implements pipeline.Chain.
func (n *notes) ApplySink(r *data.SinkRecord) (*data.SinkRecord, error) {
	keep, err := n.run(&r.Record, r)
	if err != nil || !keep {
		return nil, err
	}
	return r, nil
}

// run runs the steps over a record in place; sink is the sink record around it, nil if there is
// none. On an error the record is as it came in.
func (n *notes) run(r *data.Record, sink *data.SinkRecord) (keep bool, err error) {
	n.reached, n.in, n.entries = true, *r, nil
	defer func() {
		if err != nil {
			*r = n.in
		}
		n.out = *r
	}()
	for i := range n.plan.steps {
		if n.test != nil && n.test.at == i {
			return false, n.ask(r)
		}
		if keep, err := n.step(&n.plan.steps[i], r, sink); err != nil || !keep {
			return false, err
		}
	}
	if n.test != nil {
		return false, n.ask(r)
	}
	return true, nil
}

func (n *notes) ask(r *data.Record) (err error) {
	seen := *r
	n.asked = &seen
	if n.matches, err = n.test.predicate.Test(r); err != nil {
		return fmt.Errorf("predicate %q (%s): %w", n.test.Alias, n.test.Class, err)
	}
	return nil
}

// panicked is the error for a panic of plugin code.
func (n *notes) panicked(value any) error {
	if n.now == nil {
		return errs.Connect.New("plugin code panicked: %v", value)
	}
	return errs.Connect.New("transform %q (%s) panicked: %v", n.now.conf.Alias, n.now.conf.Class, value)
}

func (n *notes) step(s *step, r *data.Record, sink *data.SinkRecord) (keep bool, err error) {
	n.now = s
	e := Entry{before: *r, PredicateClass: s.predicateClass}
	var steps []smt.TraceStep
	if sink != nil {
		var out *data.SinkRecord
		steps, out, err = s.chain.TraceSink(sink)
		keep = out != nil
	} else {
		var out *data.Record
		steps, out, err = s.chain.Trace(r)
		keep = out != nil
	}
	for _, t := range steps { // there is one
		e.TraceStep = t
	}
	e.after, n.now = *r, nil
	e.Changed = keep && err == nil && !sameRecord(&e.before, &e.after)
	n.entries = append(n.entries, e)
	return keep, err
}

// none is the converter where none is set.
type none struct{}

func (none) Configure(map[string]string, bool) error { return nil }

func (none) FromConnect(string, *data.Schema, any) ([]byte, error) { return nil, nil }

func (none) ToConnect(string, []byte) (data.SchemaAndValue, error) {
	return data.SchemaAndValue{}, nil
}

// preset is a converter that knows the value already.
type preset struct {
	none
	value data.SchemaAndValue
}

func (p preset) ToConnect(string, []byte) (data.SchemaAndValue, error) { return p.value, nil }

// presetHeaders is the header converter that knows the values, in order.
type presetHeaders struct {
	values []data.SchemaAndValue
	next   int
}

func (*presetHeaders) Configure(map[string]string) error { return nil }

func (*presetHeaders) FromConnectHeader(string, string, *data.Schema, any) ([]byte, error) {
	return nil, nil
}

func (p *presetHeaders) ToConnectHeader(string, string, []byte) (data.SchemaAndValue, error) {
	p.next++
	return p.values[p.next-1], nil
}

// presets are the converters of a sample whose values are known.
func presets(s *Sample) (c pipeline.Converters) {
	c.Key.Conv = codecs.Converter(preset{value: s.key})
	c.Value.Conv = codecs.Converter(preset{value: s.value})
	c.Header.Conv = &presetHeaders{values: s.headers}
	return c
}
