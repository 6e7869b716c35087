package kafka

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	metrics "github.com/rcrowley/go-metrics"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Admin asks and changes what a cluster has. Any goroutine may use it. It connects at the first call
// and again after the connection broke; what may pass is tried again until the call's context ends or
// default.api.timeout.ms (one minute) is over. Errors are classified (see Classify) and name the topic
// or group.
type Admin struct {
	s      *settings
	config *sarama.Config
	log    *slog.Logger
	ctx    context.Context //nolint:containedctx // ends with the client
	stop   context.CancelFunc
	calls  sync.WaitGroup

	connecting chan struct{} // full while connections are made; taken before mu

	mu     sync.Mutex
	closed bool
	conn   *saramaConn // nil while not connected
}

// saramaConn is one life of the connections: sarama's client goes on using brokers that are gone, so
// after a failure it is replaced as a whole.
type saramaConn struct {
	client sarama.Client
	admin  sarama.ClusterAdmin
}

// nilMetrics turns sarama's meters off, for the whole process as their package has it: they keep
// goroutines running for ever.
var nilMetrics = sync.OnceFunc(func() { metrics.UseNilMetrics = true })

// NewAdmin makes an admin client from Java's properties. It doesn't connect yet. A wrong setting is an
// errs.Config error.
func NewAdmin(props Props, log *slog.Logger, opts ...Option) (*Admin, error) {
	nilMetrics()
	r := security.NewReader(props)
	s := readSettings(r, opts)
	if r.Err() != nil {
		return nil, r.Err()
	}
	if err := s.resolve(background); err != nil {
		return nil, err
	}
	s.warnUnread(r, log)
	a := &Admin{s: s, log: log, connecting: make(chan struct{}, 1)}
	a.ctx, a.stop = context.WithCancel(background)
	var err error
	if a.config, err = s.saramaConfig(a.ctx); err != nil {
		a.stop()
		return nil, err
	}
	return a, nil
}

// saramaConfig is sarama's form of the settings. ctx ends what it starts in the background.
func (s *settings) saramaConfig(ctx context.Context) (*sarama.Config, error) {
	c := sarama.NewConfig()
	c.Version = sarama.V4_1_0_0 // the highest to ask for; each broker's own limit is negotiated
	c.ClientID = s.clientID
	if c.ClientID == "" {
		c.ClientID = "troupe"
	}
	c.RackID = s.rack
	timeout := min(s.requestTimeout, 15*time.Minute)
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = s.dialTimeout, timeout, timeout
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, saramaDialer{ctx, s}
	c.Admin.Timeout = timeout
	c.Admin.Retry.Max, c.Admin.Retry.Backoff = 1, max(s.retryBackoff, time.Millisecond)
	c.Metadata.Retry.Max = 1
	c.Metadata.Retry.Backoff = max(s.retryBackoff, time.Millisecond)
	c.Metadata.Timeout = timeout
	c.Metadata.RefreshFrequency = 0 // asked for when needed
	c.Metadata.AllowAutoTopicCreation = false
	if s.security.SASL != nil {
		if err := saramaLogin(ctx, s.security.SASL, c); err != nil {
			return nil, err
		}
	}
	if err := c.Validate(); err != nil {
		return nil, errs.Config.Wrap(err, "settings of admin client %s", s.clientID)
	}
	return c, nil
}

// saramaDialer opens sarama's connections the way franz-go's are opened, TLS included.
type saramaDialer struct {
	ctx context.Context //nolint:containedctx // sarama's interface has none
	s   *settings
}

func (d saramaDialer) Dial(network, address string) (net.Conn, error) {
	return d.s.dial(d.ctx, network, address)
}

// do is ask for a deed without an answer.
func (a *Admin) do(ctx context.Context, op func(*saramaConn) error, what string, args ...any) error {
	_, err := ask(ctx, a, func(c *saramaConn) (struct{}, error) { return struct{}{}, op(c) }, what, args...)
	return err
}

// ask runs op with a connection, again while that may help, and returns its answer. what and args name the
// deed in errors. A try that is given up goes on beside the next one and after the return: op writes to
// nothing but its own variables.
func ask[T any](ctx context.Context, a *Admin, op func(*saramaConn) (T, error), what string, args ...any) (T, error) {
	var none T
	ctx, cancel := context.WithTimeoutCause(ctx, a.s.apiTimeout, errAPITimeout)
	defer cancel()
	var before error // of the try before: it says more than that time was over in this one
	for tries := 1; ; tries++ {
		answer, err := once(ctx, a, op)
		if err == nil {
			return answer, nil
		}
		if before != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = before
		}
		before = err
		if ctx.Err() != nil || Classify(err) != Retriable {
			return none, failed(a.reason(ctx, err), what, args...)
		}
		a.log.Debug("admin call is tried again", "client", a.s.clientID, "tries", tries, "error", err)
		timer := time.NewTimer(a.s.backoff(tries))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return none, failed(a.reason(ctx, err), what, args...)
		case <-a.ctx.Done():
			timer.Stop()
			return none, failed(ErrAborted, what, args...)
		}
	}
}

var errAPITimeout = errors.New("default.api.timeout.ms is over")

// reason is the error to show: what failed last says more than that time is over.
func (a *Admin) reason(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil, errors.Is(err, cause), errors.Is(err, ctx.Err()):
		return err
	case errors.Is(cause, context.Canceled):
		return cause
	default:
		return errors.Join(context.DeadlineExceeded, err)
	}
}

// once runs op in a goroutine, since sarama's calls know no context: when ctx ends it is left behind
// to end by its own time-outs, or with Close.
func once[T any](ctx context.Context, a *Admin, op func(*saramaConn) (T, error)) (answer T, err error) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return answer, ErrAborted
	}
	a.calls.Add(1)
	a.mu.Unlock()
	type reply struct {
		answer T
		err    error
	}
	came := make(chan reply, 1)
	go func() {
		defer a.calls.Done()
		var r reply
		conn, err := a.connect(ctx)
		if err == nil {
			r.answer, err = op(conn)
		}
		if err != nil && conn != nil && isBroken(err) {
			a.drop(conn)
		}
		r.err = err
		came <- r
	}()
	select {
	case r := <-came:
		return r.answer, a.whileClosing(r.err)
	case <-ctx.Done():
		return answer, ctx.Err()
	case <-a.ctx.Done():
		return answer, ErrAborted
	}
}

// whileClosing makes a connection that Close or a failure beside it took away retriable.
func (a *Admin) whileClosing(err error) error {
	if err == nil || !errors.Is(err, sarama.ErrClosedClient) || a.ctx.Err() != nil {
		return err
	}
	return &Error{Op: "connection", Class: Retriable, Java: javaPackage + "DisconnectException", Err: err}
}

// isBroken reports whether the connections had better be made anew.
func isBroken(err error) bool {
	_, coded := codeOf(err)
	return !coded && Classify(err) == Retriable
}

// connect returns the connections, made anew if need be. a.mu isn't held while they are made. Who finds
// them being made waits for that until ctx ends.
func (a *Admin) connect(ctx context.Context) (*saramaConn, error) {
	select {
	case a.connecting <- struct{}{}:
		defer func() { <-a.connecting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-a.ctx.Done():
		return nil, ErrAborted
	}
	a.mu.Lock()
	conn, closed := a.conn, a.closed
	a.mu.Unlock()
	switch {
	case conn != nil:
		return conn, nil
	case closed:
		return nil, ErrAborted
	}
	client, err := sarama.NewClient(a.s.servers, a.config)
	if err != nil {
		return nil, a.whyNoBroker(err)
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	conn = &saramaConn{client: client, admin: admin}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		conn.close(a.log)
		return nil, ErrAborted
	}
	a.conn = conn
	return conn, nil
}

// whyNoBroker finds a login that failed behind sarama's "out of brokers", which leaves out what a broker
// said.
func (a *Admin) whyNoBroker(err error) error {
	if !errors.Is(err, sarama.ErrOutOfBrokers) || Classify(err) == Authorization {
		return err
	}
	broker := sarama.NewBroker(a.s.servers[0])
	if openErr := broker.Open(a.config); openErr != nil {
		return err
	}
	_, why := broker.Connected() // waits for the login
	broker.Close()               //nolint:errcheck // what it said is all that is wanted
	if Classify(why) == Authorization {
		return a.s.explained(why)
	}
	return a.s.explained(errors.Join(err, why))
}

func (a *Admin) drop(conn *saramaConn) {
	a.mu.Lock()
	if a.conn != conn {
		a.mu.Unlock()
		return
	}
	a.conn = nil
	a.mu.Unlock()
	conn.close(a.log)
}

func (c *saramaConn) close(log *slog.Logger) {
	if err := c.client.Close(); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		log.Debug("close admin connections", "error", err)
	}
}

// Close ends the connections; calls under way fail.
func (a *Admin) Close() error {
	a.stop()
	a.mu.Lock()
	conn := a.conn
	a.closed, a.conn = true, nil
	a.mu.Unlock()
	if conn != nil {
		conn.close(a.log)
	}
	return nil
}
