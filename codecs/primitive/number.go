package primitive

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Short is the ShortConverter: INT16 in two bytes.
func Short() codecs.Plugin { return numberPlugin("Short", &shorts) }

// Integer is the IntegerConverter: INT32 in four bytes.
func Integer() codecs.Plugin { return numberPlugin("Integer", &integers) }

// Long is the LongConverter: INT64 in eight bytes.
func Long() codecs.Plugin { return numberPlugin("Long", &longs) }

// Float is the FloatConverter: FLOAT32 in four bytes, IEEE 754.
func Float() codecs.Plugin { return numberPlugin("Float", &floats) }

// Double is the DoubleConverter: FLOAT64 in eight bytes, IEEE 754.
func Double() codecs.Plugin { return numberPlugin("Double", &doubles) }

// numberForm says how one type of number is kept. Bytes are most significant first.
type numberForm struct {
	name   string // as in messages
	schema *data.Schema
	size   int
	// put appends a value, or returns false if it is of another type.
	put func(b []byte, v any) ([]byte, bool)
	get func(b []byte) any
}

var be = binary.BigEndian

var (
	shorts = numberForm{
		"short", data.OptionalInt16Schema, 2,
		func(b []byte, v any) ([]byte, bool) { n, ok := v.(int16); return be.AppendUint16(b, uint16(n)), ok },
		func(b []byte) any { return int16(be.Uint16(b)) },
	}
	integers = numberForm{
		"integer", data.OptionalInt32Schema, 4,
		func(b []byte, v any) ([]byte, bool) { n, ok := v.(int32); return be.AppendUint32(b, uint32(n)), ok },
		func(b []byte) any { return int32(be.Uint32(b)) },
	}
	longs = numberForm{
		"long", data.OptionalInt64Schema, 8,
		func(b []byte, v any) ([]byte, bool) { n, ok := v.(int64); return be.AppendUint64(b, uint64(n)), ok },
		func(b []byte) any { return int64(be.Uint64(b)) },
	}
	floats = numberForm{
		"float", data.OptionalFloat32Schema, 4,
		func(b []byte, v any) ([]byte, bool) {
			f, ok := v.(float32)
			return be.AppendUint32(b, math.Float32bits(f)), ok
		},
		func(b []byte) any { return math.Float32frombits(be.Uint32(b)) },
	}
	doubles = numberForm{
		"double", data.OptionalFloat64Schema, 8,
		func(b []byte, v any) ([]byte, bool) {
			f, ok := v.(float64)
			return be.AppendUint64(b, math.Float64bits(f)), ok
		},
		func(b []byte) any { return math.Float64frombits(be.Uint64(b)) },
	}
)

func numberPlugin(name string, form *numberForm) codecs.Plugin {
	return newPlugin("org.apache.kafka.connect.converters."+name+"Converter", codecs.ConfigDef(),
		func(def *config.Def) both { return &number{def: def, numberForm: form} })
}

// number converts one type of number. The schema of a value isn't looked at, only its type.
type number struct {
	def *config.Def
	*numberForm
	buf []byte // records are cut from it; what was cut is not written again
}

const numberBuffer = 4096 // bytes

// Configure reads the settings. Errors are errs.Config.
func (n *number) Configure(props map[string]string, isKey bool) error {
	return n.configure(codecs.WithUse(props, codecs.UseOf(isKey)))
}

func (n *number) configure(props map[string]string) error {
	_, err := n.def.Parse(props)
	return err
}

// FromConnect makes the bytes of a number. Errors are errs.Data.
func (n *number) FromConnect(_ string, _ *data.Schema, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	if cap(n.buf)-len(n.buf) < n.size {
		n.buf = make([]byte, 0, numberBuffer)
	}
	at := len(n.buf)
	b, ok := n.put(n.buf, value)
	if !ok {
		return nil, errs.Data.New("Failed to serialize to %s (was class %s): ", n.name, data.JavaClass(value))
	}
	n.buf = b
	return b[at:len(b):len(b)], nil
}

// ToConnect makes a number of bytes. Errors are errs.Data.
func (n *number) ToConnect(_ string, payload []byte) (data.SchemaAndValue, error) {
	if payload == nil {
		return data.SchemaAndValue{Schema: n.schema}, nil
	}
	if len(payload) != n.size {
		cause := fmt.Errorf("%d bytes received, a %s has %d", len(payload), n.name, n.size)
		return data.SchemaAndValue{}, errs.Data.Wrap(cause, "Failed to deserialize %s: ", n.name)
	}
	return data.SchemaAndValue{Schema: n.schema, Value: n.get(payload)}, nil
}
