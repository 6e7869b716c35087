package aiven_test

import (
	"testing"

	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/aiven"
)

// The answers of Aiven's Java classes, through the chain as a task builds it.
func TestVectorsTransformsAiven(t *testing.T) {
	smttest.CheckVectors(t, "transforms-aiven.jsonl", aiven.Plugins()...)
}
