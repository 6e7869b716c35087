// Package schemas runs the embedded schema registry: its HTTP server, and the topic _schemas that it
// keeps what it knows in.
package schemas

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafkalog"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
)

// DefaultTopic is where Confluent's registry keeps its schemas, too.
const DefaultTopic = "_schemas"

// Config is what a registry is started with.
type Config struct {
	// Address to listen at, host:port.
	Address string
	// Kafka are the settings of the clients; nil keeps schemas in memory only.
	Kafka kafka.Props
	// Topic is the compacted topic, DefaultTopic if "".
	Topic string
	// Replication is the topic's replication factor if it is made, -1 for the brokers' default.
	Replication int
	// Formats are those that the registry understands.
	Formats map[registry.Format]registry.Parser
	Log     *slog.Logger
	Options []kafka.Option
}

// Server is a registry that runs.
type Server struct {
	http    *http.Server
	address string
	done    chan error
	closers []func(context.Context) error
}

// readTime bounds the reading of the topic at the start.
const readTime = time.Minute

// Start reads what there is and listens. ctx bounds the registry's life.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{done: make(chan error, 1)}
	var log embedded.Log = embedded.Memory{}
	if cfg.Kafka != nil {
		topic, err := s.openTopic(ctx, cfg)
		if err != nil {
			return nil, errors.Join(err, s.close(ctx))
		}
		log = topic
	}
	reg, err := embedded.Open(ctx, log, cfg.Formats)
	if err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("schema registry: %w", err), s.close(ctx))
	}
	s.address = l.Addr().String()
	s.http = &http.Server{Handler: reg.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// URL is where the registry is.
func (s *Server) URL() string { return "http://" + s.address }

// Failed gets the error if the server ends by itself.
func (s *Server) Failed() <-chan error { return s.done }

// Close ends the registry; requests under way may end until ctx does.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, s.close(ctx))
}

func (s *Server) close(ctx context.Context) error {
	var all error
	for _, closer := range slices.Backward(s.closers) {
		all = errors.Join(all, closer(ctx))
	}
	return all
}

// topic is the compacted topic as an embedded.Log.
type topic struct {
	log *kafkalog.Log

	mu     sync.Mutex
	read   []kafkalog.Pair
	loaded bool
}

func (s *Server) openTopic(ctx context.Context, cfg Config) (*topic, error) {
	admin, err := kafka.NewAdmin(cfg.Kafka, cfg.Log, cfg.Options...)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func(context.Context) error { return admin.Close() })
	name := cfg.Topic
	if name == "" {
		name = DefaultTopic
	}
	t := &topic{}
	t.log = kafkalog.New(kafkalog.Config{
		Topic: kafkalog.Topic{
			Name: name, Partitions: 1, ReplicationFactor: cfg.Replication, Single: true,
			Setting: "--topic", Purpose: "schemas",
		},
		Props: cfg.Kafka, ClientID: "troupe-registry",
	}, admin, t.apply, cfg.Log, cfg.Options...)
	s.closers = append(s.closers, t.log.Stop)
	start, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if err := t.log.Start(start); err != nil {
		return nil, fmt.Errorf("topic %s: %w", name, err)
	}
	return t, nil
}

func (t *topic) apply(r *kafka.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.loaded { // later ones are our own
		t.read = append(t.read, kafkalog.Pair{Key: r.Key, Value: r.Value})
	}
}

// Load implements embedded.Log.
func (t *topic) Load(_ context.Context, apply func(key, value []byte) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.read {
		if err := apply(p.Key, p.Value); err != nil {
			return err
		}
	}
	t.read, t.loaded = nil, true
	return nil
}

// writeTime bounds one write, and with it the request that asked for it.
const writeTime = 30 * time.Second

// Append implements embedded.Log.
func (t *topic) Append(ctx context.Context, key, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return t.log.Send(ctx, key, value)
}
