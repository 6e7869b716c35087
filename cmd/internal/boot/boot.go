// Package boot makes a worker out of properties: logger, plugins, config providers, REST server
// and actors, wired together, and takes it apart again in order.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/connectors/config/properties"
	"github.com/troupe-connect/troupe/connectors/config/provider"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/httpapi"
	"github.com/troupe-connect/troupe/httpapi/logging"
	"github.com/troupe-connect/troupe/httpapi/peers"
)

// Exit codes of the JVM's scripts.
const (
	ExitUsage     = 1 // wrong arguments, or the worker gave up
	ExitStartup   = 2 // the worker could not start
	ExitConnector = 3 // a connector file could not be carried out
)

// ExitError is an error with the exit code of the process.
type ExitError struct {
	Code int
	Err  error
	// Logged: the error is in the worker's log, as one line of level ERROR.
	Logged bool
}

// Error is the text of the error.
func (e *ExitError) Error() string { return e.Err.Error() }

// Quiet reports whether there is nothing to say: a signal ended the worker, and it stopped in order.
func (e *ExitError) Quiet() bool {
	_, by := e.Err.(*signalError) //nolint:errorlint // joined with other errors there is something to say
	return by
}

// Unwrap is the error.
func (e *ExitError) Unwrap() error { return e.Err }

func exit(code int, err error) error {
	if err == nil {
		return nil
	}
	if _, coded := errors.AsType[*ExitError](err); coded {
		return err
	}
	return &ExitError{Code: code, Err: err}
}

// Options is what a worker is started with.
type Options struct {
	// WorkerFile and ConnectorFiles are read first; without a worker file Props or the environment
	// have to say everything.
	WorkerFile     string
	ConnectorFiles []string
	Props          map[string]string        // in place of a worker file
	Connectors     []settings.ConnectorFile // to be created at the start, after the files; standalone only
	Environ        []string                 // os.Environ()
	Log            io.Writer
	// Signals are heeded as Signals says; nil for none: only the context ends the worker.
	Signals <-chan os.Signal
	// Plugins are added to the built-in ones.
	Plugins []plugin.Plugin
	// Started is called when everything runs, with the REST address. nil: nobody wants to know.
	Started func(url string)
}

// readFiles reads the worker file and the connector files of the options.
func (o *Options) readFiles() error {
	if o.WorkerFile != "" {
		var err error
		if o.Props, err = properties.ReadFile(o.WorkerFile); err != nil {
			return exit(ExitStartup, fmt.Errorf("worker file: %w", err))
		}
	}
	files := make([]settings.ConnectorFile, 0, len(o.ConnectorFiles)+len(o.Connectors))
	for _, path := range o.ConnectorFiles {
		content, err := os.ReadFile(path)
		if err != nil {
			return exit(ExitConnector, fmt.Errorf("connector file: %w", err))
		}
		f, err := settings.ParseConnectorFile(path, content)
		if err != nil {
			return exit(ExitConnector, err)
		}
		files = append(files, f)
	}
	o.Connectors = append(files, o.Connectors...)
	return nil
}

// node is a worker with all that belongs to it.
type node struct {
	opts      Options
	mode      settings.Mode
	out       *sharedWriter // of the log
	log       *slog.Logger
	levels    *logging.Registry
	env       settings.Env
	registry  *plugin.Registry
	providers *provider.Set
	settings  settings.Worker
	rest      *httpapi.Server
	url       string
	workerID  string
	others    *peers.Client // to the other workers of the cluster; nil if standalone
	worker    running       // nil until it has started
	// begin starts the actors, in the way of the mode.
	begin func(ctx context.Context, clusterID string) (running, error)
	told  kafka.Told // of settings without effect
	// numbers is what metrics are read from; nil with metrics.enabled=false.
	numbers *metrics.Registry
	// schemas is what the converters do at schema registries.
	schemas func() metrics.Schemas
}

// running is a worker whose actors run.
type running interface {
	httpapi.Herder
	// Done is closed when the worker has ended; Err is why, if it gave up.
	Done() <-chan struct{}
	Err() error
	Stop(ctx context.Context) error
}

// Standalone runs a standalone worker until ctx ends, and then stops it in order. Errors carry
// the exit code.
func Standalone(ctx context.Context, opts Options) error {
	n := &node{opts: opts, mode: settings.Standalone}
	n.begin = n.beginStandalone
	return n.run(ctx)
}

// Distributed runs a worker of a cluster until ctx ends, and then stops it in order: its work goes
// to the other workers. Errors carry the exit code.
func Distributed(ctx context.Context, opts Options) error {
	n := &node{opts: opts, mode: settings.Distributed}
	n.begin = n.beginDistributed
	return n.run(ctx)
}

// run lives until ctx or a signal ends it. What went wrong is one line of level ERROR.
func (n *node) run(ctx context.Context) error {
	n.env = settings.FromEnv(n.opts.Environ)
	notes := n.logger()
	var limit atomic.Int64 // of an orderly stop
	limit.Store(int64(2 * stopMargin))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	defer close(done)
	giveUp := n.watch(n.opts.Signals, cancel, &limit, done)
	ended := make(chan error, 1)
	go func() { ended <- n.live(ctx, notes, &limit) }() // left behind if it is given up: the process ends
	var err error
	select {
	case err = <-ended:
	case err = <-giveUp:
		err = exit(ExitUsage, err)
	}
	return n.outcome(err, context.Cause(ctx))
}

// outcome logs how the worker ended, and is the error with the process's exit code.
func (n *node) outcome(err, cause error) error {
	var by *signalError
	switch {
	case err == nil && errors.As(cause, &by):
		n.log.Info("worker stopped", "because", by)
		return &ExitError{Code: by.exitCode(), Err: by, Logged: true}
	case err == nil:
		n.log.Info("worker stopped")
		return nil
	}
	code := &ExitError{Code: ExitUsage}
	errors.As(err, &code)
	log := n.log.With("exit_code", code.Code, "err", oneLine(err))
	switch code.Code {
	case ExitStartup:
		log.Error("worker could not start")
	case ExitConnector:
		log.Error("worker stopped: a connector given at the start could not be created")
	default:
		log.Error("worker stopped with errors")
	}
	return &ExitError{Code: code.Code, Err: err, Logged: true}
}

// LogFailure writes why a worker could not start into its log, for what fails before there is one.
func LogFailure(w io.Writer, err error) {
	log := slog.New(logging.NewHandler(logging.NewRegistry(nil), w))
	log.Error("worker could not start", "err", oneLine(err))
}

// oneLine is an error's text without the line breaks of lists.
func oneLine(err error) string {
	text := strings.ReplaceAll(err.Error(), ":\n  ", ": ")
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n  ", "; "), "\n", "; ")
}

func (n *node) live(ctx context.Context, notes []string, limit *atomic.Int64) error {
	began := time.Now()
	if err := n.configure(ctx, notes); err != nil {
		return exit(ExitStartup, err)
	}
	limit.Store(int64(n.settings.TaskShutdownTimeout + 2*stopMargin))
	defer n.closeProviders(ctx)
	if err := n.listen(); err != nil {
		return exit(ExitStartup, err)
	}
	serving := make(chan error, 1)
	go func() { serving <- n.rest.Serve(context.WithoutCancel(ctx)) }()
	if err := n.start(ctx); err != nil {
		if ctx.Err() != nil { // told to stop before it had started
			return exit(ExitUsage, n.stop(ctx, serving))
		}
		return errors.Join(exit(ExitStartup, err), n.stop(ctx, serving))
	}
	n.log.Info("worker started", "mode", n.mode.String(), "url", n.url, "version", builtin.Version(), "took", time.Since(began).Round(time.Millisecond), "plugins", len(n.registry.All()))
	if err := n.createAll(ctx); err != nil {
		return errors.Join(exit(ExitConnector, err), n.stop(ctx, serving))
	}
	if n.opts.Started != nil {
		n.opts.Started(n.url)
	}
	select {
	case <-ctx.Done():
		n.log.Info("worker stopping", "because", context.Cause(ctx))
	case <-n.worker.Done():
		return errors.Join(exit(ExitUsage, fmt.Errorf("the worker gave up: %w", n.worker.Err())), n.stop(ctx, serving))
	case err := <-serving:
		serving <- nil
		return errors.Join(exit(ExitUsage, fmt.Errorf("REST server: %w", err)), n.stop(ctx, serving))
	}
	return exit(ExitUsage, n.stop(ctx, serving))
}

// configure reads everything that can be read before anything runs.
func (n *node) configure(ctx context.Context, notes []string) (err error) {
	for _, note := range notes {
		n.log.Warn("log settings of the environment", "warning", note)
	}
	if err := n.opts.readFiles(); err != nil {
		return err
	}
	for _, note := range n.env.Notes {
		n.log.Info("from the environment", "note", note)
	}
	if note := n.env.ImageNote(); note != "" && n.mode == settings.Distributed {
		n.log.Info("from the environment", "note", note)
	}
	if n.registry, n.schemas, err = builtin.Watched(n.opts.Plugins...); err != nil {
		return err
	}
	props := n.env.Over(n.mode, n.opts.Props)
	if n.providers, err = provider.New(ctx, n.registry, props, n.log); err != nil {
		return err
	}
	w, warnings, err := settings.LoadWorker(ctx, n.mode, props, n.providers.ResolveWorker)
	if err != nil {
		return err
	}
	for _, text := range warnings {
		n.log.Warn("worker settings", "warning", text)
	}
	n.settings = w
	return n.settings.CheckPlugins(n.registry)
}

// logger makes the log with the levels that the environment asks for. A level that can't be read is no
// reason not to start: it is INFO, and a note says so.
func (n *node) logger() (notes []string) {
	levels := map[string]slog.Level{logging.Root: slog.LevelInfo}
	wanted := maps.Clone(n.env.Loggers)
	if n.env.LogLevel != "" {
		wanted[logging.Root] = n.env.LogLevel
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		level, err := logging.ParseLevel(wanted[name])
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s: %v; INFO is taken", name, err))
			level = slog.LevelInfo
		}
		levels[name] = level
	}
	n.levels = logging.NewRegistry(levels)
	n.out = &sharedWriter{w: n.opts.Log}
	n.log = slog.New(logging.NewHandler(n.levels, n.out))
	slog.SetDefault(n.log) // for libraries and plugins that have no logger of their own
	return notes
}

// listen opens the REST server's sockets, so that the worker knows its own address.
func (n *node) listen() error {
	cfg, err := restConfig(&n.settings, n.registry)
	if err != nil {
		return err
	}
	if n.mode == settings.Distributed {
		n.others = peers.NewClient(peers.Transport(n.settings.Rest.TLS))
		cfg.Forward = n.others
	}
	if err = n.showMetrics(&cfg); err != nil {
		return err
	}
	n.rest, err = httpapi.New(cfg, n.registry, n.levels, n.log.With("logger", "org.apache.kafka.connect.runtime.rest"))
	if err != nil {
		return err
	}
	addrs, err := n.rest.Listen()
	if err != nil {
		return err
	}
	n.url = n.settings.Rest.AdvertisedURL(bound(n.settings.Rest.Listeners, addrs))
	n.workerID, err = settings.WorkerID(n.url)
	n.describe()
	return err
}

func bound(listeners []settings.Listener, addrs []net.Addr) []settings.Bound {
	out := make([]settings.Bound, len(listeners))
	for i, l := range listeners {
		out[i] = settings.Bound{Listener: l}
		if tcp, ok := addrs[i].(*net.TCPAddr); ok {
			out[i].Port = tcp.Port
			out[i].LocalIP = localIP(tcp.IP)
		}
	}
	return out
}

// localIP is an address of this machine for a listener on all interfaces.
func localIP(ip net.IP) string {
	if ip != nil && !ip.IsUnspecified() {
		return ip.String()
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// start finds the cluster and starts the actors.
func (n *node) start(ctx context.Context) error {
	cluster, err := n.clusterID(ctx)
	if err != nil {
		return err
	}
	if n.worker, err = n.begin(ctx, cluster); err != nil {
		return err
	}
	n.rest.Open(n.worker)
	return nil
}

func (n *node) beginStandalone(ctx context.Context, clusterID string) (running, error) {
	store, err := storage.OpenFileOffsetStore(n.settings.OffsetsFile)
	if err != nil {
		return nil, fmt.Errorf("offset.storage.file.filename=%s: %w", n.settings.OffsetsFile, err)
	}
	w, err := actors.Start(actors.Config{
		Settings: &n.settings, Registry: n.registry, Resolve: n.providers.Resolve, Offsets: store,
		WorkerID: n.workerID, ClusterID: clusterID, Log: n.log,
		Metrics: n.numbers, KafkaOptions: []kafka.Option{kafka.WithMetrics(n.numbers)},
	})
	if err != nil {
		return nil, errors.Join(err, store.Close(ctx))
	}
	return &standalone{Worker: w, offsets: store}, nil
}

// standalone is a worker with its offsets in a file. Offsets that can't be stored there make it
// unhealthy, and end it with an error if they aren't at the end.
type standalone struct {
	*actors.Worker
	offsets *storage.FileOffsetStore
}

// Ready implements httpapi.Herder.
func (s *standalone) Ready(ctx context.Context) error {
	if err := s.Worker.Ready(ctx); err != nil {
		return err
	}
	return s.offsets.Failing()
}

// Stop ends the worker.
func (s *standalone) Stop(ctx context.Context) error {
	return errors.Join(s.Worker.Stop(ctx), s.offsets.Unstored())
}

// clusterTry is the time of one try to reach the cluster at the start, after which the log says what
// is going on.
const clusterTry = 3 * time.Second

// askCluster asks Kafka once for the id of the cluster.
func (n *node) askCluster(ctx context.Context, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a, err := kafka.NewAdmin(kafka.WorkerAdminProps(n.settings.Props), n.log.With("logger", "org.apache.kafka.clients.admin"), kafka.WithTold(&n.told))
	if err != nil {
		return "", err
	}
	defer a.Close() //nolint:errcheck // the answer is there already
	return a.ClusterID(ctx)
}

// clusterID looks for the cluster as long as startup.kafka.timeout.ms says.
func (n *node) clusterID(ctx context.Context) (string, error) {
	patience := "for ever, startup.kafka.timeout.ms=0"
	if limit := n.settings.StartupTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
		patience = limit.String() + " by startup.kafka.timeout.ms"
	}
	for told := false; ; told = true {
		id, err := n.askCluster(ctx, clusterTry)
		if err == nil {
			if told {
				n.log.Info("connected to Kafka", "cluster", id)
			}
			return id, nil
		}
		if ctx.Err() != nil || kafka.Classify(err) != kafka.Retriable && !errors.Is(err, context.DeadlineExceeded) {
			return "", fmt.Errorf("bootstrap.servers=%s: failed to connect to and describe Kafka cluster, check worker's broker connection and security properties: %w",
				n.settings.BootstrapServers, err)
		}
		if !told {
			n.log.Warn("cannot reach Kafka; retrying", "bootstrap.servers", n.settings.BootstrapServers, "patience", patience, "err", err)
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// createAll carries out the connector files, in order.
func (n *node) createAll(ctx context.Context) error {
	for _, f := range n.opts.Connectors {
		_, err := n.worker.Create(ctx, f.Name, f.Config, f.InitialState)
		if err != nil {
			return fmt.Errorf("connector %q: %w", f.Name, err)
		}
	}
	return nil
}

// stopMargin is what is left to REST and stores beyond the tasks' own deadline.
const stopMargin = 10 * time.Second

// stop ends REST first, then the worker, each within its time.
func (n *node) stop(ctx context.Context, serving <-chan error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.settings.TaskShutdownTimeout+stopMargin)
	defer cancel()
	rctx, rcancel := context.WithTimeout(ctx, stopMargin/5)
	defer rcancel()
	var problems []error
	if err := n.rest.Shutdown(rctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		problems = append(problems, fmt.Errorf("REST server: %w", err))
	}
	<-serving //nolint:errcheck // it ends because it was shut down
	if n.worker != nil {
		gaveUp := ended(n.worker)
		if err := n.worker.Stop(ctx); !gaveUp { // else it says once more why
			problems = append(problems, err)
		}
	}
	if n.others != nil {
		n.others.Close()
	}
	return errors.Join(problems...)
}

func ended(w running) bool {
	select {
	case <-w.Done():
		return true
	default:
		return false
	}
}

func (n *node) closeProviders(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopMargin/5)
	defer cancel()
	if err := n.providers.Close(ctx); err != nil {
		n.log.Warn("config providers did not close cleanly", "err", err)
	}
}

// heapFloor is memory that is reserved and never touched, so that it costs none: the collector counts it,
// and waits until there is some garbage even where little is alive. Without it a worker of a few tasks
// collects dozens of times a second, for a quarter of its processor time; with it it takes 20 MB more under
// load.
var heapFloor []byte

const heapFloorSize = 24 << 20

// Tune sets the process up for many small tasks in little memory, unless the user's environment
// says otherwise.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(75)
		if debug.SetMemoryLimit(-1) == math.MaxInt64 { // the floor would count towards GOMEMLIMIT
			heapFloor = make([]byte, heapFloorSize)
		}
	}
	debug.SetTraceback("all")
}
