package filestream

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/java"
)

// chunkSize is how many bytes are read at once, unless a line is longer.
const chunkSize = 128 << 10

// lines cuts a stream of bytes into lines, which end with \n, \r\n or \r. Bytes are turned into
// text a chunk at a time, and a line is a part of that text: no line costs an allocation.
type lines struct {
	buf     []byte
	n       int    // bytes of buf that were read and are not in text
	scanned int    // of those, how many are known to hold no line end
	text    string // whole lines with their ends
	plain   bool   // text has no \r
	valid   bool   // text is UTF-8
}

// free is where to read more bytes into, never empty. Call it when next gives no line.
func (l *lines) free() []byte {
	switch {
	case l.n == len(l.buf):
		grown := make([]byte, max(2*len(l.buf), chunkSize))
		copy(grown, l.buf[:l.n])
		l.buf = grown
	case len(l.buf) > chunkSize && l.n < chunkSize/2: // a long line is behind us
		small := make([]byte, chunkSize)
		copy(small, l.buf[:l.n])
		l.buf = small
	}
	return l.buf[l.n:]
}

// add takes in the n bytes that were read into free.
func (l *lines) add(n int) {
	l.n += n
	fresh := l.buf[l.scanned:l.n]
	end := bytes.LastIndexByte(fresh, '\n')
	// Looking for \r from the front first: most text has none, and that way is the fast one.
	cr := bytes.IndexByte(fresh, '\r')
	l.plain = cr < 0
	if cr >= 0 {
		// A \r in the last place may be half of \r\n: it waits for the next byte.
		cr = bytes.LastIndexByte(fresh[:len(fresh)-1], '\r')
	}
	end = max(end, cr)
	if end < 0 {
		l.scanned = l.n
		if l.n > 0 && l.buf[l.n-1] == '\r' {
			l.scanned--
		}
		return
	}
	end += l.scanned + 1
	whole := l.buf[:end]
	l.valid = utf8.Valid(whole)
	l.text = string(whole)
	l.n = copy(l.buf, l.buf[end:l.n])
	l.scanned = l.n
	if l.n > 0 && l.buf[l.n-1] == '\r' {
		l.scanned--
	}
}

// next is the next line without its end, and its size in bytes with it. ok is false when more
// bytes are needed.
func (l *lines) next() (line string, size int, ok bool) {
	i := strings.IndexByte(l.text, '\n')
	end := i + 1
	if !l.plain {
		i, end = l.lineEnd(i)
	}
	if i < 0 {
		return "", 0, false
	}
	line = l.text[:i]
	l.text = l.text[end:]
	if !l.valid {
		line = java.ValidText(line)
	}
	return line, end, true
}

// lineEnd finds the end of a line in text that has \r, too: where the line ends and where the
// next one begins. lf is where the first \n is.
func (l *lines) lineEnd(lf int) (end, next int) {
	before := l.text
	if lf >= 0 {
		before = before[:lf]
	}
	cr := strings.IndexByte(before, '\r')
	switch {
	case cr < 0:
		return lf, lf + 1
	case cr+1 == lf:
		return cr, lf + 1
	}
	return cr, cr + 1
}
