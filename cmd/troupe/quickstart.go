package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/embedded"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/schemas"
	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/httpapi/logging"
)

const (
	quickTopic = "quickstart-lines"
	formatAvro = "avro"
	fileSource = "org.apache.kafka.connect.file.FileStreamSourceConnector"
	fileSink   = "org.apache.kafka.connect.file.FileStreamSinkConnector"
)

type quickstart struct {
	dir    string
	once   bool
	broker string // address wished
	rest   string // address wished
	format string // of the values: string or avro
	schema string // address wished of the schema registry, with --format avro
	limit  time.Duration
	out    io.Writer
}

func quickstartCommand() *cobra.Command {
	q := quickstart{}
	cmd := &cobra.Command{
		Use:   "quickstart",
		Short: "Try it: broker, worker and two connectors in one process, nothing to install",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.out = cmd.OutOrStdout()
			return q.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.dir, "dir", "troupe-quickstart", "folder of the broker's data and the files")
	f.BoolVar(&q.once, "once", false, "end when all lines have arrived (for scripts)")
	f.StringVar(&q.broker, "broker", embedded.DefaultAddress, "address of the embedded broker; a free port is taken if this one isn't")
	f.StringVar(&q.rest, "rest", "127.0.0.1:8083", "address of the REST API; a free port is taken if this one isn't")
	f.StringVar(&q.format, "format", "string", "format of the values: string, or avro with a schema registry in the same process")
	f.StringVar(&q.schema, "registry", "127.0.0.1:8081", "with --format avro: address of the schema registry; a free port is taken if this one isn't")
	f.DurationVar(&q.limit, "limit", 2*time.Minute, "with --once: how long to wait for the lines")
	return cmd
}

func (q *quickstart) file(name string) string { return filepath.Join(q.dir, name) }

func (q *quickstart) run(ctx context.Context) error {
	if q.format != "string" && q.format != formatAvro {
		return &boot.ExitError{Code: boot.ExitUsage, Err: fmt.Errorf("--format %s: must be string or %s", q.format, formatAvro)}
	}
	if err := q.prepare(); err != nil {
		return &boot.ExitError{Code: boot.ExitStartup, Err: err}
	}
	logFile, err := os.OpenFile(q.file("worker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return &boot.ExitError{Code: boot.ExitStartup, Err: err}
	}
	defer logFile.Close() //nolint:errcheck // a log's end
	broker, err := q.startBroker(ctx, slog.New(logging.NewHandler(logging.NewRegistry(nil), logFile)).With("logger", "embedded.broker"))
	if err != nil {
		return &boot.ExitError{Code: boot.ExitStartup, Err: err}
	}
	schemas, err := q.startRegistry(ctx, broker.Address(), logFile)
	if err != nil {
		return &boot.ExitError{Code: boot.ExitStartup, Err: errors.Join(err, broker.Close())}
	}
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	var watching chan error
	err = boot.Standalone(ctx, boot.Options{
		Props: q.worker(broker.Address(), schemas), Connectors: q.connectors(), Log: logFile,
		Started: func(url string) {
			q.welcome(broker.Address(), url)
			q.welcomeRegistry(schemas)
			watching = make(chan error, 1)
			go func() {
				err := q.watch(ctx)
				watching <- err
				done(err)
			}()
		},
	})
	if watching != nil {
		done(nil)
		err = errors.Join(err, <-watching)
	}
	if schemas != nil {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		if cerr := schemas.Close(end); cerr != nil {
			err = errors.Join(err, cerr)
		}
	}
	if cerr := broker.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("embedded broker: %w", cerr))
	}
	if err == nil {
		fmt.Fprintf(q.out, "\nEnded cleanly. Start again and it goes on where it was; delete %s to begin anew.\n", q.dir)
	}
	return err
}

// prepare makes the folder and a first input.
func (q *quickstart) prepare() error {
	if err := os.MkdirAll(q.dir, 0o755); err != nil {
		return err
	}
	input := q.file("input.txt")
	if _, err := os.Stat(input); err == nil {
		return nil
	}
	return os.WriteFile(input, []byte("All the world's a stage,\nand all the men and women merely players;\nthey have their exits and their entrances.\n"), 0o644)
}

func (q *quickstart) startBroker(ctx context.Context, log *slog.Logger) (*embedded.Broker, error) {
	cfg := embedded.Config{Dir: q.file("broker"), Address: q.broker, Log: log}
	if taken(q.broker) {
		host, _, err := net.SplitHostPort(q.broker)
		if err != nil {
			return nil, fmt.Errorf("--broker %s: %w", q.broker, err)
		}
		cfg.Address = net.JoinHostPort(host, "0")
	}
	b, err := embedded.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return b, nil
}

// taken reports whether somebody listens at the address already.
func taken(address string) bool {
	l, err := net.Listen("tcp", address) //nolint:noctx // returns at once
	if err != nil {
		return true
	}
	return l.Close() != nil
}

// free is the address, or one with a free port if somebody listens there.
func free(address string) string {
	if !taken(address) {
		return address
	}
	host, _, _ := net.SplitHostPort(address)
	return net.JoinHostPort(host, "0")
}

// startRegistry starts the schema registry, if one is needed.
func (q *quickstart) startRegistry(ctx context.Context, broker string, logFile io.Writer) (*schemas.Server, error) {
	if q.format != formatAvro {
		return nil, nil
	}
	return schemas.Start(context.WithoutCancel(ctx), schemas.Config{
		Address: free(q.schema), Kafka: kafka.Props{"bootstrap.servers": broker}, Replication: 1, Formats: builtin.SchemaFormats(),
		Log: slog.New(logging.NewHandler(logging.NewRegistry(nil), logFile)).With("logger", "embedded.registry"),
	})
}

func (q *quickstart) worker(broker string, registry *schemas.Server) map[string]string {
	props := q.plainWorker(broker)
	if registry != nil {
		props["value.converter"] = avro.Class
		props["value.converter.schema.registry.url"] = registry.URL()
	}
	return props
}

func (q *quickstart) plainWorker(broker string) map[string]string {
	listener := "http://" + free(q.rest)
	return map[string]string{
		"bootstrap.servers":            broker,
		"listeners":                    listener,
		"key.converter":                "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":              "org.apache.kafka.connect.storage.StringConverter",
		"offset.storage.file.filename": q.file("offsets"),
		"offset.flush.interval.ms":     "1000",
	}
}

func (q *quickstart) connectors() []settings.ConnectorFile {
	abs := func(name string) string {
		p, err := filepath.Abs(q.file(name))
		if err != nil {
			return q.file(name)
		}
		return p
	}
	source, sink := map[string]string{}, map[string]string{}
	if q.format == formatAvro { // a line as a record of one field, and back
		source = map[string]string{
			"transforms": "hoist,name", "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value",
			"transforms.hoist.field": "line", "transforms.name.type": "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
			"transforms.name.schema.name": "quickstart.Line",
		}
		sink = map[string]string{
			"transforms": "extract", "transforms.extract.type": "org.apache.kafka.connect.transforms.ExtractField$Value",
			"transforms.extract.field": "line",
		}
	}
	with := func(base, more map[string]string) map[string]string { maps.Copy(base, more); return base }
	return []settings.ConnectorFile{
		{Name: "quickstart-source", InitialState: state.TargetStarted, Config: with(map[string]string{
			"name": "quickstart-source", "connector.class": fileSource, "tasks.max": "1", "file": abs("input.txt"), "topic": quickTopic,
		}, source)},
		{Name: "quickstart-sink", InitialState: state.TargetStarted, Config: with(map[string]string{
			"name": "quickstart-sink", "connector.class": fileSink, "tasks.max": "1", "file": abs("output.txt"), "topics": quickTopic,
		}, sink)},
	}
}

func (q *quickstart) welcome(broker, rest string) {
	rest = strings.TrimSuffix(rest, "/")
	fmt.Fprintf(q.out, `Troupe quickstart: a Kafka broker, a Connect worker and two connectors in this one process.

  %s  →  topic %s  →  %s

  Kafka     %s   (an embedded broker, for trying and testing only: one node, no replication)
  REST API  %s
  log       %s

Try next:
  1. echo "hello" >> %s
     and see it pass below
  2. curl -s '%s/connectors?expand=status'
     what runs, in the words of Kafka Connect
  3. curl -s -X PUT %s/connectors/quickstart-sink/pause
     add lines, then resume it: they arrive then

`, q.file("input.txt"), quickTopic, q.file("output.txt"), broker, rest, q.file("worker.log"), q.file("input.txt"), rest, rest)
	if !q.once {
		fmt.Fprint(q.out, "Ctrl-C ends it.\n\n")
	}
}

func (q *quickstart) welcomeRegistry(registry *schemas.Server) {
	if registry == nil {
		return
	}
	fmt.Fprintf(q.out, `Values are Avro, their schema is in the registry (an embedded one, for trying and testing only):

  curl -s %s/subjects/%s-value/versions/latest

`, registry.URL(), quickTopic)
}

// watch prints each line as it arrives in the output; with --once it ends when all of the input
// is there.
func (q *quickstart) watch(ctx context.Context) error {
	if q.once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.limit)
		defer cancel()
	}
	seen, err := q.position()
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if seen, err = q.print(seen); err != nil {
			return err
		}
		if q.once {
			if done, err := q.complete(); done || err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the lines of %s did not arrive in %s within %v; see %s", q.file("input.txt"), q.file("output.txt"), q.limit, q.file("worker.log"))
			}
			return nil
		}
	}
}

// position is where to print on from: the end of what an earlier run wrote.
func (q *quickstart) position() (int64, error) {
	st, err := os.Stat(q.file("position"))
	if err != nil {
		return 0, nil //nolint:nilerr // a first run
	}
	text, err := os.ReadFile(q.file("position"))
	if err != nil || st.Size() == 0 {
		return 0, err
	}
	var n int64
	_, err = fmt.Sscan(string(text), &n)
	return n, err
}

// print shows the whole lines behind the position and returns the new one.
func (q *quickstart) print(from int64) (int64, error) {
	f, err := os.Open(q.file("output.txt"))
	if errors.Is(err, os.ErrNotExist) {
		return from, nil
	}
	if err != nil {
		return from, err
	}
	defer f.Close() //nolint:errcheck // read only
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return from, err
	}
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadString('\n')
		if err != nil { // the end, or a line that is still being written
			return from, q.remember(from)
		}
		from += int64(len(line))
		fmt.Fprintf(q.out, "%s  arrived: %s", time.Now().Format("15:04:05.000"), line)
	}
}

func (q *quickstart) remember(n int64) error {
	return os.WriteFile(q.file("position"), fmt.Appendln(nil, n), 0o644)
}

// complete reports whether the output has as many lines as the input.
func (q *quickstart) complete() (bool, error) {
	in, err := os.ReadFile(q.file("input.txt"))
	if err != nil {
		return false, err
	}
	out, err := os.ReadFile(q.file("output.txt"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	return bytes.Count(out, []byte("\n")) >= bytes.Count(in, []byte("\n")), nil
}
