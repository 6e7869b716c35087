//go:build integration

package scenarios_test

import (
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestKafkaScenarios re-makes integration tests of Kafka Connect, group by group as they are in
// Kafka's connect/runtime/src/test/java/org/apache/kafka/connect/integration, under their names.
// Each group has its workers; the brokers are for all. scenarios.md has the table.
func TestKafkaScenarios(t *testing.T) {
	s := &site{
		main:  startBroker(t, service.Secure(), service.BrokerConfig("auto.create.topics.enable=false")),
		other: startBroker(t),
	}
	for _, group := range []struct {
		name string
		run  func(*testing.T, *site)
	}{
		{"ErrorHandling", errorHandling},
		{"Transformation", transformation},
		{"ConnectorTopics", connectorTopics},
		{"SinkConnectors", sinkConnectors},
		{"TopicMadeAnew", topicMadeAnew},
		{"SourceConnectors", sourceConnectors},
		{"OffsetsApi", offsetsAPI},
		{"ExactlyOnceSource", exactlyOnceSource},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, s) })
	}
}
