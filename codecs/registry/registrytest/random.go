package registrytest

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
)

// Random makes random schemas and values of them.
type Random struct {
	*rand.Rand
	// Flat leaves out what Protobuf can't hold: lists and maps in lists and maps, and null there and
	// instead of them.
	Flat  bool
	names int
}

// NewRandom makes the same schemas and values again for a seed.
func NewRandom(seed uint64, flat bool) *Random {
	return &Random{Rand: rand.New(rand.NewPCG(seed, 7)), Flat: flat}
}

// Struct is a schema of a struct.
func (r *Random) Struct() *data.Schema { return r.structOf(0).MustBuild() }

func (r *Random) structOf(depth int) *data.Builder {
	r.names++
	b := data.NewBuilder(data.StructType).Name(fmt.Sprint("T", r.names))
	for i := range 1 + r.IntN(5) {
		b.Field(fmt.Sprint("f", i), r.schema(depth+1, true))
	}
	return b
}

// schema is of a field or, contained, of what is in a list or map.
func (r *Random) schema(depth int, field bool) *data.Schema {
	kinds := 14
	if depth > 3 {
		kinds = 10
	}
	var b *data.Builder
	list := false
	switch k := r.IntN(kinds); {
	case k < 9:
		b = data.NewBuilder(data.Int8 + data.Type(k))
	case k == 9:
		b = [...]func() *data.Builder{
			func() *data.Builder { return data.DecimalBuilder(int32(r.IntN(6))) },
			func() *data.Builder { return data.NewBuilder(data.Int32).Name(data.DateName).Version(1) },
			func() *data.Builder { return data.NewBuilder(data.Int32).Name(data.TimeName).Version(1) },
			func() *data.Builder { return data.NewBuilder(data.Int64).Name(data.TimestampName).Version(1) },
		}[r.IntN(4)]()
	case k == 10 && (field || !r.Flat):
		list, b = true, data.ArrayOf(r.schema(depth+1, false))
	case k == 11 && (field || !r.Flat):
		list, b = true, data.MapOf(data.StringSchema, r.schema(depth+1, false))
	case k == 12 && (field || !r.Flat):
		list, b = true, data.MapOf(data.Int32Schema, r.schema(depth+1, false))
	default:
		b = r.structOf(depth)
	}
	if (field && !list || !r.Flat) && r.IntN(3) == 0 {
		b.Optional()
	}
	return b.MustBuild()
}

// Value is a value of a schema.
func (r *Random) Value(c *data.Schema) any {
	if c.Optional() && r.IntN(4) == 0 {
		return nil
	}
	switch c.Name() {
	case data.DecimalName:
		scale, _ := data.DecimalScale(c)
		n := big.NewInt(r.Int64() - r.Int64())
		if r.IntN(4) == 0 {
			n.Mul(n, n)
		}
		return data.Decimal{Unscaled: n, Scale: scale}
	case data.DateName:
		return time.UnixMilli(int64(r.IntN(40000)-20000) * 86_400_000).UTC()
	case data.TimeName:
		return time.UnixMilli(int64(r.IntN(86_400_000))).UTC()
	case data.TimestampName:
		return time.UnixMilli(r.Int64() >> 20).UTC()
	}
	switch c.Type() {
	case data.Int8:
		return int8(r.Int())
	case data.Int16:
		return int16(r.Int())
	case data.Int32:
		return int32(r.Int())
	case data.Int64:
		return r.Int64() - r.Int64()
	case data.Float32:
		return r.Float32()
	case data.Float64:
		return r.NormFloat64()
	case data.Boolean:
		return r.IntN(2) == 0
	case data.String:
		return string([]rune("aé日😀z")[:r.IntN(6)])
	case data.Bytes:
		return []byte("\x00ab\xff")[:r.IntN(5)]
	case data.Array:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = r.Value(c.ValueSchema())
		}
		return list
	case data.MapType:
		m := data.NewMap(3)
		for i := range int32(r.IntN(4)) {
			var key any = i
			if c.KeySchema().Type() == data.String {
				key = fmt.Sprint("k", i)
			}
			m.Put(key, r.Value(c.ValueSchema()))
		}
		return m
	}
	s := data.NewStruct(c)
	for i, f := range c.Fields() {
		s.SetAt(i, r.Value(f.Schema))
	}
	return s
}

// RoundTrip writes a value, reads it, and does so again with what was read: the value comes back, and
// what came back comes back with its schema. Its bytes are returned.
func RoundTrip(c converter, topic string, sv data.SchemaAndValue) error {
	first, read, err := once(c, topic, sv)
	if err != nil {
		return err
	}
	if want, got := data.Text(sv.Value), data.Text(read.Value); got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	second, again, err := once(c, topic+"-again", read)
	if err != nil {
		return err
	}
	if string(first[5:]) != string(second[5:]) {
		return fmt.Errorf("wrote %q, then %q", first, second)
	}
	if d := datatest.Diff(read, again); d != "" {
		return fmt.Errorf("the second time %s", d)
	}
	return nil
}

type converter interface {
	FromConnect(topic string, schema *data.Schema, value any) ([]byte, error)
	ToConnect(topic string, b []byte) (data.SchemaAndValue, error)
}

func once(c converter, topic string, sv data.SchemaAndValue) ([]byte, data.SchemaAndValue, error) {
	b, err := c.FromConnect(topic, sv.Schema, sv.Value)
	if err != nil {
		return nil, sv, err
	}
	b = append([]byte(nil), b...)
	read, err := c.ToConnect(topic, b)
	return b, read, err
}
