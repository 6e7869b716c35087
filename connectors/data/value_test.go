package data_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

var someTime = time.Date(2023, 11, 14, 22, 13, 20, 125e6, time.UTC)

func TestEqual(t *testing.T) {
	list := func(v ...any) []any { return v }
	schema := data.StructOf("a", data.OptionalInt8Schema)
	values := []any{
		nil, false, true, int8(1), int16(1), int32(1), int64(1), float32(1), float64(1), 0.0, math.Copysign(0, -1),
		math.NaN(), float32(math.NaN()), "", "1",
		[]byte{},
		[]byte{1},
		list(), list(nil), list(int8(1)), data.NewMap(0),
		data.MapFrom("a", int8(1)), data.MapFrom("a", int8(2)), data.MapFrom([]byte{1}, nil), data.NewDecimal(1, 0), data.NewDecimal(10, 1),
		big.NewInt(1), someTime, someTime.Add(time.Millisecond), data.NewStruct(schema), data.NewStruct(schema).With("a", int8(1)),
		data.NewStruct(data.StructOf("b", data.OptionalInt8Schema)), uint8(1), (*data.Map)(nil), (*data.Struct)(nil),
	}
	for i, a := range values {
		for j, b := range values {
			if got := data.Equal(a, b); got != (i == j) {
				t.Errorf("Equal(%T %v, %T %v) = %v", a, a, b, b, got)
			}
		}
	}
	if !data.Equal(data.MapFrom("a", int8(1), "b", nil), data.MapFrom("b", nil, "a", int8(1))) {
		t.Error("maps in another order differ")
	}
	if !data.Equal(someTime, someTime.In(time.FixedZone("", 3600)).Add(time.Microsecond)) {
		t.Error("times differ by what isn't a millisecond")
	}
}

// Keys of every type are found, in a map small and large, and lists in it are found by content.
func TestMap(t *testing.T) {
	keys := func(n int) []any {
		var keys []any
		for i := range n {
			keys = append(keys, int8(i), int16(i), int32(i), int64(i), float32(i), float64(i), fmt.Sprint(i), []byte{byte(i)},
				someTime.Add(time.Duration(i)*time.Second), data.NewDecimal(int64(i), 2), []any{int8(i)}, data.MapFrom(int8(i), nil))
		}
		return append(keys, nil, math.NaN(), float32(math.NaN()), true, math.Copysign(0, -1))
	}
	for _, n := range []int{0, 1, 5} {
		m := data.NewMap(0)
		for i, k := range keys(n) {
			m.Put(k, i)
		}
		c := m.Clone()
		for i, k := range keys(n) {
			m.Put(k, i*2)
			if v, ok := m.Get(k); !ok || v != i*2 {
				t.Errorf("%d: %T %v: got %v, %v", n, k, k, v, ok)
			}
			if v, ok := c.Get(k); !ok || v != i {
				t.Errorf("%d: clone: %T %v: got %v, %v", n, k, k, v, ok)
			}
		}
		if m.Len() != len(keys(n)) {
			t.Errorf("%d: %d entries, want %d", n, m.Len(), len(keys(n)))
		}
		for i, k := range keys(n) {
			if !m.Delete(k) || m.Delete(k) {
				t.Errorf("%d: %T %v can't be deleted once", n, k, k)
			}
			if m.Len() != len(keys(n))-i-1 {
				t.Fatalf("%d entries left after %d were deleted", m.Len(), i+1)
			}
		}
		if _, ok := m.GetString("absent"); ok {
			t.Error("absent key found")
		}
	}
}

func TestMapGetAllocatesNothing(t *testing.T) {
	for _, n := range []int{5, 50} {
		m := data.NewMap(n)
		for i := range n {
			m.Put(fmt.Sprint("key", i), i)
		}
		key := fmt.Sprint("key", n-1)
		if n := testing.AllocsPerRun(100, func() {
			if _, ok := m.Get(key); !ok {
				t.Error("not found")
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func TestHeaders(t *testing.T) {
	h := data.Headers{}.AddString("a", "1").AddString("b", "2").AddString("a", "3").AddString("c", "4")
	text := func(h data.Headers) (s string) {
		for _, x := range h {
			s += x.Key + x.Value.(string)
		}
		return s
	}
	for _, tt := range []struct {
		name string
		got  data.Headers
		want string
	}{
		{"RetainLatest", h.RetainLatest(), "b2a3c4"},
		{"RetainLatestOf a", h.RetainLatestOf("a"), "b2a3c4"},
		{"RetainLatestOf b", h.RetainLatestOf("b"), "a1b2a3c4"},
		{"All", h.All("a"), "a1a3"},
		{"Remove", h.Remove("a"), "b2c4"},
		{"Apply", h.Apply("a", func(x data.Header) (data.Header, bool) { x.Value = "x"; return x, true }), "axb2axc4"},
		{"Apply to all", h.Apply("", func(x data.Header) (data.Header, bool) { return x, x.Key != "a" }), "b2c4"},
		{"unchanged", h, "a1b2a3c4"},
	} {
		if got := text(tt.got); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if x, ok := h.Last("a"); !ok || x.Value != "3" || h.Has("d") {
		t.Errorf("Last: %v, %v", x, ok)
	}
}

func TestHeadersAddChecked(t *testing.T) {
	for _, tt := range []struct {
		schema *data.Schema
		value  any
		ok     bool
	}{
		{nil, int8(1), true},
		{nil, nil, true},
		{data.Int8Schema, int8(1), true},
		{data.Int8Schema, int16(1), false},
		{data.Int8Schema, nil, false},
		{data.OptionalInt8Schema, nil, true},
		{data.DateSchema, int32(1), true},
		{data.DateSchema, someTime, true},
		{data.DateSchema, int64(1), false},
		{data.Int32Schema, someTime, false},
	} {
		h, err := data.Headers{}.AddChecked("k", tt.schema, tt.value)
		if (err == nil) != tt.ok || len(h) == 1 != tt.ok || err != nil && !errors.Is(err, errs.Data) {
			t.Errorf("%v with %T: %v, %v", tt.schema, tt.value, h, err)
		}
	}
}

func TestDecimal(t *testing.T) {
	for _, tt := range []struct{ in, text, plain string }{
		{"0", "0", "0"},
		{"-0.00", "0.00", "0.00"},
		{"1.50", "1.50", "1.50"},
		{"+.5", "0.5", "0.5"},
		{"5.", "5", "5"},
		{"1E3", "1E+3", "1000"},
		{"-12E-1", "-1.2", "-1.2"},
		{"-123E-10", "-1.23E-8", "-0.0000000123"},
		{"0.0000001", "1E-7", "0.0000001"},
		{"0E+5", "0E+5", "0"},
		{"12345678901234567890.123", "12345678901234567890.123", "12345678901234567890.123"},
		{"٣.٤", "3.4", "3.4"},
	} {
		d, err := data.ParseDecimal(tt.in)
		if err != nil || d.String() != tt.text || d.PlainString() != tt.plain {
			t.Errorf("%s: got %s, %s, %v; want %s, %s", tt.in, d, d.PlainString(), err, tt.text, tt.plain)
		}
	}
	for _, in := range []string{"", "+", ".", "-.", "1e", "e1", "1.2.3", " 1", "1 ", "0x1", "1_0", "NaN", "1e99999999999", "1e2147483648", "é"} {
		if d, err := data.ParseDecimal(in); !errors.Is(err, errs.IllegalArgument) {
			t.Errorf("%q: got %v, %v", in, d, err)
		}
	}
}

func TestDecimalBytes(t *testing.T) {
	for _, n := range []int64{0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, math.MaxInt64, math.MinInt64} {
		d := data.NewDecimal(n, 3)
		b := d.Bytes()
		if back := data.DecimalFromBytes(b, 3); !back.Equal(d) {
			t.Errorf("%d: %x read as %s", n, b, back)
		}
		if len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
			t.Errorf("%d: %x has a byte too many", n, b)
		}
	}
	if got := (data.Decimal{}).Bytes(); len(got) != 1 || got[0] != 0 {
		t.Errorf("zero Decimal: %x", got)
	}
}

func TestDecimalArithmetic(t *testing.T) {
	d := data.NewDecimal(-12345, 2)
	if got := d.Int64(); got != -123 {
		t.Error(got)
	}
	if got, ok := d.Rescale(4); !ok || got.String() != "-123.4500" {
		t.Error(got, ok)
	}
	if got, ok := d.Rescale(1); ok {
		t.Error(got, "lost a digit")
	}
	if got, ok := data.NewDecimal(1500, 2).Rescale(-1); ok {
		t.Error(got, "lost a digit")
	}
	if got, ok := data.NewDecimal(1500, 2).Rescale(0); !ok || got.String() != "15" {
		t.Error(got, ok)
	}
	// Numbers that would fill the memory if they were written out.
	huge := data.NewDecimal(1, math.MinInt32)
	if huge.Int64() != 0 || huge.String() != "1E+2147483648" || !math.IsInf(huge.Float64(), 1) {
		t.Error(huge)
	}
	if sv := data.ParseString("1e2147483647"); sv.Schema.Name() != data.DecimalName {
		t.Error(sv)
	}
	if sv := data.ParseString("0e2147483647"); sv.Value != int8(0) {
		t.Error(sv)
	}
}

// The calendar of Java's dates, checked at the change of calendars and around leap days.
func TestDateText(t *testing.T) {
	day := func(n int64) time.Time { return time.UnixMilli(n * 86400000).UTC() }
	for days, want := range map[int64]string{
		0: "Thu Jan 01 00:00:00 UTC 1970", -1: "Wed Dec 31 00:00:00 UTC 1969", 19675: "Tue Nov 14 00:00:00 UTC 2023",
		-141427: "Fri Oct 15 00:00:00 UTC 1582", -141428: "Thu Oct 04 00:00:00 UTC 1582", 11016: "Tue Feb 29 00:00:00 UTC 2000",
		-719164: "Sat Jan 01 00:00:00 UTC 1", -719165: "Fri Dec 31 00:00:00 UTC 1",
	} {
		if got := data.Text(day(days)); got != want {
			t.Errorf("day %d: got %s, want %s", days, got, want)
		}
	}
	for n := int64(-141427); n < 200000; n += 13 { // both are Gregorian here
		if got, want := data.Text(day(n)), day(n).Format("Mon Jan 02 15:04:05 UTC 2006"); got != want {
			t.Fatalf("day %d: got %s, want %s", n, got, want)
		}
	}
}

// Every day from before the change of calendars on reads back as itself.
func TestDatesReadBack(t *testing.T) {
	for n := int64(1); n < 400000; n += 17 {
		want := time.UnixMilli(n * 86400000).UTC()
		s, _, err := data.ConvertToString(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if got := data.ParseString(s); got.Schema != data.DateSchema || !got.Value.(time.Time).Equal(want) {
			t.Fatalf("%s was read as %v", s, got)
		}
	}
	for _, s := range []string{"1582-10-04", "1582-10-10", "1582-10-15", "0001-01-01", "1500-02-29"} {
		if got := data.ParseString(s); got.Schema != data.DateSchema {
			t.Errorf("%s was read as %v", s, got)
		}
	}
}

func TestLogicalErrors(t *testing.T) {
	if _, err := data.TimeToLogical(data.TimeSchema, -1); !errors.Is(err, errs.Data) {
		t.Error(err)
	}
	if _, err := data.DateToLogical(data.TimeSchema, 1); !errors.Is(err, errs.Data) {
		t.Error(err)
	}
	if _, err := data.TimestampToLogical(nil, 1); !errors.Is(err, errs.Data) {
		t.Error(err)
	}
	if _, err := data.DecimalToLogical(data.DecimalSchema(2), nil); err == nil {
		t.Error("no bytes make a Decimal")
	}
	bad := data.NewBuilder(data.Bytes).Name(data.DecimalName).Parameter("scale", "x").MustBuild()
	if _, err := data.DecimalToLogical(bad, []byte{1}); !errors.Is(err, errs.Data) {
		t.Error(err)
	}
	days := int32(-3)
	when, err := data.DateToLogical(data.DateSchema, days)
	if back, err2 := data.DateFromLogical(data.DateSchema, when); err != nil || err2 != nil || back != days {
		t.Error(when, err, back, err2)
	}
}

func TestConvertTo(t *testing.T) {
	for _, tt := range []struct {
		to   *data.Schema
		in   any
		want any
	}{
		{data.Int8Schema, int64(300), int8(44)},
		{data.Int64Schema, "12.9", int64(12)},
		{data.Int32Schema, 1e20, int32(-1)},
		{data.Float32Schema, "1.5", float32(1.5)},
		{data.OptionalInt8Schema, nil, nil},
		{data.BooleanSchema, "true", true},
		{data.BooleanSchema, "0", false},
		{data.StringSchema, 1e10, "1.0E10"},
		{data.DateSchema, "2023-11-14", time.Date(2023, 11, 14, 0, 0, 0, 0, time.UTC)},
		{data.TimestampSchema, int64(5), time.UnixMilli(5).UTC()},
		{data.DecimalSchema(2), int8(3), data.NewDecimal(30, 1)},
		{data.BytesSchema, []byte{1}, []byte{1}},
	} {
		got, err := data.ConvertTo(tt.to, nil, tt.in)
		if err != nil || !data.Equal(got, tt.want) {
			t.Errorf("%T %v to %v: got %T %v, %v", tt.in, tt.in, tt.to, got, got, err)
		}
	}
	for _, tt := range []struct {
		to *data.Schema
		in any
	}{
		{data.Int8Schema, nil},
		{data.Int8Schema, "x"},
		{data.BytesSchema, "x"},
		{data.Int64Schema, someTime},
		{data.StructOf("a", data.Int8Schema), data.NewMap(0)},
		{data.StringSchema, uint8(1)},
	} {
		if got, err := data.ConvertTo(tt.to, nil, tt.in); !errors.Is(err, errs.Data) {
			t.Errorf("%T %v to %v: got %v, %v", tt.in, tt.in, tt.to, got, err)
		}
	}
}

func TestStructFill(t *testing.T) {
	from := data.NewStruct(data.StructOf("a", data.Int32Schema, "b", data.OptionalStringSchema)).With("a", int32(1)).With("b", "x")
	wide := data.NewStruct(data.StructOf("a", data.Int32Schema, "b", data.OptionalStringSchema, "c", data.OptionalStringSchema))
	wide.Fill(from)
	narrow := data.NewStruct(data.StructOf("a", data.Int32Schema))
	narrow.Fill(from)
	if got := wide.String() + narrow.String(); got != "Struct{a=1,b=x}Struct{a=1}" {
		t.Errorf("filled %s", got)
	}
}
