package dlq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"strings"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/connectors/config/properties"
	"github.com/troupe-connect/troupe/connectors/config/provider"
)

// Connection says how to reach Kafka: by flags as Kafka's tools have them, or as a worker does.
type Connection struct {
	Servers       string // bootstrap.servers; over those of the files
	CommandConfig string // a file of client properties
	WorkerConfig  string // a worker's file
	Environ       []string
}

// Clients makes the clients of a cluster.
type Clients struct {
	consumer, producer, admin kafka.Props
	log                       *slog.Logger
	opts                      []kafka.Option
}

// NewClients makes clients with the same settings for all of them.
func NewClients(props kafka.Props, log *slog.Logger, opts ...kafka.Option) *Clients {
	return &Clients{consumer: maps.Clone(props), producer: maps.Clone(props), admin: maps.Clone(props), log: log, opts: opts}
}

// Connect reads the files. It doesn't connect yet. Of a worker, the consumer and producer have its
// consumer. and producer. settings, as those of its tasks have.
func Connect(ctx context.Context, c Connection, log *slog.Logger, opts ...kafka.Option) (*Clients, error) {
	out := NewClients(kafka.Props{"client.id": "troupe-dlq"}, log, opts...)
	if c.WorkerConfig != "" {
		worker, err := readWorker(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("--worker-config %s: %w", c.WorkerConfig, err)
		}
		out.consumer = kafka.ConnectorConsumerProps(worker, nil, "dlq", 0)
		out.producer = kafka.ConnectorDLQProducerProps(worker, nil, "dlq", 0)
		out.admin = kafka.ConnectorDLQAdminProps(worker, nil, "dlq", 0)
	}
	var common map[string]string
	if c.CommandConfig != "" {
		var err error
		if common, err = properties.ReadFile(c.CommandConfig); err != nil {
			return nil, fmt.Errorf("--command-config %s: %w", c.CommandConfig, err)
		}
	}
	for _, props := range []kafka.Props{out.consumer, out.producer, out.admin} {
		maps.Copy(props, common)
		if c.Servers != "" {
			props["bootstrap.servers"] = c.Servers
		}
		if strings.TrimSpace(props["bootstrap.servers"]) == "" {
			return nil, errors.New("no Kafka address: use --bootstrap-server host:port, or a --worker-config or --command-config with bootstrap.servers")
		}
	}
	return out, nil
}

func readWorker(ctx context.Context, c Connection) (map[string]string, error) {
	props, err := properties.ReadFile(c.WorkerConfig)
	if err != nil {
		return nil, err
	}
	env := settings.FromEnv(c.Environ)
	props = env.Over(settings.Standalone, props)
	registry, err := builtin.Registry()
	if err != nil {
		return nil, err
	}
	providers, err := provider.New(ctx, registry, props, nil)
	if err != nil {
		return nil, err
	}
	props, err = providers.ResolveWorker(ctx, props)
	return props, errors.Join(err, providers.Close(ctx))
}

// Servers are the brokers that were asked for.
func (c *Clients) Servers() string { return c.consumer["bootstrap.servers"] }

// open begins to read dead letters: committed ones only.
func (c *Clients) open(ctx context.Context, from kafka.Range) (*kafka.RangeReader, error) {
	props := maps.Clone(c.consumer)
	props["isolation.level"] = "read_committed"
	reader, err := kafka.OpenRange(ctx, props, from, c.log, c.opts...)
	if err != nil {
		return nil, fmt.Errorf("bootstrap server %s: %w", c.Servers(), err)
	}
	return reader, nil
}

// Admin makes an admin client, for the caller to close.
func (c *Clients) Admin() (*kafka.Admin, error) { return kafka.NewAdmin(c.admin, c.log, c.opts...) }

// transactional are the settings of the producer of a replay. What contradicts transactions is left
// out.
func (c *Clients) transactional(id string) kafka.Props {
	props := kafka.Props{"max.block.ms": "60000"}
	for k, v := range c.producer {
		switch k {
		// There is no limit for single records, which the client would measure from a record's own time: it
		// is the transaction that has one.
		case "acks", "enable.idempotence", "retries", "max.in.flight.requests.per.connection",
			"max.block.ms", "delivery.timeout.ms", "transaction.timeout.ms", "transactional.id":
		default:
			props[k] = v
		}
	}
	props["transactional.id"] = id
	props["allow.auto.create.topics"] = "false"
	return props
}

// Show calls each with the letters of a topic that the filter chooses, those of a partition in order;
// limit, if more than 0, is how many at most. errStop of each ends it without an error. It returns how
// many letters it read.
func (c *Clients) Show(ctx context.Context, topic string, filter *Filter, limit int64, each func(*Letter) error) (int64, error) {
	var read, shown int64
	reader, err := c.open(ctx, rangeOf(topic, filter))
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	err = reader.Each(ctx, func(r *kafka.Record) error {
		read++
		l := Read(r)
		if chosen, err := filter.Match(&l); err != nil || !chosen {
			return err
		}
		if err := each(&l); err != nil {
			return err
		}
		if shown++; limit > 0 && shown >= limit {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return read, err
}

// errStop ends a reading that has had enough.
var errStop = errors.New("enough")

// rangeOf is the part of a topic that a filter may choose from.
func rangeOf(topic string, f *Filter) kafka.Range {
	out := kafka.Range{Topic: topic, Partitions: f.Partitions}
	if f.Offsets != nil {
		out.First = f.Offsets.First
		if f.Offsets.Last < math.MaxInt64 {
			out.End = f.Offsets.Last + 1
		}
	}
	return out
}
