package debezium_test

import (
	"testing"

	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/debezium"
)

// The answers of the Java classes of Debezium 3.6.1.Final, through the chain as a task builds it.
func TestVectorsTransformsDebezium(t *testing.T) {
	smttest.CheckVectors(t, "transforms-debezium.jsonl", debezium.Plugins()...)
}
