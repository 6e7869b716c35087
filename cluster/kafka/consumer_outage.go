package kafka

import (
	"context"
	"errors"
	"math"
	"net"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// outlast are the options with which a consumer stays in its group while no broker can be reached, however
// long: it is for the coordinator to say, when it is back, whether the session has ended. So does Java's, and
// a sink then goes on where it was. franz-go by itself takes the first refused connection, or the end of
// its tries, for the end of the membership, and the sink reads again from its last commit.
func (s *settings) outlast() []kgo.Opt {
	return []kgo.Opt{
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := s.dial(ctx, network, address)
			return conn, passing(err)
		}),
		kgo.RequestRetries(math.MaxInt32), // the time counts
		kgo.RetryTimeoutFn(func(key int16) time.Duration {
			switch kmsg.Key(key) {
			case kmsg.Heartbeat, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.OffsetFetch:
				return 0 // no limit but the end of the membership
			case kmsg.FindCoordinator:
				return 5 * time.Second // it is part of the others, which try again
			default:
				return 30 * time.Second // as franz-go has it
			}
		}),
	}
}

// passing makes the refusal of a connection one that franz-go tries again: it looks for a time-out.
func passing(err error) error {
	dial, ok := errors.AsType[*net.OpError](err)
	if !ok || dial.Op != "dial" || dial.Timeout() {
		return err
	}
	if missing, ok := errors.AsType[*net.DNSError](err); ok && missing.IsNotFound {
		return err
	}
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) || errors.Is(err, context.Canceled) {
		return err
	}
	again := *dial
	again.Err = passingError{dial.Err}
	return &again
}

// passingError says of itself that it will pass.
type passingError struct{ error }

func (p passingError) Unwrap() error { return p.error }

// Timeout is what net.Error asks for.
func (passingError) Timeout() bool { return true }

// Temporary is what net.Error asks for.
func (passingError) Temporary() bool { return true }
