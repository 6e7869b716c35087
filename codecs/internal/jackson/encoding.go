package jackson

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/java"
)

// ToUTF8 is the text in UTF-8 without a byte order mark. Like Jackson it knows the encoding by
// the mark or by where the zero bytes of the first character are. UTF-8 without a mark, which is
// all there is in practice, is returned as it is.
func ToUTF8(b []byte) ([]byte, error) {
	if len(b) < 2 || b[0] != 0 && b[1] != 0 && b[0] < 0xef {
		return b, nil
	}
	if len(b) < 4 {
		return utf16Text(b, b[0], b[1])
	}
	switch first := binary.BigEndian.Uint32(b); {
	case first == 0x0000feff:
		return fromUTF32(b[4:], binary.BigEndian)
	case first == 0xfffe0000:
		return fromUTF32(b[4:], binary.LittleEndian)
	case first == 0x0000fffe, first == 0xfeff0000:
		return nil, errors.New("unknown order of bytes in UTF-32")
	case first>>16 == 0xfeff:
		return fromUTF16(b[2:], binary.BigEndian), nil
	case first>>16 == 0xfffe:
		return fromUTF16(b[2:], binary.LittleEndian), nil
	case first>>8 == 0xefbbbf:
		return b[3:], nil
	case first>>8 == 0:
		return fromUTF32(b, binary.BigEndian)
	case first&0x00ffffff == 0:
		return fromUTF32(b, binary.LittleEndian)
	case first&^0x00ff0000 == 0, first&^0x0000ff00 == 0:
		return nil, errors.New("unknown order of bytes in UTF-32")
	}
	return utf16Text(b, b[0], b[1])
}

func utf16Text(b []byte, first, second byte) ([]byte, error) {
	switch {
	case first == 0:
		return fromUTF16(b, binary.BigEndian), nil
	case second == 0:
		return fromUTF16(b, binary.LittleEndian), nil
	}
	return b, nil
}

func fromUTF16(b []byte, order binary.ByteOrder) []byte { return []byte(java.UTF16Text(b, order)) }

func fromUTF32(b []byte, order binary.ByteOrder) ([]byte, error) {
	out := make([]byte, 0, len(b)/4)
	for ; len(b) >= 4; b = b[4:] {
		r := order.Uint32(b)
		if r > utf8.MaxRune {
			return nil, errors.New("invalid UTF-32")
		}
		out = appendUnit(out, rune(r))
	}
	// part of a character at the end is ignored, as Jackson reads no further than it must
	return out, nil
}
