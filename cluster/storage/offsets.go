package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// Pair is one source offset as stored: the key from EncodeOffsetKey, the value from
// EncodeOffset. A nil Value means that the offset is removed.
type Pair struct{ Key, Value []byte }

// OffsetStore keeps source offsets. It is safe for concurrent use. The bytes handed in and out
// must not be changed afterwards.
type OffsetStore interface {
	// Get returns the stored values of the keys in the same order, nil where there is none. A
	// key whose JSON has its members in another order is the same key.
	Get(ctx context.Context, keys [][]byte) ([][]byte, error)
	// Set stores the pairs, all or none: when it returns nil they are as safe as the store makes
	// them; after an error they may or may not be stored and are to be set again.
	Set(ctx context.Context, pairs []Pair) error
	// Connector returns the offsets of one connector that have a value, ordered by key.
	Connector(ctx context.Context, name string) ([]Pair, error)
	// Close releases the store; calls after it return an error of kind errs.IllegalState.
	Close(ctx context.Context) error
}

// OffsetJournal is an OffsetStore in a topic, whose pairs can be written by a producer of the
// caller's: in one transaction with the records that they belong to (KIP-618).
type OffsetJournal interface {
	OffsetStore
	// Topic is the topic to produce to.
	Topic() string
	// Begin does what has to be done before pairs are produced, and returns them as they are to
	// be: key and value of one record each. An error means that they may not be produced.
	Begin(ctx context.Context, pairs []Pair) ([]Pair, error)
	// Committed is to be called with the pairs from Begin after their transaction was committed. It
	// does not block.
	Committed(pairs []Pair)
}

// EncodeOffsetKey is the key under which the JVM keeps the offset of a source partition:
// ["connector",{partition}], where a nil partition is null. Members are in the order of a Java
// HashMap. An error of kind errs.Data names the entry that can't be stored.
func EncodeOffsetKey(connector string, partition map[string]any) ([]byte, error) {
	dst := make([]byte, 0, 64)
	dst = append(dst, '[')
	dst = java.AppendJSONString(dst, connector)
	dst = append(dst, ',')
	if partition == nil {
		dst = append(dst, "null"...)
	} else {
		var err error
		if dst, err = AppendObject(dst, partition); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// EncodeOffset is a source offset as the JVM keeps it, nil for a nil offset. An error of kind
// errs.Data names the entry that can't be stored.
func EncodeOffset(offset map[string]any) ([]byte, error) {
	if offset == nil {
		return nil, nil
	}
	return AppendObject(make([]byte, 0, 32), offset)
}

// DecodeOffsetKey is the opposite of EncodeOffsetKey: numbers are int64 or float64. An error of
// kind errs.Data says what is wrong with a key that no worker could have written.
func DecodeOffsetKey(key []byte) (connector string, partition map[string]any, err error) {
	v, err := decodeJSON(key)
	if err != nil {
		return "", nil, errs.Data.Wrap(err, "offset key %s is not JSON", clip(key))
	}
	list, ok := v.([]any)
	if !ok || len(list) != 2 {
		return "", nil, errs.Data.New("offset key %s is not an array of a connector's name and a source partition", clip(key))
	}
	connector, ok = list[0].(string)
	if !ok {
		return "", nil, errs.Data.New("offset key %s does not begin with a connector's name", clip(key))
	}
	if list[1] == nil {
		return connector, nil, nil
	}
	partition, ok = list[1].(map[string]any)
	if !ok {
		return "", nil, errs.Data.New("offset key %s has a source partition that is not an object", clip(key))
	}
	return connector, partition, checkPrimitive(partition)
}

// DecodeOffset is the opposite of EncodeOffset: integers are int64 (one that is larger wraps
// around, as in the JVM), other numbers float64, bytes stay base64 text. No bytes and JSON null
// are a nil offset. Errors are of kind errs.Data.
func DecodeOffset(value []byte) (map[string]any, error) {
	if len(value) == 0 {
		return nil, nil
	}
	v, err := decodeJSON(value)
	if err != nil {
		return nil, errs.Data.Wrap(err, "stored offset %s is not JSON", clip(value))
	}
	if v == nil {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errs.Data.New("stored offset %s: Offsets must be specified as a Map", clip(value))
	}
	return m, checkPrimitive(m)
}

// Normalize is what a partition or offset becomes when it is stored and read again: integers of
// any kind are int64, other numbers float64, bytes base64 text. PATCH offsets hands it to
// connectors. Errors are of kind errs.Data.
func Normalize(m map[string]any) (map[string]any, error) {
	b, err := EncodeOffset(m)
	if err != nil {
		return nil, err
	}
	return DecodeOffset(b)
}

func checkPrimitive(m map[string]any) error {
	for k, v := range m {
		kind := ""
		switch v.(type) {
		case []any:
			kind = "ARRAY"
		case map[string]any:
			kind = "MAP"
		default:
			continue
		}
		return errs.Data.New("Offsets may only contain primitive types as values, but field %s contains %s", k, kind)
	}
	return nil
}

// decodeJSON reads the first JSON value; what follows it is ignored, as Java does.
func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return plainNumbers(v)
}

// plainNumbers turns every json.Number in v, in place, into what Java reads: long or double.
func plainNumbers(v any) (any, error) {
	var err error
	switch x := v.(type) {
	case json.Number:
		return plainNumber(string(x))
	case []any:
		for i := range x {
			if x[i], err = plainNumbers(x[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range x {
			if x[k], err = plainNumbers(x[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// plainNumber reads the text of a JSON number: an int64 unless it has a fraction or exponent.
// The int64 keeps the low 64 bits of a larger integer, as Java's BigInteger.longValue.
func plainNumber(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if errors.Is(err, strconv.ErrRange) {
			return f, nil // infinity or zero, as Java's Double.parseDouble
		}
		if err != nil {
			return nil, errs.Data.New("%q is not a number", s)
		}
		return f, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	b, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, errs.Data.New("%q is not a number", s)
	}
	low := new(big.Int).And(b, new(big.Int).SetUint64(1<<64-1)) // two's complement, as Go's And has it
	return int64(low.Uint64()), nil
}

// clip shortens bytes for an error text.
func clip(b []byte) string {
	const most = 120
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}

func sortPairs(pairs []Pair) {
	slices.SortFunc(pairs, func(a, b Pair) int { return bytes.Compare(a.Key, b.Key) })
}
