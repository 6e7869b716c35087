package task_test

import (
	"strings"
	"testing"
	"time"
)

// lastNote is what the status says of the task besides its state.
func (s *stage) lastNote() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) == 0 {
		return ""
	}
	return s.notes[len(s.notes)-1].Text
}

// A sink that Kafka doesn't answer has no partitions, and says so in log and status until it has some.
func TestSinkSaysThatItWaitsForItsGroup(t *testing.T) {
	onSink(t, &drain{}, nil, func(t *testing.T, s *stage) {
		s.kafka.Stop()
		s.start()
		s.after(19 * time.Second)
		if got := s.lastNote(); got != "" {
			t.Errorf("told early: %s", got)
		}
		s.after(2 * time.Second)
		if got := s.lastNote(); !strings.HasPrefix(got, "no partitions since 2000-01-01T00:00:00Z: it is joining group connect-c") {
			t.Errorf("status says %q", got)
		}
		if !strings.Contains(s.logged(), `level=WARN msg="sink task has no partitions" connector=c task=0 for=20s because="it is joining group`) {
			t.Error("not logged")
		}
		s.after(10 * time.Minute)
		if n := strings.Count(s.logged(), "sink task has no partitions"); n != 1 {
			t.Errorf("told %d times", n)
		}
		s.kafka.Start()
		s.after(2 * time.Minute)
		if got := s.lastNote(); got != "" || !strings.Contains(s.logged(), "sink task has partitions again") {
			t.Errorf("status still says %q", got)
		}
		s.stop()
	})
}

// While it has partitions there is nothing to tell, however little comes.
func TestSinkWithPartitionsSaysNothing(t *testing.T) {
	onSink(t, &drain{}, nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(10 * time.Minute)
		if got := s.lastNote(); got != "" || strings.Contains(s.logged(), "no partitions") {
			t.Errorf("status says %q", got)
		}
		s.stop()
	})
}
