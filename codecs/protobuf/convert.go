package protobuf

import (
	"math"
	"math/big"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
)

// converted64 is bits of a number of another type, converted as Java's Number does.
func converted64(p *encPlan, v any) (uint64, error) {
	var n int64
	var f float64
	isFloat := false
	switch v := v.(type) {
	case int8:
		n = int64(v)
	case int16:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case float32:
		f, isFloat = float64(v), true
	case float64:
		f, isFloat = v, true
	case data.Decimal:
		n, f = v.Int64(), v.Float64()
		if p.op == opFloat32 {
			return uint64(math.Float32bits(v.Float32())), nil
		}
		if p.op == opFloat64 {
			return math.Float64bits(f), nil
		}
	case *big.Int:
		if v == nil {
			return 0, invalidType(p, v)
		}
		n = data.Decimal{Unscaled: v}.Int64()
		f, _ = new(big.Float).SetInt(v).Float64()
		if p.op == opFloat64 {
			return math.Float64bits(f), nil
		}
	default:
		return 0, invalidType(p, v)
	}
	switch p.op {
	case opFloat32:
		if !isFloat {
			return uint64(math.Float32bits(float32(n))), nil
		}
		return uint64(math.Float32bits(float32(f))), nil
	case opFloat64:
		if !isFloat {
			f = float64(n)
		}
		return math.Float64bits(f), nil
	case opInt64:
		if isFloat {
			n = java.FloatToInt64(f)
		}
		if p.unsigned {
			n = int64(int32(n))
		}
		return uint64(n), nil
	}
	if isFloat {
		return uint64(int64(java.FloatToInt32(f))), nil
	}
	return uint64(int64(int32(n))), nil
}
