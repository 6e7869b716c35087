// Package boot makes a worker out of properties: logger, plugins, config providers, REST server
// and actors, wired together, and takes it apart again in order.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
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
}

// Error is the text of the error.
func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap is the error.
func (e *ExitError) Unwrap() error { return e.Err }

func exit(code int, err error) error {
	if err == nil {
		return nil
	}
	return &ExitError{code, err}
}

// Options is what a worker is started with.
type Options struct {
	Props      map[string]string        // of the worker file, before the environment
	Connectors []settings.ConnectorFile // to be created at the start; standalone only
	Environ    []string                 // os.Environ()
	Log        io.Writer
	// Plugins are added to the built-in ones.
	Plugins []plugin.Plugin
	// Started is called when everything runs, with the REST address. nil: nobody wants to know.
	Started func(url string)
}

// ReadFiles reads a worker file and connector files. Without a worker file, "", the environment has
// to say everything.
func ReadFiles(workerFile string, connectorFiles []string) (map[string]string, []settings.ConnectorFile, error) {
	var props map[string]string
	if workerFile != "" {
		var err error
		if props, err = properties.ReadFile(workerFile); err != nil {
			return nil, nil, exit(ExitStartup, fmt.Errorf("worker file: %w", err))
		}
	}
	var files []settings.ConnectorFile
	for _, path := range connectorFiles {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, exit(ExitConnector, fmt.Errorf("connector file: %w", err))
		}
		f, err := settings.ParseConnectorFile(path, content)
		if err != nil {
			return nil, nil, exit(ExitConnector, err)
		}
		files = append(files, f)
	}
	return props, files, nil
}

// node is a worker with all that belongs to it.
type node struct {
	opts      Options
	mode      settings.Mode
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
	// numbers is what metrics are read from; nil with metrics.enabled=false.
	numbers *metrics.Registry
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

func (n *node) run(ctx context.Context) error {
	began := time.Now()
	if err := n.configure(ctx); err != nil {
		return exit(ExitStartup, err)
	}
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
	n.log.Info("worker started", "mode", n.mode.String(), "url", n.url, "took", time.Since(began).Round(time.Millisecond), "plugins", len(n.registry.All()))
	if err := n.createAll(ctx); err != nil {
		return errors.Join(exit(ExitConnector, err), n.stop(ctx, serving))
	}
	if n.opts.Started != nil {
		n.opts.Started(n.url)
	}
	select {
	case <-ctx.Done():
		n.log.Info("stopping", "because", context.Cause(ctx))
	case <-n.worker.Done():
		return errors.Join(exit(ExitUsage, fmt.Errorf("the worker gave up: %w", n.worker.Err())), n.stop(ctx, serving))
	case err := <-serving:
		serving <- nil
		return errors.Join(exit(ExitUsage, fmt.Errorf("REST server: %w", err)), n.stop(ctx, serving))
	}
	return exit(ExitUsage, n.stop(ctx, serving))
}

// configure reads everything that can be read before anything runs.
func (n *node) configure(ctx context.Context) (err error) {
	n.env = settings.FromEnv(n.opts.Environ)
	if err := n.logger(); err != nil {
		return err
	}
	for _, note := range n.env.Notes {
		n.log.Info("from the environment", "note", note)
	}
	if n.registry, err = builtin.Registry(n.opts.Plugins...); err != nil {
		return err
	}
	props := settings.Merge(n.opts.Props, n.env.Props)
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
	return nil
}

// logger makes the log with the levels that the environment asks for.
func (n *node) logger() error {
	levels := map[string]slog.Level{"root": slog.LevelInfo}
	wanted := n.env.Loggers
	if n.env.LogLevel != "" {
		wanted["root"] = n.env.LogLevel
	}
	for name, text := range wanted {
		level, err := logging.ParseLevel(text)
		if err != nil {
			return fmt.Errorf("log level of %s in the environment: %w", name, err)
		}
		levels[name] = level
	}
	n.levels = logging.NewRegistry(levels)
	n.log = slog.New(logging.NewHandler(n.levels, n.opts.Log))
	slog.SetDefault(n.log) // for libraries and plugins that have no logger of their own
	return nil
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
	return w, nil
}

// clusterWait is how long a worker looks for its cluster at the start, as the JVM's; clusterTry is
// the time of one try, after which the log says what is going on.
const (
	clusterWait = time.Minute
	clusterTry  = 3 * time.Second
)

func clusterIDWithin(ctx context.Context, a *kafka.Admin, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return a.ClusterID(ctx)
}

func (n *node) clusterID(ctx context.Context) (string, error) {
	a, err := kafka.NewAdmin(kafka.WorkerAdminProps(n.settings.Props), n.log.With("logger", "org.apache.kafka.clients.admin"))
	if err != nil {
		return "", err
	}
	defer a.Close() //nolint:errcheck // the answer is there already
	ctx, cancel := context.WithTimeout(ctx, clusterWait)
	defer cancel()
	for told := false; ; told = true {
		id, err := clusterIDWithin(ctx, a, clusterTry)
		if err == nil {
			if told {
				n.log.Info("Kafka is there now", "cluster", id)
			}
			return id, nil
		}
		if ctx.Err() != nil || kafka.Classify(err) != kafka.Retriable && !errors.Is(err, context.DeadlineExceeded) {
			return "", fmt.Errorf("bootstrap.servers=%s: failed to connect to and describe Kafka cluster, check worker's broker connection and security properties: %w",
				n.settings.BootstrapServers, err)
		}
		if !told {
			n.log.Warn("Kafka can't be reached, trying on", "bootstrap.servers", n.settings.BootstrapServers, "for", clusterWait, "err", err)
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
	err := errors.Join(problems...)
	if err != nil {
		n.log.Error("stopped, not cleanly", "err", err)
	} else {
		n.log.Info("stopped")
	}
	return err
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

// Tune sets the process up for many small tasks in little memory, unless the user's environment
// says otherwise.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(75)
	}
	debug.SetTraceback("all")
}
