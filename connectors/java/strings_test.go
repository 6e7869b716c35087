package java

import (
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// unescaped reads the golden's \uXXXX, each of which is one UTF-16 unit.
func unescaped(t *testing.T, s string) string {
	t.Helper()
	var units []uint16
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			units = append(units, uint16(s[i]))
			continue
		}
		n, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, uint16(n))
		i += 5
	}
	var b []byte
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		switch {
		case !utf16.IsSurrogate(r):
			b = utf8.AppendRune(b, r)
		case i+1 < len(units) && utf16.DecodeRune(r, rune(units[i+1])) != utf8.RuneError:
			b = utf8.AppendRune(b, utf16.DecodeRune(r, rune(units[i+1])))
			i++
		default:
			b = append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		}
	}
	return string(b)
}

func keys(t *testing.T, s string) []string {
	list := strings.Split(s, ",")
	for i := range list {
		list[i] = unescaped(t, list[i])
	}
	return list
}

// TestStrings holds hash codes, lengths, bytes, comparisons and the order of hash maps to what OpenJDK
// 17 said of random texts, half of them with surrogates, lone ones too.
func TestStrings(t *testing.T) {
	golden, err := os.ReadFile("testdata/strings.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(string(golden)) {
		f := strings.Fields(line)
		seen[f[0]]++
		switch f[0] {
		case "string":
			s := unescaped(t, f[1])
			got := []string{strconv.Itoa(int(HashCode(s))), strconv.Itoa(Length(s)), hex.EncodeToString(Bytes(s))}
			if !slices.Equal(got, f[2:]) {
				t.Errorf("%s: %v, want %v", f[1], got, f[2:])
			}
		case "compare":
			if got := Compare(unescaped(t, f[1]), unescaped(t, f[2])); strconv.Itoa(got) != f[3] {
				t.Errorf("%s and %s compare as %d, want %s", f[1], f[2], got, f[3])
			}
		case "order":
			put := keys(t, f[1])
			if got, want := HashOrder(put), keys(t, f[2]); !slices.Equal(got, want) {
				t.Errorf("%s\nlists as %q\nwant     %q", f[1], got, want)
			}
			SortByHash(put, CopiedBuckets(len(put)), func(s string) string { return s })
			if want := keys(t, f[3]); !slices.Equal(put, want) {
				t.Errorf("a copy of %s\nlists as %q\nwant     %q", f[1], put, want)
			}
		}
	}
	if seen["string"] != 200 || seen["compare"] != 199 || seen["order"] != 60 {
		t.Errorf("the golden has %v", seen)
	}
}

func TestAppendJSONString(t *testing.T) {
	for in, want := range map[string]string{
		"":                                `""`,
		"plain text of more than 8 bytes": `"plain text of more than 8 bytes"`,
		"a\"b\\c/d<>&'":                   `"a\"b\\c/d<>&'"`,
		"\b\f\n\r\t\x00\x1f\x7f":          `"\b\f\n\r\t\u0000\u001F` + "\x7f\"",
		"é€\u2028":                        "\"é€\u2028\"",
		"x😀y":                             `"x\uD83D\uDE00y"`,
		"x\xed\xa0\x80y":                  `"x\uD800y"`,
		"a\xffb":                          "\"a\ufffdb\"",
	} {
		if got := AppendJSONString([]byte{'>'}, in); string(got) != ">"+want {
			t.Errorf("%q: %s, want >%s", in, got, want)
		}
	}
}

// FuzzAppendJSONString compares the writer, which looks at eight bytes at once, with a plain one.
func FuzzAppendJSONString(f *testing.F) {
	for _, s := range []string{"", "abc", "é\"\\\n", "😀", "\xed\xa0\x80", "\xed\xa0", "12345678\x00", "1234567\xff89"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := []byte{'"'}
		for i := 0; i < len(s); {
			first, second, n := unitsAt(s[i:])
			switch {
			case second != 0:
				want = appendUnit(appendUnit(want, first), second)
			case utf16.IsSurrogate(first):
				want = appendUnit(want, first)
			case first < ' ' || first == '"' || first == '\\':
				want = AppendJSONEscape(want, byte(first))
			default:
				want = utf8.AppendRune(want, first)
			}
			i += n
		}
		want = append(want, '"')
		if got := AppendJSONString(nil, s); string(got) != string(want) {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	})
}
