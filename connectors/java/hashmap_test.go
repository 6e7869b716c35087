package java

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever the buckets become, every name is listed once, and trees are searched as they were built.
func TestHashOrderListsAll(t *testing.T) {
	// Each pair has the hash of "Aa", so that names made of them fall into one bucket.
	pairs := []string{"Aa", "BB"}
	for n := range 7 {
		var names []string
		for i := range 1 << n {
			name := ""
			for bit := range 6 {
				name += pairs[i>>bit&1]
			}
			names = append(names, name, fmt.Sprint("f", i))
		}
		got := slices.Sorted(slices.Values(SizedOrder(names, 16)))
		if want := slices.Sorted(slices.Values(names)); !slices.Equal(got, want) {
			t.Errorf("%d names became %d: %v", len(want), len(got), got)
		}
	}
}

// TestHashOrderAsJVM compares with the orders that Java 17 was recorded to list names in: those of a
// HashMap, and those of a copy of it.
func TestHashOrderAsJVM(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "testdata", "codecs", "hashmap_jvm.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(r)
	cases := 0
	for ; lines.Scan(); cases++ {
		columns := strings.Split(lines.Text(), "\t")
		names := SizedOrder(strings.Fields(columns[0]), GrownBuckets)
		if got := strings.Join(names, " "); got != columns[1] {
			t.Errorf("%s:\nwant %s\n got %s", columns[0], columns[1], got)
		}
		if got := strings.Join(SizedOrder(names, CopiedBuckets(len(names))), " "); got != columns[2] {
			t.Errorf("copy of %s:\nwant %s\n got %s", columns[1], columns[2], got)
		}
	}
	if err := lines.Err(); err != nil || cases < 300 {
		t.Errorf("%d cases, %v", cases, err)
	}
}
