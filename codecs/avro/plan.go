package avro

import (
	"encoding/binary"
	"fmt"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// op is how a value is written.
type op uint8

const (
	opFail op = iota
	opBoolean
	opInt8
	opInt16
	opInt32
	opInt64
	opFloat32
	opFloat64
	opString
	opEnum
	opBytes
	opFixed
	opDecimal
	opDate
	opTime
	opTimestamp
	opArray
	opMap
	opEntries // a map as an array of records
	opStruct
	opUnion
	opAnything
)

// plan is a Connect schema and the Avro schema to write it with, made ready: which branch of a
// union a value takes, which field goes where, is known before the first value.
type plan struct {
	op     op
	as     kind // what a number is written as
	schema *data.Schema
	err    error // of opFail: why values can't be written

	optional bool   // null is a value
	null     []byte // what null is written as, nil if there is no null to write
	prefix   []byte // index of the union's branch, before a value that isn't null

	fields      []fieldPlan
	key, elem   *plan
	keyIsSecond bool // of opEntries: the record has the value first
	symbols     map[string]int
	size        int   // of a fixed
	scale       int32 // of a decimal, if scaled
	scaled      bool
	ignoreDef   bool
}

// fieldPlan is a field of an Avro record, or a branch of a union: the value is the struct's at.
type fieldPlan struct {
	at   int
	plan *plan
	def  any // what stands for null
}

// planKey tells plans apart: one Connect schema may be written in different places with different
// schemas.
type planKey struct {
	schema *data.Schema
	own    *schema
	target *schema
	bare   bool
}

// planner makes plans; done holds those of schemas that occur several times or within themselves.
type planner struct {
	options
	done map[planKey]*plan
}

// plan makes the plan for values of c, whose Avro schema is own, written with target: the same, or
// the registry's, whose fields are paired by name. Java pairs them by place.
func (o options) plan(c *data.Schema, own, target *schema) *plan {
	p := planner{options: o, done: map[planKey]*plan{}}
	return p.plan(c, own, target, false)
}

// zigzag is an index as Avro writes it.
func zigzag(n int64) []byte { return binary.AppendVarint(nil, n) }

// plan is the plan for the Connect schema c, whose Avro schema is own, written as target. bare is
// for a union's branch: null is no value there.
func (p *planner) plan(c *data.Schema, own, target *schema, bare bool) *plan {
	key := planKey{c, own, target, bare}
	if made := p.done[key]; made != nil {
		return made
	}
	made := &plan{
		schema: c, optional: c == nil || c.Optional() && !bare,
		ignoreDef: p.ignoreDefaults,
	}
	p.done[key] = made
	if c != nil && isUnion(c) {
		p.unionPlan(made, c, own, target)
		return made
	}
	if other, ok := own.nullable(); ok && c != nil && c.Optional() {
		own = other
	}
	if target.kind == kindUnion {
		var branch *schema
		for i, b := range target.branches {
			switch {
			case b.kind == kindNull:
				made.null = zigzag(int64(i))
			case branch == nil && b.branchName() == own.branchName():
				branch, made.prefix = b, zigzag(int64(i))
			}
		}
		if branch == nil {
			made.fail("Not in union %s: %s", target.text(), own.branchName())
			return made
		}
		target = branch
	}
	p.value(made, c, own, target)
	return made
}

// fail makes a plan whose values can't be written.
func (p *plan) fail(format string, args ...any) {
	p.op, p.err = opFail, fmt.Errorf(format, args...)
}

var numberKinds = map[kind]bool{kindInt: true, kindLong: true, kindFloat: true, kindDouble: true}

// value sets how a value that isn't null is written; neither schema is a union.
func (p *planner) value(made *plan, c *data.Schema, own, target *schema) {
	if own.kind != target.kind && !(numberKinds[own.kind] && numberKinds[target.kind]) {
		made.fail("a value of type %s can't be written as %s", own.branchName(),
			target.branchName())
		return
	}
	if c == nil {
		made.op = opAnything
		return
	}
	made.as = target.kind
	switch c.Name() {
	case data.DateName:
		made.op = opDate
	case data.TimeName:
		made.op = opTime
	case data.TimestampName:
		made.op = opTimestamp
	case data.DecimalName:
		made.op, made.size = opDecimal, target.size
		scale, err := data.DecimalScale(c)
		made.scale, made.scaled = scale, err == nil
	default:
		p.typed(made, c, own, target)
	}
}

var opsByType = [...]op{
	data.Int8: opInt8, data.Int16: opInt16, data.Int32: opInt32, data.Int64: opInt64,
	data.Float32: opFloat32, data.Float64: opFloat64, data.Boolean: opBoolean,
	data.String: opString, data.Bytes: opBytes, data.Array: opArray, data.MapType: opMap,
	data.StructType: opStruct,
}

// typed sets the operation by the type, and pairs what is within.
func (p *planner) typed(made *plan, c *data.Schema, own, target *schema) {
	made.op = opsByType[c.Type()]
	switch target.kind {
	case kindEnum:
		made.op, made.symbols = opEnum, map[string]int{}
		for i, s := range target.symbols {
			made.symbols[s] = i
		}
	case kindFixed:
		if own.name.full() != target.name.full() || own.size != target.size {
			made.fail("a fixed of %d bytes can't be written as %s of %d", own.size,
				target.branchName(), target.size)
			return
		}
		made.op, made.size = opFixed, target.size
	case kindArray:
		if c.Type() == data.MapType {
			p.entries(made, c, own, target)
			return
		}
		made.elem = p.plan(c.ValueSchema(), own.elem, target.elem, false)
	case kindMap:
		made.elem = p.plan(c.ValueSchema(), own.elem, target.elem, false)
	case kindRecord:
		p.record(made, c, own, target)
	}
}

// entries plans a map as an array of records of key and value, in either order.
func (p *planner) entries(made *plan, c *data.Schema, own, target *schema) {
	made.op = opEntries
	entry := target.elem
	key, value := entry.fieldIndex("key"), entry.fieldIndex("value")
	if entry.kind != kindRecord || key < 0 || value < 0 || len(entry.fields) != 2 {
		made.fail("a map's entry can't be written as %s", entry.branchName())
		return
	}
	made.keyIsSecond = key == 1
	made.key = p.plan(c.KeySchema(), own.elem.fields[0].schema, entry.fields[key].schema, false)
	made.elem = p.plan(c.ValueSchema(), own.elem.fields[1].schema, entry.fields[value].schema,
		false)
}

// record pairs the fields by name.
func (p *planner) record(made *plan, c *data.Schema, own, target *schema) {
	made.fields = make([]fieldPlan, len(target.fields))
	for i := range target.fields {
		f := &target.fields[i]
		at := own.fieldIndex(f.name)
		if at < 0 || at >= len(c.Fields()) {
			made.fail("field %s of %s has no value: struct %s has no such field", f.name,
				target.name.full(), c.Name())
			return
		}
		in := c.Fields()[at].Schema
		made.fields[i] = fieldPlan{at: at, plan: p.plan(in, own.fields[at].schema, f.schema, false)}
		if !p.ignoreDefaults {
			made.fields[i].def = in.Default()
		}
	}
}

// unionPlan is the plan of a struct that stands for a union.
func (p *planner) unionPlan(made *plan, c *data.Schema, own, target *schema) {
	made.op = opUnion
	at := 0
	if own.kind != kindUnion {
		made.fail("no union: %s", own.text())
		return
	}
	for _, b := range own.branches {
		if b.kind == kindNull {
			continue
		}
		f := c.Fields()[at].Schema
		made.fields = append(made.fields, fieldPlan{at: at, plan: p.plan(f, b, target, true)})
		if !p.ignoreDefaults {
			made.fields[at].def = f.Default()
		}
		at++
	}
	if target.kind == kindUnion {
		for i, b := range target.branches {
			if b.kind == kindNull {
				made.null = zigzag(int64(i))
			}
		}
	}
}

// unwritable is the error of a value that Connect can hold, but Avro can't be given: Java meets it
// when the schema is registered already.
type unwritable struct{ error }

func (u unwritable) Unwrap() error { return u.error }

// errNull is AvroData's error for null where the schema is required.
func errNull() error { return errs.Data.New("Found null value for non-optional schema") }
