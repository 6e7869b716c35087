package primitive

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/troupe-connect/troupe/connectors/java"
)

// charset is one of Java's character sets. As with Java's String, nothing fails: what can't be
// written becomes the set's replacement (mostly ?), what can't be read U+FFFD.
type charset interface {
	encode(s string) []byte
	decode(b []byte) string
}

// lookupCharset finds a character set by any name that Java knows it by, in any case.
func lookupCharset(name string) (charset, bool) {
	switch upper := strings.ToUpper(name); upper {
	case "UTF-8", "UTF8", "UNICODE-1-1-UTF-8":
		return utf8Set{}, true
	case "ISO-8859-1", "ISO8859-1", "ISO8859_1", "ISO_8859-1", "ISO_8859_1", "ISO_8859-1:1987", "8859_1",
		"LATIN1", "L1", "IBM819", "IBM-819", "CP819", "819", "ISO-IR-100", "CSISOLATIN1":
		return singleByte{0xff}, true
	case "US-ASCII", "ASCII", "ASCII7", "US", "646", "ISO646-US", "ISO_646.IRV:1991", "ISO_646.IRV:1983",
		"ANSI_X3.4-1968", "ANSI_X3.4-1986", "ISO-IR-6", "CSASCII", "CP367", "IBM367", "DEFAULT":
		return singleByte{0x7f}, true
	case "UTF-16", "UTF16", "UTF_16", "UNICODE", "UNICODEBIG":
		return utf16Set{order: binary.BigEndian, mark: true, detect: true}, true
	case "UTF-16BE", "UTF_16BE", "X-UTF-16BE", "ISO-10646-UCS-2", "UNICODEBIGUNMARKED":
		return utf16Set{order: binary.BigEndian}, true
	case "UTF-16LE", "UTF_16LE", "X-UTF-16LE", "UNICODELITTLEUNMARKED":
		return utf16Set{order: binary.LittleEndian}, true
	case "X-UTF-16LE-BOM", "UNICODELITTLE":
		return utf16Set{order: binary.LittleEndian, mark: true, detect: true}, true
	case "UTF-32", "UTF32", "UTF_32":
		return utf32Set{order: binary.BigEndian, either: true}, true
	case "UTF-32BE", "UTF_32BE", "X-UTF-32BE":
		return utf32Set{order: binary.BigEndian}, true
	case "UTF-32LE", "UTF_32LE", "X-UTF-32LE":
		return utf32Set{order: binary.LittleEndian}, true
	default:
		return registered(upper)
	}
}

// registered finds the rest, national character sets, by their IANA names and by Java's own. The
// tables are those of golang.org/x/text: browsers' ones for East Asian sets, where a few
// characters differ from Java's.
func registered(name string) (charset, bool) {
	switch {
	case strings.HasPrefix(name, "CP125") && len(name) == 6:
		name = "WINDOWS-" + name[2:]
	case strings.HasPrefix(name, "CP") && len(name) == 5:
		name = "IBM" + name[2:]
	case strings.HasPrefix(name, "ISO8859_"), strings.HasPrefix(name, "ISO8859-"):
		name = "ISO-8859-" + name[len("ISO8859_"):]
	case name == "SJIS", name == "MS932", name == "WINDOWS-932", name == "WINDOWS-31J", name == "CSWINDOWS31J":
		name = "SHIFT_JIS"
	case name == "GB2312", name == "EUC_CN", name == "EUC-CN":
		name = "GBK"
	case name == "MACROMAN", name == "X-MACROMAN":
		name = "MACINTOSH"
	case name == "TIS-620", name == "TIS620":
		name = "WINDOWS-874"
	case name == "EUC_JP", name == "EUC_KR", name == "KOI8_R", name == "KOI8_U":
		name = strings.ReplaceAll(name, "_", "-")
	}
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		if enc, err = ianaindex.MIME.Encoding(name); err != nil || enc == nil {
			return nil, false
		}
	}
	if cm, ok := enc.(*charmap.Charmap); ok {
		return table{cm, strings.HasPrefix(name, "ISO-8859-")}, true
	}
	return national{enc}, true
}

// table is a set of one byte per character. controls: the bytes from 0x80 to 0x9f, where the
// table has nothing, are the control characters of those numbers.
type table struct {
	chars    *charmap.Charmap
	controls bool
}

func (c table) encode(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range java.ValidText(s) {
		x, ok := c.chars.EncodeRune(r)
		switch {
		case ok:
		case c.controls && r >= 0x80 && r <= 0x9f:
			x = byte(r)
		default:
			x = '?'
		}
		out = append(out, x)
	}
	return out
}

func (c table) decode(b []byte) string {
	var out strings.Builder
	out.Grow(len(b))
	for _, x := range b {
		r := c.chars.DecodeByte(x)
		if r == utf8.RuneError && c.controls && x >= 0x80 && x <= 0x9f {
			r = rune(x)
		}
		out.WriteRune(r)
	}
	return out.String()
}

type utf8Set struct{}

func (utf8Set) encode(s string) []byte { return java.Bytes(s) }
func (utf8Set) decode(b []byte) string { return java.Text(b) }

// singleByte is a set whose characters are the code points up to max.
type singleByte struct{ max rune }

func (c singleByte) encode(s string) []byte {
	out := make([]byte, 0, len(s))
	for _, r := range java.ValidText(s) {
		if r > c.max {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}

func (c singleByte) decode(b []byte) string {
	var out strings.Builder
	out.Grow(len(b))
	for _, x := range b {
		r := rune(x)
		if r > c.max {
			r = utf8.RuneError
		}
		out.WriteRune(r)
	}
	return out.String()
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// utf16Set is UTF-16. mark: a byte order mark is written; detect: one is read.
type utf16Set struct {
	order        byteOrder
	mark, detect bool
}

const byteOrderMark = 0xfeff

func (c utf16Set) encode(s string) []byte {
	out := make([]byte, 0, 2*len(s)+2)
	if c.mark && s != "" {
		out = c.order.AppendUint16(out, byteOrderMark)
	}
	for _, u := range utf16.Encode([]rune(java.ValidText(s))) {
		out = c.order.AppendUint16(out, u)
	}
	return out
}

func (c utf16Set) decode(b []byte) string {
	order := binary.ByteOrder(c.order)
	if c.detect && len(b) >= 2 {
		switch binary.BigEndian.Uint16(b) {
		case byteOrderMark:
			order, b = binary.BigEndian, b[2:]
		case 0xfffe:
			order, b = binary.LittleEndian, b[2:]
		}
	}
	return java.UTF16Text(b, order)
}

// utf32Set is UTF-32, written without a byte order mark; one of its own order is passed over.
// either: one of the other order is heeded too.
type utf32Set struct {
	order  byteOrder
	either bool
}

func (c utf32Set) encode(s string) []byte {
	out := make([]byte, 0, 4*len(s))
	for _, r := range java.ValidText(s) {
		out = c.order.AppendUint32(out, uint32(r))
	}
	return out
}

func (c utf32Set) decode(b []byte) string {
	order := binary.ByteOrder(c.order)
	if len(b) >= 4 {
		switch {
		case order.Uint32(b) == byteOrderMark:
			b = b[4:]
		case c.either && binary.LittleEndian.Uint32(b) == byteOrderMark:
			order, b = binary.LittleEndian, b[4:]
		}
	}
	var out strings.Builder
	out.Grow(len(b))
	for ; len(b) >= 4; b = b[4:] {
		r := order.Uint32(b)
		if r > utf8.MaxRune {
			r = utf8.RuneError
		}
		out.WriteRune(rune(r))
	}
	if len(b) > 0 {
		out.WriteRune(utf8.RuneError)
	}
	return out.String()
}

// national is any other character set.
type national struct{ enc encoding.Encoding }

func (c national) encode(s string) []byte {
	e := c.enc.NewEncoder()
	if out, err := e.Bytes(java.Bytes(s)); err == nil {
		return out
	}
	out := make([]byte, 0, len(s))
	for _, r := range java.ValidText(s) { // some character isn't in the set: write one at a time
		b, err := e.Bytes(utf8.AppendRune(nil, r))
		if err != nil {
			b = []byte{'?'}
		}
		out = append(out, b...)
	}
	return out
}

func (c national) decode(b []byte) string {
	out, err := c.enc.NewDecoder().Bytes(b)
	if err != nil {
		return java.Text(b)
	}
	return string(out)
}
