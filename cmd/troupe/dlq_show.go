package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/dlq"
)

// dlqShow is troupe dlq show.
type dlqShow struct {
	dlqTool
	filter dlqFilter
	full   bool
	url    string // of a schema registry
}

const dlqShowLong = `Shows dead letters: why each failed and where, and the record. What is text is shown as text,
other bytes in hexadecimal. Nothing is committed anywhere. Letters of a partition come in order;
--json gives one object per line, with bytes as {"text": …} or {"base64": …}.`

func dlqShowCommand() *cobra.Command {
	t := &dlqShow{}
	cmd := &cobra.Command{
		Use:   "show TOPIC",
		Short: "Show dead letters: why, where from, and the record",
		Long:  dlqShowLong,
		Example: "  troupe dlq show orders-dead -b localhost:9092 -n 3\n" +
			"  troupe dlq show orders-dead -b localhost:9092 --stage VALUE_CONVERTER --exception 'DataException.*\"id\"'\n" +
			"  troupe dlq show orders-dead -b localhost:9092 --json | jq -r '.error.message' | sort | uniq -c",
	}
	t.bind(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error { return t.run(ctx, cmd, args[0]) })
	t.filter.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&t.url, "schema-registry", "", "URL of a schema registry: Avro, JSON Schema and Protobuf are then shown decoded")
	f.BoolVar(&t.full, "full", false, "show long values and stacks in full")
	f.BoolVar(&t.json, "json", false, "one JSON object per letter and line")
	return cmd
}

func (t *dlqShow) run(ctx context.Context, cmd *cobra.Command, topic string) error {
	filter, err := t.filter.filter(cmd)
	if err != nil {
		return usage(err)
	}
	clients, err := t.clients(ctx)
	if err != nil {
		return err
	}
	decode, err := t.decoder()
	if err != nil {
		return usage(err)
	}
	shown := 0
	read, err := clients.Show(ctx, topic, filter, t.filter.limit, func(l *dlq.Letter) error {
		shown++
		decode(l)
		if t.json {
			return t.line(l.JSON())
		}
		_, err := io.WriteString(t.out, l.Text(t.full))
		return err
	})
	if err == nil && shown == 0 {
		fmt.Fprintf(t.err, "note: no letter of the %d in topic %s that were read is chosen\n", read, topic)
	}
	return err
}

// decoder is what decodes letters; it does nothing without a registry.
func (t *dlqShow) decoder() (func(*dlq.Letter), error) {
	if t.url == "" {
		return func(*dlq.Letter) {}, nil
	}
	plugins, err := builtin.Registry()
	if err != nil {
		return nil, err
	}
	d, err := dlq.NewDecoder(plugins, t.url)
	if err != nil {
		return nil, err
	}
	return d.Decode, nil
}
