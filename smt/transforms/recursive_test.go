package transforms_test

import (
	"errors"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms"
)

// A tree has no flat form: it would be tried 2^depth times before the depth ends it.
func TestFlattenOfATree(t *testing.T) {
	b := data.NewBuilder(data.StructType).Name("Tree")
	schema := b.Field("left", b.Within(true)).Field("right", b.Within(true)).MustBuild()
	var flatten smt.Transform
	for _, p := range transforms.Plugins() {
		if p.Class == "org.apache.kafka.connect.transforms.Flatten$Value" {
			flatten = p.New()
		}
	}
	if err := flatten.Configure(nil); err != nil {
		t.Fatal(err)
	}
	_, err := flatten.Apply(&data.Record{ValueSchema: schema, Value: data.NewStruct(schema)})
	if !errors.Is(err, errs.Data) {
		t.Errorf("want an error that names the nesting, got %v", err)
	}
}
