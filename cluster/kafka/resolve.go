package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// resolveLimit bounds how long the names of brokers are looked up when a client is made.
const resolveLimit = 5 * time.Second

// resolve looks up the names of bootstrap.servers: a client none of whose names exists is refused, as
// Java's is, since it could only try for ever. A name server that doesn't answer is no reason, the
// client tries by itself; nor is a host that is down. The error is Retriable: names come back.
func (s *settings) resolve(ctx context.Context) error {
	if s.dialled { // the dialer knows its own names
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	var unknown []string
	for _, server := range s.servers {
		host, _, err := net.SplitHostPort(server)
		if err != nil {
			return nil //nolint:nilerr // readServers has refused it
		}
		var dns *net.DNSError
		if _, err := net.DefaultResolver.LookupHost(ctx, host); !errors.As(err, &dns) || !dns.IsNotFound {
			return nil
		}
		unknown = append(unknown, host)
	}
	return &Error{
		Op:    "bootstrap.servers=" + strings.Join(s.servers, ","),
		Class: Retriable,
		Java:  "org.apache.kafka.common.config.ConfigException",
		Err:   fmt.Errorf("No resolvable bootstrap urls given in bootstrap.servers: no such host: %s", strings.Join(unknown, ", ")), //nolint:staticcheck // Java's words
	}
}
