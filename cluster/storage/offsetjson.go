package storage

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// AppendObject appends a source partition or offset as the JSON object that Java's JsonConverter
// writes: no white space, members in the order of a Java HashMap, doubles as Double.toString,
// characters beyond the basic plane as escaped surrogates. Two maps that are the same partition
// give the same bytes. Values may be nil, bool, any Go number, json.Number, string or []byte;
// another type is an error of kind errs.Data.
func AppendObject(dst []byte, m map[string]any) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	if len(m) < 2 {
		for k, v := range m {
			if dst, err = appendMember(dst, k, v); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	for i, k := range java.MapOrder(m) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendMember(dst, k, m[k]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendMember(dst []byte, k string, v any) ([]byte, error) {
	dst = java.AppendJSONString(dst, k)
	dst = append(dst, ':')
	dst, ok := appendValue(dst, v)
	if !ok {
		return nil, errs.Data.New("Offsets may only contain primitive types as values, but field %s contains %T", k, v)
	}
	return dst, nil
}

func appendValue(dst []byte, v any) ([]byte, bool) {
	switch x := v.(type) {
	case nil:
		return append(dst, "null"...), true
	case bool:
		return strconv.AppendBool(dst, x), true
	case string:
		return java.AppendJSONString(dst, x), true
	case []byte:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, x)
		return append(dst, '"'), true
	case float64:
		return java.AppendJSONFloat(dst, x, 64), true
	case float32:
		return java.AppendJSONFloat(dst, float64(x), 32), true
	case json.Number:
		n, err := plainNumber(string(x))
		if err != nil {
			return dst, false
		}
		return appendValue(dst, n)
	}
	return appendInteger(dst, v)
}

func appendInteger(dst []byte, v any) ([]byte, bool) {
	var n int64
	switch x := v.(type) {
	case int64:
		n = x
	case int:
		n = int64(x)
	case int32:
		n = int64(x)
	case int16:
		n = int64(x)
	case int8:
		n = int64(x)
	case uint8:
		n = int64(x)
	case uint16:
		n = int64(x)
	case uint32:
		n = int64(x)
	case uint64:
		return strconv.AppendUint(dst, x, 10), true
	case uint:
		return strconv.AppendUint(dst, uint64(x), 10), true
	default:
		return dst, false
	}
	return strconv.AppendInt(dst, n, 10), true
}
