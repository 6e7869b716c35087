package config

import (
	"fmt"
	"time"
)

// Values are parsed settings: each key of the definition has one, of its type. The typed getters
// panic if the key is not defined or of another type, which is a mistake in the plugin's code
// that its first test finds.
type Values map[string]any

// String is a STRING or CLASS setting, "" if it is null.
func (v Values) String(name string) string { return typed[string](v, name) }

// Bool is a BOOLEAN setting, false if it is null.
func (v Values) Bool(name string) bool { return typed[bool](v, name) }

// Int is an INT or SHORT setting, 0 if it is null.
func (v Values) Int(name string) int {
	if n, ok := v.get(name).(int16); ok {
		return int(n)
	}
	return int(typed[int32](v, name))
}

// Long is a LONG setting, 0 if it is null.
func (v Values) Long(name string) int64 { return typed[int64](v, name) }

// Double is a DOUBLE setting, 0 if it is null.
func (v Values) Double(name string) float64 { return typed[float64](v, name) }

// List is a LIST setting, nil if it is null. The slice is shared and must not be changed.
func (v Values) List(name string) []string { return typed[[]string](v, name) }

// Password is a PASSWORD setting, an empty one if it is null.
func (v Values) Password(name string) Secret { return typed[Secret](v, name) }

// Millis is an INT or LONG setting that counts milliseconds. What time.Duration can't hold
// (beyond 292 years; settings say "for ever" with the largest LONG) is its largest or smallest
// value.
func (v Values) Millis(name string) time.Duration {
	if n, ok := v.get(name).(int32); ok {
		return time.Duration(n) * time.Millisecond
	}
	const most = int64(1<<63-1) / int64(time.Millisecond)
	n := typed[int64](v, name)
	switch {
	case n > most:
		return 1<<63 - 1
	case n < -most:
		return -1 << 63
	}
	return time.Duration(n) * time.Millisecond
}

// IsNull reports whether the setting has no value.
func (v Values) IsNull(name string) bool { return v.get(name) == nil }

func (v Values) get(name string) any {
	x, ok := v[name]
	if !ok {
		panic("config: no setting " + name + " is defined")
	}
	return x
}

func typed[T any](v Values, name string) T {
	x := v.get(name)
	t, ok := x.(T)
	if !ok && x != nil {
		panic(fmt.Sprintf("config: setting %s is a %T, not a %T", name, x, t))
	}
	return t
}
