package regex

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMatchString(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no string // texts separated by blanks; "''" is the empty text
	}{
		{`orders`, "orders", "order ordersx ''"},
		{``, "''", "a"},
		{`a|ab`, "a ab", "b abc"}, // whole match backtracks into the second alternative
		{`(a|ab)(c|bcd)(d*)`, "abcd acd abc", "abd"},
		{`(?i)orders.*`, "ORDERS oRdErs-1", "rders"},
		{`(?i)É`, "É", "é"},
		{`(?iu)É`, "é É", "e"},
		{`(?<env>[a-z]+)\.(?<name>.*)`, "dev.x", "dev"},
		{`(\w+)\.\1`, "ab.ab", "ab.ba a"},
		{`(?<w>\w+)\.\k<w>`, "ab.ab", "ab.ba"},
		{`\1(a)`, "", "a aa"},
		{`(?:a|b)++c`, "abc aac", "ab c"},
		{`[^-]*+-.*`, "a-b -", "ab"},
		{`.*+a`, "", "a ba"},
		{`(?>a|ab)c`, "ac", "abc"},
		{`a*?b`, "b aab", "a"},
		{`(?!x).*`, "abc ''", "x xa"},
		{`^(?!skip).*$`, "kept", "skip-me"},
		{`(?<=x)?orders`, "orders", "xorders"},
		{`.*(?<=\.log)`, "a.log", "log"},
		{`.*(?<!\.log)`, "a.txt", "a.log"},
		{`(?<=a{1,3})b`, "", "b ab"},
		{`.*(?<=a{1,3})b`, "ab aaaab", "b"},
		{`[a-z&&[^d]]+`, "items", "orders"},
		{`[a-z&&[def]&&[^e]]+`, "df", "e a"},
		{`[a-d[m-p]]+`, "am", "e"},
		{`[^a-c[x]]`, "d", "a x"},
		{`[]a]+`, "]a", "b"},
		{`[a-]+`, "a-", "b"},
		{`[\w&&[^\d]]+`, "ab", "a1"},
		{`[a-f&&b-z]+`, "bcf", "a z"},
		{`\Qa.b\E`, "a.b", "axb"},
		{`\Qa\E+`, "aaa", "b"},
		{`(?x) o r # comment`, "or", "o"},
		{`\p{Lower}+`, "abc", "Abc été"},
		{`\p{javaLowerCase}+`, "été", "Été"},
		{`\p{L}+`, "ÉtéA", "a1"},
		{`\p{IsLatin}+`, "Éa", "жa"},
		{`\p{InCyrillic}+`, "ж", "z"},
		{`\P{L}+`, "12", "a"},
		{`\pL\PL`, "a1", "1a"},
		{`\p{IsAlphabetic}`, "é", "1"},
		{`\d{2,3}`, "12 123", "1 1234"},
		{`\d{2,}`, "12 1234", "1"},
		{`(ab){2}`, "abab", "ab ababab"},
		{`(a?){3}b`, "b ab aaab", "aaaab"},
		{`(a*)*b`, "b aab", "a"},
		{`(|a)+b`, "b", "c"},
		{`\bfoo\b`, "foo", "foox"},
		{`a\.b`, "a.b", "axb"},
		{`\x41\u0042\0103\x{44}`, "ABCD", "abcd"},
		{`(?s).`, "a", "''"},
		{`((?i)a)b`, "Ab ab", "aB"},
		{`(?i:a)b`, "Ab", "AB"},
		{`(?i)a(?-i)b`, "Ab", "AB"},
		{`[a-z&&]+`, "ab", "A"},
		{`a{0}b`, "b", "ab"},
		{`\h\v`, "", "a"},
		{`{2}`, "''", "{2}"},
		{`a}]`, "a}]", "a"},
	} {
		re, err := Compile(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		check := func(texts string, want bool) {
			for text := range strings.FieldsSeq(texts) {
				if text == "''" {
					text = ""
				}
				if got, err := re.MatchString(text); got != want || err != nil {
					t.Errorf("%s on %q: %v %v, want %v", tt.pattern, text, got, err, want)
				}
			}
		}
		check(tt.yes, true)
		check(tt.no, false)
	}
}

// The characters that strings.Fields splits at.
func TestMatchBlanks(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{`.`, "\n", false},
		{`.`, "\u2028", false},
		{`(?s).`, "\n", true},
		{`(?d).`, "\r", true},
		{`a$`, "a\n", false},
		{`a$\n`, "a\n", true},
		{`a$\r\n`, "a\r\n", true},
		{`a\z\n`, "a\n", false},
		{`a\Z\n`, "a\n", true},
		{`(?m)a$\n^b`, "a\nb", true},
		{`(?m)^a$\r\n^b$`, "a\r\nb", true},
		{`\R`, "\r\n", true},
		{`\R\n`, "\r\n", false},
		{`\R`, "\u0085", true},
		{`\h+`, " \t\u00a0", true},
		{`\v`, "\n", true},
		{`\S+\s\S+`, "a b", true},
		{`(?x)[a b]`, " ", false},
		{`\s`, "\u00a0", false},
		{`(?U)\s`, "\u00a0", true},
		{`(?U)\w`, "é", true},
		{`\w`, "é", false},
		{`\s`, "\v", true},
	} {
		re, err := Compile(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if got, err := re.MatchString(tt.text); got != tt.want || err != nil {
			t.Errorf("%s on %q: %v %v, want %v", tt.pattern, tt.text, got, err, tt.want)
		}
	}
}

// The texts are those of java.util.regex of Java 17.
func TestSyntaxErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		`(`:                 "Unclosed group near index 1\n(",
		`[a`:                "Unclosed character class near index 1\n[a\n ^",
		`[z-a]`:             "Illegal character range near index 3\n[z-a]\n   ^",
		`*a`:                "Dangling meta character '*' near index 0\n*a\n^",
		`a{2,1}`:            "Illegal repetition range near index 5\na{2,1}\n     ^",
		`\k<x>`:             "named capturing group <x> does not exist near index 4\n\\k<x>\n    ^",
		`(?<n>a)(?<n>b)`:    "Named capturing group <n> is already defined near index 11\n(?<n>a)(?<n>b)\n           ^",
		`a\`:                "Unexpected internal error near index 2\na\\",
		`\`:                 "Unexpected internal error near index 1\n\\",
		`a)`:                "Unmatched closing ')'",
		`a{`:                "Illegal repetition",
		`a**`:               "Dangling meta character '*'",
		`(?y)`:              "Unknown inline modifier",
		`\p{Nope}`:          "Unknown character property name {Nope}",
		`(?<=(?:ab)+)c`:     "Look-behind group does not have an obvious maximum length near index 10\n(?<=(?:ab)+)c\n          ^",
		`\y`:                "Illegal/unsupported escape sequence",
		`[\1]`:              "Illegal/unsupported escape sequence",
		`\x4`:               "Illegal hexadecimal escape sequence",
		`\u12`:              "Illegal Unicode escape sequence",
		`[&&]`:              "Bad class syntax",
		`\X`:                "not supported",
		`a{99999999999999}`: "Illegal repetition range",
	} {
		_, err := Compile(pattern)
		if _, ok := errors.AsType[*SyntaxError](err); !ok {
			t.Errorf("%s: %v, want a SyntaxError", pattern, err)
			continue
		}
		exact := strings.Contains(want, "\n")
		if exact && err.Error() != want || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %q\nwant %q", pattern, err.Error(), want)
		}
	}
}

func TestReplaceFirst(t *testing.T) {
	for _, tt := range []struct{ pattern, text, repl, want, err string }{
		{`(.*)`, "orders", "pre-$1", "pre-orders", ""},
		{`(.*?)-?(v\d)?`, "a b", "$1", "a b", ""}, // find matches nothing at the start
		{`(a)|(b).*`, "xb", "[$1][$2]", "x[][b]", ""},
		{`(.*)`, "orders", `\$1`, "$1", ""},
		{`(.*)`, "orders", `$10`, "orders0", ""},
		{`(?<n>o).*`, "orders", "${n}", "o", ""},
		{`x`, "orders", "y", "orders", ""},
		{`(.*)`, "orders", "$2", "", "No group 2"},
		{`(.*)`, "orders", "$", "", "group index is missing"},
		{`(.*)`, "orders", "$x", "", "Illegal group reference"},
		{`(.*)`, "orders", "${nope}", "", "No group with name {nope}"},
		{`(.*)`, "orders", "${n", "", "missing trailing '}'"},
		{`(.*)`, "orders", "${1a}", "", "starts with digit"},
		{`(.*)`, "orders", `x\`, "", "character to be escaped is missing"},
	} {
		re, err := Compile(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		got, err := re.ReplaceFirst(tt.text, tt.repl)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s with %s: %v, want error %q", tt.pattern, tt.repl, err, tt.err)
			}
			continue
		}
		if got != tt.want || err != nil {
			t.Errorf("%s on %s with %s: %q %v, want %q", tt.pattern, tt.text, tt.repl, got, err, tt.want)
		}
	}
}

func TestCatastrophicBacktrackingEnds(t *testing.T) {
	for _, pattern := range []string{`(a+)+b`, `(a|a)*b`, `(a*)*b`, `(?:a*){50}b`, `(.*)(.*)(.*)(.*)(.*)\1x`} {
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := re.MatchString(strings.Repeat("a", 400)); !errors.Is(err, ErrTooComplex) {
			t.Errorf("%s: %v, want ErrTooComplex", pattern, err)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	for _, open := range []string{"(", "[", "(?=", "(?>", "[a&&"} {
		if _, err := Compile(strings.Repeat(open, 100_000)); err == nil {
			t.Errorf("%s nested 100000 deep compiles", open)
		}
	}
}

func FuzzCompileAndMatch(f *testing.F) {
	for _, s := range []string{`(a|b)*+c`, `(?<n>\w+)-\k<n>`, `[a-z&&[^x]]{2,5}?`, `(?<=a{1,3})b\Q.\E`, `\p{IsLatin}(?i)x`, `(?x) a #b`} {
		f.Add(s, "abc-abc", "$1${n}")
	}
	f.Fuzz(func(t *testing.T, pattern, text, replacement string) {
		re, err := Compile(pattern)
		if err != nil {
			if _, ok := errors.AsType[*SyntaxError](err); !ok {
				t.Fatalf("%v is no SyntaxError", err)
			}
			return
		}
		first, err1 := re.MatchString(text)
		second, err2 := re.MatchString(text)
		if first != second || !errors.Is(err1, err2) {
			t.Fatal("matching twice gives two answers")
		}
		_, _ = re.ReplaceFirst(text, replacement)
	})
}

func BenchmarkMatch(b *testing.B) {
	re, err := Compile(`(.*)-(\d+)`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := re.MatchString("orders-12"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// What a long pattern costs counts too.
func TestLongPatternsEnd(t *testing.T) {
	text := strings.Repeat("a", 2000)
	for name, pattern := range map[string]string{
		"class":  "(?:[" + strings.Repeat("b-c", 20_000) + "]|a)*x",
		"single": "(?:[" + strings.Repeat("bc", 50_000) + "]|a)*x",
		"loops":  strings.Repeat("a?", 20_000) + "x",
		"groups": strings.Repeat("(a)?", 20_000) + "x",
		"alts":   "(?:" + strings.Repeat("b|", 50_000) + "a)*x",
	} {
		re, err := Compile(pattern)
		if err != nil {
			t.Fatal(name, err)
		}
		start := time.Now()
		ok, err := re.MatchString(text)
		if ok || err != nil && !errors.Is(err, ErrTooComplex) {
			t.Errorf("%s: %v %v", name, ok, err)
		}
		if _, err = re.ReplaceFirst(text, "y"); err != nil && !errors.Is(err, ErrTooComplex) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s takes %v", name, took)
		}
	}
}

func TestFindString(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          []string
	}{
		{"(a)(b)?", "xa", []string{"a", "a", ""}},
		{"^2", "12", nil},
		{"(?:[.]|^)([^.]*)$", "com.acme.Order", []string{".Order", "Order"}},
		{"", "x", []string{""}},
	} {
		re, err := Compile(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := re.FindString(tt.text); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q in %q: %q, %v, want %q", tt.pattern, tt.text, got, err, tt.want)
		}
	}
}
