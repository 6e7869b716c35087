package datatest

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
)

// Diff says where two things differ first, or "" if they are the same: values, schemas,
// data.SchemaAndValue, data.Record, data.Headers and the types of this package that hold them.
// Types and float bits count (all NaN are equal), the order of maps and schema parameters
// doesn't, and structs must have the same schema.
func Diff(want, got any) string {
	return diffAny("", unwrap(want), unwrap(got))
}

// unwrap takes what a type of this package holds.
func unwrap(v any) any {
	switch v := v.(type) {
	case Schema:
		return v.Schema
	case Value:
		return v.V
	case Headers:
		return v.Headers
	case SchemaAndValue:
		return v.SchemaAndValue
	case Record:
		return v.Record
	case *data.Record:
		if v != nil {
			return *v
		}
		return nil
	}
	return v
}

func diffAny(at string, want, got any) string {
	switch w := want.(type) {
	case data.Record:
		if g, ok := got.(data.Record); ok {
			return diffRecord(w, g)
		}
		return differ(at, want, got)
	case data.SchemaAndValue:
		if g, ok := got.(data.SchemaAndValue); ok {
			return diffBoth(at, w.Schema, w.Value, g.Schema, g.Value)
		}
		return differ(at, want, got)
	case data.Headers:
		if g, ok := got.(data.Headers); ok {
			return diffHeaders(at, w, g)
		}
		return differ(at, want, got)
	case *data.Schema:
		g, ok := got.(*data.Schema)
		if ok || got == nil {
			return diffSchema(at, w, g)
		}
		return differ(at, want, got)
	}
	if g, ok := got.(*data.Schema); ok && want == nil {
		return diffSchema(at, nil, g)
	}
	return diffValue(at, want, got, false)
}

func differ(at string, want, got any) string {
	return fmt.Sprintf("%s: want %s, got %s", at, show(want), show(got))
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case *data.Schema:
		if v == nil {
			return "no schema"
		}
		return v.String()
	case string:
		return "string " + strconv.Quote(v)
	case *data.Map:
		var s strings.Builder
		s.WriteString("map{")
		for _, e := range v.Entries() {
			s.WriteString(show(e.Key) + ": " + show(e.Value) + ", ")
		}
		return s.String() + "}"
	case *data.Struct:
		var s strings.Builder
		s.WriteString("struct{")
		for i, f := range v.Schema().Fields() {
			s.WriteString(f.Name + ": " + show(v.At(i)) + ", ")
		}
		return s.String() + "}"
	case []any:
		var s strings.Builder
		s.WriteString("[")
		for _, e := range v {
			s.WriteString(show(e) + ", ")
		}
		return s.String() + "]"
	case time.Time:
		return fmt.Sprintf("date %d (%s)", v.UnixMilli(), v.Format(time.RFC3339Nano))
	case data.Decimal:
		return fmt.Sprintf("decimal %s (scale %d)", v.Unscaled, v.Scale)
	}
	return fmt.Sprintf("%T %v", v, v)
}

func diffRecord(want, got data.Record) string {
	if want.Topic != got.Topic {
		return differ("topic", want.Topic, got.Topic)
	}
	if want.Partition != got.Partition {
		return differ("partition", want.Partition, got.Partition)
	}
	if !want.Timestamp.Equal(got.Timestamp) {
		return differ("timestamp", want.Timestamp, got.Timestamp)
	}
	if d := diffBoth("key", want.KeySchema, want.Key, got.KeySchema, got.Key); d != "" {
		return d
	}
	if d := diffBoth("value", want.ValueSchema, want.Value, got.ValueSchema, got.Value); d != "" {
		return d
	}
	return diffHeaders("headers", want.Headers, got.Headers)
}

func diffHeaders(at string, want, got data.Headers) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%s: want %d headers, got %d", at, len(want), len(got))
	}
	for i := range want {
		here := fmt.Sprintf("%s[%d]", at, i)
		if want[i].Key != got[i].Key {
			return differ(here+" key", want[i].Key, got[i].Key)
		}
		if d := diffBoth(here, want[i].Schema, want[i].Value, got[i].Schema, got[i].Value); d != "" {
			return d
		}
	}
	return ""
}

func diffBoth(at string, ws *data.Schema, wv any, gs *data.Schema, gv any) string {
	if d := diffSchema(at+" schema", ws, gs); d != "" {
		return d
	}
	return diffValue(at, wv, gv, false)
}

func diffSchema(at string, want, got *data.Schema) string { return diffWithin(at, want, got, nil) }

// diffWithin compares schemas within pairs of STRUCTs, of which those in them may be the same again.
func diffWithin(at string, want, got *data.Schema, around [][2]*data.Schema) string {
	if want == got {
		return ""
	}
	if want == nil || got == nil {
		return differ(at, want, got)
	}
	if d := diffAttributes(at, want, got); d != "" {
		return d
	}
	if want.Type() == data.StructType {
		pair := [2]*data.Schema{want, got}
		if want.Refers() != nil && got.Refers() != nil {
			pair = [2]*data.Schema{want.Refers(), got.Refers()}
			if slices.Contains(around, pair) {
				return ""
			}
		}
		around = append(around, pair)
	}
	if d := diffWithin(at+" key", want.KeySchema(), got.KeySchema(), around); d != "" {
		return d
	}
	if d := diffWithin(at+" element", want.ValueSchema(), got.ValueSchema(), around); d != "" {
		return d
	}
	for i, f := range want.Fields() {
		g := got.Fields()[i]
		if f.Name != g.Name || f.Index != g.Index {
			return differ(fmt.Sprintf("%s field %d", at, i), f.Name, g.Name)
		}
		if d := diffWithin(at+"."+f.Name, f.Schema, g.Schema, around); d != "" {
			return d
		}
	}
	return ""
}

// diffAttributes compares what schemas have of their own. Of one that stands for another around it
// only the optionality is recorded.
func diffAttributes(at string, want, got *data.Schema) string {
	wantRefers, gotRefers := want.Refers() != nil, got.Refers() != nil
	if wantRefers != gotRefers {
		return differ(at+" stands for a struct around it", wantRefers, gotRefers)
	}
	wantVersion, wantHas := want.Version()
	gotVersion, gotHas := got.Version()
	for _, c := range []struct {
		what      string
		want, got any
	}{
		{"type", want.Type(), got.Type()},
		{"optional", want.Optional(), got.Optional()},
		{"name", want.Name(), got.Name()},
		{"doc", want.Doc(), got.Doc()},
		{"has version", wantHas, gotHas},
		{"version", wantVersion, gotVersion},
		{"parameters", parameters(want), parameters(got)},
		{"number of fields", len(want.Fields()), len(got.Fields())},
	} {
		if c.what == "parameters" && wantRefers {
			continue
		}
		if !reflect.DeepEqual(c.want, c.got) {
			return differ(at+" "+c.what, c.want, c.got)
		}
	}
	return diffValue(at+" default", want.Default(), got.Default(), true)
}

func parameters(s *data.Schema) map[string]string {
	m := map[string]string{}
	for _, p := range s.Parameters() {
		m[p.Name] = p.Value
	}
	return m
}

// diffValue compares values; the struct that is the default of a schema is compared without
// its schema, which isn't recorded.
func diffValue(at string, want, got any, isDefault bool) string {
	switch w := want.(type) {
	case []any:
		if g, ok := got.([]any); ok {
			return diffLists(at, w, g)
		}
	case *data.Map:
		if g, ok := got.(*data.Map); ok {
			return diffMaps(at, w, g)
		}
	case *data.Struct:
		if g, ok := got.(*data.Struct); ok {
			return diffStructs(at, w, g, isDefault)
		}
	default:
		if sameScalar(want, got) {
			return ""
		}
	}
	return differ(at, want, got)
}

func sameScalar(want, got any) bool {
	switch w := want.(type) {
	case float64:
		g, ok := got.(float64)
		return ok && (math.Float64bits(w) == math.Float64bits(g) || math.IsNaN(w) && math.IsNaN(g))
	case float32:
		g, ok := got.(float32)
		return ok && (math.Float32bits(w) == math.Float32bits(g) || math.IsNaN(float64(w)) && math.IsNaN(float64(g)))
	case time.Time:
		g, ok := got.(time.Time)
		return ok && w.Equal(g)
	case []byte:
		g, ok := got.([]byte)
		return ok && string(w) == string(g)
	case data.Decimal:
		g, ok := got.(data.Decimal)
		return ok && w.Scale == g.Scale && g.Unscaled != nil && w.Unscaled.Cmp(g.Unscaled) == 0
	case *big.Int:
		g, ok := got.(*big.Int)
		return ok && g != nil && w.Cmp(g) == 0
	}
	return reflect.DeepEqual(want, got)
}

func diffLists(at string, want, got []any) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%s: want %d elements, got %d: want %s, got %s", at, len(want), len(got), show(want), show(got))
	}
	for i := range want {
		if d := diffValue(fmt.Sprintf("%s[%d]", at, i), want[i], got[i], false); d != "" {
			return d
		}
	}
	return ""
}

// diffMaps pairs each wanted entry with one not yet taken that is the same in key and value, so
// it doesn't rely on Map.Get.
func diffMaps(at string, want, got *data.Map) string {
	if want.Len() != got.Len() {
		return fmt.Sprintf("%s: want %d entries, got %d: want %s, got %s", at, want.Len(), got.Len(), show(want), show(got))
	}
	taken := make([]bool, got.Len())
next:
	for _, w := range want.Entries() {
		closest := ""
		for i, g := range got.Entries() {
			if taken[i] || diffValue("", w.Key, g.Key, false) != "" {
				continue
			}
			if closest = diffValue(at+"{"+show(w.Key)+"}", w.Value, g.Value, false); closest == "" {
				taken[i] = true
				continue next
			}
		}
		if closest == "" {
			closest = at + ": want key " + show(w.Key) + ", got " + show(got)
		}
		return closest
	}
	return ""
}

func diffStructs(at string, want, got *data.Struct, isDefault bool) string {
	if !isDefault {
		if d := diffSchema(at+" schema of struct", want.Schema(), got.Schema()); d != "" {
			return d
		}
	} else if len(want.Schema().Fields()) != len(got.Schema().Fields()) {
		return differ(at, want, got)
	}
	for i, f := range want.Schema().Fields() {
		if d := diffValue(at+"."+f.Name, want.At(i), got.At(i), false); d != "" {
			return d
		}
	}
	return ""
}
