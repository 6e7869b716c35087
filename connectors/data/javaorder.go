package data

import (
	"slices"
	"unicode/utf16"
)

// JavaOrder is the order in which a Java HashMap of these keys, put in sorted order, is iterated.
// Keys that share a bucket are in sorted order, where Java has the order of insertion.
func JavaOrder[V any](m map[string]V) []string {
	buckets := uint32(16)
	for len(m) > int(buckets/4*3) {
		buckets *= 2
	}
	return javaOrder(m, buckets)
}

// JavaCopyOrder is JavaOrder for a HashMap that was made as the copy of a map, which sizes its table
// by what there is.
func JavaCopyOrder[V any](m map[string]V) []string {
	buckets := uint32(1)
	for want := uint32(float32(len(m))/0.75 + 1); buckets < want; {
		buckets *= 2
	}
	return javaOrder(m, buckets)
}

func javaOrder[V any](m map[string]V, buckets uint32) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	slices.SortStableFunc(keys, func(a, b string) int {
		return int(javaHash(a)&(buckets-1)) - int(javaHash(b)&(buckets-1))
	})
	return keys
}

// javaHash is String.hashCode, spread as HashMap does.
func javaHash(s string) uint32 {
	h := uint32(0)
	for _, r := range s {
		if r > 0xFFFF {
			hi, lo := utf16.EncodeRune(r)
			h = (h*31+uint32(hi))*31 + uint32(lo)
			continue
		}
		h = h*31 + uint32(r)
	}
	return h ^ h>>16
}
