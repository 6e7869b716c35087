package plugin

import (
	"errors"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// The order is that of Maven's documentation and of its ComparableVersion tests.
func TestVersionOrder(t *testing.T) {
	inOrder := [][]string{
		{"1-alpha-1", "1-alpha1", "1.0-a1", "1a1"},
		{"1-alpha2", "1-a2"},
		{"1-beta-2", "1b2"},
		{"1-milestone-3", "1m3"},
		{"1-rc", "1-cr", "1.0.rc"},
		{"1-snapshot", "1-SNAPSHOT", "1.0-SNAPSHOT"},
		{"1", "1.0", "1.0.0", "1-ga", "1.final", "1-RELEASE", "01", "1."},
		{"1-sp"},
		{"1-abc"},
		{"1-def"},
		{"1-1"},
		{"1-2"},
		{"1.1"},
		{"1.2-rc1"},
		{"1.2"},
		{"1.10"},
		{"4.1.1"},
		{"20240101000000000000000001"},
	}
	for i, as := range inOrder {
		for j, bs := range inOrder {
			for _, a := range as {
				for _, b := range bs {
					got := sign(ParseVersion(a).Compare(ParseVersion(b)))
					if want := sign(i - j); got != want {
						t.Errorf("%q to %q: %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

func TestRequirement(t *testing.T) {
	for _, tt := range []struct {
		spec, text string
		yes, no    []string
	}{
		{"", "latest", []string{"1", "undefined"}, nil},
		{" latest ", "latest", []string{"1"}, nil},
		{"1.2", "[1.2,1.2]", []string{"1.2", "1.2.0"}, []string{"1.2.1", "1.1"}},
		{"[1.2]", "[1.2,1.2]", []string{"1.2"}, []string{"1.3"}},
		{"[1.0,2.0)", "[1.0,2.0)", []string{"1", "1.9"}, []string{"2.0", "0.9", "1-rc1"}},
		{"(1.0, 2.0]", "(1.0,2.0]", []string{"2.0"}, []string{"1"}},
		{"(,1.0],[1.2,)", "(,1.0],[1.2,)", []string{"0.1", "1", "1.2", "9"}, []string{"1.1"}},
		{"(,)", "(,)", []string{"1"}, nil},
	} {
		r, err := ParseRequirement(tt.spec)
		if err != nil {
			t.Errorf("%q: %v", tt.spec, err)
			continue
		}
		if r.String() != tt.text {
			t.Errorf("%q prints %q, want %q", tt.spec, r, tt.text)
		}
		for _, v := range tt.yes {
			if !r.Contains(ParseVersion(v)) {
				t.Errorf("%q doesn't take %s", tt.spec, v)
			}
		}
		for _, v := range tt.no {
			if r.Contains(ParseVersion(v)) {
				t.Errorf("%q takes %s", tt.spec, v)
			}
		}
	}
}

func TestRequirementErrors(t *testing.T) {
	for spec, want := range map[string]string{
		"[1.0":          "Unbounded range: [1.0",
		"(1.0)":         "Single version must be surrounded by []: (1.0)",
		"[2.0,1.0]":     "Range defies version ordering: [2.0,1.0]",
		"[1.0,1.0)":     "Range defies version ordering: [1.0,1.0)",
		"[1,3],[2,4]":   "Ranges overlap: [1,3],[2,4]",
		"[1,),[2,4]":    "Ranges overlap: [1,),[2,4]",
		"[1.0,2.0],3.0": "Only fully-qualified sets allowed in multiple set scenario: [1.0,2.0],3.0",
		"[]":            "no version in []",
	} {
		_, err := ParseRequirement(spec)
		if !errors.Is(err, errs.Config) || err.Error() != want {
			t.Errorf("%q: %v, want %s", spec, err, want)
		}
		err = VersionValidator().Validate("connector.plugin.version", spec)
		if !errors.Is(err, errs.Config) || err.Error() != "Invalid value "+spec+" for configuration connector.plugin.version: "+want {
			t.Errorf("validator of %q: %v", spec, err)
		}
	}
	for _, v := range []any{nil, "", "latest", "1.0", "[1,2]"} {
		if err := VersionValidator().Validate("v", v); err != nil {
			t.Errorf("validator refuses %v: %v", v, err)
		}
	}
}

func FuzzVersion(f *testing.F) {
	f.Add("1.0-rc1", "[1.0,2.0)")
	f.Add("1..-a1b2", "(,1],[2,)")
	f.Fuzz(func(t *testing.T, a, b string) {
		v, w := ParseVersion(a), ParseVersion(b)
		if v.Compare(v) != 0 {
			t.Errorf("%q differs from itself", a)
		}
		if sign(v.Compare(w)) != -sign(w.Compare(v)) {
			t.Errorf("%q and %q: order depends on the side", a, b)
		}
		r, err := ParseRequirement(b)
		if err == nil {
			if again, err := ParseRequirement(r.String()); err != nil || again.Contains(v) != r.Contains(v) {
				t.Errorf("%q prints %q, which isn't the same", b, r)
			}
		} else if !errors.Is(err, errs.Config) {
			t.Errorf("%q: %v is no Config error", b, err)
		}
	})
}
