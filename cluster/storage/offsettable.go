package storage

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/troupe-connect/troupe/connectors/java"
)

// OffsetTable is the content of an offset store in memory: raw keys to raw values. The JVM looks
// offsets up by the bytes of the key, and those depend on the order in which some Java map gave
// the members of the partition. The table finds an offset whatever that order was, and says
// under which bytes a known partition is to be written, so that one worker's record replaces the
// other's in a compacted topic.
//
// It is not safe for concurrent use. The zero value is not usable; make one with NewOffsetTable.
type OffsetTable struct {
	values    map[string][]byte   // raw key -> value; nil where it was removed
	canonical map[string]string   // canonical key -> raw key applied last
	names     map[string]nameKeys // connector -> its raw keys
}

type nameKeys map[string]struct{}

// NewOffsetTable is an empty table.
func NewOffsetTable() *OffsetTable {
	return &OffsetTable{values: map[string][]byte{}, canonical: map[string]string{}, names: map[string]nameKeys{}}
}

// Apply takes in a pair that was read from, or written to, the store. Keys that no worker could
// have written are kept all the same, as the JVM does, and found only by their bytes; false tells
// of such a key.
func (t *OffsetTable) Apply(p Pair) (understood bool) {
	raw := string(p.Key)
	_, known := t.values[raw]
	t.values[raw] = p.Value
	name, canon, ok := canonicalKey(p.Key)
	if !ok {
		return false
	}
	t.canonical[canon] = raw
	if !known {
		keys := t.names[name]
		if keys == nil {
			keys = nameKeys{}
			t.names[name] = keys
		}
		keys[raw] = struct{}{}
	}
	return true
}

// Get is the value of a key, nil if there is none.
func (t *OffsetTable) Get(key []byte) []byte {
	if v, ok := t.values[string(key)]; ok {
		return v
	}
	if len(t.values) == 0 {
		return nil
	}
	if raw, ok := t.known(key); ok {
		return t.values[raw]
	}
	return nil
}

// KeyFor is the key under which to write: the bytes by which the store knows the partition
// already, else the key itself.
func (t *OffsetTable) KeyFor(key []byte) []byte {
	if _, ok := t.values[string(key)]; ok {
		return key
	}
	if raw, ok := t.known(key); ok {
		return []byte(raw)
	}
	return key
}

func (t *OffsetTable) known(key []byte) (string, bool) {
	_, canon, ok := canonicalKey(key)
	if !ok {
		return "", false
	}
	raw, ok := t.canonical[canon]
	return raw, ok
}

// Connector returns the pairs of a connector that have a value, ordered by key. Keys with a null
// partition are not listed, as in the JVM.
func (t *OffsetTable) Connector(name string) []Pair {
	var out []Pair
	for raw := range t.names[name] {
		if v := t.values[raw]; v != nil && !bytes.HasSuffix([]byte(raw), []byte(",null]")) {
			out = append(out, Pair{[]byte(raw), v})
		}
	}
	sortPairs(out)
	return out
}

// Pairs returns everything, removed offsets too, ordered by key.
func (t *OffsetTable) Pairs() []Pair {
	out := make([]Pair, 0, len(t.values))
	for raw, v := range t.values {
		out = append(out, Pair{[]byte(raw), v})
	}
	sortPairs(out)
	return out
}

// Len is the number of keys, those with a removed offset too.
func (t *OffsetTable) Len() int { return len(t.values) }

// canonicalKey is a key with the members of its partition in sorted order and its numbers as
// they are written: to the JVM, 5 and 5.0 are different partitions.
func canonicalKey(key []byte) (name, canon string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(key))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "", "", false
	}
	list, isList := v.([]any)
	if !isList || len(list) != 2 {
		return "", "", false
	}
	name, isName := list[0].(string)
	members, isMap := list[1].(map[string]any)
	if !isName || !isMap && list[1] != nil {
		return "", "", false
	}
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b := java.AppendJSONString(make([]byte, 0, len(key)+8), name)
	if list[1] == nil {
		b = append(b, "null"...)
	}
	for _, k := range keys {
		b = java.AppendJSONString(b, k)
		if n, isNumber := members[k].(json.Number); isNumber {
			b = append(b, n...)
			continue
		}
		rest, err := json.Marshal(members[k])
		if err != nil {
			return "", "", false
		}
		b = append(b, rest...)
	}
	return name, string(b), true
}
