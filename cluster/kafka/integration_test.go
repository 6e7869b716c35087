//go:build integration

package kafka_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// The port of the real broker of these tests; +4 is SASL, +5 is TLS.
const realPort = 18560

func TestMain(m *testing.M) {
	code := m.Run()
	if real.started {
		service("stop").Run() //nolint:errcheck // the next start says what is wrong
	}
	os.Exit(code)
}

var real struct {
	once    sync.Once
	started bool
	err     error
	ca      string
}

func service(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join("..", "..", "testdata", "services", "kafka"), args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("KAFKA_PORT=%d", realPort), "KAFKA_SECURE=1")
	return cmd
}

// broker starts Kafka 4.1.1 once and returns the address of one of its listeners.
func broker(t testing.TB, offset int) string {
	t.Helper()
	real.once.Do(func() {
		out, err := service("start").CombinedOutput()
		real.started, real.err = err == nil, err
		if err != nil {
			real.err = fmt.Errorf("%w: %s", err, out)
		}
		if _, after, ok := strings.Cut(string(out), "CA "); ok {
			real.ca, _, _ = strings.Cut(after, "\n")
		}
	})
	if real.err != nil {
		t.Fatal(real.err)
	}
	return fmt.Sprintf("127.0.0.1:%d", realPort+offset)
}

func realProps(t *testing.T, more kafka.Props) kafka.Props {
	return with(with(kafka.Props{"bootstrap.servers": broker(t, 0)}, fast), more)
}

var unique = time.Now().UnixNano()

func name(t testing.TB) string {
	unique++
	clean := strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' || r == '"' {
			return '-'
		}
		return r
	}, t.Name())
	return fmt.Sprintf("%s-%d", clean, unique)
}

func realAdmin(t *testing.T, props kafka.Props) *kafka.Admin {
	t.Helper()
	a, err := kafka.NewAdmin(props, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func realTopic(t *testing.T, partitions int) string {
	t.Helper()
	topic := name(t)
	if _, err := realAdmin(t, realProps(t, nil)).CreateTopic(soon(t), kafka.NewTopic{Name: topic, Partitions: partitions, ReplicationFactor: 1}); err != nil {
		t.Fatal(err)
	}
	return topic
}

func realProducer(t *testing.T, props kafka.Props) *kafka.Producer {
	t.Helper()
	p, err := kafka.NewProducer(props, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Abort)
	return p
}

func realConsumer(t *testing.T, props kafka.Props, group string, topics ...string) *kafka.Consumer {
	t.Helper()
	c, err := kafka.NewConsumer(props, group, topics, "", quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		c.Close(ctx)
	})
	return c
}

func TestRealCodecsAndPartitions(t *testing.T) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			topic := realTopic(t, 3)
			p := realProducer(t, realProps(t, kafka.Props{"compression.type": codec}))
			for i := range 300 {
				r := &kafka.Record{
					Topic: topic, Partition: int32(i % 3), Key: fmt.Append(nil, i), Value: bytes.Repeat([]byte("v"), 100),
					Headers: []kafka.RecordHeader{{Key: "h", Value: []byte("x")}}, Timestamp: time.UnixMilli(int64(1700000000000 + i)),
				}
				produce(t, p, r, func(_ *kafka.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
			if err := p.Flush(soon(t)); err != nil {
				t.Fatal(err)
			}
			got := collect(t, realConsumer(t, realProps(t, nil), name(t), topic), 300)
			next := map[int32]int{0: 0, 1: 1, 2: 2}
			for _, r := range got {
				if string(r.Key) != fmt.Sprint(next[r.Partition]) || len(r.Value) != 100 || len(r.Headers) != 1 || r.Timestamp.UnixMilli() != int64(1700000000000+next[r.Partition]) {
					t.Fatalf("partition %d: %+v, want %d", r.Partition, r, next[r.Partition])
				}
				next[r.Partition] += 3
			}
		})
	}
}

func TestRealRebalance(t *testing.T) {
	for _, protocol := range []string{"classic", "cooperative", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			topic, group := realTopic(t, 4), name(t)
			props := realProps(t, nil)
			switch protocol {
			case "cooperative":
				props["partition.assignment.strategy"] = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
			case "consumer":
				props["group.protocol"] = "consumer"
			}
			p := realProducer(t, realProps(t, nil))
			const n = 2000
			half := func(from int) {
				for i := from; i < from+n/2; i++ {
					produce(t, p, &kafka.Record{Topic: topic, Partition: int32(i % 4), Value: fmt.Append(nil, i)}, nil)
				}
				if err := p.Flush(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			half(0)
			a := runMember(t, realConsumer(t, props, group, topic))
			kafkatest.Eventually(t, "the first has all", func() bool { return owns(a.c) == 4 && len(a.seen) == n/2 })
			b := runMember(t, realConsumer(t, props, group, topic))
			kafkatest.Eventually(t, "both have half", func() bool { return owns(a.c) == 2 && owns(b.c) == 2 })
			half(n / 2)
			kafkatest.Eventually(t, "all have come", func() bool { return len(a.seen)+len(b.seen) >= n })
			for _, m := range []*member{a, b} {
				m.stop()
				if err := <-m.done; err != nil {
					t.Fatal(err)
				}
				close(m.seen)
			}
			seen := map[string]int{}
			for _, m := range []*member{a, b} {
				for r := range m.seen {
					seen[string(r.Value)]++
				}
			}
			for v, times := range seen {
				if times > 1 {
					t.Errorf("%s came %d times", v, times)
				}
			}
			if len(seen) != n {
				t.Errorf("%d records, want %d", len(seen), n)
			}
		})
	}
}

// A Java consumer and one of ours share a group.
func TestRealJavaMember(t *testing.T) {
	topic, group := realTopic(t, 4), name(t)
	ours := runMember(t, realConsumer(t, realProps(t, nil), group, topic))
	kafkatest.Eventually(t, "ours has all", func() bool { return owns(ours.c) == 4 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	java := service("run", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", broker(t, 0),
		"--topic", topic, "--group", group, "--from-beginning") // it may find its place later than the records come
	var out bytes.Buffer
	java.Stderr = &out
	pipe, err := java.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := java.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { java.Process.Kill() }) //nolint:errcheck // it may have ended
	defer stop()
	var lines sync.Map
	go func() {
		for in := bufio.NewScanner(pipe); in.Scan(); {
			lines.Store(in.Text(), true)
		}
	}()
	kafkatest.Eventually(t, "each has two partitions", func() bool { return owns(ours.c) == 2 })
	a := realAdmin(t, realProps(t, nil))
	if info, err := a.DescribeGroup(soon(t), group); err != nil || info.Members != 2 {
		t.Errorf("%+v, %v", info, err)
	}
	p := realProducer(t, realProps(t, nil))
	for i := range int32(4) {
		if err := outcome(t, p, &kafka.Record{Topic: topic, Partition: i, Value: fmt.Append(nil, "to-", i)}); err != nil {
			t.Fatal(err)
		}
	}
	kafkatest.Eventually(t, "each gets two records", func() bool {
		got := 0
		lines.Range(func(k, _ any) bool {
			if strings.HasPrefix(k.(string), "to-") {
				got++
			}
			return true
		})
		return got == 2 && len(ours.seen) == 2
	})
	cancel()
	java.Wait() //nolint:errcheck // it was killed
	if t.Failed() {
		t.Log(out.String())
	}
}

// Keys go where Java's producer puts them.
func TestRealJavaPartitioner(t *testing.T) {
	topic := realTopic(t, 7)
	var in strings.Builder
	for i := range 100 {
		fmt.Fprintf(&in, "key-%d:java\n", i)
	}
	java := service("run", "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", broker(t, 0), "--topic", topic,
		"--property", "parse.key=true", "--property", "key.separator=:")
	java.Stdin = strings.NewReader(in.String())
	if out, err := java.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := realProducer(t, realProps(t, nil))
	for i := range 100 {
		produce(t, p, &kafka.Record{Topic: topic, Partition: kafka.NoPartition, Key: fmt.Append(nil, "key-", i), Value: []byte("go")}, nil)
	}
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	at := map[string]int32{}
	for _, r := range collect(t, realConsumer(t, realProps(t, nil), name(t), topic), 200) {
		if before, ok := at[string(r.Key)]; ok && before != r.Partition {
			t.Errorf("key %s lies in partitions %d and %d", r.Key, before, r.Partition)
		}
		at[string(r.Key)] = r.Partition
	}
	if len(at) != 100 {
		t.Errorf("%d keys", len(at))
	}
}

func TestRealAdmin(t *testing.T) {
	a := realAdmin(t, realProps(t, nil))
	ctx, topic, group := soon(t), name(t), name(t)
	if id, err := a.ClusterID(ctx); err != nil || len(id) != 22 {
		t.Errorf("cluster id %q, %v", id, err)
	}
	if made, err := a.CreateTopic(ctx, kafka.NewTopic{Name: topic, Partitions: -1, ReplicationFactor: -1, Configs: map[string]string{"cleanup.policy": "compact"}}); err != nil || !made {
		t.Fatalf("%v, %v", made, err)
	}
	if made, err := a.CreateTopic(ctx, kafka.NewTopic{Name: topic, Partitions: 1, ReplicationFactor: 1}); err != nil || made {
		t.Errorf("again: %v, %v", made, err)
	}
	for _, bad := range []struct {
		topic kafka.NewTopic
		java  string
	}{
		{kafka.NewTopic{Name: "bad name", Partitions: 1, ReplicationFactor: 1}, "InvalidTopicException"},
		{kafka.NewTopic{Name: "x", Partitions: 0, ReplicationFactor: 1}, "InvalidPartitionsException"},
		{kafka.NewTopic{Name: "x", Partitions: 1, ReplicationFactor: 9}, "InvalidReplicationFactorException"},
		{kafka.NewTopic{Name: "x", Partitions: 1, ReplicationFactor: 1, Configs: map[string]string{"no.such": "1"}}, "InvalidConfigurationException"},
	} {
		if _, err := a.CreateTopic(ctx, bad.topic); !strings.HasSuffix(kafka.ClassName(err), "."+bad.java) || kafka.Classify(err) != kafka.Fatal {
			t.Errorf("%+v: %v (%s)", bad.topic, err, kafka.ClassName(err))
		}
	}
	if found, err := a.DescribeTopics(ctx, topic, "missing-"+topic); err != nil || len(found) != 1 || found[topic].Partitions != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	if configs, err := a.DescribeTopicConfigs(ctx, topic); err != nil || configs["cleanup.policy"] != "compact" {
		t.Errorf("%s, %v", configs["cleanup.policy"], err)
	}
	if err := a.CreatePartitions(ctx, topic, 2); err != nil {
		t.Error(err)
	}
	p := realProducer(t, realProps(t, nil))
	for range 5 {
		if err := outcome(t, p, &kafka.Record{Topic: topic, Key: []byte("k")}); err != nil {
			t.Fatal(err)
		}
	}
	// A record without key in a compacted topic is refused (kfake takes it).
	if err := outcome(t, p, &kafka.Record{Topic: topic}); !strings.HasSuffix(kafka.ClassName(err), ".InvalidRecordException") {
		t.Errorf("%v (%s)", err, kafka.ClassName(err))
	}
	if ends, err := a.EndOffsets(ctx, topic); err != nil || !maps.Equal(ends, kafka.Offsets{tp(topic, 0): 5, tp(topic, 1): 0}) {
		t.Errorf("%v, %v", ends, err)
	}
	if starts, err := a.StartOffsets(ctx, topic); err != nil || starts[tp(topic, 0)] != 0 {
		t.Errorf("%v, %v", starts, err)
	}
	want := kafka.Offsets{tp(topic, 0): 3, tp(topic, 1): 0}
	if err := a.AlterGroupOffsets(ctx, group, want); err != nil {
		t.Fatal(err)
	}
	if got, err := a.ListGroupOffsets(ctx, group); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	con := realConsumer(t, realProps(t, nil), group, topic)
	if r := await(t, con, kafka.Assigned); !maps.Equal(r.Committed, want) {
		t.Errorf("%+v", r)
	}
	if info, err := a.DescribeGroup(ctx, group); err != nil || info.State != "Stable" || info.Members != 1 || info.ProtocolType != "consumer" {
		t.Errorf("%+v, %v", info, err)
	}
	if err := a.AlterGroupOffsets(ctx, group, want); kafka.Classify(err) != kafka.Fenced {
		t.Errorf("alter with members: %v", err)
	}
	if err := a.DeleteGroup(ctx, group); !strings.HasSuffix(kafka.ClassName(err), ".GroupNotEmptyException") {
		t.Errorf("delete with members: %v", err)
	}
	if err := a.DeleteGroupOffsets(ctx, group, tp(topic, 0)); !strings.HasSuffix(kafka.ClassName(err), ".GroupSubscribedToTopicException") {
		t.Errorf("delete an offset with members: %v", err)
	}
	if err := con.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteGroupOffsets(ctx, group, tp(topic, 0), tp("missing-"+topic, 0)); err != nil {
		t.Error(err)
	}
	if got, err := a.ListGroupOffsets(ctx, group); err != nil || !maps.Equal(got, kafka.Offsets{tp(topic, 1): 0}) {
		t.Errorf("%v, %v", got, err)
	}
	for range 2 {
		if err := a.DeleteGroup(ctx, group); err != nil {
			t.Error(err)
		}
	}
	if info, err := a.DescribeGroup(ctx, group); err != nil || info.State != "Dead" {
		t.Errorf("%+v, %v", info, err)
	}
	for range 2 {
		if err := a.DeleteTopic(ctx, topic); err != nil {
			t.Error(err)
		}
	}
}

func TestRealDeleteRecords(t *testing.T) {
	a, topic := realAdmin(t, realProps(t, nil)), realTopic(t, 1)
	p := realProducer(t, realProps(t, nil))
	for range 5 {
		if err := outcome(t, p, &kafka.Record{Topic: topic}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.DeleteRecords(soon(t), kafka.Offsets{tp(topic, 0): 3}); err != nil {
		t.Fatal(err)
	}
	if starts, err := a.StartOffsets(soon(t), topic); err != nil || starts[tp(topic, 0)] != 3 {
		t.Errorf("%v, %v", starts, err)
	}
	con := realConsumer(t, realProps(t, nil), name(t), topic)
	if r := await(t, con, kafka.Assigned); r.Position[tp(topic, 0)] != 3 {
		t.Errorf("position %v", r.Position)
	}
}

func TestRealLogin(t *testing.T) {
	login := func(mechanism, user, password string) kafka.Props {
		module := "plain.PlainLoginModule"
		if mechanism != "PLAIN" {
			module = "scram.ScramLoginModule"
		}
		return with(fast, kafka.Props{
			"bootstrap.servers": broker(t, 4), "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism,
			"sasl.jaas.config": fmt.Sprintf("org.apache.kafka.common.security.%s required username=%q password=%q;", module, user, password),
		})
	}
	topic := realTopic(t, 1)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			props := login(mechanism, "admin", "admin-secret")
			if err := outcome(t, realProducer(t, props), &kafka.Record{Topic: topic, Value: []byte("v")}); err != nil {
				t.Error(err)
			}
			if _, err := realAdmin(t, props).ClusterID(soon(t)); err != nil {
				t.Error(err)
			}
			collect(t, realConsumer(t, props, name(t), topic), 1)
		})
		t.Run(mechanism+" wrong", func(t *testing.T) {
			checkAllLogins(t, login(mechanism, "admin", "wrong-1"), topic, "SaslAuthenticationException")
		})
	}
	t.Run("a mechanism the broker hasn't", func(t *testing.T) {
		props := login("PLAIN", "admin", "admin-secret")
		props["sasl.mechanism"] = "OAUTHBEARER"
		props["sasl.jaas.config"] = `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="admin";`
		checkAllLogins(t, props, topic, "UnsupportedSaslMechanismException")
	})
	t.Run("refused", func(t *testing.T) {
		props := login("SCRAM-SHA-512", "kc", "kc-secret") // this user may do nothing
		if err := outcome(t, realProducer(t, props), &kafka.Record{Topic: topic}); !strings.HasSuffix(kafka.ClassName(err), ".TopicAuthorizationException") || kafka.Classify(err) != kafka.Authorization {
			t.Errorf("produce: %v (%s)", err, kafka.ClassName(err))
		}
		if err := pollError(t, realConsumer(t, props, name(t), topic)); kafka.Classify(err) != kafka.Authorization {
			t.Errorf("consume: %v (%s)", err, kafka.ClassName(err))
		}
		_, err := realAdmin(t, props).CreateTopic(soon(t), kafka.NewTopic{Name: name(t), Partitions: 1, ReplicationFactor: 1})
		if !errors.Is(err, errs.Authorization) {
			t.Errorf("create a topic: %v (%s)", err, kafka.ClassName(err))
		}
	})
}

func pollError(t *testing.T, c *kafka.Consumer) error {
	t.Helper()
	for ctx := soon(t); ctx.Err() == nil; {
		p, err := c.Poll(ctx, 0)
		if err != nil {
			return err
		}
		if p.Rebalance != nil {
			p.Rebalance.Done(nil)
		}
	}
	return nil
}

func checkAllLogins(t *testing.T, props kafka.Props, topic, java string) {
	t.Helper()
	check := func(kind string, err error) {
		t.Helper()
		if kafka.Classify(err) != kafka.Authorization || !strings.HasSuffix(kafka.ClassName(err), "."+java) || strings.Contains(fmt.Sprint(err), "wrong-1") {
			t.Errorf("%s: %v (%s, %s)", kind, err, kafka.Classify(err), kafka.ClassName(err))
		}
	}
	check("produce", realProducer(t, props).Produce(soon(t), &kafka.Record{Topic: topic}, nil))
	check("consume", pollError(t, realConsumer(t, props, name(t), topic)))
	_, err := realAdmin(t, props).ClusterID(soon(t))
	check("admin", err)
}

func TestRealTLS(t *testing.T) {
	topic := realTopic(t, 1)
	props := with(fast, kafka.Props{
		"bootstrap.servers": broker(t, 5), "security.protocol": "SSL", "ssl.truststore.type": "PEM",
		"ssl.truststore.location": real.ca,
	})
	if real.ca == "" {
		t.Fatal("the broker's CA is unknown: stop the broker that runs on the port")
	}
	if err := outcome(t, realProducer(t, props), &kafka.Record{Topic: topic, Value: []byte("v")}); err != nil {
		t.Error(err)
	}
	if _, err := realAdmin(t, props).ClusterID(soon(t)); err != nil {
		t.Error(err)
	}
	collect(t, realConsumer(t, props, name(t), topic), 1)
	props["ssl.truststore.location"] = store("ca.pem")
	checkAllLogins(t, props, topic, "SslAuthenticationException")
}

func TestRealTransactions(t *testing.T) {
	topic, id := realTopic(t, 1), name(t)
	props := realProps(t, kafka.Props{"transactional.id": id})
	p := realProducer(t, props)
	if err := p.InitTransactions(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"aborted", "committed"} {
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := outcome(t, p, &kafka.Record{Topic: topic, Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
		end := p.CommitTransaction
		if v == "aborted" {
			end = p.AbortTransaction
		}
		if err := end(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	got := collect(t, realConsumer(t, realProps(t, kafka.Props{"isolation.level": "read_committed"}), name(t), topic), 1)
	if values(got) != "committed" {
		t.Errorf("got %s", values(got))
	}
	// An open transaction is ended by fencing, and its producer can't go on.
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := outcome(t, p, &kafka.Record{Topic: topic, Value: []byte("fenced")}); err != nil {
		t.Fatal(err)
	}
	if err := realAdmin(t, realProps(t, nil)).FenceProducers(soon(t), id); err != nil {
		t.Fatal(err)
	}
	if err := p.CommitTransaction(soon(t)); kafka.Classify(err) != kafka.Fenced {
		t.Errorf("commit after fencing: %v (%s)", err, kafka.ClassName(err))
	}
}
