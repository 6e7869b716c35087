package jsonschema

import (
	"testing"

	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
)

func TestRoundTrips(t *testing.T) {
	for seed := range uint64(1000) {
		r := registrytest.NewRandom(seed, false)
		c := newConverter(t, registrytest.NewFake())
		schema := r.Struct()
		for range 3 {
			sv := data.SchemaAndValue{Schema: schema, Value: r.Value(schema)}
			if err := registrytest.RoundTrip(c, "t", sv); err != nil {
				t.Fatalf("seed %d: %s of %s: %v", seed, data.Text(sv.Value), schema, err)
			}
		}
	}
}
