package jackson

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/troupe-connect/troupe/connectors/data"
)

// AppendBase64 appends bytes as a JSON string of base64.
func AppendBase64(b, raw []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}

// AppendFloat appends a number as Java prints it; what is no number is put in quotes.
func AppendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case f == math.Trunc(f) && f > -1e7 && f < 1e7 && f != 0:
		return append(strconv.AppendInt(b, int64(f), 10), '.', '0')
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	case bits == 32:
		return data.AppendFloat32(b, float32(f))
	}
	return data.AppendFloat64(b, f)
}
