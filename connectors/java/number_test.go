package java

import (
	"math"
	"testing"
)

func TestParseInt(t *testing.T) {
	for _, tt := range []struct {
		text string
		bits int
		want int64
		ok   bool
	}{
		{"12", 8, 12, true},
		{"+12", 8, 12, true},
		{"-128", 8, -128, true},
		{"128", 8, 0, false},
		{"١٢", 32, 12, true},
		{"", 8, 0, false},
		{" 1", 8, 0, false},
		{"1_0", 32, 0, false},
		{"0x1", 32, 0, false},
		{"1.0", 32, 0, false},
		{"-9223372036854775808", 64, math.MinInt64, true},
		{"9223372036854775808", 64, 0, false},
		{"--1", 64, 0, false},
	} {
		if n, ok := ParseInt(tt.text, tt.bits); ok != tt.ok || ok && n != tt.want {
			t.Errorf("%q: %d %v", tt.text, n, ok)
		}
	}
}

func TestParseFloat(t *testing.T) {
	for _, tt := range []struct {
		text string
		want float64
		ok   bool
	}{
		{"1.5", 1.5, true},
		{" 1.5\t", 1.5, true},
		{"1.5f", 1.5, true},
		{"1.5D", 1.5, true},
		{".5", .5, true},
		{"5.", 5, true},
		{"-1e400", math.Inf(-1), true},
		{"Infinity", math.Inf(1), true},
		{"-Infinity", math.Inf(-1), true},
		{"+Infinity", math.Inf(1), true},
		{"0x1p3", 8, true},
		{"0x1p3f", 8, true},
		{"0x1f", 0, false},
		{"inf", 0, false},
		{"nan", 0, false},
		{"1_0", 0, false},
		{"", 0, false},
		{"f", 0, false},
		{"--1", 0, false},
		{"1ff", 0, false},
		{"1e", 0, false},
		{"-", 0, false},
	} {
		if f, ok := ParseFloat(tt.text, 64); ok != tt.ok || ok && f != tt.want {
			t.Errorf("%q: %v %v", tt.text, f, ok)
		}
	}
	if f, ok := ParseFloat("NaN", 64); !ok || f == f {
		t.Errorf("NaN: %v %v", f, ok)
	}
}

func TestFloatToInt(t *testing.T) {
	for _, tt := range []struct {
		f   float64
		i64 int64
		i32 int32
	}{
		{1.9, 1, 1},
		{-1.9, -1, -1},
		{math.NaN(), 0, 0},
		{1e300, math.MaxInt64, math.MaxInt32},
		{-1e300, math.MinInt64, math.MinInt32},
		{math.MaxInt32 + 1.0, math.MaxInt32 + 1, math.MaxInt32},
		{math.MaxInt64, math.MaxInt64, math.MaxInt32},
	} {
		if FloatToInt64(tt.f) != tt.i64 || FloatToInt32(tt.f) != tt.i32 {
			t.Errorf("%v: %d %d", tt.f, FloatToInt64(tt.f), FloatToInt32(tt.f))
		}
	}
}
