package kafkatest

import (
	"errors"
	"net"
	"sync"
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
