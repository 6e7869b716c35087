package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Client is a kind of client that a connector has.
type Client string

// The kinds of clients, as in the prefixes of their settings.
const (
	ProducerClient Client = "producer"
	ConsumerClient Client = "consumer"
	AdminClient    Client = "admin"
)

// overridePrefix is what a connector's own settings of such clients begin with.
func (c Client) overridePrefix() string { return string(c) + ".override." }

// ConnectorProducerProps are the effective settings of a source task's producer: Connect's defaults,
// then the worker's producer.*, then the connector's producer.override.*. Both maps are raw but with
// references resolved. Other than the JVM's, it's idempotent unless one of them turns that off. A
// negative task is the connector itself, when its offsets are changed.
func ConnectorProducerProps(worker, connector map[string]string, name string, task int) Props {
	if task < 0 {
		return producerProps(worker, connector, "connector-offset-producer-"+name)
	}
	return producerProps(worker, connector, fmt.Sprintf("connector-producer-%s-%d", name, task))
}

// owner is whose client it is, in its id; a negative task is the connector itself.
func owner(name string, task int) string {
	if task < 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, task)
}

// ConnectorDLQProducerProps are those of a sink task's producer for dead letters.
func ConnectorDLQProducerProps(worker, connector map[string]string, name string, task int) Props {
	return producerProps(worker, connector, fmt.Sprintf("connector-dlq-producer-%s-%d", name, task))
}

// producerProps are those of a producer without transactions. That has no transactional.id, and one that is
// set is refused when the producer is made, in Java's words: Connect's own default there is no idempotence.
func producerProps(worker, connector map[string]string, clientID string) Props {
	props := layered(Props{
		"bootstrap.servers":   bootstrap(worker),
		"acks":                "all",
		"max.block.ms":        "9223372036854775807",
		"delivery.timeout.ms": "2147483647",
		"client.id":           clientID,
	}, worker, connector, ProducerClient)
	if props["transactional.id"] != "" {
		props["enable.idempotence"] = "false"
	}
	return props
}

// ConnectorConsumerProps are those of a sink task's consumer; group.id is among them. The consumer of
// a source's own offsets topic has them too; a negative task is the connector itself.
func ConnectorConsumerProps(worker, connector map[string]string, name string, task int) Props {
	return layered(Props{
		"bootstrap.servers":  bootstrap(worker),
		"group.id":           "connect-" + name,
		"client.id":          "connector-consumer-" + owner(name, task),
		"enable.auto.commit": "false",
		"auto.offset.reset":  "earliest",
	}, worker, connector, ConsumerClient)
}

// ConnectorAdminProps are those of a task's admin client, which makes a source's topics. Other than
// clients for records it inherits the worker's settings without prefix, a client.id among them. A
// negative task is the connector itself.
func ConnectorAdminProps(worker, connector map[string]string, name string, task int) Props {
	return adminProps(worker, connector, "connector-adminclient-"+owner(name, task))
}

// ConnectorDLQAdminProps are those of the client that makes a sink task's topic for dead letters.
func ConnectorDLQAdminProps(worker, connector map[string]string, name string, task int) Props {
	return adminProps(worker, connector, fmt.Sprintf("connector-dlq-adminclient-%s-%d", name, task))
}

// ConnectorWorkerAdminProps are those of the client by which the worker itself fences a connector's
// producers and reads and changes its offsets.
func ConnectorWorkerAdminProps(worker, connector map[string]string, name string) Props {
	return adminProps(worker, connector, "connector-worker-adminclient-"+name)
}

func adminProps(worker, connector map[string]string, clientID string) Props {
	base := Props{"bootstrap.servers": bootstrap(worker), "client.id": clientID}
	maps.Copy(base, WorkerAdminProps(worker))
	return layered(base, worker, connector, AdminClient)
}

// WorkerAdminProps are the settings without prefix that mean something to an admin client; the JVM
// passes the others on too, where they have no effect.
func WorkerAdminProps(worker map[string]string) Props {
	out := Props{"bootstrap.servers": bootstrap(worker)}
	for k, v := range worker {
		if adminKeys[k] || strings.HasPrefix(k, "ssl.") || strings.HasPrefix(k, "sasl.") {
			out[k] = v
		}
	}
	return out
}

// WorkerGroupProps are the settings by which a worker speaks to its group's coordinator: those of an
// admin client, and GroupTiming.
func WorkerGroupProps(worker map[string]string) Props {
	out := WorkerAdminProps(worker)
	for _, key := range []string{"session.timeout.ms", "heartbeat.interval.ms", "rebalance.timeout.ms"} {
		if v, ok := worker[key]; ok {
			out[key] = v
		}
	}
	return out
}

func bootstrap(worker map[string]string) string {
	if v, ok := worker["bootstrap.servers"]; ok {
		return v
	}
	return "localhost:9092"
}

// layered puts the worker's settings for the kind of client over base and the connector's over both.
func layered(base Props, worker, connector map[string]string, kind Client) Props {
	maps.Copy(base, stripped(worker, string(kind)+"."))
	maps.Copy(base, stripped(connector, kind.overridePrefix()))
	return base
}

// stripped are the settings with the prefix, without it.
func stripped(m map[string]string, prefix string) Props {
	out := Props{}
	for k, v := range m {
		if name, ok := strings.CutPrefix(k, prefix); ok && name != "" {
			out[name] = v
		}
	}
	return out
}

// OverridePolicy says which client settings a connector may override. The zero value refuses all.
type OverridePolicy struct {
	name    string // as in Java's messages
	allowed func(key string) bool
}

// ReadOverridePolicy reads the worker's connector.client.config.override.policy: All (the default),
// None, Principal, Allowlist (with connector.client.config.override.allowlist), or the name of their
// Java class.
func ReadOverridePolicy(worker map[string]string) (OverridePolicy, error) {
	const key = "connector.client.config.override.policy"
	value, ok := worker[key]
	if !ok {
		value = "All"
	}
	name := strings.TrimSpace(value)
	name = name[strings.LastIndexByte(name, '.')+1:]
	name = strings.TrimSuffix(name, "ConnectorClientConfigOverridePolicy")
	switch name {
	case "All":
		return OverridePolicy{name, func(string) bool { return true }}, nil
	case "None":
		return OverridePolicy{name, func(string) bool { return false }}, nil
	case "Principal":
		principal := set("security.protocol", "sasl.jaas.config", "sasl.mechanism")
		return OverridePolicy{name, func(k string) bool { return principal[k] }}, nil
	case "Allowlist":
		allowed := set(security.NewReader(worker).List("connector.client.config.override.allowlist")...)
		return OverridePolicy{name, func(k string) bool { return allowed[k] }}, nil
	}
	return OverridePolicy{}, errs.Config.New("Invalid value %s for configuration %s: must be one of All, None, Principal, Allowlist", value, key)
}

// OverrideError is an override that the policy refuses.
type OverrideError struct {
	Key   string // with prefix, as the connector has it
	Value string
	Err   string // in the JVM's words
}

// Check returns the overrides of the connector's configuration for these kinds of clients that the
// policy refuses, or whose classes nobody could load, ordered by key. Which kinds a connector uses: a source the producer, and admin if it
// has topic.creation.* settings; a sink the consumer, and producer and admin with a dead letter topic.
func (p OverridePolicy) Check(connector map[string]string, clients ...Client) []OverrideError {
	var out []OverrideError
	for _, kind := range clients {
		for key, value := range stripped(connector, kind.overridePrefix()) {
			if p.allowed != nil && p.allowed(key) {
				if err := checkClass(kind, key, value); err != nil {
					out = append(out, OverrideError{Key: kind.overridePrefix() + key, Value: value, Err: err.Error()})
				}
				continue
			}
			out = append(out, OverrideError{
				Key: kind.overridePrefix() + key, Value: value,
				Err: fmt.Sprintf("The '%s' policy does not allow '%s' to be overridden in the connector configuration.", p.name, key),
			})
		}
	}
	slices.SortFunc(out, func(a, b OverrideError) int { return strings.Compare(a.Key, b.Key) })
	return out
}
