package kafkatest

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

type netState uint8

const (
	running netState = iota
	stopped
	hung
)

// network is the brokers' side of the connections, which can be cut or held up.
type network struct {
	listen func(network, address string) (net.Listener, error)

	mu    sync.Mutex
	state netState
	open  chan struct{} // closed when a hang ends; nil while there is none
	conns map[*conn]bool
}

// set changes the state of all connections.
func (n *network) set(state netState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open != nil && state != hung {
		close(n.open)
		n.open = nil
	}
	if n.open == nil && state == hung {
		n.open = make(chan struct{})
	}
	n.state = state
	if state != stopped {
		return
	}
	for c := range n.conns {
		c.Conn.Close() //nolint:errcheck // it is meant to break
	}
	clear(n.conns)
}

// Listen opens a listener whose connections belong to the network.
func (n *network) Listen(netw, address string) (net.Listener, error) {
	l, err := n.listen(netw, address)
	if err != nil {
		return nil, err
	}
	return &listener{l, n}, nil
}

type listener struct {
	net.Listener
	n *network
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: raw, n: l.n, closed: make(chan struct{})}
		l.n.mu.Lock()
		down := l.n.state == stopped
		if !down {
			if l.n.conns == nil {
				l.n.conns = map[*conn]bool{}
			}
			l.n.conns[c] = true
		}
		l.n.mu.Unlock()
		if !down {
			return c, nil
		}
		raw.Close() //nolint:errcheck // it is meant to break
	}
}

type conn struct {
	net.Conn
	n      *network
	once   sync.Once
	closed chan struct{}
}

// Read delivers what came unless the network hangs.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.pass()
	return n, err
}

// Write sends unless the network hangs.
func (c *conn) Write(b []byte) (int, error) {
	c.pass()
	return c.Conn.Write(b)
}

// pass waits for the end of a hang.
func (c *conn) pass() {
	c.n.mu.Lock()
	open := c.n.open
	c.n.mu.Unlock()
	if open == nil {
		return
	}
	select {
	case <-open:
	case <-c.closed:
	}
}

// Close closes the connection once.
func (c *conn) Close() error {
	err := errors.New("closed twice")
	c.once.Do(func() {
		close(c.closed)
		c.n.mu.Lock()
		delete(c.n.conns, c)
		c.n.mu.Unlock()
		err = c.Conn.Close()
	})
	return err
}

// Link is the connections of one client or of one worker to the cluster, which can be cut while those of others
// stay.
type Link struct {
	cluster *Cluster
	mu      sync.Mutex
	cut     bool
	conns   map[net.Conn]bool
}

// Link makes a link.
func (c *Cluster) Link() *Link { return &Link{cluster: c, conns: map[net.Conn]bool{}} }

// Option is to a client of the link what Cluster.Option is to others.
func (l *Link) Option() kafka.Option { return kafka.WithDialer(l.dial) }

func (l *Link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errCut
	}
	conn, err := l.cluster.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.conns[conn] = true
	return conn, nil
}

var errCut = errors.New("the link is cut")

// Cut breaks the connections and lets none be made until Mend.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for conn := range l.conns {
		conn.Close() //nolint:errcheck // it is meant to break
	}
	clear(l.conns)
}

// Mend undoes Cut.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}
