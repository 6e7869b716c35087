package assign

import (
	"cmp"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// javaOrder lists distinct keys as a java.util.HashMap does into which they were put in this order: by
// bucket, within a bucket as they came. (A bucket of nine or more, which ids that end in a UUID don't
// make, Java keeps as a tree; then its order may differ.)
func javaOrder(keys []string) []string {
	buckets := uint32(16)
	for len(keys) > int(buckets/4*3) {
		buckets *= 2
	}
	type place struct {
		key    string
		bucket uint32
	}
	places := make([]place, len(keys))
	for i, key := range keys {
		h := javaHash(key)
		places[i] = place{key, (h ^ h>>16) & (buckets - 1)}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.bucket, b.bucket) })
	out := make([]string, len(keys))
	for i, p := range places {
		out[i] = p.key
	}
	return out
}

// javaHash is String.hashCode.
func javaHash(s string) uint32 {
	var h uint32
	for _, r := range s {
		if r < 0x10000 {
			h = 31*h + uint32(r)
			continue
		}
		high, low := utf16.EncodeRune(r)
		h = 31*(31*h+uint32(high)) + uint32(low)
	}
	return h
}

// compareJava is String.compareTo, which compares UTF-16 units: what lies beyond them sorts before
// U+E000 and so on.
func compareJava(a, b string) int {
	for len(a) > 0 && len(b) > 0 {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra != rb {
			return cmp.Or(cmp.Compare(firstUnit(ra), firstUnit(rb)), cmp.Compare(ra, rb))
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b))
}

func firstUnit(r rune) rune {
	if r < 0x10000 {
		return r
	}
	high, _ := utf16.EncodeRune(r)
	return high
}
