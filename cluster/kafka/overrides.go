package kafka

// Client is a kind of client that a connector has.
type Client string

// The kinds of clients, as in the prefixes of their settings.
const (
	ProducerClient Client = "producer"
	ConsumerClient Client = "consumer"
	AdminClient    Client = "admin"
)

// ConnectorProducerProps are the effective settings of a task's producer: Connect's defaults, then the
// worker's producer.*, then the connector's producer.override.*.
func ConnectorProducerProps(worker, connector map[string]string, name string, task int) Props {
	panic("todo")
}

// ConnectorDLQProducerProps are those of a sink task's producer for dead letters.
func ConnectorDLQProducerProps(worker, connector map[string]string, name string, task int) Props {
	panic("todo")
}

// ConnectorConsumerProps are those of a sink task's consumer; group.id is among them.
func ConnectorConsumerProps(worker, connector map[string]string, name string, task int) Props {
	panic("todo")
}

// ConnectorAdminProps are those of a task's admin client. Other than the clients for records, it inherits
// the worker's settings without prefix.
func ConnectorAdminProps(worker, connector map[string]string, name string, task int) Props {
	panic("todo")
}

// OverridePolicy is a connector.client.config.override.policy.
type OverridePolicy string

// OverrideError is an override that the policy refuses.
type OverrideError struct {
	Key   string // with prefix, as the connector has it
	Value string
	Err   string // the JVM's words
}

// Check returns the overrides of the connector's configuration for these kinds of clients that the
// policy refuses, ordered by key.
func (p OverridePolicy) Check(connector map[string]string, clients ...Client) []OverrideError {
	panic("todo")
}
