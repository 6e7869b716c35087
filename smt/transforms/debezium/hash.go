package debezium

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
)

// hashCode is what Java's hashCode is of a value. Bytes are hashed as a ByteBuffer is, since the hash
// of a Java array isn't that of what is in it.
func hashCode(value any) int32 {
	switch v := value.(type) {
	case string:
		return java.HashCode(v)
	case int32:
		return v
	case int64:
		return fold(uint64(v))
	case int16:
		return int32(v)
	case int8:
		return int32(v)
	case bool:
		if v {
			return 1231
		}
		return 1237
	case float64:
		if math.IsNaN(v) {
			return fold(0x7ff8000000000000)
		}
		return fold(math.Float64bits(v))
	case float32:
		if v != v {
			return 0x7fc00000
		}
		return int32(math.Float32bits(v))
	case time.Time:
		return fold(uint64(v.UnixMilli()))
	case data.Decimal:
		return 31*hashInt(v.Unscaled) + v.Scale
	case *big.Int:
		return hashInt(v)
	}
	return hashContainer(value)
}

// hashContainer hashes what holds values, by the rules of ByteBuffer, List and Map; a value of any
// other class hashes to 0.
func hashContainer(value any) int32 {
	h := int32(1)
	switch v := value.(type) {
	case []byte:
		for _, c := range slices.Backward(v) {
			h = 31*h + int32(int8(c))
		}
	case []any:
		for _, e := range v {
			h = 31*h + hashCode(e)
		}
	case *data.Map:
		h = 0
		for _, e := range v.Entries() {
			h += hashCode(e.Key) ^ hashCode(e.Value)
		}
	case *data.Struct:
		// Java's depends on where schemas lie in memory; this one doesn't.
		for i := range v.Schema().Fields() {
			h = 31*h + hashCode(v.At(i))
		}
	default:
		h = 0
	}
	return h
}

// fold is Long.hashCode, and of the bits of a double Double.hashCode.
func fold(n uint64) int32 { return int32(uint32(n) ^ uint32(n>>32)) }

// hashInt is BigInteger.hashCode: over words of 32 bits, most significant first.
func hashInt(n *big.Int) int32 {
	if n == nil {
		return 0
	}
	mag := n.Bytes()
	for len(mag)%4 != 0 {
		mag = append([]byte{0}, mag...)
	}
	h := int32(0)
	for ; len(mag) > 0; mag = mag[4:] {
		h = 31*h + int32(binary.BigEndian.Uint32(mag))
	}
	return h * int32(n.Sign())
}

// murmur is Debezium's MurmurHash3 of a value: of the bytes of texts and bytes, else of hashCode. It
// is no MurmurHash3 of the books: its constants change from block to block, and bytes count as signed.
func murmur(value any) int32 {
	switch v := value.(type) {
	case string:
		return murmurBytes([]byte(strings.ToValidUTF8(v, "?")))
	case []byte:
		return murmurBytes(v)
	}
	return murmurBytes(binary.LittleEndian.AppendUint32(nil, uint32(hashCode(value))))
}

// mixer is the state of the hash.
type mixer struct{ h1, h2, c1, c2 uint64 }

const murmurSeed = 9001

// The result is the upper half of the first word. The seed and the order of mixing are those of
// Debezium's MurmurHash3; a change of either would move rows to other partitions.
func murmurBytes(b []byte) int32 {
	m := mixer{
		h1: 0x9368e53c2f6af274 ^ murmurSeed, h2: 0x586dcd208f7cd3fd ^ murmurSeed,
		c1: 0x87c37b91114253d5, c2: 0x4cf5ad432745937f,
	}
	n := uint64(len(b))
	for ; len(b) >= 16; b = b[16:] {
		m.mix(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
	}
	if len(b) > 0 {
		m.mix(tail(b[:min(len(b), 8)]), tail(b[min(len(b), 8):]))
	}
	m.h2 ^= n
	m.h1 += m.h2
	m.h2 += m.h1
	m.h1, m.h2 = finish(m.h1), finish(m.h2)
	m.h1 += m.h2
	return int32(uint32(m.h1 >> 32))
}

// tail is a word of up to 8 bytes, each with its sign.
func tail(b []byte) uint64 {
	var k uint64
	for i, c := range b {
		k ^= uint64(int64(int8(c))) << (8 * i)
	}
	return k
}

// mix takes in 16 bytes; the constants move on with each block.
func (m *mixer) mix(k1, k2 uint64) {
	k1 = bits.RotateLeft64(k1*m.c1, 23) * m.c2
	m.h1 = (m.h1 ^ k1) + m.h2
	m.h2 = bits.RotateLeft64(m.h2, 41)
	k2 = bits.RotateLeft64(k2*m.c2, 23) * m.c1
	m.h2 = (m.h2 ^ k2) + m.h1
	m.h1 = m.h1*3 + 0x52dce729
	m.h2 = m.h2*3 + 0x38495ab5
	m.c1 = m.c1*5 + 0x7b7d159c
	m.c2 = m.c2*5 + 0x6bce6396
}

// finish is the final avalanche (fmix64).
func finish(k uint64) uint64 {
	k = (k ^ k>>33) * 0xff51afd7ed558ccd
	k = (k ^ k>>33) * 0xc4ceb9fe1a85ec53
	return k ^ k>>33
}
