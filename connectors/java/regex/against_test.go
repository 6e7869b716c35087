package regex

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What Java and RE2 have in common must give the same answer: whether a text matches as a
// whole, and where its first match lies.
func TestAgainstRE2(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 20_000 {
		pattern := randomPattern(g, 3)
		ref, err := regexp.Compile(pattern)
		if err != nil || emptyRounds((&parser{pattern: pattern, in: []rune(unquote(pattern)), groups: 1}).parse()) {
			continue
		}
		whole := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
		re, err := Compile(pattern)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		for range 5 {
			text := randomText(g)
			got, err := re.MatchString(text)
			if err != nil {
				t.Fatalf("%s on %q: %v", pattern, text, err)
			}
			if want := whole.MatchString(text); got != want {
				t.Fatalf("%s on %q: %v, want %v", pattern, text, got, want)
			}
			caps, err := re.find([]rune(text))
			if err != nil {
				t.Fatal(err)
			}
			want := ref.FindStringIndex(text)
			if (caps == nil) != (want == nil) || caps != nil && (caps[0] != want[0] || caps[1] != want[1]) {
				t.Fatalf("%s finds %v in %q, want %v", pattern, caps, text, want)
			}
			compared++
		}
	}
	if compared < 50_000 {
		t.Errorf("only %d comparisons", compared)
	}
}

// emptyRounds reports whether a loop's body may match nothing: RE2 and Java differ in what
// happens then.
func emptyRounds(n node) bool {
	switch n := n.(type) {
	case sequence:
		return slices.ContainsFunc(n.items, emptyRounds)
	case choice:
		return slices.ContainsFunc(n.alts, emptyRounds)
	case group:
		return emptyRounds(n.body)
	case repeat:
		return studied(n.body).min == 0 || emptyRounds(n.body)
	}
	return false
}

func randomText(g *rand.Rand) string {
	var b strings.Builder
	for range g.IntN(8) {
		b.WriteByte("abAB1-."[g.IntN(7)])
	}
	return b.String()
}

func randomPattern(g *rand.Rand, depth int) string {
	atoms := [...]string{"a", "b", "A", ".", "[ab]", "[^a]", `\d`, `\w`, `\W`, "[a-b1]", "-", `\.`, "(?i:a)", `[^\d]`, `\Qa\E`, "^", "$", `\b`, `\B`, "[[:alpha:]a]"}
	if depth == 0 || g.IntN(3) == 0 {
		return atoms[g.IntN(len(atoms)-1)] // POSIX classes in brackets aren't Java's
	}
	switch g.IntN(5) {
	case 0:
		return randomPattern(g, depth-1) + randomPattern(g, depth-1)
	case 1:
		return "(?:" + randomPattern(g, depth-1) + "|" + randomPattern(g, depth-1) + ")"
	case 2:
		return "(" + randomPattern(g, depth-1) + ")"
	case 3:
		quantifiers := [...]string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}"}
		return "(?:" + randomPattern(g, depth-1) + ")" + quantifiers[g.IntN(len(quantifiers))]
	}
	return "(?i)" + randomPattern(g, depth-1)
}
