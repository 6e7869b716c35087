package kafka

import (
	"context"
	"net"
)

// cutDialer opens connections that break when the dialer's context ends: sarama's Broker can't be closed
// while it waits for an answer.
type cutDialer struct{ saramaDialer }

// Dial opens a connection.
func (d cutDialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.saramaDialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(d.ctx, func() { conn.Close() }) //nolint:errcheck // it is to break
	return &cutConn{conn, stop}, nil
}

type cutConn struct {
	net.Conn
	stop func() bool
}

// Close closes the connection, if it isn't cut already.
func (c *cutConn) Close() error {
	if !c.stop() {
		return nil
	}
	return c.Conn.Close()
}
