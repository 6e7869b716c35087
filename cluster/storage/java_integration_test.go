//go:build integration

package storage

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func encode(b []byte) string {
	if b == nil {
		return "-"
	}
	return base64.StdEncoding.EncodeToString(b)
}

func runJava(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "java", append([]string{golden + "OffsetFile.java"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("java %v: %v\n%s", args, err, out)
	}
	return out
}

// A real JVM reads what we write, and we what it writes.
func TestRealJava(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{0, 1, 12, 13, 25, 500} {
		path := filepath.Join(dir, fmt.Sprint(n))
		s := openStore(t, path)
		var list strings.Builder
		var pairs []Pair
		for i := range n {
			key, err := EncodeOffsetKey("c", map[string]any{"file": fmt.Sprint("é😀", i), "n": i})
			if err != nil {
				t.Fatal(err)
			}
			p := Pair{Key: key}
			if i%7 != 3 {
				p.Value = fmt.Appendf(nil, `{"position":%d}`, i)
			}
			pairs = append(pairs, p)
			fmt.Fprintf(&list, "%s %s\n", encode(p.Key), encode(p.Value))
		}
		if err := s.Set(t.Context(), pairs); err != nil {
			t.Fatal(err)
		}
		sortPairs(pairs)
		if got := listed(t, runJava(t, "dump", path)); !samePairs(got, pairs) {
			t.Errorf("%d: Java read %q\nwant %q", n, got, pairs)
		}
		lines, theirs := filepath.Join(dir, "list"), filepath.Join(dir, "theirs")
		if err := os.WriteFile(lines, []byte(list.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		runJava(t, "write", theirs, lines)
		if got := openStore(t, theirs).table.Pairs(); !samePairs(got, pairs) {
			t.Errorf("%d: read %q of Java's\nwant %q", n, got, pairs)
		}
	}
}
