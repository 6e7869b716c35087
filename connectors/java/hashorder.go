package java

import (
	"cmp"
	"slices"
)

// HashCode is String.hashCode: 31 times what came before, and the next UTF-16 unit.
func HashCode(s string) int32 {
	h := int32(0)
	for i := 0; i < len(s); {
		if c := s[i]; c < 0x80 {
			h = 31*h + int32(c)
			i++
			continue
		}
		first, second, n := unitsAt(s[i:])
		h = 31*h + int32(first)
		if second != 0 {
			h = 31*h + int32(second)
		}
		i += n
	}
	return h
}

// GrownBuckets is how many buckets a HashMap has that was made without a size and into which n keys
// were put.
func GrownBuckets(n int) int {
	buckets := 16
	for n > buckets/4*3 {
		buckets *= 2
	}
	return buckets
}

// CopiedBuckets is how many buckets a HashMap has that was made as the copy of a map of n keys, which
// sizes the table by what there is. (A HashSet made of a collection has as many, but at least 16.)
func CopiedBuckets(n int) int {
	buckets := 1
	for want := int(float32(n)/0.75 + 1); buckets < want; {
		buckets *= 2
	}
	return buckets
}

// SortByBucket sorts items into the order in which a HashMap of so many buckets, a power of two, lists
// the keys that were put into it in the order given: by bucket, within a bucket as they came. (A bucket
// of nine or more Java may keep as a tree, or grow the table for it; then its order may differ.)
func SortByBucket[T any](items []T, buckets int, key func(T) string) {
	type place struct {
		item   T
		bucket uint32
	}
	places := make([]place, len(items))
	for i, item := range items {
		h := uint32(HashCode(key(item)))
		places[i] = place{item, (h ^ h>>16) & uint32(buckets-1)}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.bucket, b.bucket) })
	for i := range places {
		items[i] = places[i].item
	}
}

// HashOrder lists distinct keys as a HashMap does into which they were put in the order given.
func HashOrder(keys []string) []string {
	out := slices.Clone(keys)
	SortByBucket(out, GrownBuckets(len(out)), itself)
	return out
}

// MapOrder lists the keys of a map as a HashMap does into which they were put in sorted order.
func MapOrder[V any](m map[string]V) []string {
	keys := sortedKeys(m)
	SortByBucket(keys, GrownBuckets(len(keys)), itself)
	return keys
}

// CopyOrder is MapOrder for a HashMap that was made as the copy of a map.
func CopyOrder[V any](m map[string]V) []string {
	keys := sortedKeys(m)
	SortByBucket(keys, CopiedBuckets(len(keys)), itself)
	return keys
}

func itself(s string) string { return s }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
