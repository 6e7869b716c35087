package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/schemas"
	"github.com/troupe-connect/troupe/connectors/config/properties"
	"github.com/troupe-connect/troupe/httpapi/logging"
)

const registryLong = `Runs a small schema registry with the HTTP API of Confluent's, for trying, for tests and
for a single worker: one process, no users, no rights.

Schemas are kept in a compacted topic, _schemas, in the format that other registries read
too. Without --bootstrap-server they are kept in memory and are gone when it ends. Only
one registry may write to a topic at a time.`

// schemaRegistry is the command's flags.
type schemaRegistry struct {
	address, servers, commandConfig, topic string
	replication                            int
}

func registryCommand() *cobra.Command {
	r := schemaRegistry{}
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Run a small schema registry, for trying and testing",
		Long:  registryLong,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.address, "listen", "127.0.0.1:8081", "address of the HTTP API")
	f.StringVar(&r.servers, "bootstrap-server", "", "Kafka brokers; without any, schemas are kept in memory")
	f.StringVar(&r.commandConfig, "command-config", "", "properties file with further settings of the Kafka clients (ssl.*, sasl.*)")
	f.StringVar(&r.topic, "topic", schemas.DefaultTopic, "compacted topic that schemas are kept in; it is made if it is missing")
	f.IntVar(&r.replication, "replication-factor", -1, "of the topic, if it is made; -1 is the brokers' default")
	return cmd
}

// closeTime is how long requests under way may take at the end.
const closeTime = 10 * time.Second

func (r *schemaRegistry) run(ctx context.Context, out, errOut io.Writer) error {
	props, err := r.kafka()
	if err != nil {
		return &boot.ExitError{Code: boot.ExitUsage, Err: err}
	}
	log := slog.New(logging.NewHandler(logging.NewRegistry(nil), errOut)).With("logger", "registry")
	s, err := schemas.Start(ctx, schemas.Config{
		Address: r.address, Kafka: props, Topic: r.topic, Replication: r.replication, Formats: builtin.SchemaFormats(), Log: log,
	})
	if err != nil {
		return &boot.ExitError{Code: boot.ExitStartup, Err: err}
	}
	where := "in memory"
	if props != nil {
		where = "in topic " + r.topic
	}
	fmt.Fprintf(out, "schema registry at %s, schemas are kept %s\n", s.URL(), where)
	select {
	case <-ctx.Done():
	case err = <-s.Failed():
		return fmt.Errorf("schema registry: %w", err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return s.Close(end)
}

// kafka are the settings of the clients, nil for none.
func (r *schemaRegistry) kafka() (kafka.Props, error) {
	if r.servers == "" {
		return nil, nil
	}
	props := kafka.Props{}
	if r.commandConfig != "" {
		read, err := properties.ReadFile(r.commandConfig)
		if err != nil {
			return nil, err
		}
		maps.Copy(props, read)
	}
	props["bootstrap.servers"] = r.servers
	return props, nil
}
