package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/trace"
	"github.com/troupe-connect/troupe/connectors/config/properties"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Exit codes of the command.
const (
	exitRecords = 1 // a record failed
	exitConfig  = 2 // wrong arguments or settings, or input that can't be had
)

// transform is the command's flags.
type transform struct {
	config, worker     string
	set                []string
	as                 string
	input              string
	plain, envelope    bool
	topic, timestamp   string
	keySeparator       string
	fromTopic, servers string
	commandConfig      string
	from               string
	count              int
	timeout            time.Duration
	predicate          string
	steps              []string
	onlyChanged, full  bool
	output, color      string

	in       io.Reader
	out, err io.Writer
}

const transformLong = `Runs sample records through a connector's transforms, as a worker would, and shows
what each step did to each record. Nothing is written anywhere.

The configuration is a connector's file: JSON ({"name": …, "config": {…}} or just the
settings) or properties. Only transforms, predicates, converters and errors.* count; a
file with nothing else will do, and passwords of the connector need not be there. It is
checked as the REST API checks it.

Records are lines of files or standard input (one a line), or those of a topic:

  plain      the value: {"id": 1}, or a text. {"schema": …, "payload": …} has a schema.
  envelope   {"topic", "partition", "offset", "timestamp", "headers", "key", "value"}, as
             many of them as you like; headers as {"k": "v"} or [{"key": …, "value": …}].
             Found by itself where a line has a key or a value and nothing else.
  converter  the bytes that the connector's value.converter reads (--input converter), as
             kafka-console-consumer prints them; with --key-separator also the key.

Steps show as + added, - removed, ~ changed. A source's records end as the bytes that its
converters make. Exit code: 0, 1 if a record failed, 2 for wrong settings or arguments.`

const transformExample = `  # two records by hand
  echo '{"id": 1, "name": "Ann"}' | troupe transform --config connector.json

  # key, headers and time too
  echo '{"topic": "orders", "key": 7, "value": {"id": 7}, "headers": {"src": "web"}}' |
    troupe transform --config connector.json

  # the last 5 records of a real topic, through the connector's converters
  troupe transform --config sink.json --from-topic orders --from end -n 5 \
    --bootstrap-server localhost:9092 --worker-config worker.properties

  # try a setting without a file, or change one of the file
  echo '{"a": 1}' | troupe transform --set transforms=h \
    --set 'transforms.h.type=org.apache.kafka.connect.transforms.HoistField$Value' \
    --set transforms.h.field=line

  # which records does a predicate match, where the step "route" asks it
  troupe transform --config sink.json --predicate isOrder --step route records.jsonl

  # for scripts
  troupe transform --config sink.json -o json records.jsonl | jq .output.value`

func transformCommand() *cobra.Command {
	t := &transform{}
	cmd := &cobra.Command{
		Use:     "transform --config connector.json [records.jsonl ...]",
		Short:   "Run a connector's transforms on sample records and show every step",
		Long:    transformLong,
		Example: transformExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.in, t.out, t.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return t.run(cmd.Context(), args)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	t.flags(cmd)
	return cmd
}

func (t *transform) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&t.config, "config", "c", "", "the connector's file, - for standard input")
	f.StringArrayVar(&t.set, "set", nil, "a setting as key=value, instead of or over the file's (repeatable)")
	f.StringVarP(&t.worker, "worker-config", "w", "", "the worker's properties, for its converters and config providers")
	f.StringVar(&t.as, "as", "", "source or sink (default: by connector.class)")
	f.StringVar(&t.input, "input", string(trace.Auto), "what a line is: auto, plain, envelope or converter")
	f.BoolVar(&t.plain, "plain", false, "short for --input plain")
	f.BoolVar(&t.envelope, "envelope", false, "short for --input envelope")
	f.StringVar(&t.keySeparator, "key-separator", "", `what ends the key in a line that has one, such as '\t'`)
	f.StringVar(&t.topic, "topic", "", "topic of records that don't say one (default: the connector's, else "+trace.DefaultTopic+")")
	f.StringVar(&t.timestamp, "timestamp", "", "time of lines that don't say one: now, milliseconds or RFC 3339 (records of Kafka always have one)")
	f.StringVar(&t.fromTopic, "from-topic", "", "read records of this topic, without a consumer group")
	f.StringVarP(&t.servers, "bootstrap-server", "b", "", "Kafka, host:port (default: the worker's or command-config's bootstrap.servers)")
	f.StringVar(&t.commandConfig, "command-config", "", "properties of the consumer: security and the like")
	f.StringVar(&t.from, "from", "beginning", "where in the topic to begin: beginning or end")
	f.IntVarP(&t.count, "count", "n", 0, "how many records at most (default: 10 of a topic, all lines)")
	f.DurationVar(&t.timeout, "timeout", 30*time.Second, "how long to read the topic at most")
	f.StringArrayVar(&t.steps, "step", nil, "show this step only, by its alias (repeatable)")
	f.StringVar(&t.predicate, "predicate", "", "show which records this predicate matches, as they come in or before --step")
	f.BoolVar(&t.onlyChanged, "only-changed", false, "leave out what no step changed, and what the predicate doesn't match")
	f.BoolVar(&t.full, "full", false, "show long values in full")
	f.StringVarP(&t.output, "output", "o", "text", "text, or json: one object a record")
	f.StringVar(&t.color, "color", "auto", "auto, always or never; NO_COLOR is respected")
}

// usage marks an error of arguments or settings.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &boot.ExitError{Code: exitConfig, Err: err}
}

// errEnough ends the reading when --count is reached.
var errEnough = errors.New("enough records")

func (t *transform) run(ctx context.Context, files []string) (err error) {
	if err := t.check(files); err != nil {
		return usage(err)
	}
	given, plan, err := t.plan(ctx)
	if err != nil {
		return usage(err)
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := t.checkSteps(plan); err != nil {
		return usage(err)
	}
	var test *trace.Test
	if t.predicate != "" {
		at := ""
		if len(t.steps) > 0 {
			at = t.steps[0]
		}
		if test, err = plan.NewTest(t.predicate, at); err != nil {
			return usage(err)
		}
		defer func() { err = errors.Join(err, test.Close()) }()
	}
	for _, note := range plan.Notes {
		fmt.Fprintln(t.err, "note:", note)
	}
	printer := t.printer(plan, test)
	totals := &trace.Totals{Test: test != nil}
	each := func(s *trace.Sample) error {
		r := plan.Run(ctx, s, test)
		totals.Add(&r)
		if err := printer.Print(&r); err != nil {
			return err
		}
		if t.count > 0 && totals.Records >= int64(t.count) {
			return errEnough
		}
		return ctx.Err()
	}
	if t.fromTopic != "" {
		err = t.readTopic(ctx, plan, each)
	} else {
		err = t.readLines(ctx, plan, given, files, each)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return t.end(printer, totals, err)
}

// end shows the sums and settles the exit code.
func (t *transform) end(printer trace.Printer, totals *trace.Totals, err error) error {
	if totals.Records > 0 || err == nil {
		if perr := printer.End(totals); perr != nil {
			return errors.Join(usage(err), perr)
		}
		if t.output == "json" {
			fmt.Fprintln(t.err, totals)
		}
	}
	switch {
	case err != nil:
		return usage(err)
	case totals.Failed > 0:
		return &boot.ExitError{Code: exitRecords, Err: fmt.Errorf("%d of %d records failed", totals.Failed, totals.Records)}
	}
	return nil
}

// check looks at the flags, before anything is read.
func (t *transform) check(files []string) error {
	switch {
	case t.config == "" && len(t.set) == 0:
		return errors.New("there is nothing to run: --config names a connector's file, --set gives single settings; see --help")
	case t.plain && t.envelope, (t.plain || t.envelope) && t.input != string(trace.Auto):
		return errors.New("--plain, --envelope and --input exclude each other")
	case !slices.Contains(trace.Forms(), trace.Form(t.input)):
		return fmt.Errorf("--input %s: it must be one of %v", t.input, trace.Forms())
	case t.output != "text" && t.output != "json":
		return fmt.Errorf("--output %s: it must be text or json", t.output)
	case !slices.Contains([]string{"auto", "always", "never"}, t.color):
		return fmt.Errorf("--color %s: it must be auto, always or never", t.color)
	case t.as != "" && t.as != string(plugin.Source) && t.as != string(plugin.Sink):
		return fmt.Errorf("--as %s: it must be source or sink", t.as)
	case t.from != "beginning" && t.from != "end":
		return fmt.Errorf("--from %s: it must be beginning or end", t.from)
	case t.count < 0:
		return fmt.Errorf("--count %d: it must not be negative", t.count)
	case t.timeout <= 0:
		return fmt.Errorf("--timeout %s: it must be more than 0", t.timeout)
	case t.fromTopic != "" && len(files) > 0:
		return fmt.Errorf("--from-topic %s and files of records exclude each other", t.fromTopic)
	case t.predicate != "" && len(t.steps) > 1:
		return errors.New("--predicate is asked before one --step, not several")
	case t.config == "-" && t.fromTopic == "" && (len(files) == 0 || slices.Contains(files, "-")):
		return errors.New("--config - takes standard input, so the records must come from files or --from-topic")
	}
	if t.plain {
		t.input = string(trace.Plain)
	} else if t.envelope {
		t.input = string(trace.Envelope)
	}
	if t.fromTopic != "" && t.count == 0 {
		t.count = 10
	}
	return nil
}

func (t *transform) checkSteps(plan *trace.Plan) error {
	for _, alias := range t.steps {
		if !slices.Contains(plan.Steps(), alias) {
			return fmt.Errorf("--step %s is not one of the connector's transforms: [%s]", alias, strings.Join(plan.Steps(), ", "))
		}
	}
	return nil
}

// plan reads the configuration. given are the connector's settings as written.
func (t *transform) plan(ctx context.Context) (given map[string]string, plan *trace.Plan, err error) {
	var worker map[string]string
	given, path := map[string]string{}, "--set"
	if t.config != "" {
		path = t.config
		if given, err = trace.ReadConnector(t.config, func() ([]byte, error) { return io.ReadAll(t.in) }); err != nil {
			return nil, nil, err
		}
	}
	for _, set := range t.set {
		key, value, ok := strings.Cut(set, "=")
		if !ok || strings.TrimSpace(key) == "" {
			return nil, nil, fmt.Errorf("--set %s: it must be key=value", set)
		}
		given[strings.TrimSpace(key)] = value
	}
	if t.worker != "" {
		if worker, err = properties.ReadFile(t.worker); err != nil {
			return nil, nil, fmt.Errorf("--worker-config %s: %w", t.worker, err)
		}
		env := settings.FromEnv(os.Environ())
		worker = env.Over(settings.Distributed, worker)
	}
	plan, err = trace.Load(ctx, trace.PlanConfig{Connector: given, Path: path, Worker: worker, As: plugin.Kind(t.as)})
	return given, plan, err
}

func (t *transform) printer(plan *trace.Plan, test *trace.Test) trace.Printer {
	view := trace.View{Steps: t.steps, OnlyChanged: t.onlyChanged}
	if test != nil {
		view.Steps = nil
	}
	if t.output == "json" {
		return &trace.JSON{Out: t.out, View: view, Test: test}
	}
	width := 160
	if t.full {
		width = 0
	}
	return &trace.Text{Out: t.out, View: view, Color: t.colored(), Width: width, Plan: plan, Test: test}
}

func (t *transform) colored() bool {
	switch t.color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(t.out)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func (t *transform) readLines(ctx context.Context, plan *trace.Plan, given map[string]string, files []string, each func(*trace.Sample) error) error {
	d := trace.Defaults{Topic: t.topic, KeySeparator: separator(t.keySeparator)}
	if d.Topic == "" {
		d.Topic = plan.Topic(given)
	}
	var err error
	switch t.timestamp {
	case "":
	case "now":
		d.Timestamp = time.Now().Truncate(time.Millisecond)
	default:
		if d.Timestamp, err = trace.ParseTime(t.timestamp); err != nil {
			return fmt.Errorf("--timestamp: %w", err)
		}
	}
	if trace.Form(t.input) == trace.Converter {
		if err := plan.NeedConverters(d.KeySeparator != ""); err != nil {
			return err
		}
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, file := range files {
		if err := t.readFile(ctx, file, d, each); err != nil {
			return err
		}
	}
	return nil
}

func (t *transform) readFile(ctx context.Context, file string, d trace.Defaults, each func(*trace.Sample) error) error {
	if file == "-" {
		if isTerminal(t.in) {
			fmt.Fprintln(t.err, "note: type records, one a line; Ctrl-D ends")
		}
		return trace.Lines(ctx, "", t.in, trace.Form(t.input), d, each)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	return trace.Lines(ctx, file, f, trace.Form(t.input), d, each)
}

// separator is a flag's text with \t and \n for the characters.
func separator(text string) string {
	return strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\\`, `\`).Replace(text)
}

func (t *transform) readTopic(ctx context.Context, plan *trace.Plan, each func(*trace.Sample) error) error {
	if err := plan.NeedConverters(true); err != nil {
		return err
	}
	props, err := t.consumer(plan)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, fmt.Errorf("--timeout %s is over", t.timeout))
	defer cancel()
	log := slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelError}))
	peek := kafka.Peek{Topic: t.fromTopic, Count: t.count, FromEnd: t.from == "end"}
	err = kafka.PeekTopic(ctx, props, peek, func(r *kafka.Record) error { return each(trace.OfTopic(r)) }, log)
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("bootstrap server %s: %w", props["bootstrap.servers"], err)
	}
	return err
}

// consumer are the properties of the consumer: those of a task, then what the flags say.
func (t *transform) consumer(plan *trace.Plan) (kafka.Props, error) {
	props := plan.Consumer()
	if t.commandConfig != "" {
		more, err := properties.ReadFile(t.commandConfig)
		if err != nil {
			return nil, fmt.Errorf("--command-config %s: %w", t.commandConfig, err)
		}
		maps.Copy(props, more)
	}
	if t.servers != "" {
		props["bootstrap.servers"] = t.servers
	}
	if strings.TrimSpace(props["bootstrap.servers"]) == "" {
		return nil, errors.New("--from-topic needs --bootstrap-server host:port, or a --worker-config or --command-config with bootstrap.servers")
	}
	return props, nil
}
