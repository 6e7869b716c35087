// Package embedded is a Kafka broker within this process, for the quickstart: one node that keeps
// its topics, groups and settings in a folder and can be reached by any Kafka client. It is franz-go's
// kfake: made for trying things out, not for data that matters, and without replication.
//
// It differs from Kafka in what it forgives: a record without key in a compacted topic is taken, for
// one. Topics are made when a client first asks for them.
package embedded

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DefaultAddress is where Kafka's own quickstart has its broker.
const DefaultAddress = "127.0.0.1:9092"

// Config is what a broker is started with.
type Config struct {
	// Dir keeps the data; it is made if need be. "" keeps nothing.
	Dir string
	// Address is host:port to listen on; port 0 takes a free one. "" is DefaultAddress.
	Address string
	// Advertise is the host that clients are told to connect to, by default Address's, or
	// localhost if that is every interface.
	Advertise string
	// Partitions of topics that are made without a number; 0 stands for 1.
	Partitions int
	Log        *slog.Logger // nil: slog.Default
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	address string
	lock    *os.File
	once    sync.Once
	err     error
}

// Start runs a broker until ctx ends or Close is called. An address that is taken and a folder that
// another broker uses are errors.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Address == "" {
		cfg.Address = DefaultAddress
	}
	host, portText, err := net.SplitHostPort(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: address %q is not host:port: %w", cfg.Address, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: port of address %q: %w", cfg.Address, err)
	}
	b := &Broker{}
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.Ports(int(port)), kfake.ListenFn(listen(host, cfg.advertised(host))),
		kfake.ClusterID(newClusterID()), // one that the folder has counts instead
		kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(max(cfg.Partitions, 1)),
		kfake.WithLogger(logger{cfg.Log}),
	}
	if cfg.Dir != "" {
		if b.lock, err = lockDir(cfg.Dir); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		opts = append(opts, kfake.DataDir(filepath.Join(cfg.Dir, "data")))
	}
	if b.cluster, err = kfake.NewCluster(opts...); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded broker on %s with data in %q: %w", cfg.Address, cfg.Dir, err), b.unlock())
	}
	b.cluster.ControlKey(int16(kmsg.Metadata), b.createTopics)
	b.address = b.cluster.ListenAddrs()[0]
	cfg.Log.Info("embedded broker started", "address", b.address, "dir", cfg.Dir)
	context.AfterFunc(ctx, func() { b.Close() }) //nolint:errcheck // whoever calls Close gets the error
	return b, nil
}

// createTopics makes the topics that a client asks for, before the broker would: topics that kfake makes
// by itself are written to disk only when it stops, and would be lost by a crash with their records.
func (b *Broker) createTopics(request kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's order
	metadata, ok := request.(*kmsg.MetadataRequest)
	if !ok || !metadata.AllowAutoTopicCreation {
		return nil, nil, false
	}
	for _, t := range metadata.Topics {
		if t.Topic != nil && *t.Topic != "" && b.cluster.TopicInfo(*t.Topic) == nil {
			b.cluster.CreateTopic(*t.Topic, -1, nil) //nolint:errcheck // the broker's own answer follows
		}
	}
	return nil, nil, false
}

// newClusterID makes an id of the form that Kafka's are of.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:]) //nolint:errcheck // it never fails
	return base64.RawURLEncoding.EncodeToString(id[:])
}

func (cfg Config) advertised(host string) string {
	switch {
	case cfg.Advertise != "":
		return cfg.Advertise
	case host == "" || net.ParseIP(host).IsUnspecified():
		return "localhost"
	}
	return host
}

// Address is host:port for clients' bootstrap.servers.
func (b *Broker) Address() string { return b.address }

// Close stops the broker and writes what is to be kept. Calls after the first return the same.
func (b *Broker) Close() error {
	b.once.Do(func() {
		b.cluster.Close()
		b.err = b.unlock()
	})
	return b.err
}

func (b *Broker) unlock() error {
	if b.lock == nil {
		return nil
	}
	return b.lock.Close()
}

// lockDir keeps a second broker out of the folder. The lock goes with the process, however it ends.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		err = fmt.Errorf("folder %s is in use by another broker: %w", dir, err)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// listen opens the socket on host and tells clients to come to advertised.
func listen(host, advertised string) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		l, err := net.Listen(network, net.JoinHostPort(host, port)) //nolint:noctx // returns at once, and kfake gives none
		if err != nil {
			return nil, err
		}
		_, port, err = net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		return advertising{l, named(net.JoinHostPort(advertised, port))}, nil
	}
}

type advertising struct {
	net.Listener
	as named
}

func (a advertising) Addr() net.Addr { return a.as }

type named string

func (named) Network() string  { return "tcp" }
func (n named) String() string { return string(n) }

// logger passes the broker's log on; its information is debugging to others.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	default:
	}
	if ctx := context.Background(); l.log.Enabled(ctx, to) { //nolint:forbidigo // kfake gives its logger none
		l.log.Log(ctx, to, "embedded broker", "message", fmt.Sprintf(format, args...))
	}
}

// Remove deletes a stopped broker's folder.
func Remove(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "lock")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder %s is not an embedded broker's", dir)
	}
	f, err := lockDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), f.Close())
}
