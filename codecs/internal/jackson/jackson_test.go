package jackson

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// A record that was handed out stays as it is, whatever is written later and however large that is.
func TestChunkKeepsRecords(t *testing.T) {
	var c Chunk
	sizes := []int{0, 1, minRoom, minChunk - 1, minChunk, 3, maxChunk + 1, 10}
	var records [][]byte
	for i, n := range sizes {
		records = append(records, c.Take(append(c.Start(), bytes.Repeat([]byte{byte('a' + i)}, n)...)))
	}
	for i, r := range records {
		if len(r) != sizes[i] || cap(r) != len(r) || strings.Trim(string(r), string(rune('a'+i))) != "" {
			t.Errorf("record %d has %d bytes with room for %d, want %d of its own", i, len(r), cap(r), sizes[i])
		}
	}
}

// A record that is given up leaves nothing behind, and small ones share a buffer.
func TestChunkAllocates(t *testing.T) {
	var c Chunk
	_ = append(c.Start(), "given up"...)
	if got := string(c.Take(append(c.Start(), "kept"...))); got != "kept" {
		t.Errorf("got %q", got)
	}
	record := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { c.Take(append(c.Start(), record...)) }); n > 0.5 {
		t.Errorf("%v allocations per record", n)
	}
}

// As Jackson reads base64: padding may not be left out, nor anything follow it.
func TestBase64(t *testing.T) {
	for text, want := range map[string]string{"": "", "YQ==": "a", "YWI=": "ab", "YWJj": "abc", "+/+/": "\xfb\xff\xbf"} {
		if got, err := DecodeBase64(text); err != nil || string(got) != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
		if got := string(AppendBase64(nil, []byte(want))); got != `"`+text+`"` {
			t.Errorf("%q became %s", want, got)
		}
	}
	for _, text := range []string{"*", "Y", "YQ==YQ", "=", "YW=J"} {
		if got, err := DecodeBase64(text); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
}

// What is no JSON is an error, at every place where a text can end or go wrong.
func TestDocumentErrors(t *testing.T) {
	for _, text := range []string{
		"{", "[", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, "{1:2}", "{,}", "[1,", "[1 2]", "[,]", `"`, `"\`, `"\u12`, `"\x"`, "\"\x01\"",
		"tru", "truex", "nul", "-", "1.", "1e", "1e+", "01", "+1", ".5", "]", "}", ":", "5x", "\"\xff\"", "\"\xc3\"", "\xed\xa0\x80",
		strings.Repeat("[", MaxDepth+1),
	} {
		var s Scanner
		s.NonNumbers, s.NoExtraZeros = true, true
		s.Reset([]byte(text))
		if err := s.Document(); err == nil {
			t.Errorf("%.40q is taken", text)
		}
	}
}

func TestScannerIsUsedAgain(t *testing.T) {
	var s Scanner
	for i := range 3 {
		s.Reset([]byte(fmt.Sprintf(`{"a":[%d,"x",null]}`, i)))
		if err := s.Document(); err != nil || s.Nodes[0].Kind != KindObject || len(s.Nodes) != 6 {
			t.Fatalf("%d nodes of %v, %v", len(s.Nodes), s.Nodes[0].Kind, err)
		}
		if got := s.Int64(&s.Nodes[3]); got != int64(i) {
			t.Errorf("got %d, want %d", got, i)
		}
	}
}
