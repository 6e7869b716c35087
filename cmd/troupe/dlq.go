package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/dlq"
	"github.com/troupe-connect/troupe/cmd/internal/docs"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// exitInterrupted is the exit code of a command that a signal ended in order.
const exitInterrupted = 130

func dlqCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List, show and replay dead letters",
		Long:  docs.Guide("dlq"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	cmd.AddCommand(dlqListCommand(), dlqShowCommand(), dlqReplayCommand())
	return cmd
}

// dlqTool is what the commands have in common.
type dlqTool struct {
	connection    dlq.Connection
	json          bool
	progressTopic string

	in       io.Reader
	out, err io.Writer
	opts     []kafka.Option
}

// bind makes the command run with the streams, its arguments checked.
func (t *dlqTool) bind(cmd *cobra.Command, args cobra.PositionalArgs, run func(context.Context, []string) error) {
	cmd.Args = func(cmd *cobra.Command, given []string) error { return usage(args(cmd, given)) }
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		t.in, t.out, t.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		return t.coded(cmd.Context(), run(cmd.Context(), given))
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&t.connection.Servers, "bootstrap-server", "b", "", "Kafka, host:port (default: that of the files)")
	f.StringVar(&t.connection.CommandConfig, "command-config", "", "properties of the clients: security and the like")
	f.StringVarP(&t.connection.WorkerConfig, "worker-config", "w", "", "a worker's properties, to connect as its tasks do")
}

func (t *dlqTool) progressFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.progressTopic, "progress-topic", dlq.ProgressTopic, "the compacted topic that says what was replayed; replay makes it")
}

// coded gives an error its exit code.
func (t *dlqTool) coded(ctx context.Context, err error) error {
	if exit, ok := errors.AsType[*boot.ExitError](err); ok || err == nil {
		return exitOr(exit, err)
	}
	code := exitRecords
	switch {
	case ctx.Err() != nil:
		code = exitInterrupted
		if cause := context.Cause(ctx); !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
	case errors.Is(err, errs.Config), errors.Is(err, errs.NotFound):
		code = exitConfig
	}
	return &boot.ExitError{Code: code, Err: err}
}

func exitOr(exit *boot.ExitError, err error) error {
	if exit != nil {
		return &boot.ExitError{Code: exit.Code, Err: err}
	}
	return err
}

// clients reads the connection's files.
func (t *dlqTool) clients(ctx context.Context) (*dlq.Clients, error) {
	t.connection.Environ = os.Environ()
	log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelError}))
	clients, err := dlq.Connect(ctx, t.connection, log, t.opts...)
	return clients, usage(err)
}

// line prints bytes as a line.
func (t *dlqTool) line(raw []byte, err error) error {
	if err == nil {
		_, err = t.out.Write(append(raw, '\n'))
	}
	return err
}

// dlqList is troupe dlq ls.
type dlqList struct {
	dlqTool
	topics  []string
	worker  string
	last    int64
	failure error
}

const dlqListLong = `Says what dead letter topics hold: how many letters of each connector, stage and exception,
how old they are, and how many of them were replayed. Ages are of the records that failed.

Which topics: those given by --topic; with --worker those that the configurations of the
cluster's connectors name; else all topics are looked at, and those whose newest records
have context headers are dead letter topics. The latter reads a few records of every topic,
and does not find topics of connectors that write no context headers.

All letters are read to be counted; --last bounds that.`

func dlqListCommand() *cobra.Command {
	t := &dlqList{}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "Say what dead letter topics hold",
		Long:    dlqListLong,
		Example: "  troupe dlq ls -b localhost:9092 --worker http://localhost:8083\n  troupe dlq ls -b localhost:9092 --topic orders-dead --json | jq .count",
	}
	t.bind(cmd, cobra.NoArgs, func(ctx context.Context, _ []string) error { return t.run(ctx) })
	f := cmd.Flags()
	f.StringArrayVarP(&t.topics, "topic", "t", nil, "a dead letter topic (repeatable)")
	f.StringVar(&t.worker, "worker", "", "a worker's REST interface: the topics that its connectors name")
	f.Int64Var(&t.last, "last", 0, "count the newest so many offsets of each partition only (default: all)")
	f.BoolVar(&t.json, "json", false, "one object per line: a connector's letters of a stage and exception")
	t.progressFlag(cmd)
	return cmd
}

func (t *dlqList) run(ctx context.Context) error {
	switch {
	case t.last < 0:
		return usage(fmt.Errorf("--last %d: it must not be negative", t.last))
	case t.worker != "" && len(t.topics) > 0:
		return usage(errors.New("--topic and --worker exclude each other"))
	}
	clients, err := t.clients(ctx)
	if err != nil {
		return err
	}
	named, topics, err := t.find(ctx, clients)
	if err != nil {
		return err
	}
	if len(topics) == 0 {
		fmt.Fprintln(t.err, "note: no dead letter topic was found; --topic names one")
	}
	for _, topic := range topics {
		listing, err := clients.List(ctx, topic, t.progressTopic, t.last)
		if errors.Is(err, errs.NotFound) && named != nil {
			listing, err = &dlq.Listing{Topic: topic, Missing: true}, nil
		}
		if err != nil {
			return err
		}
		listing.Connectors = named[topic]
		if err := t.print(listing); err != nil {
			return err
		}
	}
	return t.failure
}

// find settles which topics to list. named are the connectors of each, if a worker was asked.
func (t *dlqList) find(ctx context.Context, clients *dlq.Clients) (named map[string][]string, topics []string, err error) {
	switch {
	case len(t.topics) > 0:
		return nil, t.topics, nil
	case t.worker != "":
		named, err = dlq.Ask(ctx, t.worker)
		return named, slices.Sorted(maps.Keys(named)), err
	}
	topics, err = clients.Find(ctx, func(topic string, err error) {
		fmt.Fprintf(t.err, "note: topic %s was not looked at: %v\n", topic, err)
		t.failure = errors.Join(t.failure, fmt.Errorf("topic %s was not looked at", topic))
	})
	return nil, topics, err
}

func (t *dlqList) print(l *dlq.Listing) error {
	if !t.json {
		_, err := io.WriteString(t.out, l.Text(time.Now()))
		return err
	}
	for i := range l.Groups {
		if err := t.line(json.Marshal(&l.Groups[i])); err != nil {
			return err
		}
	}
	return nil
}

// dlqFilter are the flags that choose letters.
type dlqFilter struct {
	connectors, stages, origins []string
	exception, since, until     string
	partitions                  []int32
	offset, key                 string
	limit                       int64
}

func (d *dlqFilter) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&d.connectors, "connector", nil, "letters of this connector (repeatable, as are the next two)")
	f.StringArrayVar(&d.stages, "stage", nil, "that failed at this stage: TRANSFORMATION, VALUE_CONVERTER, TASK_PUT, …")
	f.StringArrayVar(&d.origins, "origin", nil, "from this topic, before they were dead")
	f.StringVar(&d.exception, "exception", "", `whose "exception class: message" has a match of this regular expression (Java's syntax)`)
	f.StringVar(&d.since, "since", "", "of records not older: a time like 2026-05-01T12:00:00Z, milliseconds, or an age like 36h")
	f.StringVar(&d.until, "until", "", "of records older than this")
	f.Int32SliceVar(&d.partitions, "partition", nil, "of this partition of the dead letter topic (repeatable)")
	f.StringVar(&d.offset, "offset", "", "at this offset of the dead letter topic, or in a span like 17-20 or 17-")
	f.StringVar(&d.key, "key", "", "of records with exactly this key: a text, or bytes as base64:AAEC")
	f.Int64VarP(&d.limit, "limit", "n", 0, "so many at most (default: all)")
}

// filter reads the flags.
func (d *dlqFilter) filter(cmd *cobra.Command) (*dlq.Filter, error) {
	f := &dlq.Filter{
		Connectors: d.connectors, Stages: d.stages, Origins: d.origins, Exception: d.exception, Partitions: d.partitions,
	}
	now := time.Now()
	for _, bound := range []struct {
		flag, text string
		to         **int64
	}{{"since", d.since, &f.From}, {"until", d.until, &f.To}} {
		if bound.text != "" {
			ms, err := dlq.ParseTime(bound.text, now)
			if err != nil {
				return nil, fmt.Errorf("--%s: %w", bound.flag, err)
			}
			*bound.to = &ms
		}
	}
	var err error
	if d.offset != "" {
		if f.Offsets, err = dlq.ParseSpan(d.offset); err != nil {
			return nil, fmt.Errorf("--offset: %w", err)
		}
	}
	if cmd.Flags().Changed("key") {
		if f.Key, err = dlq.ParseKey(d.key); err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
	}
	if d.limit < 0 {
		return nil, fmt.Errorf("--limit %d: it must not be negative", d.limit)
	}
	for _, n := range d.partitions {
		if n < 0 {
			return nil, fmt.Errorf("--partition %d: it must not be negative", n)
		}
	}
	if err := f.Prepare(); err != nil {
		return nil, fmt.Errorf("--exception %s: %w", strings.TrimSpace(d.exception), err)
	}
	return f, nil
}
