package data

import (
	"math"
	"time"
)

// Map is a value of type MAP, and what a schemaless JSON object becomes: entries in the order in
// which they were put. Keys may be any Connect value, also ones that Go can't use as map keys
// (bytes, structs). A Map in a record is read only; Clone it to change it.
//
// Up to a dozen entries are searched in line, which is faster than hashing; beyond that an index
// is kept of all keys but lists, maps and structs.
type Map struct {
	entries []Entry
	index   map[any]int
}

// Entry is one pair of a Map.
type Entry struct{ Key, Value any }

const mapIndexFrom = 12

// NewMap is an empty map with room for n entries.
func NewMap(n int) *Map { return &Map{entries: make([]Entry, 0, n)} }

// MapFrom is a map of the key, value pairs given.
func MapFrom(pairs ...any) *Map {
	m := NewMap(len(pairs) / 2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Put(pairs[i], pairs[i+1])
	}
	return m
}

// Len is the number of entries.
func (m *Map) Len() int { return len(m.entries) }

// Entries are the entries in order. The slice must not be changed.
func (m *Map) Entries() []Entry { return m.entries }

// Get returns the value of a key and whether the key is there.
func (m *Map) Get(key any) (any, bool) {
	if i := m.find(key); i >= 0 {
		return m.entries[i].Value, true
	}
	return nil, false
}

// GetString is Get for a key that is a string.
func (m *Map) GetString(key string) (any, bool) {
	if i := m.findString(key); i >= 0 {
		return m.entries[i].Value, true
	}
	return nil, false
}

// Put sets the value of a key: in place if the key is there, else at the end.
func (m *Map) Put(key, value any) {
	if i := m.find(key); i >= 0 {
		m.entries[i].Value = value
		return
	}
	m.entries = append(m.entries, Entry{key, value})
	switch {
	case m.index != nil:
		if k, ok := indexKey(key); ok {
			m.index[k] = len(m.entries) - 1
		}
	case len(m.entries) > mapIndexFrom:
		m.reindex()
	}
}

// Delete removes a key and reports whether it was there.
func (m *Map) Delete(key any) bool {
	i := m.find(key)
	if i < 0 {
		return false
	}
	m.entries = append(m.entries[:i], m.entries[i+1:]...)
	if m.index != nil {
		m.reindex()
	}
	return true
}

// Clone is a copy that can be changed without changing m; values are shared.
func (m *Map) Clone() *Map {
	c := &Map{entries: append(make([]Entry, 0, len(m.entries)+2), m.entries...)}
	if len(c.entries) > mapIndexFrom {
		c.reindex()
	}
	return c
}

func (m *Map) reindex() {
	m.index = make(map[any]int, len(m.entries))
	for i, e := range m.entries {
		if k, ok := indexKey(e.Key); ok {
			m.index[k] = i
		}
	}
}

func (m *Map) find(key any) int {
	if s, ok := key.(string); ok {
		return m.findString(s)
	}
	if m.index != nil {
		if k, ok := indexKey(key); ok {
			if i, ok := m.index[k]; ok {
				return i
			}
			return -1
		}
	}
	for i := range m.entries {
		if Equal(m.entries[i].Key, key) {
			return i
		}
	}
	return -1
}

func (m *Map) findString(key string) int {
	if m.index != nil {
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range m.entries {
		if k, ok := m.entries[i].Key.(string); ok && k == key {
			return i
		}
	}
	return -1
}

// What stands in the index for keys on which Go's == isn't what Equal is.
type (
	float32Key uint32
	float64Key uint64
	bytesKey   string
	timeKey    int64
	decimalKey struct {
		unscaled string
		scale    int32
	}
)

// indexKey is what a key is found by in the index; there is none for lists, maps and structs.
func indexKey(key any) (any, bool) {
	switch k := key.(type) {
	case nil, bool, int8, int16, int32, int64, string:
		return key, true
	case float64:
		if math.IsNaN(k) {
			k = math.NaN()
		}
		return float64Key(math.Float64bits(k)), true
	case float32:
		if math.IsNaN(float64(k)) {
			k = float32(math.NaN())
		}
		return float32Key(math.Float32bits(k)), true
	case []byte:
		return bytesKey(k), true
	case time.Time:
		return timeKey(k.UnixMilli()), true
	case Decimal:
		return decimalKey{k.unscaled().Text(62), k.Scale}, true
	}
	return nil, false
}
