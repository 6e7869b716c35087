package properties

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestParse(t *testing.T) {
	type m = map[string]string
	for _, tt := range []struct {
		name, text string
		want       m
	}{
		{"nothing", "", m{}},
		{"equals", "a=b", m{"a": "b"}},
		{"colon", "a:b", m{"a": "b"}},
		{"blank", "a b", m{"a": "b"}},
		{"tab, form feed", "a\tb\nc\fd", m{"a": "b", "c": "d"}},
		{"white space around", "  a \t = \f b c ", m{"a": "b c "}},
		{"white space and colon", "a : b", m{"a": "b"}},
		{"two separators", "a==b\nc=:d\ne : = f", m{"a": "=b", "c": ":d", "e": "= f"}},
		{"value with separators", "url=jdbc:x://h:1/d?a=b", m{"url": "jdbc:x://h:1/d?a=b"}},
		{"key only", "a\nb=\nc:", m{"a": "", "b": "", "c": ""}},
		{"no key", "=b", m{"": "b"}},
		{"comments", "# a=1\n  ! b=2\nc=3 # not one\n#d\\\ne=5", m{"c": "3 # not one", "e": "5"}},
		{"blank lines", "\n \t\n\r\n\f\na=b\n\n", m{"a": "b"}},
		{"line ends", "a=1\rb=2\r\nc=3\nd=4", m{"a": "1", "b": "2", "c": "3", "d": "4"}},
		{"last counts", "a=1\na=2", m{"a": "2"}},
		{"continued", "a=b,\\\n   c,\\\r\n\td", m{"a": "b,c,d"}},
		{"continued key", "a\\\n  b=c", m{"ab": "c"}},
		{"continued by a blank line", "a=b\\\n\nc=d", m{"a": "b", "c": "d"}},
		{"comment sign in a continued line", "a=b\\\n#c", m{"a": "b#c"}},
		{"comment behind a lone backslash", "\\\n#c\na=b", m{"a": "b"}},
		{"escaped backslash at the end", "a=b\\\\\nc=d", m{"a": "b\\", "c": "d"}},
		{"three backslashes at the end", "a=b\\\\\\\nc", m{"a": "b\\c"}},
		{"backslash at the end of the file", "a=b\\", m{"a": "b"}},
		{"only a backslash", "\\", m{}},
		{"continued comment isn't", "a=b\\\n", m{"a": "b"}},
		{"escaped separators", `a\=b\:c\ d=e`, m{"a=b:c d": "e"}},
		{"escaped comment", `\#a=b`, m{"#a": "b"}},
		{"escaped white space first in value", `a=\ b`, m{"a": " b"}},
		{"escapes", `a=\t\n\r\f\\\"\q`, m{"a": "\t\n\r\f\\\"q"}},
		{"windows path", `p=c:\temp\new`, m{"p": "c:\temp\new"}},
		{"unicode", `\u0061=\u00e9\u65E5`, m{"a": "é日"}},
		{"unicode pair", `a=\uD83D\uDE00`, m{"a": "😀"}},
		{"half a unicode pair", `a=\uD83Dx`, m{"a": "\uFFFDx"}},
		{"no octal", `a=\101`, m{"a": "101"}},
		{"utf-8", "ä=日", m{"ä": "日"}},
		{"byte order mark", "\uFEFFa=b", m{"a": "b"}},
		{"latin-1", "a=caf\xe9", m{"a": "café"}},
		{"references stay", "p=${file:/x:y} ${env:Z}", m{"p": "${file:/x:y} ${env:Z}"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse([]byte(tt.text))
			if err != nil || !maps.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for text, line := range map[string]string{
		`a=\u12`:                   "line 1:",
		"a=1\n\n# c\nb=\\u00zz":    "line 4:",
		"a=1\nb\\\n\\\n\\u=geheim": "line 2:",
	} {
		_, err := Parse([]byte(text))
		if !errors.Is(err, errs.Config) || !strings.HasPrefix(err.Error(), line) {
			t.Errorf("%q: %v, want %s", text, err, line)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: the error shows the value: %v", text, err)
		}
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "worker.properties")
	if _, err := ReadFile(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("a=b\nc=\\u1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), path+": line 2") {
		t.Errorf("malformed: %v", err)
	}
	if err := os.WriteFile(path, []byte("a=b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadFile(path); err != nil || got["a"] != "b" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFormat(t *testing.T) {
	got := Format(map[string]string{"b c": " x  y", "a=:#!": "é\n😀\\", "": ""})
	want := "=\n" + `a\=\:\#\!=\u00E9\n\uD83D\uDE00\\` + "\n" + `b\ c=\ x  y` + "\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a=b\n# c\nd\\\n e : f\\u0041")
	f.Add("\\\\\\\r\n!\n=\f\\")
	f.Fuzz(func(t *testing.T, text string) {
		props, err := Parse([]byte(text))
		if err != nil {
			if !errors.Is(err, errs.Config) {
				t.Fatalf("%v is no Config error", err)
			}
			return
		}
		for k, v := range props {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				t.Fatalf("%q=%q isn't text", k, v)
			}
		}
		again, err := Parse([]byte(Format(props)))
		if err != nil || !maps.Equal(again, props) {
			t.Fatalf("%q: written and read again: %q, %v; want %q", text, again, err, props)
		}
	})
}
