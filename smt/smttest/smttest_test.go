package smttest_test

import (
	"errors"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/smttest"
)

// does is a transform made of a function.
type does func(r *data.Record) (*data.Record, error)

func (does) Configure(map[string]string) error            { return nil }
func (d does) Apply(r *data.Record) (*data.Record, error) { return d(r) }
func (does) Close() error                                 { return nil }

// What a transform must not do is found.
func TestOffendersAreCaught(t *testing.T) {
	calls := 0
	for name, tr := range map[string]does{
		"panics": func(*data.Record) (*data.Record, error) { panic("x") },
		"changes a value": func(r *data.Record) (*data.Record, error) {
			r.Value.(*data.Map).Put("new", true)
			return r, nil
		},
		"changes the record and fails": func(r *data.Record) (*data.Record, error) {
			r.Topic = "other"
			return nil, errors.New("x")
		},
		"returns a record with an error": func(r *data.Record) (*data.Record, error) { return r, errors.New("x") },
		"answers differently": func(r *data.Record) (*data.Record, error) {
			calls++
			r.Value = int64(calls)
			return r, nil
		},
		"fails now and then": func(r *data.Record) (*data.Record, error) {
			if calls++; calls%2 == 0 {
				return nil, errors.New("x")
			}
			return r, nil
		},
		"makes an unfit value": func(r *data.Record) (*data.Record, error) {
			r.ValueSchema = data.Int32Schema
			return r, nil
		},
	} {
		if err := smttest.CheckRecord(tr, smttest.Records()["map"]); err == nil {
			t.Errorf("a transform that %s isn't caught", name)
		}
	}
	good := does(func(r *data.Record) (*data.Record, error) { r.Topic += "x"; return r, nil })
	for name, make := range smttest.Records() {
		if err := smttest.CheckRecord(good, make); err != nil {
			t.Errorf("a good transform, %s: %v", name, err)
		}
	}
}
