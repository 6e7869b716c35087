package data_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
)

// What a slab makes is what Go makes, and stays so whatever else is made and collected beside it.
func TestSlab(t *testing.T) {
	schema := data.NewBuilder(data.StructType).Field("a", data.StringSchema).Field("b", data.Int64Schema).MustBuild()
	var wide data.Slab
	var got, want []any
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 5_000 {
		switch rnd.IntN(7) {
		case 0:
			text := fmt.Sprint("text ", i)
			got, want = append(got, wide.String(text)), append(want, text)
		case 1:
			n := int64(rnd.Uint64())>>rnd.IntN(64) - 3
			got, want = append(got, wide.Int64(n)), append(want, n)
		case 2:
			n := int32(rnd.Uint32())>>rnd.IntN(32) - 3
			got, want = append(got, wide.Int32(n)), append(want, n)
		case 3:
			got, want = append(got, wide.Float64(float64(i)/3)), append(want, float64(i)/3)
		case 4:
			got, want = append(got, wide.Float32(float32(i)/3)), append(want, float32(i)/3)
		case 5:
			st := wide.Struct(schema)
			if st.At(0) != nil || st.At(1) != nil {
				t.Fatalf("a new struct has %v and %v", st.At(0), st.At(1))
			}
			st.SetAt(0, wide.String("in a struct"))
			st.SetAt(1, wide.Int64(int64(i)))
			got, want = append(got, st), append(want, data.NewStruct(schema).With("a", "in a struct").With("b", int64(i)))
		case 6:
			n := rnd.IntN(40)
			list := wide.List(n)
			plain := make([]any, 0, n)
			for j := range n + 2 { // two more than asked for, which must not run into the neighbours
				list, plain = append(list, any(j)), append(plain, any(j))
			}
			if n == 0 {
				list, plain = nil, []any{}
			}
			got, want = append(got, wide.Array(list)), append(want, plain)
		}
		if i%1_000 == 0 {
			runtime.GC()
		}
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%d: %#v, want %#v", i, got[i], want[i])
		}
	}
	var s data.Slab
	for _, n := range []float64{0, math.Copysign(0, -1), math.Inf(1), math.NaN()} {
		if f := s.Float64(n).(float64); math.Float64bits(f) != math.Float64bits(n) {
			t.Errorf("%v became %v", n, f)
		}
	}
	if v, ok := s.String("").(string); !ok || v != "" {
		t.Error("the empty string")
	}
}

// A struct of more fields than a piece of the slab holds is one of its own.
func TestSlabWide(t *testing.T) {
	b := data.NewBuilder(data.StructType)
	for i := range 300 {
		b.Field(fmt.Sprint("f", i), data.Int32Schema)
	}
	schema := b.MustBuild()
	var s data.Slab
	one, two := s.Struct(schema), s.Struct(schema)
	for i := range 300 {
		one.SetAt(i, int32(i))
		two.SetAt(i, int32(-i))
	}
	for i := range 300 {
		if one.At(i) != int32(i) || two.At(i) != int32(-i) {
			t.Fatalf("field %d is %v and %v", i, one.At(i), two.At(i))
		}
	}
}

// A value in an interface, of a slab and of Go's own.
func BenchmarkSlab(b *testing.B) {
	var s data.Slab
	var sink any
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink = s.String("text")
		}
	})
	text := fmt.Sprint("te", "xt")
	b.Run("string without", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink = any(text)
		}
	})
	_ = sink
}
