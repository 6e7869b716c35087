package deadletters

import (
	"slices"
	"strconv"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// CutTo is what is left of a key or value that is too large, and what headers may have.
const CutTo = 16 << 10

// Room is how many bytes key, value and headers of a letter may have under a max.request.size: less than
// that, for what frames the record.
func Room(maxRequest int) int { return maxRequest - maxRequest/8 }

// cutTo is CutTo, less if no more than most fits into a letter; 0 is no limit known.
func cutTo(most int) int {
	if most == 0 {
		return CutTo
	}
	return max(16, min(CutTo, most/8))
}

// size is what a letter takes of Room.
func size(r *kafka.Record) int { return len(r.Key) + len(r.Value) + bytesOf(r.Headers) }

// cut makes the letter small and returns headers, with the prefix, that say what it was.
func cut(out *kafka.Record, prefix string, limit int) []kafka.RecordHeader {
	sizes := []kafka.RecordHeader{
		contextHeader(prefix+"key.size", strconv.Itoa(len(out.Key))),
		contextHeader(prefix+"value.size", strconv.Itoa(len(out.Value))),
		contextHeader(prefix+"headers.size", strconv.Itoa(bytesOf(out.Headers))),
	}
	out.Key, out.Value = cutBytes(out.Key, limit), cutBytes(out.Value, limit)
	if bytesOf(out.Headers) > limit {
		out.Headers = nil
	}
	return sizes
}

// cutBytes copies what is left, so that the rest needn't be kept.
func cutBytes(b []byte, limit int) []byte {
	if len(b) <= limit {
		return b
	}
	return slices.Clone(b[:limit])
}

// cutHeaders bounds the headers themselves: messages may quote the record.
func cutHeaders(hs []kafka.RecordHeader, limit int) []kafka.RecordHeader {
	for i := range hs {
		hs[i].Value = cutBytes(hs[i].Value, limit)
	}
	return hs
}

func bytesOf(hs []kafka.RecordHeader) int {
	n := 0
	for _, h := range hs {
		n += len(h.Key) + len(h.Value)
	}
	return n
}
