// Package reuse saves a chain of transforms the structs that nobody sees but the next transform: where a
// transform makes a struct and the next one copies its fields into another and lets go of it, the first
// makes the next record's struct in the same memory. Half of what a chain costs is such structs.
//
// A chain knows which transforms stand side by side; it asks for it where that holds, and a transform
// that isn't asked makes a new struct for each record. Values in fields are shared as ever and never
// written into: only the struct itself is used again.
package reuse

import "github.com/troupe-connect/troupe/connectors/data"

// Structs makes the structs of one transform. The zero value makes a new one each time.
type Structs struct {
	again bool
	last  *data.Struct
}

// New is a struct of the schema with every field null.
func (s *Structs) New(schema *data.Schema) *data.Struct {
	if s.last != nil && s.last.Schema() == schema {
		s.last.Clear()
		return s.last
	}
	made := data.NewStruct(schema)
	if s.again {
		s.last = made
	}
	return made
}

// Again says that the struct made last is no longer used when the next is asked for.
func (s *Structs) Again() { s.again = true }

// Maker is a transform that may put a struct of its own into one side of a record.
type Maker interface {
	// Structs makes the structs; side, which is compared only, is where they are put.
	Structs() (made *Structs, side any)
}

// Copier is a Maker that, given a struct on its side, always puts another in its place, and keeps no
// reference to the one given: neither in the new one nor for itself.
type Copier interface {
	Maker
	// CopiesStructs marks the transform.
	CopiesStructs()
}

// Link lets a transform use its structs again if the next one, which must apply to every record, copies
// them.
func Link(transform, next any) {
	maker, ok := transform.(Maker)
	if !ok {
		return
	}
	copier, ok := next.(Copier)
	if !ok {
		return
	}
	structs, side := maker.Structs()
	if _, other := copier.Structs(); side == other {
		structs.Again()
	}
}
