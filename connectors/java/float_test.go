package java

import (
	"math"
	"testing"
)

func TestFloatText(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", 0.0001: "1.0E-4", -2.5: "-2.5", 1.5e300: "1.5E300", math.Copysign(0, -1): "-0.0", 1: "1.0", 100: "100.0", 1e10: "1.0E10", 0.001: "0.001", 9999999: "9999999.0",
		1e7: "1.0E7", 12345678: "1.2345678E7", math.SmallestNonzeroFloat64: "4.9E-324", math.MaxFloat64: "1.7976931348623157E308",
		-1.5: "-1.5", -2.5e-7: "-2.5E-7", 2e23: "2.0E23", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity", 9.999999e-4: "9.999999E-4",
	} {
		if got := Float64Text(f); got != want {
			t.Errorf("%g: got %s, want %s", f, got, want)
		}
	}
	for f, want := range map[float32]string{
		1.1: "1.1", 1e10: "1.0E10", math.SmallestNonzeroFloat32: "1.4E-45", math.MaxFloat32: "3.4028235E38", 0.001: "0.001", -3e-5: "-3.0E-5",
	} {
		if got := Float32Text(f); got != want {
			t.Errorf("%g: got %s, want %s", f, got, want)
		}
	}
	if got := Float64Text(math.NaN()); got != "NaN" {
		t.Error(got)
	}
}
