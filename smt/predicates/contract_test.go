package predicates_test

import (
	"testing"

	"github.com/troupe-connect/troupe/smt/predicates"
	"github.com/troupe-connect/troupe/smt/smttest"
)

func TestContract(t *testing.T) {
	configs := map[string][]map[string]string{
		"HasHeaderKey":      {{"name": "a"}},
		"RecordIsTombstone": {{}},
		"TopicNameMatches":  {{"pattern": "orders-\\d"}, {"pattern": "(o|r|d|e|s)+x"}, {"pattern": "((o|[^x])*)*x"}},
	}
	for _, p := range predicates.Plugins() {
		class := p.Class[len("org.apache.kafka.connect.transforms.predicates."):]
		if len(configs[class]) == 0 {
			t.Errorf("no configuration for %s", class)
		}
		smttest.CheckPredicate(t, p, configs[class]...)
	}
}
