//go:build integration

package kafka_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// javaMember is Kafka's console consumer.
type javaMember struct {
	t     *testing.T
	cmd   *exec.Cmd
	said  bytes.Buffer
	lines atomic.Int64 // records
	read  chan struct{}
}

func runJava(t *testing.T, topic, group string, more ...string) *javaMember {
	t.Helper()
	args := []string{"run", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", broker(t, 0), "--topic", topic, "--group", group, "--from-beginning"}
	j := &javaMember{t: t, cmd: service(append(args, more...)...), read: make(chan struct{})}
	j.cmd.Stderr = &j.said
	pipe, err := j.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(j.read)
		for in := bufio.NewScanner(pipe); in.Scan(); {
			j.lines.Add(1)
		}
	}()
	t.Cleanup(j.leave)
	return j
}

// leave ends it in good order: it commits and leaves the group.
func (j *javaMember) leave() {
	if j.cmd.ProcessState != nil {
		return
	}
	j.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	<-j.read
	j.cmd.Wait() //nolint:errcheck // it was ended
	if j.t.Failed() {
		j.t.Log(j.said.String())
	}
}

// quit ends a member of ours in good order, having committed all up to these offsets.
func quit(t *testing.T, m *member, offsets kafka.Offsets) {
	t.Helper()
	m.stop()
	if err := <-m.done; err != nil {
		t.Fatal(err)
	}
	if err := m.c.Commit(soon(t), offsets); err != nil {
		t.Fatal(err)
	}
	if err := m.c.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// split is how many partitions each member of the group has, by what the leader told it: "java 4, ours 4 4".
func split(t *testing.T, a *kafka.Admin, group string) string {
	t.Helper()
	roster, err := a.DescribeMembers(soon(t), group)
	if err != nil {
		return err.Error()
	}
	if roster.State != "Stable" {
		return roster.State
	}
	var java, ours []int
	for _, m := range roster.Roster {
		n := assignedPartitions(m.Assignment)
		if strings.HasPrefix(m.ClientID, "console-consumer") {
			java = append(java, n)
		} else {
			ours = append(ours, n)
		}
	}
	return fmt.Sprintf("%s: java %v, ours %v", roster.Protocol, java, ours)
}

// assignedPartitions counts the partitions in an assignment of the consumer protocol.
func assignedPartitions(b []byte) int {
	if len(b) < 6 {
		return 0
	}
	topics, b, n := int(binary.BigEndian.Uint32(b[2:])), b[6:], 0
	for range topics {
		b = b[2+int(binary.BigEndian.Uint16(b)):]
		partitions := int(binary.BigEndian.Uint32(b))
		n += partitions
		b = b[4+4*partitions:]
	}
	return n
}

// Members of Java and ours share twelve partitions evenly, whoever leads and by whichever assignor, Java's
// default among them; and each goes on where the other kind has committed.
func TestRealMixedGroup(t *testing.T) {
	const cooperative = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
	for _, tt := range []struct {
		name, strategy, protocol string
	}{
		{"default", "", "range"},
		{"cooperative", cooperative, "cooperative-sticky"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topic, group := realTopic(t, 12), name(t)
			props := realProps(t, nil)
			var more []string
			if tt.strategy != "" {
				props["partition.assignment.strategy"] = tt.strategy
				more = []string{"--consumer-property", "partition.assignment.strategy=" + tt.strategy}
			}
			a := realAdmin(t, realProps(t, nil))
			is := func(want string) {
				t.Helper()
				want = tt.protocol + ": " + want
				kafkatest.Eventually(t, want, func() bool { return split(t, a, group) == want })
			}
			join := func() *member { return runMember(t, realConsumer(t, props, group, topic)) }
			one := join() // ours leads
			is("java [], ours [12]")
			first := runJava(t, topic, group, more...)
			is("java [6], ours [6]")
			two := join()
			is("java [4], ours [4 4]")
			kafkatest.Eventually(t, "both of ours know it", func() bool { return owns(one.c) == 4 && owns(two.c) == 4 })
			second := runJava(t, topic, group, more...)
			is("java [3 3], ours [3 3]")
			quit(t, one, nil) // the leader
			is("java [4 4], ours [4]")
			quit(t, two, nil)
			is("java [6 6], ours []")
			three := join() // Java leads
			is("java [4 4], ours [4]")
			kafkatest.Eventually(t, "ours knows it", func() bool { return owns(three.c) == 4 })
			first.leave()
			second.leave()
			is("java [], ours [12]")

			p, all := realProducer(t, realProps(t, nil)), kafka.Offsets{}
			write := func(n int) {
				t.Helper()
				for i := range n {
					produce(t, p, &kafka.Record{Topic: topic, Partition: int32(i % 12), Value: []byte("x")}, nil)
					all[tp(topic, int32(i%12))]++
				}
				if err := p.Flush(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			write(120)
			kafkatest.Eventually(t, "ours has read", func() bool { return len(three.seen) == 120 })
			quit(t, three, all)
			third := runJava(t, topic, group, more...)
			is("java [12], ours []")
			write(24)
			kafkatest.Eventually(t, "Java has read on", func() bool { return third.lines.Load() >= 24 })
			third.leave()
			if n := third.lines.Load(); n != 24 {
				t.Errorf("Java read %d records where ours left 24", n)
			}
			four := join()
			is("java [], ours [12]")
			write(36)
			kafkatest.Eventually(t, "ours has read on", func() bool { return len(four.seen) >= 36 })
			quit(t, four, all)
			if n := len(four.seen); n != 36 {
				t.Errorf("ours read %d records where Java left 36", n)
			}
			if committed, err := a.ListGroupOffsets(soon(t), group); err != nil || !maps.Equal(committed, all) {
				t.Errorf("committed are %v, %v", committed, err)
			}
		})
	}
}
