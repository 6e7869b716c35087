package protobuf

import (
	"encoding/binary"
	"math/big"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// logical appends the fields of the message that a value of a logical type becomes.
func (e *encoder) logical(b []byte, p *encPlan, v any) ([]byte, error) {
	if p.op == opDecimal {
		d, ok := v.(data.Decimal)
		if !ok {
			return b, errs.Data.New("Invalid type for Decimal, expected BigDecimal but was class %s", data.JavaClass(v))
		}
		if d.Unscaled != nil && d.Unscaled.IsInt64() {
			var buf [8]byte
			b = appendBytes(b, 1, data.Int64Bytes(&buf, d.Unscaled.Int64()))
		} else {
			b = appendBytes(b, 1, d.Bytes())
		}
		b = appendInt(b, 2, int64(d.Precision()))
		return appendInt(b, 3, int64(d.Scale)), nil
	}
	t, ok := v.(time.Time)
	if !ok {
		return b, errs.Data.New("Invalid type for %s, expected Date but was class %s",
			logicalNames[p.op], data.JavaClass(v))
	}
	ms := t.UnixMilli()
	switch p.op {
	case opDate:
		if ms%millisPerDay != 0 {
			return b, errs.Data.New("Kafka Connect Date type should not have any time fields set to non-zero values.")
		}
		year, month, day := data.CivilDate(t)
		return appendInt(appendInt(appendInt(b, 1, int64(year)), 2, int64(month)), 3, int64(day)),
			nil
	case opTime:
		if ms < 0 || ms > millisPerDay {
			return b, errs.Data.New("Time values must use number of millis greater than 0 and less than 86400000")
		}
		b = appendInt(b, 1, ms/3600000%24)
		b = appendInt(b, 2, ms/60000%60)
		b = appendInt(b, 3, ms/1000%60)
		return appendInt(b, 4, ms%1000*1000000), nil
	}
	seconds := ms / 1000
	rest := ms % 1000
	if rest < 0 {
		seconds, rest = seconds-1, rest+1000
	}
	if seconds < minSeconds || seconds > maxSeconds {
		return b, errs.Data.New("Timestamp is not valid. See proto definition for valid values. Seconds (%d) must be in range [-62,135,596,800, +253,402,300,799].", seconds)
	}
	return appendInt(appendInt(b, 1, seconds), 2, rest*1000000), nil
}

var logicalNames = map[op]string{opDecimal: "Decimal", opDate: "Date", opTime: "Time", opTimestamp: "Timestamp"}

const (
	millisPerDay = 24 * 60 * 60 * 1000
	minSeconds   = -62135596800
	maxSeconds   = 253402300799
)

// appendInt appends a number that isn't 0 as a field.
func appendInt(b []byte, number int32, n int64) []byte {
	if n == 0 {
		return b
	}
	return binary.AppendUvarint(appendTag(b, number, 0), uint64(n))
}

// logical makes the value of a message that a logical type is.
func logical(p *decPlan, raw []byte) (any, error) {
	var ints [5]int64
	var seen [5]bool
	unscaled := []byte{}
	for len(raw) > 0 {
		tag, size := uvarint(raw)
		if size <= 0 {
			return nil, varintError(size)
		}
		raw = raw[size:]
		number, wire := int32(uint32(tag)>>3), int(tag&7)
		var err error
		switch {
		case number == 0:
			return nil, errTag
		case wire == 4:
			return nil, errGroup
		case p.kind == toDecimal && number == 1 && wire == 2:
			unscaled, raw, err = chunk(raw)
		case number <= 4 && wire == 0:
			v, size := uvarint(raw)
			if size <= 0 {
				return nil, varintError(size)
			}
			ints[number], seen[number], raw = int64(v), true, raw[size:]
		default:
			raw, err = skip(raw, number, wire, 0)
		}
		if err != nil {
			return nil, err
		}
	}
	switch p.kind {
	case toDecimal:
		return decimalOf(unscaled, uint32(ints[2]), int32(ints[3]))
	case toDate:
		t, ok := data.FromCivilDate(int(int32(ints[1])), int(int32(ints[2])), int(int32(ints[3])))
		if !ok {
			return nil, errs.Data.New("there is no day %d-%d-%d", int32(ints[1]), int32(ints[2]),
				int32(ints[3]))
		}
		return t, nil
	case toTime:
		h, m, s, nanos := int32(ints[1]), int32(ints[2]), int32(ints[3]), int32(ints[4])
		if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 || nanos < 0 || nanos > 999999999 {
			return nil, errs.Data.New("there is no time %d:%d:%d.%09d", h, m, s, nanos)
		}
		return time.UnixMilli(int64(h)*3600000 + int64(m)*60000 + int64(s)*1000 +
			int64(nanos)/1000000).UTC(), nil
	}
	seconds, nanos := ints[1], int32(ints[2])
	if seconds < minSeconds || seconds > maxSeconds || nanos < 0 || nanos > 999999999 {
		return nil, errs.Data.New("Timestamp is not valid: %d seconds, %d nanos", seconds, nanos)
	}
	return boxed(data.TimestampToLogical(p.schema, seconds*1000+int64(nanos)/1000000))
}

// boxed is a result of a conversion as a value, nil with an error.
func boxed[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// decimalOf is an unscaled integer, rounded to so many digits if there are more; 0 rounds nothing.
func decimalOf(unscaled []byte, precision uint32, scale int32) (any, error) {
	if len(unscaled) == 0 {
		return nil, errs.Data.New("Zero length BigInteger")
	}
	n := new(big.Int).SetBytes(unscaled)
	if unscaled[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(unscaled))))
	}
	d := data.Decimal{Unscaled: n, Scale: scale}
	if int32(precision) < 0 {
		return nil, errs.Data.New("Digits < 0")
	}
	if more := d.Precision() - int(precision); precision > 0 && more > 0 {
		return round(d, more)
	}
	return d, nil
}

// round leaves out digits from the end, half of one up.
func round(d data.Decimal, digits int) (any, error) {
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	q, r := new(big.Int).QuoRem(d.Unscaled, ten, new(big.Int))
	if r.Abs(r).Lsh(r, 1).Cmp(ten) >= 0 {
		q.Add(q, big.NewInt(int64(d.Unscaled.Sign())))
	}
	before := d.Precision() - digits
	out := data.Decimal{Unscaled: q, Scale: d.Scale - int32(digits)}
	if out.Precision() > before { // 99.9 became 100
		return round(out, out.Precision()-before)
	}
	return out, nil
}
