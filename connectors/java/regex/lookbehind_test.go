package regex

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestLookbehindsAreJavas holds 1,500 random lookbehinds to what OpenJDK 17 made of them: refused, with
// the words and the place, or where they are first found in some texts.
func TestLookbehindsAreJavas(t *testing.T) {
	f, err := os.Open("testdata/lookbehind.tsv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	refused, searched := 0, 0
	for lines := bufio.NewScanner(z); lines.Scan(); {
		pattern, rest, _ := strings.Cut(lines.Text(), "\t")
		re, err := Compile(pattern)
		if want, no := strings.CutPrefix(rest, "!"); no {
			refused++
			e, ok := errors.AsType[*SyntaxError](err)
			if !ok || fmt.Sprintf("%s @%d", e.Desc, e.Index) != want {
				t.Errorf("%s: %v, want %s", pattern, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for found := range strings.SplitSeq(rest, "\t") {
			searched++
			text, want, _ := strings.Cut(strings.ReplaceAll(found, `\n`, "\n"), "=")
			caps, err := re.find([]rune(text))
			got := ""
			if caps != nil {
				got = fmt.Sprintf("%d-%d", caps[0], caps[1])
			}
			if err != nil || got != want {
				t.Errorf("%s in %q: found at %q, %v, want %q", pattern, text, got, err, want)
			}
		}
	}
	if refused < 300 || searched < 3000 {
		t.Errorf("the golden has %d refused and %d searches", refused, searched)
	}
}
