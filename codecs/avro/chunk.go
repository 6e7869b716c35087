package avro

import "slices"

// The sizes, in bytes, of the buffers that records are cut from.
const (
	minChunk = 64 << 10
	maxChunk = 1 << 20
	minRoom  = 512
)

// chunk hands out memory for records: each gets the next part of one large buffer, so that a
// record costs no allocation of its own. A part that was handed out is never written again and
// can't be appended into. A buffer lives as long as any of its records does.
type chunk struct {
	buf  []byte // up to its length taken, up to its capacity free
	last int    // size of the last record, the best guess for the next
}

// start is room for a record: empty, with capacity to append to.
func (c *chunk) start() []byte {
	need := c.last + c.last/4 + minRoom
	if cap(c.buf)-len(c.buf) < need {
		c.buf = make([]byte, 0, max(minChunk, need, min(8*need, maxChunk)))
	}
	return c.buf[len(c.buf):]
}

// take ends a record that was appended to what start returned, and returns it for good.
func (c *chunk) take(record []byte) []byte {
	c.last = len(record)
	if cap(record) == cap(c.buf)-len(c.buf) { // it fitted, so append didn't move it
		c.buf = c.buf[:len(c.buf)+len(record)]
	}
	return slices.Clip(record)
}
