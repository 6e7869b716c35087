package transforms_test

import (
	"testing"

	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms"
)

func registry(t testing.TB) *plugin.Registry {
	t.Helper()
	var all []plugin.Plugin
	for _, p := range transforms.Plugins() {
		all = append(all, p)
	}
	r, err := plugin.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The answers of the Java classes, through the chain as a task builds it.
func TestVectorsTransforms(t *testing.T) {
	smttest.CheckVectors(t, "transforms.jsonl", transforms.Plugins()...)
}
