package kafka

import (
	"encoding/binary"
	"testing"
)

// batch is the header of a record batch and as much after it as makes up its size.
func batch(first int64, lastDelta, records uint32, magic byte, extra int) []byte {
	b := make([]byte, batchHeader+extra)
	binary.BigEndian.PutUint64(b, uint64(first))
	binary.BigEndian.PutUint32(b[batchLength:], uint32(len(b)-batchLength-4))
	b[batchMagic] = magic
	binary.BigEndian.PutUint32(b[batchLastDelta:], lastDelta)
	binary.BigEndian.PutUint32(b[batchRecords:], records)
	return b
}

func TestSkipEmpty(t *testing.T) {
	join := func(parts ...[]byte) (out []byte) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	for name, tt := range map[string]struct {
		log       []byte
		at, until int64
		want      int64
	}{
		"nothing before the end": {nil, 5, 9, 9},
		"at the end":             {nil, 9, 9, 9},
		"beyond the end":         {nil, 10, 9, 10},
		"one empty batch":        {batch(5, 2, 0, 2, 0), 5, 9, 8},
		"empty, then records":    {join(batch(5, 2, 0, 2, 0), batch(9, 0, 1, 2, 10)), 5, 20, 8},
		"two empty":              {join(batch(5, 2, 0, 2, 0), batch(9, 4, 0, 2, 7)), 5, 20, 14},
		"records":                {batch(5, 2, 3, 2, 30), 5, 20, 5},
		"an old format":          {batch(5, 2, 0, 1, 0), 5, 20, 5},
		"begun before":           {batch(3, 1, 0, 2, 0), 5, 20, 5},
		"cut off":                {batch(5, 2, 0, 2, 40)[:70], 5, 20, 8},
		"shorter than a header":  {make([]byte, 20), 5, 20, 5},
		"a size that lies":       {make([]byte, 200), 5, 20, 5},
	} {
		if got := skipEmpty(tt.log, tt.at, tt.until); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func FuzzSkipEmpty(f *testing.F) {
	f.Add(batch(5, 2, 0, 2, 0), int64(5), int64(9))
	f.Add(batch(5, 2, 3, 2, 9), int64(5), int64(9))
	f.Fuzz(func(t *testing.T, log []byte, at, until int64) {
		if got := skipEmpty(log, at, until); got < at {
			t.Errorf("went back from %d to %d", at, got)
		}
	})
}
