package keystore

import (
	"encoding/binary"
	"errors"
)

// errDamagedJKS is a store whose parts are longer than the file.
var errDamagedJKS = errors.New("it ends in the middle or is damaged")

// checkJKS walks through a JKS store and compares the lengths in it with what there is. The library
// that opens stores makes room for as much as a length says, which for a damaged file is up to 4 GB a
// certificate and more than the machine has for their number.
func checkJKS(content []byte) error {
	r := jksReader{rest: content}
	r.skip(4) // magic
	version, entries := r.uint32(), r.uint32()
	for ; entries > 0 && !r.short; entries-- {
		kind := r.uint32()
		r.skip(uint32(r.uint16())) // alias
		r.skip(8)                  // date
		certificates := uint32(1)
		if kind == 1 { // a private key with its chain
			r.skip(r.uint32())
			certificates = r.uint32()
		}
		for ; certificates > 0 && !r.short; certificates-- {
			if version > 1 {
				r.skip(uint32(r.uint16())) // type
			}
			r.skip(r.uint32())
		}
	}
	if r.short {
		return errDamagedJKS
	}
	return nil
}

// jksReader skips parts of a store; short is set when one is longer than the rest.
type jksReader struct {
	rest  []byte
	short bool
}

func (r *jksReader) skip(n uint32) []byte {
	if r.short = r.short || uint64(n) > uint64(len(r.rest)); r.short {
		return make([]byte, 4) // zeros, for what reads numbers
	}
	skipped := r.rest[:n]
	r.rest = r.rest[n:]
	return skipped
}

func (r *jksReader) uint16() uint16 { return binary.BigEndian.Uint16(r.skip(2)) }
func (r *jksReader) uint32() uint32 { return binary.BigEndian.Uint32(r.skip(4)) }
