package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The file of a standalone JVM worker is one java.util.HashMap<byte[],byte[]> written by
// java.io.ObjectOutputStream. Only that is read and written here, from the format's public
// grammar (Java Object Serialization Specification, chapter 6): a stream of another shape is an
// error that says where and what.

// The marks of the stream.
const (
	tcNull         = 0x70
	tcReference    = 0x71
	tcClassDesc    = 0x72
	tcObject       = 0x73
	tcArray        = 0x75
	tcBlockData    = 0x77
	tcEndBlockData = 0x78

	firstHandle = 0x7E0000
	arrayDesc   = firstHandle + 2 // after the map's class and the map itself
)

var (
	mapHeader = []byte("\xAC\xED\x00\x05" + // magic, version
		"\x73\x72\x00\x11java.util.HashMap\x05\x07\xDA\xC1\xC3\x16\x60\xD1" +
		"\x03\x00\x02F\x00\nloadFactorI\x00\tthreshold" + // writes blocks of its own; two fields
		"\x78\x70") // no annotations, no superclass
	arrayHeader = []byte("\x72\x00\x02[B\xAC\xF3\x17\xF8\x06\x08\x54\xE0\x02\x00\x00\x78\x70")
)

// errTruncated is a stream that ends too early.
var errTruncated = errors.New("the file ends in the middle")

// encodeJavaMap writes the pairs as Java would.
func encodeJavaMap(pairs []Pair) []byte {
	capacity := 16
	for len(pairs) > capacity/4*3 {
		capacity *= 2
	}
	threshold := capacity / 4 * 3
	if len(pairs) == 0 {
		threshold = 0
	}
	size := len(mapHeader) + 64
	for _, p := range pairs {
		size += len(p.Key) + len(p.Value) + 20
	}
	b := make([]byte, 0, size)
	b = append(b, mapHeader...)
	b = binary.BigEndian.AppendUint32(b, 0x3F400000) // load factor 0.75
	b = binary.BigEndian.AppendUint32(b, uint32(threshold))
	b = append(b, tcBlockData, 8)
	b = binary.BigEndian.AppendUint32(b, uint32(capacity))
	b = binary.BigEndian.AppendUint32(b, uint32(len(pairs)))
	described := false
	for _, p := range pairs {
		b = appendArray(b, p.Key, &described)
		b = appendArray(b, p.Value, &described)
	}
	return append(b, tcEndBlockData)
}

func appendArray(b, content []byte, described *bool) []byte {
	if content == nil {
		return append(b, tcNull)
	}
	b = append(b, tcArray)
	if *described {
		b = append(b, tcReference)
		b = binary.BigEndian.AppendUint32(b, arrayDesc)
	} else {
		b = append(b, arrayHeader...)
		*described = true
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(content)))
	return append(b, content...)
}

// decodeJavaMap reads what encodeJavaMap or Java wrote. The slices returned share b.
func decodeJavaMap(b []byte) ([]Pair, error) {
	if !bytes.HasPrefix(b, mapHeader) {
		if bytes.HasPrefix(mapHeader, b) {
			return nil, errTruncated
		}
		if bytes.HasPrefix(b, mapHeader[:4]) {
			return nil, errors.New("it holds a serialized Java object that is not a java.util.HashMap")
		}
		return nil, errors.New("it is no serialized Java object")
	}
	r := &javaReader{b: b, at: len(mapHeader)}
	r.take(8) // load factor and threshold: Java ignores them, too
	if mark := r.byte(); r.err == nil && mark != tcBlockData {
		return nil, r.unexpected(mark)
	}
	if n := r.byte(); r.err == nil && n != 8 {
		return nil, fmt.Errorf("block of %d bytes at %d instead of 8", n, r.at-1)
	}
	r.take(4) // capacity, which Java ignores
	size := r.int32()
	if r.err != nil {
		return nil, r.err
	}
	if size < 0 || size > (len(b)-r.at)/2 { // a pair takes two bytes at least
		return nil, fmt.Errorf("number of entries is %d in a file of %d bytes", size, len(b))
	}
	pairs := make([]Pair, 0, size)
	for range size {
		p := Pair{r.array(), r.array()}
		if r.err != nil {
			return nil, r.err
		}
		pairs = append(pairs, p)
	}
	if mark := r.byte(); r.err == nil && mark != tcEndBlockData {
		return nil, r.unexpected(mark)
	}
	if r.err == nil && r.at != len(b) {
		return nil, fmt.Errorf("%d bytes follow the map", len(b)-r.at)
	}
	return pairs, r.err
}

// javaReader reads the content of the map. The first error stays, and reads after it give zero.
type javaReader struct {
	b         []byte
	at        int
	described bool     // the class of byte[] was seen
	arrays    [][]byte // by handle, from arrayDesc+1
	err       error
}

func (r *javaReader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.b)-r.at) {
		r.err = errTruncated
	}
	if r.err != nil {
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *javaReader) byte() byte {
	if x := r.take(1); x != nil {
		return x[0]
	}
	return 0
}

func (r *javaReader) int32() int {
	if x := r.take(4); x != nil {
		return int(int32(binary.BigEndian.Uint32(x)))
	}
	return 0
}

func (r *javaReader) unexpected(mark byte) error {
	return fmt.Errorf("unexpected mark 0x%02X at %d", mark, r.at-1)
}

// array reads a byte array or null.
func (r *javaReader) array() []byte {
	mark := r.byte()
	switch {
	case r.err != nil || mark == tcNull:
		return nil
	case mark == tcReference:
		return r.reference()
	case mark != tcArray:
		r.err = r.unexpected(mark)
		return nil
	}
	if !r.arrayClass() {
		return nil
	}
	n := r.int32()
	if r.err == nil && n < 0 {
		r.err = fmt.Errorf("array of length %d at %d", n, r.at-4)
	}
	content := r.take(n)
	r.arrays = append(r.arrays, content)
	return content
}

// arrayClass reads the class of an array, which must be byte[].
func (r *javaReader) arrayClass() bool {
	mark := r.byte()
	switch {
	case r.err != nil:
	case mark == tcReference && r.described:
		if h := r.int32(); r.err == nil && h != arrayDesc {
			r.err = fmt.Errorf("array of another class than byte[] at %d", r.at-4)
		}
	case mark == tcClassDesc && !r.described:
		if rest := r.take(len(arrayHeader) - 1); r.err == nil && !bytes.Equal(rest, arrayHeader[1:]) {
			r.err = fmt.Errorf("class other than byte[] at %d", r.at-len(rest))
		}
		r.described = true
	default:
		r.err = r.unexpected(mark)
	}
	return r.err == nil
}

// reference finds an array that was in the stream before.
func (r *javaReader) reference() []byte {
	h := r.int32()
	if r.err != nil {
		return nil
	}
	if i := h - arrayDesc - 1; i >= 0 && i < len(r.arrays) {
		return r.arrays[i]
	}
	r.err = fmt.Errorf("reference to 0x%X, which is no byte array, at %d", h, r.at-4)
	return nil
}
