package avro

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// readOp is how a value is read.
type readOp uint8

const (
	readFail readOp = iota
	readNull
	readBoolean
	readInt
	readLong
	readFloat
	readDouble
	readBytes
	readString
	readFixed
	readEnum
	readArray
	readEntries
	readMap
	readStruct
	readUnion // of the writer: a plan per branch
	readAnything
	readBranch // a value of elem, as the union struct's field
)

// into is what a number or bytes become, once they are read.
type into uint8

const (
	intoSame into = iota
	intoInt8
	intoInt16
	intoInt64
	intoFloat32
	intoFloat64
	intoDate
	intoTime
	intoTimestamp
	intoDecimal
	intoString // bytes read as string
	intoBytes  // string read as bytes
)

// readPlan reads what was written with one Avro schema, as another one and a Connect schema ask.
type readPlan struct {
	op     readOp
	into   into
	schema *data.Schema // of the value
	err    error        // of readFail: why nothing can be read

	at int // of readBranch: the field

	branches  []*readPlan
	steps     []step
	defaults  []constant
	key, elem *readPlan
	keySecond bool
	symbols   []any // of an enum: what each is read as, nil for one that the reader doesn't have
	size      int
	minSize   int // bytes that an element takes at least
	scale     int32
}

// step reads one field of a writer's record, into the struct's at or, if that is less than 0, to
// pass over it.
type step struct {
	at   int
	plan *readPlan
}

// constant is a field of the reader that the writer doesn't have.
type constant struct {
	at    int
	value any
}

type resolveKey struct {
	writer, reader *schema
	c              *data.Schema
}

// resolver makes plans for reading.
type resolver struct {
	*reader
	done map[resolveKey]*readPlan
}

// resolve plans the reading of what the writer's schema wrote, as the reader's schema, whose Connect
// schema is c; the two may be one. Where they don't fit, the plan says so when a value is read.
func (r *reader) resolve(writer, as *schema, c *data.Schema) *readPlan {
	rs := resolver{r, map[resolveKey]*readPlan{}}
	return rs.plan(writer, as, c)
}

// failPlan makes a plan that fails when it is reached, which a value may never do.
func failPlan(format string, args ...any) *readPlan {
	return &readPlan{op: readFail, err: fmt.Errorf(format, args...)}
}

// mismatch is failPlan for what Avro has read well, but Connect has no place for: such an error is
// errs.Data itself.
func mismatch(format string, args ...any) *readPlan {
	return &readPlan{op: readFail, err: errs.Data.New(format, args...)}
}

// plan makes a plan, or finds the one that is made or under way.
func (r *resolver) plan(w, as *schema, c *data.Schema) *readPlan {
	key := resolveKey{w, as, c}
	if p := r.done[key]; p != nil {
		return p
	}
	p := &readPlan{schema: c}
	r.done[key] = p
	*p = *r.make(p, w, as, c)
	return p
}

// make plans; p is where the plan will be, for those within themselves.
func (r *resolver) make(p *readPlan, w, as *schema, c *data.Schema) *readPlan {
	if w.kind == kindUnion {
		u := &readPlan{op: readUnion, schema: c}
		for i, b := range w.branches {
			if w == as {
				u.branches = append(u.branches, r.branch(b, as, i, c))
			} else {
				u.branches = append(u.branches, r.plan(b, as, c))
			}
		}
		return u
	}
	if as.kind == kindUnion {
		i := matchBranch(w, as)
		if i < 0 {
			return failPlan("Found %s, expecting %s", w.branchName(), as.text())
		}
		return r.branch(w, as, i, c)
	}
	return r.value(p, w, as, c)
}

// branch plans the reading of w as the i-th branch of the union as.
func (r *resolver) branch(w, as *schema, i int, c *data.Schema) *readPlan {
	b := as.branches[i]
	if b.kind == kindNull {
		return &readPlan{op: readNull}
	}
	if c == nil || c.Type() != data.StructType || !isUnion(c) {
		return r.plan(w, b, c)
	}
	if _, ok := as.nullable(); ok || len(as.branches) == 1 && r.flattenSingletons {
		return r.plan(w, b, c)
	}
	at := 0
	for _, before := range as.branches[:i] {
		if before.kind != kindNull {
			at++
		}
	}
	// which Java doesn't look for
	if in := c.Fields()[at].Schema; in.Type() == data.Int8 || in.Type() == data.Int16 {
		return mismatch("Did not find matching union field for data")
	}
	// Java puts by field what it has named by branch
	if r.generalized && c.Fields()[at].Name != unionField+strconv.Itoa(at) {
		return mismatch("%s%d is not a valid field name", unionField, at)
	}
	return &readPlan{op: readBranch, schema: c, at: at, elem: r.plan(w, b, c.Fields()[at].Schema)}
}

// matchBranch is the branch of a union that reads what w wrote: one of the same type and name, else
// the first that w can be promoted to.
func matchBranch(w, as *schema) int {
	for i, b := range as.branches {
		if b.kind == w.kind && (!w.kind.named() || b.name == w.name) {
			return i
		}
	}
	for i, b := range as.branches {
		if b.kind == w.kind && b.kind.named() && (b.name.short == w.name.short ||
			hasAlias(b, w.name)) {
			return i
		}
	}
	for i, b := range as.branches {
		if promotes(w.kind, b.kind) {
			return i
		}
	}
	return -1
}

// hasAlias reports whether the reader's schema goes by the writer's name too.
func hasAlias(s *schema, n name) bool {
	return slices.Contains(s.aliases, n)
}

// promotes reports whether what was written as one type can be read as another (Avro's
// specification, schema resolution).
func promotes(w, as kind) bool {
	switch w {
	case kindInt:
		return as == kindLong || as == kindFloat || as == kindDouble
	case kindLong:
		return as == kindFloat || as == kindDouble
	case kindFloat:
		return as == kindDouble
	case kindString:
		return as == kindBytes
	case kindBytes:
		return as == kindString
	}
	return false
}

var readOps = [...]readOp{
	kindNull: readNull, kindBoolean: readBoolean, kindInt: readInt, kindLong: readLong, kindFloat: readFloat,
	kindDouble: readDouble, kindBytes: readBytes, kindString: readString, kindRecord: readStruct,
	kindEnum:  readEnum,
	kindArray: readArray, kindMap: readMap, kindFixed: readFixed,
}

// value plans what is no union.
func (r *resolver) value(p *readPlan, w, as *schema, c *data.Schema) *readPlan {
	if w.kind != as.kind && !promotes(w.kind, as.kind) {
		return failPlan("Found %s, expecting %s", w.branchName(), as.branchName())
	}
	out := &readPlan{op: readOps[w.kind], schema: c}
	if c == nil && isAnything(as) {
		out.op = readAnything
		if w != as && w.text() != as.text() {
			return failPlan("Found %s, expecting %s", w.branchName(), as.branchName())
		}
		return out
	}
	out.into = intoOf(as.kind, w.kind, c)
	if out.into == intoDecimal {
		scale, err := data.DecimalScale(c)
		if err != nil {
			return failPlan("decimal: %w", err)
		}
		out.scale = scale
	}
	switch w.kind {
	case kindFixed:
		if w != as && (w.size != as.size || !sameName(w, as)) {
			return failPlan("Found %s, expecting %s", w.branchName(), as.branchName())
		}
		out.size = w.size
	case kindEnum:
		r.enum(out, w, as)
	case kindArray:
		if isEntry(as.elem) && c != nil && c.Type() == data.MapType {
			return r.entries(out, w, as, c)
		}
		out.elem = r.plan(w.elem, as.elem, elemOf(c))
		out.minSize = minSize(w.elem, 0)
	case kindMap:
		out.elem = r.plan(w.elem, as.elem, elemOf(c))
		out.minSize = 1
	case kindRecord:
		r.fields(p, out, w, as, c)
	}
	return out
}

// elemOf is the schema of elements, nil for what is passed over.
func elemOf(c *data.Schema) *data.Schema {
	if c == nil {
		return nil
	}
	return c.ValueSchema()
}

// sameName compares names as Avro's resolution does: the short one is enough.
func sameName(w, as *schema) bool {
	return w.name == as.name || w.name.short == as.name.short || hasAlias(as, w.name)
}

// intoOf is what a number or bytes become: by the logical name first, then by the type, then by
// Avro's promotion.
func intoOf(as, w kind, c *data.Schema) into {
	if c == nil {
		return intoSame
	}
	switch c.Name() {
	case data.DateName:
		return intoDate
	case data.TimeName:
		return intoTime
	case data.TimestampName:
		return intoTimestamp
	case data.DecimalName:
		return intoDecimal
	}
	switch {
	case c.Type() == data.Int8:
		return intoInt8
	case c.Type() == data.Int16:
		return intoInt16
	case as == w:
		return intoSame
	case as == kindLong:
		return intoInt64
	case as == kindFloat:
		return intoFloat32
	case as == kindDouble:
		return intoFloat64
	case as == kindString:
		return intoString
	case as == kindBytes:
		return intoBytes
	}
	return intoSame
}

// enum maps the writer's symbols. One that the reader lacks is its default, and without that fails
// when it is read.
func (r *resolver) enum(out *readPlan, w, as *schema) {
	if w != as && !sameName(w, as) {
		*out = *failPlan("Found %s, expecting %s", w.branchName(), as.branchName())
		return
	}
	has := map[string]bool{}
	for _, s := range as.symbols {
		has[s] = true
	}
	out.symbols = make([]any, len(w.symbols))
	for i, s := range w.symbols {
		switch {
		case has[s]:
			out.symbols[i] = s
		case as.enumDefault != nil:
			out.symbols[i] = *as.enumDefault
		}
	}
}

// entries plans a map that is an array of records, with key and value in either order on each
// side.
func (r *resolver) entries(out *readPlan, w, as *schema, c *data.Schema) *readPlan {
	key, value := w.elem.fieldIndex("key"), w.elem.fieldIndex("value")
	asKey, asValue := as.elem.fieldIndex("key"), as.elem.fieldIndex("value")
	if w.elem.kind != kindRecord || key < 0 || value < 0 || len(w.elem.fields) != 2 || asKey < 0 ||
		asValue < 0 {
		return failPlan("Found %s, expecting an entry of a map", w.elem.branchName())
	}
	out.op, out.keySecond = readEntries, key == 1
	out.key = r.plan(w.elem.fields[key].schema, as.elem.fields[asKey].schema, c.KeySchema())
	out.elem = r.plan(w.elem.fields[value].schema, as.elem.fields[asValue].schema, c.ValueSchema())
	out.minSize = minSize(w.elem, 0)
	return out
}

// fields plans a record: the writer's fields in their order, then what the reader has besides.
func (r *resolver) fields(p, out *readPlan, w, as *schema, c *data.Schema) {
	*p = *out // for a record within itself
	given := make([]bool, len(as.fields))
	for i := range w.fields {
		f := &w.fields[i]
		at := readerField(as, f.name)
		if at < 0 {
			out.steps = append(out.steps, step{-1, r.plan(f.schema, f.schema, nil)})
			continue
		}
		// Java looks for the mended name
		if r.scrub && scrub(as.fields[at].name) != as.fields[at].name {
			*out = *mismatch("field %s of %s is not a name that %s makes", as.fields[at].name,
				as.name.full(), registry.ScrubKey)
			return
		}
		given[at] = true
		out.steps = append(out.steps, step{at, r.plan(f.schema, as.fields[at].schema,
			fieldOf(c, at))})
	}
	for at := range as.fields {
		if given[at] {
			continue
		}
		f := &as.fields[at]
		if f.def == nil {
			*out = *failPlan("Found %s, expecting %s, missing required field %s", w.name.full(),
				as.name.full(), f.name)
			return
		}
		var value any
		if c != nil {
			var err error
			if value, err = r.defaultValue(c.Fields()[at].Schema, f.schema, f.def, 0); err != nil {
				*out = *failPlan("default of field %s: %w", f.name, err)
				return
			}
		}
		out.defaults = append(out.defaults, constant{at, value})
	}
}

// fieldOf is the schema of a field, nil for what is passed over.
func fieldOf(c *data.Schema, at int) *data.Schema {
	if c == nil {
		return nil
	}
	return c.Fields()[at].Schema
}

// readerField is the reader's field for one of the writer's, by name or alias.
func readerField(as *schema, name string) int {
	if at := as.fieldIndex(name); at >= 0 {
		return at
	}
	for i := range as.fields {
		if slices.Contains(as.fields[i].aliases, name) {
			return i
		}
	}
	return -1
}

// minSize is the number of bytes that a value takes at least.
func minSize(s *schema, depth int) int {
	switch s.kind {
	case kindNull:
		return 0
	case kindFloat:
		return 4
	case kindDouble:
		return 8
	case kindFixed:
		return s.size
	case kindRecord:
		if depth > 3 { // deep enough: what is not counted only makes the bound looser
			return 0
		}
		n := 0
		for i := 0; i < len(s.fields) && n < 64; i++ {
			n += minSize(s.fields[i].schema, depth+1)
		}
		return n
	}
	return 1
}

// compatible reports whether all that the writer's schema writes can be read with the reader's, by
// the rules of Avro's schema resolution.
func compatible(reader, writer *schema) bool {
	return compat{}.ok(reader, writer)
}

// compat holds the pairs of schemas that are being compared or were found compatible.
type compat map[[2]*schema]bool

func (c compat) ok(r, w *schema) bool {
	pair := [2]*schema{r, w}
	if ok, seen := c[pair]; seen {
		return ok
	}
	c[pair] = true // while it is being found out: a schema within itself
	c[pair] = c.compare(r, w)
	return c[pair]
}

// compare follows Avro's SchemaCompatibility: a writer's union needs all branches, a reader's one.
func (c compat) compare(r, w *schema) bool {
	switch {
	case w.kind == kindUnion:
		for _, b := range w.branches {
			if !c.ok(r, b) {
				return false
			}
		}
		return true
	case r.kind == kindUnion:
		for _, b := range r.branches {
			if c.ok(b, w) {
				return true
			}
		}
		return false
	case r.kind != w.kind:
		return promotes(w.kind, r.kind)
	}
	switch r.kind {
	case kindArray, kindMap:
		return c.ok(r.elem, w.elem)
	case kindFixed:
		return r.size == w.size && sameName(w, r)
	case kindEnum:
		return sameName(w, r) && compatibleEnum(r, w)
	case kindRecord:
		return sameName(w, r) && c.fields(r, w)
	}
	return true
}

// compatibleEnum wants every symbol of the writer, or a default.
func compatibleEnum(r, w *schema) bool {
	has := map[string]bool{}
	for _, s := range r.symbols {
		has[s] = true
	}
	for _, s := range w.symbols {
		if !has[s] && r.enumDefault == nil {
			return false
		}
	}
	return true
}

// fields wants every field of the reader, by name or alias, in the writer, or a default.
func (c compat) fields(r, w *schema) bool {
	for i := range r.fields {
		f := &r.fields[i]
		at := w.fieldIndex(f.name)
		for _, a := range f.aliases {
			if at < 0 {
				at = w.fieldIndex(a)
			}
		}
		switch {
		case at < 0 && f.def == nil:
			return false
		case at >= 0 && !c.ok(f.schema, w.fields[at].schema):
			return false
		}
	}
	return true
}

var errTooMany = errors.New("more elements than the payload can hold")
