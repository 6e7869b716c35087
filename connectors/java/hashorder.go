package java

import "slices"

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

// GrownBuckets is how many buckets a HashMap has that was made without a size.
const GrownBuckets = 16

// CopiedBuckets is how many buckets a HashMap has that was made as the copy of a map of n keys, which
// sizes the table by what there is. (A HashSet made of a collection has as many, but at least 16.)
func CopiedBuckets(n int) int {
	buckets := 1
	for want := int(float32(n)/0.75 + 1); buckets < want; {
		buckets *= 2
	}
	return buckets
}

// SortByHash sorts items into the order in which a HashMap lists them that was made
// with so many buckets, a power of two, and into which they were put in the order given: SizedOrder for
// what has a name.
func SortByHash[T any](items []T, buckets int, key func(T) string) {
	names := make([]string, len(items))
	named := make(map[string][]T, len(items))
	for i, item := range items {
		names[i] = key(item)
		named[names[i]] = append(named[names[i]], item)
	}
	for i, name := range SizedOrder(names, buckets) {
		items[i] = named[name][0]
		named[name] = named[name][1:]
	}
}

// HashOrder lists distinct keys as a HashMap does into which they were put in the order given.
func HashOrder(keys []string) []string { return SizedOrder(keys, GrownBuckets) }

// MapOrder lists the keys of a map as a HashMap does into which they were put in sorted order.
func MapOrder[V any](m map[string]V) []string { return HashOrder(sortedKeys(m)) }

// CopyOrder is MapOrder for a HashMap that was made as the copy of a map.
func CopyOrder[V any](m map[string]V) []string {
	return SizedOrder(sortedKeys(m), CopiedBuckets(len(m)))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
