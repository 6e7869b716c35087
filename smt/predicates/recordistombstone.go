package predicates

import "github.com/troupe-connect/troupe/connectors/data"

// recordIsTombstone holds for records without a value.
type recordIsTombstone struct{ base }

func (recordIsTombstone) Configure(map[string]string) error { return nil }

func (recordIsTombstone) Test(r *data.Record) (bool, error) { return r.Value == nil, nil }
