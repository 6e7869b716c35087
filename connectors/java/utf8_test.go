package java

import "testing"

// The replacements are those of Java's new String(bytes, UTF_8), recorded from OpenJDK 17.
func TestValidText(t *testing.T) {
	for in, want := range map[string]string{
		"a\xffb":                       "a\ufffdb",
		"\xe2\x82A":                    "\ufffdA",
		"\xe2\x82":                     "\ufffd",
		"\xf0\x9f\x98":                 "\ufffd",
		"\xf0\x9f\x98\xf0\x9f\x98\x80": "\ufffd😀",
		"\xc0\x80":                     "\ufffd\ufffd",
		"\xed\xa0\x80":                 "\ufffd",
		"\xed\xa0A":                    "\ufffdA",
		"\xf4\x90\x80\x80":             "\ufffd\ufffd\ufffd\ufffd",
		"\xe0\x80\x80":                 "\ufffd\ufffd\ufffd",
		"\x80\x80é":                    "\ufffd\ufffdé",
		"\ufffd fine":                  "\ufffd fine",
	} {
		if got := ValidText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain é 😀": "plain é 😀",
		"x\xed\xa0\x80y":           "x?y",
		"\xed\xb0\x80\xed\xa0\x80": "??",
		"a\xff":                    "a\ufffd",
		"\xed\x9f\xbf":             "\ud7ff",
	} {
		if got := Bytes(in); string(got) != want || got == nil {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if got := EncodeFrom([]byte("\xff"+in), 1); string(got) != "\xff"+want {
			t.Errorf("%q behind a byte: %q, want %q", in, got, want)
		}
	}
}

func TestTrim(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", " a b\t": "a b", "\x00\x1f": "", "\u00a0a": "\u00a0a", "é ": "é",
	} {
		if got := Trim(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
