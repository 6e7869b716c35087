// Package smttest checks what every transform and predicate owes, whatever it does: it doesn't
// panic, leaves the values that it is given alone, leaves the record as it came in when it
// fails, gives the same answer to the same record, and makes values that fit their schemas.
//
//	func TestContract(t *testing.T) {
//		smttest.CheckTransform(t, mine.Plugin(), map[string]string{"field": "a"})
//	}
package smttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
)

// CheckTransform runs the checks over Records, once per configuration. The configurations must
// be right ones.
func CheckTransform(t *testing.T, p smt.Plugin, configs ...map[string]string) {
	t.Helper()
	if err := p.New().Close(); err != nil {
		t.Errorf("%s: Close before Configure: %v", p.Class, err)
	}
	checkRequired(t, p.Config, func(props map[string]string) error { return p.New().Configure(props) }, configs)
	for _, props := range configs {
		tr := p.New()
		if err := tr.Configure(props); err != nil {
			t.Errorf("%s %v: %v", p.Class, props, err)
			continue
		}
		for name, make := range Records() {
			if err := CheckRecord(tr, make); err != nil {
				t.Errorf("%s %v, %s: %v", p.Class, props, name, err)
			}
		}
		for i := range 2 {
			if err := tr.Close(); err != nil {
				t.Errorf("%s: Close, call %d: %v", p.Class, i+1, err)
			}
		}
	}
}

// CheckPredicate runs the checks over Records, once per configuration. The configurations must
// be right ones.
func CheckPredicate(t *testing.T, p smt.PredicatePlugin, configs ...map[string]string) {
	t.Helper()
	if err := p.New().Close(); err != nil {
		t.Errorf("%s: Close before Configure: %v", p.Class, err)
	}
	checkRequired(t, p.Config, func(props map[string]string) error { return p.New().Configure(props) }, configs)
	for _, props := range configs {
		pr := p.New()
		if err := pr.Configure(props); err != nil {
			t.Errorf("%s %v: %v", p.Class, props, err)
			continue
		}
		for name, make := range Records() {
			if err := checkTest(pr, make); err != nil {
				t.Errorf("%s %v, %s: %v", p.Class, props, name, err)
			}
		}
		if err := pr.Close(); err != nil {
			t.Errorf("%s: Close: %v", p.Class, err)
		}
	}
}

// checkRequired leaves each required setting out of the first configuration in turn.
func checkRequired(t *testing.T, def *config.Def, configure func(map[string]string) error, configs []map[string]string) {
	t.Helper()
	if def == nil || len(configs) == 0 {
		return
	}
	for _, k := range def.Keys() {
		if !k.Required {
			continue
		}
		props := map[string]string{}
		for name, v := range configs[0] {
			if name != k.Name {
				props[name] = v
			}
		}
		if err := configure(props); !errors.Is(err, errs.Config) {
			t.Errorf("without the required setting %s: %v, want an errs.Config error", k.Name, err)
		}
	}
}

// ErrMisfit is the mistake of a value that doesn't fit its schema, which some Java classes make and
// copies of them have to.
var ErrMisfit = errors.New("doesn't fit its schema")

// CheckRecord applies a configured transform to two equal records and says what it does wrong,
// if it does.
func CheckRecord(tr smt.Transform, make func() data.Record) error {
	first, err := applyOnce(tr, make())
	if err != nil {
		return err
	}
	second, err := applyOnce(tr, make())
	if err != nil {
		return err
	}
	if (first.err == nil) != (second.err == nil) || first.err != nil && first.err.Error() != second.err.Error() {
		return fmt.Errorf("errors differ for equal records: %w, then %w", orNone(first.err), orNone(second.err))
	}
	if !sameRecord(first.out, second.out) {
		return fmt.Errorf("results differ for equal records: %s, then %s", show(first.out), show(second.out))
	}
	return nil
}

func orNone(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

type result struct {
	out *data.Record
	err error
}

func applyOnce(tr smt.Transform, in data.Record) (res result, problem error) {
	defer func() {
		if x := recover(); x != nil {
			problem = fmt.Errorf("panic: %v", x)
		}
	}()
	before, headers := dump(&in), append(data.Headers(nil), in.Headers...)
	r := in
	out, err := tr.Apply(&r)
	if after := dump(&in); !bytes.Equal(before, after) {
		return res, fmt.Errorf("the values of the record were changed from %s to %s", before, after)
	}
	if err != nil {
		if out != nil {
			return res, errors.New("a record is returned with an error")
		}
		if !identical(&in, &r) || len(r.Headers) != len(headers) {
			return res, fmt.Errorf("the record was changed although the transform failed (%w)", err)
		}
		return result{err: err}, nil
	}
	if out == nil {
		return result{}, nil
	}
	return result{out: out}, checkFits(&in, out)
}

// checkFits says whether what fitted its schema before still does.
func checkFits(in, out *data.Record) error {
	for _, side := range []smt.Side{smt.Key, smt.Value} {
		schema, value := side.Get(in)
		if s, ok := value.(*data.Struct); ok && schema == nil && s != nil {
			schema = s.Schema() // which it may get as its schema
		}
		if schema != nil && data.ValidateValue(schema, value) != nil {
			continue
		}
		schema, value = side.Get(out)
		if schema == nil || misnamed(schema) {
			continue
		}
		if err := data.ValidateValue(schema, value); err != nil {
			return fmt.Errorf("the new %s %w: %w", side, ErrMisfit, err)
		}
	}
	return nil
}

// misnamed reports whether a schema has the name of a logical type but another type below, so
// that no value fits it: Cast and SetSchemaMetadata make such schemas, as in Java.
func misnamed(s *data.Schema) bool {
	types := map[string]data.Type{
		data.DecimalName: data.Bytes, data.DateName: data.Int32, data.TimeName: data.Int32, data.TimestampName: data.Int64,
	}
	t, ok := types[s.Name()]
	return ok && t != s.Type()
}

func checkTest(pr smt.Predicate, make func() data.Record) (problem error) {
	defer func() {
		if x := recover(); x != nil {
			problem = fmt.Errorf("panic: %v", x)
		}
	}()
	in := make()
	r := in
	before := dump(&in)
	first, err1 := pr.Test(&r)
	second, err2 := pr.Test(&r)
	if first != second || (err1 == nil) != (err2 == nil) {
		return fmt.Errorf("two answers for one record: %v (%w), %v (%w)", first, orNone(err1), second, orNone(err2))
	}
	if !bytes.Equal(before, dump(&in)) || !identical(&in, &r) {
		return errors.New("the record was changed")
	}
	return nil
}

func dump(r *data.Record) []byte {
	b, err := json.Marshal(smt.SnapshotOf(r))
	if err != nil {
		return []byte(err.Error())
	}
	return b
}

func show(r *data.Record) string {
	if r == nil {
		return "dropped"
	}
	return string(dump(r))
}

// identical reports whether two records hold the same things, not only equal ones.
func identical(a, b *data.Record) bool {
	return a.Topic == b.Topic && a.Partition == b.Partition && a.Timestamp.Equal(b.Timestamp) &&
		a.KeySchema == b.KeySchema && a.ValueSchema == b.ValueSchema &&
		sameValue(a.Key, b.Key) && sameValue(a.Value, b.Value) && sameHeaders(a.Headers, b.Headers)
}

func sameRecord(a, b *data.Record) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Topic == b.Topic && a.Partition == b.Partition && a.Timestamp.Equal(b.Timestamp) &&
		data.SchemaEqual(a.KeySchema, b.KeySchema) && data.SchemaEqual(a.ValueSchema, b.ValueSchema) &&
		sameValue(a.Key, b.Key) && sameValue(a.Value, b.Value) && sameHeaders(a.Headers, b.Headers)
}

func sameHeaders(a, b data.Headers) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Key != b[i].Key || !data.SchemaEqual(a[i].Schema, b[i].Schema) || !sameValue(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

// sameValue compares what a snapshot shows, which goes no deeper than it can.
func sameValue(a, b any) bool {
	return bytes.Equal(dump(&data.Record{Value: a}), dump(&data.Record{Value: b}))
}
