package debezium_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/debezium"
)

// table is a table with id as its primary key, and what the change events of it are made of.
type table struct {
	rows map[int32]*data.Struct
	out  []data.Record
}

var (
	tableRow = data.NewBuilder(data.StructType).Optional().Name("gold.inv.t.Value").Field("id", data.Int32Schema).
			Field("note", data.OptionalStringSchema).Field("n", data.NewBuilder(data.Int64).Optional().Default(int64(5)).MustBuild()).MustBuild()
	tableEnvelope = benchEnvelope(tableRow, "gold.inv.t.Envelope")
)

func (t *table) emit(op string, id int32, before, after *data.Struct) {
	asValue := func(s *data.Struct) any {
		if s == nil {
			return nil
		}
		return s
	}
	r := benchEvent(tableEnvelope, "t", asValue(before), asValue(after), op)
	r.Key = data.NewStruct(benchKey).With("id", id)
	t.out = append(t.out, r)
	if op == "d" { // and the tombstone that Debezium writes behind it
		r.ValueSchema, r.Value = nil, nil
		t.out = append(t.out, r)
	}
}

// change does something to the table at random.
func (t *table) change(n *rand.Rand) {
	id := int32(n.IntN(20))
	old := t.rows[id]
	row := data.NewStruct(tableRow).With("id", id)
	if n.IntN(3) > 0 {
		row.With("note", fmt.Sprint("note ", n.IntN(100))).With("n", n.Int64())
	}
	switch {
	case old == nil:
		t.rows[id] = row
		t.emit([]string{"c", "r"}[n.IntN(2)], id, nil, row)
	case n.IntN(3) == 0:
		delete(t.rows, id)
		t.emit("d", id, old, nil)
	default:
		t.rows[id] = row
		t.emit("u", id, old, row)
	}
}

// sink is what a sink that knows upsert and delete makes of flat records.
type sink map[int32]string

func (s sink) put(t *testing.T, r *data.Record, rewritten bool) {
	t.Helper()
	id, _ := r.Key.(*data.Struct).Get("id")
	row, ok := r.Value.(*data.Struct)
	if !ok {
		delete(s, id.(int32))
		return
	}
	if err := row.Validate(); err != nil || r.ValueSchema != row.Schema() || r.ValueSchema.Optional() {
		t.Fatalf("the row %s doesn't fit its schema: %v", row, err)
	}
	if rewritten {
		if deleted, _ := row.Get("__deleted"); deleted == "true" {
			delete(s, id.(int32))
			return
		}
	}
	s[id.(int32)] = flat(row)
}

func flat(row *data.Struct) string {
	text := ""
	for i := range tableRow.Fields() {
		text += data.Text(row.At(i)) + "|"
	}
	return text
}

// After inserts, updates and deletes at random the flat records make the same table of an empty one.
func TestFlatRecordsMakeTheTable(t *testing.T) {
	for _, mode := range []string{"tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone"} {
		t.Run(mode, func(t *testing.T) {
			tr := debezium.Plugins()[0].New()
			if err := tr.Configure(props{
				"delete.tombstone.handling.mode": mode, "add.fields": "op", "replace.null.with.default": "false",
			}); err != nil {
				t.Fatal(err)
			}
			source, target := &table{rows: map[int32]*data.Struct{}}, sink{}
			n := rand.New(rand.NewPCG(1, 2))
			for range 2000 {
				source.change(n)
			}
			for i := range source.out {
				out, err := tr.Apply(&source.out[i])
				if err != nil {
					t.Fatal(err)
				}
				if out != nil {
					target.put(t, out, mode == "rewrite" || mode == "rewrite-with-tombstone")
				}
			}
			want := sink{}
			for id, row := range source.rows {
				want[id] = flat(row)
			}
			if !maps.Equal(want, target) {
				t.Errorf("the target has %v\nthe source has %v", target, want)
			}
		})
	}
}

// said is what a transform tells the operator when it is configured.
func said(t *testing.T, c props) string {
	t.Helper()
	var out bytes.Buffer
	tr := debezium.Plugins()[0].New()
	tr.(smt.Logger).LogTo(slog.New(slog.NewTextHandler(&out, nil)))
	if err := tr.Configure(c); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The old name finds the transform, and old settings are named.
func TestUnwrapFromEnvelope(t *testing.T) {
	reg, err := plugin.NewRegistry(debezium.Plugins()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"io.debezium.transforms.UnwrapFromEnvelope", "UnwrapFromEnvelope", "ExtractNewRecordState"} {
		p, err := reg.Find(plugin.Transformation, name)
		if err != nil || p.Describe().Class != "io.debezium.transforms.ExtractNewRecordState" {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	text := said(t, props{"drop.tombstones": "false", "delete.handling.mode": "rewrite"})
	for _, want := range []string{"setting=drop.tombstones value=false", "setting=delete.handling.mode value=rewrite", "mode=tombstone"} {
		if !strings.Contains(text, want) {
			t.Errorf("the warning %q doesn't say %q", text, want)
		}
	}
	if text := said(t, props{"delete.tombstone.handling.mode": "rewrite"}); text != "" {
		t.Errorf("a warning without a reason: %q", text)
	}
}

// An update of an outbox table is dropped, and logged or failed at as the settings say.
func TestUpdateOfAnOutbox(t *testing.T) {
	for behaviour, want := range map[string]string{"": "level=WARN", "error": "level=ERROR", "fatal": ""} {
		var out bytes.Buffer
		tr := debezium.Plugins()[2].New()
		tr.(smt.Logger).LogTo(slog.New(slog.NewTextHandler(&out, nil)))
		c := props{"table.op.invalid.behavior": behaviour}
		if behaviour == "" {
			c = nil
		}
		if err := tr.Configure(c); err != nil {
			t.Fatal(err)
		}
		r := benchCreated()
		r.Value.(*data.Struct).With("op", "u")
		kept, err := tr.Apply(&r)
		if kept != nil || (err == nil) != (want != "") || !strings.Contains(out.String(), want) {
			t.Errorf("%q: %v, %v, logged %q", behaviour, kept, err, out.String())
		}
	}
}
