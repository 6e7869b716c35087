package protobuf

import (
	"encoding/binary"
	"errors"
)

// The errors of protobuf-java about bytes that are no message.
var (
	errTruncated = errors.New("While parsing a protocol message, the input ended unexpectedly in the middle of a field.")
	errVarint    = errors.New("CodedInputStream encountered a malformed varint.")
	errTag       = errors.New("Protocol message contained an invalid tag (zero).")
	errWire      = errors.New("Protocol message tag had invalid wire type.")
	errGroup     = errors.New("Protocol message end-group tag did not match expected tag.")
	errDeep      = errors.New("Protocol message had too many levels of nesting.")
	errUTF8      = errors.New("Protocol message had invalid UTF-8.")
)

// wireType is how the bytes of a single value are told apart.
func wireType(k kind) uint64 {
	switch k {
	case kFixed64, kSfixed64, kDouble:
		return 1
	case kFixed32, kSfixed32, kFloat:
		return 5
	}
	return 0
}

// appendTag appends a field's number with its wire type.
func appendTag(b []byte, number int32, wire uint64) []byte {
	return binary.AppendUvarint(b, uint64(number)<<3|wire)
}

// appendBytes appends a field of bytes, text or a message.
func appendBytes(b []byte, number int32, raw []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, number, 2), uint64(len(raw)))
	return append(b, raw...)
}

// open starts something whose length stands before it; closed ends it.
func open(b []byte) ([]byte, int) { return append(b, 0), len(b) + 1 }

// closed puts the length in. One byte was left for it; what is longer is moved.
func closed(b []byte, at int) []byte {
	n := len(b) - at
	if n < 0x80 {
		b[at-1] = byte(n)
		return b
	}
	var size [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(size[:], uint64(n))
	b = append(b, size[1:k]...) // room
	copy(b[at-1+k:], b[at:at+n])
	copy(b[at-1:], size[:k])
	return b
}

// appendScalar appends a number of a kind without its tag.
func appendScalar(b []byte, k kind, bits uint64) []byte {
	switch k {
	case kUint32:
		return binary.AppendUvarint(b, uint64(uint32(bits)))
	case kSint32:
		return binary.AppendUvarint(b, uint64(uint32(bits<<1)^uint32(int32(bits)>>31)))
	case kSint64:
		return binary.AppendUvarint(b, bits<<1^uint64(int64(bits)>>63))
	case kFixed32, kSfixed32, kFloat:
		return binary.LittleEndian.AppendUint32(b, uint32(bits))
	case kFixed64, kSfixed64, kDouble:
		return binary.LittleEndian.AppendUint64(b, bits)
	}
	return binary.AppendUvarint(b, bits)
}

// uvarint reads a varint of up to ten bytes; size is 0 for too few bytes, negative for too many.
func uvarint(b []byte) (v uint64, size int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	for i, c := range b {
		if i == 10 {
			return 0, -1
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, i + 1
		}
	}
	if len(b) >= 10 {
		return 0, -1
	}
	return 0, 0
}

// varintError is the error for a size that uvarint returned.
func varintError(size int) error {
	if size == 0 {
		return errTruncated
	}
	return errVarint
}

// chunk takes what a length says.
// A length beyond the bytes that are left is errTruncated; a negative one, which varints can say,
// has its own error in Java.
func chunk(b []byte) (part, rest []byte, err error) {
	n, size := uvarint(b)
	if size <= 0 {
		return nil, nil, varintError(size)
	}
	b = b[size:]
	if int32(n) < 0 {
		return nil, nil, errors.New("CodedInputStream encountered an embedded string or message which claimed to have negative size.")
	}
	if uint64(uint32(n)) > uint64(len(b)) {
		return nil, nil, errTruncated
	}
	return b[:uint32(n)], b[uint32(n):], nil
}

// skip passes over a field that isn't known.
func skip(b []byte, number int32, wire, depth int) ([]byte, error) {
	switch wire {
	case 0:
		_, size := uvarint(b)
		if size <= 0 {
			return nil, varintError(size)
		}
		return b[size:], nil
	case 1:
		if len(b) < 8 {
			return nil, errTruncated
		}
		return b[8:], nil
	case 2:
		_, rest, err := chunk(b)
		return rest, err
	case 5:
		if len(b) < 4 {
			return nil, errTruncated
		}
		return b[4:], nil
	case 3:
		return skipGroup(b, number, depth+1)
	}
	return nil, errWire
}

// skipGroup passes over a group up to its end, with those in it.
func skipGroup(b []byte, number int32, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	for len(b) > 0 {
		tag, size := uvarint(b)
		if size <= 0 {
			return nil, varintError(size)
		}
		b = b[size:]
		inner, wire := int32(uint32(tag)>>3), int(tag&7)
		switch {
		case inner == 0:
			return nil, errTag
		case wire == 4 && inner == number:
			return b, nil
		case wire == 4:
			return nil, errGroup
		}
		var err error
		if b, err = skip(b, inner, wire, depth); err != nil {
			return nil, err
		}
	}
	return nil, errTruncated
}
