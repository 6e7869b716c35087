package kafka_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A consumer whose group waits for a member that doesn't come says so, and for whom, in its log and when
// asked, until it has partitions.
func TestIdleWhileTheGroupWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(2, "t"))
		busy := newConsumer(t, c, "g", kafka.Props{"session.timeout.ms": "45000", "max.poll.interval.ms": "200000"}, "t")
		await(t, busy, kafka.Assigned) // and is not polled again: it gives nothing back
		var out safeBuffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
		waits, err := kafka.NewConsumer(with(c.Props(), kafka.Props{"heartbeat.interval.ms": "50"}), "g", []string{"t"}, "", log, c.Option())
		if err != nil {
			t.Fatal(err)
		}
		defer waits.Close(soon(t)) //nolint:errcheck // the test is over
		if _, idle := waits.Idle(); idle {
			t.Error("it is told before it is known")
		}
		time.Sleep(80 * time.Second)
		synctest.Wait()
		i, idle := waits.Idle()
		if !idle || i.Fine || !strings.Contains(i.Why, "waits for members that may be gone") || time.Since(i.Since) < 75*time.Second {
			t.Errorf("after 80 s: %+v, %v", i, idle)
		}
		if n := strings.Count(out.String(), "the consumer has no partitions and reads nothing"); n != 2 {
			t.Errorf("it was told %d times in 80 s, want 2:\n%s", n, out.String())
		}
		if err := busy.Close(soon(t)); err != nil {
			t.Error(err)
		}
		await(t, waits, kafka.Assigned)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if i, idle := waits.Idle(); idle {
			t.Errorf("with partitions: %+v", i)
		}
		if !strings.Contains(out.String(), "the consumer has partitions again") {
			t.Errorf("the log says\n%s", out.String())
		}
	})
}

// More members than partitions is no trouble, and told once.
func TestIdleForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(1, "t"))
		var out safeBuffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
		var all []*kafka.Consumer
		for range 2 {
			con, err := kafka.NewConsumer(with(c.Props(), kafka.Props{"heartbeat.interval.ms": "50"}), "g", []string{"t"}, "", log, c.Option())
			if err != nil {
				t.Fatal(err)
			}
			defer con.Close(soon(t)) //nolint:errcheck // the test is over
			all = append(all, con)
		}
		for range 120 { // both are polled for two minutes
			for _, con := range all {
				con.Wakeup()
				p, err := con.Poll(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				if p.Rebalance != nil {
					p.Rebalance.Done(nil)
				}
			}
			time.Sleep(time.Second)
		}
		fine := 0
		for _, con := range all {
			if i, idle := con.Idle(); idle && i.Fine {
				fine++
			}
		}
		if text := out.String(); fine != 1 || strings.Count(text, "the consumer has no partitions to read") != 1 || strings.Contains(text, "reads nothing") {
			t.Errorf("%d have nothing to read; the log says\n%s", fine, text)
		}
	})
}
