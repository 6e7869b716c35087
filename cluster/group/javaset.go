package group

import (
	"cmp"
	"slices"
	"unicode/utf16"
)

// javaSet lists texts as the java.util.HashSet made of them does, each once: by bucket, within a bucket
// as they came. It makes our bytes those of the JVM; to who reads them the order means nothing.
func javaSet(texts []string) []string {
	if len(texts) < 2 {
		return texts
	}
	buckets := uint32(16)
	for int(buckets) < len(texts)*4/3+1 {
		buckets *= 2
	}
	bucket := func(s string) uint32 {
		var h uint32
		for _, unit := range utf16.Encode([]rune(s)) {
			h = 31*h + uint32(unit)
		}
		return (h ^ h>>16) & (buckets - 1)
	}
	seen := make(map[string]bool, len(texts))
	var out []string
	for _, s := range texts {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(bucket(a), bucket(b)) })
	return out
}
