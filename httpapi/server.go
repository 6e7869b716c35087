package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/httpapi/logging"
)

// Limits of a connection. They bound what a slow or hostile client can hold.
const (
	readHeaderTimeout = 10 * time.Second
	// readBodyTimeout is set per request (limitBody) and lifted once the body is read: as
	// http.Server.ReadTimeout it would end the context of a request that is still being answered.
	readBodyTimeout = 60 * time.Second
	idleTimeout     = 60 * time.Second
	headerLimit     = 16 << 10
	// answerGrace is how long requests cut short at shutdown have to send their 503.
	answerGrace = 500 * time.Millisecond
)

// errShutdown is the cause with which requests under way are cut short.
var errShutdown = errors.New("the worker is shutting down")

// Server is the REST server of a worker. Its methods may be called from any goroutine, in the
// order Listen, Serve, Shutdown; Open at any time.
type Server struct {
	cfg      Config
	herder   atomic.Pointer[Herder] // nil until Open
	plugins  *plugin.Registry
	loggers  *logging.Registry
	log      *slog.Logger
	auth     Authenticator
	started  startedFlag
	patience time.Duration // with a body that is on its way: readBodyTimeout

	main, admin, metrics *http.Server // the latter two may be nil

	mu       sync.Mutex
	bound    []boundListener
	stopping bool                    // Shutdown was called
	done     bool                    // ended is closed
	ended    chan struct{}           // closed when nothing is answered any more
	cut      context.CancelCauseFunc // ends the requests under way; nil before Serve
}

type boundListener struct {
	Listener
	net net.Listener
	srv *http.Server // that answers there
}

// New makes a server. It fails with errs.Config if a setting is wrong: a listener without
// certificate, a header rule or a pattern of origins that can't be read, an extension that isn't known, a login file
// that can't be read. It doesn't listen yet. Until it is given a herder (Open) the worker is still
// starting: /health says so, and requests for connectors are 503.
func New(cfg Config, reg *plugin.Registry, loggers *logging.Registry, log *slog.Logger) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	headers, err := parseHeaderRules(cfg.ResponseHeaders)
	if err != nil {
		return nil, err
	}
	auth, err := authenticator(cfg, log)
	if err != nil {
		return nil, err
	}
	if open, mayBe := auth.(interface{ Open() bool }); mayBe && open.Open() {
		log.Warn("the file of users for REST is empty: every request is permitted, as in the JVM worker", "file", cfg.LoginConfig)
	}
	s := &Server{cfg: cfg, plugins: reg, loggers: loggers, log: log, auth: auth, patience: readBodyTimeout, ended: make(chan struct{})}
	cors, err := s.cors()
	if err != nil {
		return nil, err
	}
	public := s.publicRoutes()
	if cfg.AdminListeners == nil {
		public = append(public, s.adminRoutes()...)
	}
	onMain, onAdmin := cfg.Routes, []Route(nil)
	if len(cfg.MetricsListeners) > 0 {
		s.metrics = s.server(s.engine(nil, cfg.MetricsRoutes))
	} else {
		onMain, onAdmin = slices.Concat(cfg.Routes, cfg.MetricsRoutes), cfg.MetricsRoutes
	}
	s.main = s.server(s.engine(public, onMain, s.headers(headers), cors, s.login()))
	if len(cfg.AdminListeners) > 0 {
		s.admin = s.server(s.engine(s.adminRoutes(), onAdmin))
	}
	return s, nil
}

// Open gives the server the worker that it is for, once that has started.
func (s *Server) Open(h Herder) { s.herder.Store(&h) }

// current is the herder, nil before Open.
func (s *Server) current() Herder {
	if h := s.herder.Load(); h != nil {
		return *h
	}
	return nil
}

// engine makes gin answer for the routes. gin matches the path still escaped, see clean.
func (s *Server) engine(routes []route, extra []Route, middleware ...gin.HandlerFunc) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.UseRawPath, e.UnescapePathValues = true, false
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.RemoveExtraSlash = false, false, false
	e.HandleMethodNotAllowed = true
	e.MaxMultipartMemory = 0
	e.Use(s.recoverPanic, s.accessLog)
	for _, m := range middleware {
		if m != nil {
			e.Use(m)
		}
	}
	e.Use(s.limitBody)
	allowed := register(e, s, routes, extra)
	e.NoRoute(func(c *gin.Context) { s.fail(c, httpError(http.StatusNotFound)) })
	e.NoMethod(func(c *gin.Context) {
		c.Header("Allow", allowed.of(c.Request.URL.RawPath))
		s.fail(c, httpError(http.StatusMethodNotAllowed))
	})
	return s.clean(e)
}

func (s *Server) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		// The handler's own deadline comes first, so that a client gets to read why.
		WriteTimeout:   readHeaderTimeout + readBodyTimeout + s.cfg.RequestTimeout + 10*time.Second,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: headerLimit,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// Listen binds every listener and returns the addresses, those of Listeners first and in order,
// then those of AdminListeners and MetricsListeners. If one can't be bound it releases all.
func (s *Server) Listen() ([]net.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done || s.stopping || s.bound != nil {
		return nil, errors.New("the REST server listens already or was shut down")
	}
	var addrs []net.Addr
	for _, group := range []struct {
		listeners []Listener
		srv       *http.Server
	}{{s.cfg.Listeners, s.main}, {s.cfg.AdminListeners, s.admin}, {s.cfg.MetricsListeners, s.metrics}} {
		for _, l := range group.listeners {
			ln, err := net.Listen("tcp", l.address()) //nolint:noctx // binding doesn't wait
			if err != nil {
				s.releaseLocked()
				return nil, fmt.Errorf("listen at %s: %w", l, err)
			}
			s.bound = append(s.bound, boundListener{Listener: l, net: ln, srv: group.srv})
			addrs = append(addrs, ln.Addr())
			s.log.Info("REST server listening", "listener", l.String(), "address", ln.Addr().String())
		}
	}
	return addrs, nil
}

func (s *Server) releaseLocked() {
	for _, b := range s.bound {
		_ = b.net.Close() // it was never served: nothing is lost
	}
	s.bound = nil
}

// Serve answers requests until Shutdown was called, which is nil, or a listener fails. When ctx
// ends first the server is closed at once and Serve returns its error.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	bound := s.bound
	if s.done || s.stopping {
		s.releaseLocked()
		s.mu.Unlock()
		return nil
	}
	if len(bound) == 0 || s.cut != nil {
		s.mu.Unlock()
		return errors.New("the REST server does not listen yet, or serves already: call Listen once, then Serve once")
	}
	base, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	s.cut = cut
	for _, srv := range s.servers() {
		srv.BaseContext = func(net.Listener) context.Context { return base }
	}
	s.mu.Unlock()
	failed := make(chan error, len(bound))
	var running sync.WaitGroup
	for _, b := range bound {
		running.Go(func() { failed <- s.serveOne(b) })
	}
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	var first error
	for range bound {
		if err := <-failed; err != nil && first == nil {
			first = err
			s.close() // one listener lost is a worker half deaf: let it end
		}
	}
	running.Wait()
	if first != nil {
		return first
	}
	// The listeners end when Shutdown begins. Requests live on the context that ends with this
	// function: it waits until Shutdown is through, which its context bounds.
	<-s.ended
	return ctx.Err()
}

func (s *Server) serveOne(b boundListener) error {
	ln := b.net
	if b.Scheme == "https" {
		ln = tlsListener(ln, b.TLS)
	}
	err := b.srv.Serve(ln)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", b.Listener, err)
}

// Shutdown takes no further requests and waits for those under way. Those that aren't done when
// ctx ends are answered with 503, for which half a second is left, and Shutdown returns the
// error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	defer s.close()
	err := s.drain(ctx)
	if err == nil {
		return nil
	}
	s.cutShort()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerGrace)
	defer cancel()
	if s.drain(grace) == nil {
		return fmt.Errorf("REST server: requests were cut short: %w", err)
	}
	return fmt.Errorf("REST server: connections were cut: %w", err)
}

// servers are the one to three below.
func (s *Server) servers() []*http.Server {
	return slices.DeleteFunc([]*http.Server{s.main, s.admin, s.metrics}, func(srv *http.Server) bool { return srv == nil })
}

// drain waits for the requests under way and closes the listeners.
func (s *Server) drain(ctx context.Context) error {
	servers := s.servers()
	results := make([]error, len(servers))
	var all sync.WaitGroup
	for i, srv := range servers {
		all.Go(func() { results[i] = srv.Shutdown(ctx) })
	}
	all.Wait()
	return errors.Join(results...)
}

// cutShort ends the contexts of the requests under way.
func (s *Server) cutShort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut != nil {
		s.cut(errShutdown)
	}
}

func (s *Server) close() {
	s.cutShort()
	for _, srv := range s.servers() {
		_ = srv.Close() // the listeners' errors say nothing a caller could act on
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseLocked()
	if s.done {
		return
	}
	s.done = true
	close(s.ended)
}
