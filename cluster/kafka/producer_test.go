package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// myState is a caller's own state on a record, found in the promise without a map or closure.
type myState struct {
	context.Context
	n int
}

func TestProducerKeepsOrderAndContext(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, nil)
	var got []int
	promise := func(r *kafka.Record, err error) {
		if err != nil {
			t.Errorf("promise: %v", err)
		}
		got = append(got, r.Context.(*myState).n) // one goroutine at a time: no lock
	}
	for i := range 1000 {
		r := &kafka.Record{Topic: "t", Partition: kafka.NoPartition, Value: fmt.Append(nil, i), Context: &myState{context.Background(), i}}
		if err := p.Produce(t.Context(), r, promise); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	for i, n := range got {
		if n != i {
			t.Fatalf("promise %d is of record %d", i, n)
		}
	}
	records := c.Records("t")
	if len(got) != 1000 || len(records) != 1000 {
		t.Fatalf("%d promises, %d records in the topic, want 1000", len(got), len(records))
	}
	for i, r := range records {
		if string(r.Value) != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, r.Value)
		}
	}
}

// The partitions of Java's Utils.murmur2 & 0x7fffffff % 10, taken from Kafka's own tests and tool.
func TestPartitionerIsJavas(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(10, "t"))
	p := newProducer(t, c, nil)
	// murmur2 of Kafka's UtilsTest.testMurmur2.
	hashes := map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	}
	var wg sync.WaitGroup
	for key, hash := range hashes {
		wg.Add(1)
		want := (hash & 0x7fffffff) % 10
		produce(t, p, &kafka.Record{Topic: "t", Partition: kafka.NoPartition, Key: []byte(key)}, func(r *kafka.Record, err error) {
			defer wg.Done()
			if err != nil || r.Partition != want {
				t.Errorf("key %q went to partition %d (%v), want %d", key, r.Partition, err, want)
			}
		})
	}
	for n := range int32(10) {
		wg.Add(1)
		produce(t, p, &kafka.Record{Topic: "t", Partition: n, Key: []byte("abc")}, func(r *kafka.Record, err error) {
			defer wg.Done()
			if err != nil || r.Partition != n {
				t.Errorf("a record for partition %d went to %d (%v)", n, r.Partition, err)
			}
		})
	}
	wg.Wait()
}

func produce(t *testing.T, p *kafka.Producer, r *kafka.Record, promise func(*kafka.Record, error)) {
	t.Helper()
	if promise == nil {
		promise = func(*kafka.Record, error) {}
	}
	if err := p.Produce(soon(t), r, promise); err != nil {
		t.Fatal(err)
	}
}

// outcome produces one record and waits for its promise.
func outcome(t *testing.T, p *kafka.Producer, r *kafka.Record) error {
	t.Helper()
	answer := make(chan error, 1)
	produce(t, p, r, func(_ *kafka.Record, err error) { answer <- err })
	select {
	case err := <-answer:
		return err
	case <-soon(t).Done():
		t.Fatal("no outcome")
		return nil
	}
}

func TestPartitionOutOfRange(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t"))
	p := newProducer(t, c, nil)
	if err := outcome(t, p, &kafka.Record{Topic: "t", Partition: 2}); kafka.Classify(err) != kafka.Fatal {
		t.Errorf("partition 2 of 2: %v", err)
	}
	err := p.Produce(t.Context(), &kafka.Record{Topic: "t", Partition: -2}, nil)
	if !errors.Is(err, errs.IllegalArgument) {
		t.Errorf("partition -2: %v", err)
	}
}

func TestProduceBlocksByBytesAndObeysContext(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, kafka.Props{"buffer.memory": "100000"})
	if err := outcome(t, p, &kafka.Record{Topic: "t"}); err != nil {
		t.Fatal(err)
	}
	c.Hang()
	var answered, failed atomic.Int64
	promise := func(_ *kafka.Record, err error) {
		answered.Add(1)
		if err != nil {
			failed.Add(1)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	sent := int64(0)
	var err error
	for err == nil && sent < 1000 {
		if err = p.Produce(ctx, &kafka.Record{Topic: "t", Value: make([]byte, 10000)}, promise); err == nil {
			sent++
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) || sent < 5 || sent > 10 {
		t.Fatalf("took %d records of 10 kB into 100 kB, then: %v", sent, err)
	}
	if _, bytes := p.Buffered(); bytes > 100000 {
		t.Errorf("%d bytes are buffered", bytes)
	}
	c.Start()
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	if answered.Load() != sent || failed.Load() != 0 || len(c.Records("t")) != int(sent)+1 {
		t.Errorf("sent %d, answered %d, failed %d, in the topic %d", sent, answered.Load(), failed.Load(), len(c.Records("t"))-1)
	}
}

func TestManyProducersShareTheBuffer(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(4, "t"))
	p := newProducer(t, c, kafka.Props{"buffer.memory": "20000", "linger.ms": "0"})
	var wg sync.WaitGroup
	var ok atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 200 {
				err := p.Produce(soon(t), &kafka.Record{Topic: "t", Partition: kafka.NoPartition, Value: make([]byte, 3000)}, func(_ *kafka.Record, err error) {
					if err == nil {
						ok.Add(1)
					}
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := p.Flush(soon(t)); err != nil || ok.Load() != 1600 {
		t.Errorf("%d records arrived, want 1600 (%v)", ok.Load(), err)
	}
}

func TestMaxBlock(t *testing.T) {
	c := kafkatest.New(t)
	c.Stop()
	p := newProducer(t, c, kafka.Props{"max.block.ms": "150"})
	start := time.Now()
	err := p.Produce(t.Context(), &kafka.Record{Topic: "t"}, nil)
	if kafka.Classify(err) != kafka.Retriable || kafka.ClassName(err) != "org.apache.kafka.common.errors.TimeoutException" || !errors.Is(err, errs.Retriable) {
		t.Errorf("after %v: %v (%s, %s)", time.Since(start), err, kafka.Classify(err), kafka.ClassName(err))
	}
}

func TestBrokerAwayForAWhile(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, nil)
	for i := range 300 {
		if i == 100 {
			c.Stop()
		}
		if i == 200 {
			c.Start()
		}
		produce(t, p, &kafka.Record{Topic: "t", Value: fmt.Append(nil, i)}, func(_ *kafka.Record, err error) {
			if err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		})
	}
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	records := c.Records("t")
	if len(records) != 300 {
		t.Fatalf("%d records, want 300", len(records))
	}
	for i, r := range records {
		if string(r.Value) != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, r.Value)
		}
	}
}

func TestUnknownTopicIsWaitedFor(t *testing.T) {
	c := kafkatest.New(t, kafkatest.NoAutoCreate())
	p := newProducer(t, c, nil)
	answer := make(chan error, 1)
	produce(t, p, &kafka.Record{Topic: "late", Partition: kafka.NoPartition}, func(_ *kafka.Record, err error) { answer <- err })
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if err := p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("flush: %v", err)
	}
	c.CreateTopic("late", 1, nil)
	if err := p.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Error(err)
	}
}

func TestTopicIsMadeByAsking(t *testing.T) {
	c := kafkatest.New(t)
	p := newProducer(t, c, nil)
	if err := outcome(t, p, &kafka.Record{Topic: "new", Partition: kafka.NoPartition}); err != nil {
		t.Fatal(err)
	}
	if n, ok := c.TopicExists("new"); !ok || n != 1 {
		t.Errorf("topic exists: %v with %d partitions", ok, n)
	}
}

func TestTooLarge(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, kafka.Props{"max.request.size": "2000"})
	err := outcome(t, p, &kafka.Record{Topic: "t", Value: make([]byte, 3000)})
	if kafka.Classify(err) != kafka.TooLarge || kafka.ClassName(err) != "org.apache.kafka.common.errors.RecordTooLargeException" {
		t.Errorf("%v: %s, %s", err, kafka.Classify(err), kafka.ClassName(err))
	}
	if err := outcome(t, p, &kafka.Record{Topic: "t", Value: make([]byte, 1500)}); err != nil {
		t.Errorf("below the limit: %v", err)
	}
}

func TestProduceErrorsOfTheBroker(t *testing.T) {
	for _, tt := range []struct {
		code  string
		class kafka.Class
		java  string
	}{
		{"TOPIC_AUTHORIZATION_FAILED", kafka.Authorization, "TopicAuthorizationException"},
		{"MESSAGE_TOO_LARGE", kafka.TooLarge, "RecordTooLargeException"},
		{"INVALID_RECORD", kafka.Fatal, "InvalidRecordException"},
		{"INVALID_TOPIC_EXCEPTION", kafka.Fatal, "InvalidTopicException"},
	} {
		t.Run(tt.code, func(t *testing.T) {
			c := kafkatest.New(t, kafkatest.Topics(1, "t"))
			p := newProducer(t, c, nil)
			end := c.Fail(kafkatest.Fault{Request: "Produce", Topic: "t", Error: tt.code, Times: -1})
			err := outcome(t, p, &kafka.Record{Topic: "t"})
			if kafka.Classify(err) != tt.class || kafka.ClassName(err) != "org.apache.kafka.common.errors."+tt.java {
				t.Errorf("%v: %s, %s", err, kafka.Classify(err), kafka.ClassName(err))
			}
			if end() == 0 {
				t.Error("the fault was not met")
			}
		})
	}
	t.Run("retriable ones are got over", func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.Topics(1, "t"))
		p := newProducer(t, c, nil)
		for _, code := range []string{"NOT_LEADER_FOR_PARTITION", "NOT_ENOUGH_REPLICAS", "REQUEST_TIMED_OUT", "KAFKA_STORAGE_ERROR"} {
			c.Fail(kafkatest.Fault{Request: "Produce", Topic: "t", Error: code, Times: 2})
		}
		if err := outcome(t, p, &kafka.Record{Topic: "t"}); err != nil {
			t.Error(err)
		}
		if n := len(c.Records("t")); n != 1 {
			t.Errorf("%d records, want 1", n)
		}
	})
}

func TestAbortFailsWhatIsLeft(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, nil)
	if err := outcome(t, p, &kafka.Record{Topic: "t"}); err != nil {
		t.Fatal(err)
	}
	c.Hang()
	var aborted atomic.Int64
	for range 50 {
		produce(t, p, &kafka.Record{Topic: "t"}, func(_ *kafka.Record, err error) {
			if kafka.Classify(err) == kafka.Aborted {
				aborted.Add(1)
			}
		})
	}
	start := time.Now()
	p.Abort()
	kafkatest.Eventually(t, "all promises", func() bool { return aborted.Load() == 50 })
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("abort took %v", took)
	}
	if err := p.Produce(t.Context(), &kafka.Record{Topic: "t"}, nil); kafka.Classify(err) != kafka.Aborted {
		t.Errorf("produce after abort: %v", err)
	}
	c.Start()
}

func TestCloseSaysWhatIsLeft(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, nil)
	if err := outcome(t, p, &kafka.Record{Topic: "t"}); err != nil {
		t.Fatal(err)
	}
	c.Hang()
	produce(t, p, &kafka.Record{Topic: "t"}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 records unsent") {
		t.Errorf("close: %v", err)
	}
	c.Start()
}

func TestTransactions(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, kafka.Props{"transactional.id": "x", "transaction.timeout.ms": "10000"})
	if err := p.InitTransactions(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []bool{true, false, true} {
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			produce(t, p, &kafka.Record{Topic: "t", Value: fmt.Append(nil, commit)}, nil)
		}
		end := p.CommitTransaction
		if !commit {
			end = p.AbortTransaction
		}
		if err := end(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	records := c.Records("t")
	if len(records) != 20 {
		t.Errorf("%d committed records, want 20", len(records))
	}
	// Another of the same id fences this one.
	q := newProducer(t, c, kafka.Props{"transactional.id": "x"})
	if err := q.InitTransactions(soon(t)); err != nil {
		t.Fatal(err)
	}
	err := p.BeginTransaction()
	if err == nil {
		err = outcome(t, p, &kafka.Record{Topic: "t"})
	}
	if err == nil {
		err = p.CommitTransaction(soon(t))
	}
	if kafka.Classify(err) != kafka.Fenced {
		t.Errorf("the first producer goes on: %v", err)
	}
}

// TestTransactionOfALostRecord: what Kafka refused one record of is not committed, and can be aborted.
func TestTransactionOfALostRecord(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, kafka.Props{"transactional.id": "x"})
	if err := p.InitTransactions(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := outcome(t, p, &kafka.Record{Topic: "t", Value: []byte("small")}); err != nil {
		t.Fatal(err)
	}
	if err := outcome(t, p, &kafka.Record{Topic: "t", Value: make([]byte, 2<<20)}); err == nil {
		t.Fatal("a record of 2 MiB was taken")
	}
	err := p.CommitTransaction(soon(t))
	if kafka.Classify(err) != kafka.TooLarge || !strings.Contains(err.Error(), "write a record of the transaction") {
		t.Errorf("commit: %v", err)
	}
	if err := p.AbortTransaction(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := outcome(t, p, &kafka.Record{Topic: "t", Value: []byte("next")}); err != nil {
		t.Fatal(err)
	}
	if err := p.CommitTransaction(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := c.Records("t"); len(got) != 1 || string(got[0].Value) != "next" {
		t.Errorf("committed %v", got)
	}
}

func TestTransactionalProducerProps(t *testing.T) {
	worker := map[string]string{"bootstrap.servers": "b:1", "producer.enable.idempotence": "false", "producer.linger.ms": "7"}
	connector := map[string]string{"producer.override.transactional.id": "mine", "producer.override.transaction.timeout.ms": "9"}
	props, replaced := kafka.TransactionalProducerProps(worker, connector, "c", 2, "g-c-2")
	for key, want := range map[string]string{
		"transactional.id": "g-c-2", "enable.idempotence": "true", "linger.ms": "7", "transaction.timeout.ms": "9", "client.id": "connector-producer-c-2",
	} {
		if props[key] != want {
			t.Errorf("%s is %q, want %q", key, props[key], want)
		}
	}
	if got := strings.Join(replaced, " "); got != "enable.idempotence transactional.id" {
		t.Errorf("replaced %q", got)
	}
	if _, replaced := kafka.TransactionalProducerProps(nil, nil, "c", 0, "x"); len(replaced) != 0 {
		t.Errorf("replaced %q of a connector that sets nothing", replaced)
	}
}

// delivery.timeout.ms counts from when a record was taken, whatever its timestamp, and ends it when the
// brokers stay away.
func TestDeliveryTimeout(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	p := newProducer(t, c, kafka.Props{"delivery.timeout.ms": "4000", "request.timeout.ms": "500", "linger.ms": "0"})
	old := &kafka.Record{Topic: "t", Partition: kafka.NoPartition, Value: []byte("old"), Timestamp: time.UnixMilli(1)}
	if err := outcome(t, p, old); err != nil {
		t.Errorf("a record of 1970: %v", err)
	}
	c.Stop()
	began := time.Now()
	err := outcome(t, p, &kafka.Record{Topic: "t", Partition: kafka.NoPartition, Value: []byte("late")})
	if kafka.Classify(err) != kafka.Retriable {
		t.Errorf("without brokers: %v (%s)", err, kafka.ClassName(err))
	}
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("given up after %v", took)
	}
}
