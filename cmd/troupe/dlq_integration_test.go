//go:build integration

package main_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// troupe runs the binary to its end.
func troupe(t *testing.T, bin string, args ...string) (out, said string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("%v: %v", args, err)
	} else if ok {
		code = exit.ExitCode()
	}
	return stdout.String(), stderr.String(), code
}

// TestDeadLettersReplay: three lines that a sink can't read become dead letters, are listed with the
// reason, shown, mended on their way back, and reach the sink's file, once.
func TestDeadLettersReplay(t *testing.T) {
	k := service.StartKafka(t)
	f := newFlow(t, k.Addr)
	bin := service.Build(t)
	lines := "\"fine 1\"\n{poison 1\n\"fine 2\"\n{poison 2\n{poison 3\n\"fine 3\"\n"
	if err := os.WriteFile(f.in, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	f.worker.Start(t)
	strict := filepath.Join(filepath.Dir(f.out), "strict.txt")
	f.worker.Must(t, http.MethodPost, "/connectors", map[string]any{"name": "strict", "config": map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "1", "file": strict, "topics": f.topic,
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	}})
	const fine = "fine 1\nfine 2\nfine 3\n"
	holds := func(want string) {
		t.Helper()
		service.Until(t, time.Minute, "strict.txt", func() error {
			got, err := os.ReadFile(strict)
			if err == nil && string(got) != want {
				err = fmt.Errorf("%q, want %q", got, want)
			}
			return err
		})
	}
	holds(fine)
	must := func(code int, args ...string) string {
		t.Helper()
		out, said, got := troupe(t, bin, append([]string{"dlq"}, append(args, "-b", k.Addr)...)...)
		if got != code {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, out, said)
		}
		return out + said
	}
	has := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%q is missing in\n%s", w, got)
			}
		}
	}
	service.Until(t, time.Minute, "three dead letters", func() error {
		if got := must(0, "ls", "--json"); !strings.Contains(got, `"topic":"dead","connector":"strict","stage":"VALUE_CONVERTER","exception":"org.apache.kafka.connect.errors.DataException","count":3,"replayed":0`) {
			return errors.New(got)
		}
		return nil
	})
	has(must(0, "ls", "--worker", f.worker.URL), "dead  (named by strict)", "VALUE_CONVERTER")
	has(must(0, "show", "dead", "--offset", "1-"), "dead-0@1", "dead-0@2", "from      "+f.topic+"-0@3", "{poison 2", "{poison 3", "org.apache.kafka.connect.json.JsonConverter")
	has(must(0, "show", "dead", "--key", "nobody's"), "no letter of the 3")
	has(must(2, "show", "nowhere"), "topic nowhere: the topic does not exist")
	has(must(0, "replay", "dead", "--dry-run"), "would replay 3 of 3 letters", "3 to "+f.topic)
	mend := `sed 's/"text":"{poison \([0-9]\)"/"text":"\\"cured \1\\""/'`
	has(must(0, "replay", "dead", "--edit", mend, "-n", "1"), "replayed 1 of 1 letters")
	has(must(0, "replay", "dead", "--edit", mend, "--exception", "DataException"), "replayed 2 of 2 letters")
	has(must(0, "replay", "dead"), "replayed 0 of 2 letters", "2 were replayed before")
	holds(fine + "cured 1\ncured 2\ncured 3\n")
	has(must(0, "ls", "--topic", "dead", "--json"), `"count":3,"replayed":3`)
	f.worker.Stop(t)
}

const killedLetters = 100_000

// TestReplayKilled kills a replay of 100,000 dead letters five times and interrupts it once, at whatever
// it does then. In the end a reader of committed records sees each letter once.
func TestReplayKilled(t *testing.T) {
	k := service.StartKafka(t)
	bin := service.Build(t)
	k.CreateTopic(t, "orders", 3)
	k.CreateTopic(t, "dead", 3)
	log := slog.New(slog.DiscardHandler)
	props := kafka.Props{"bootstrap.servers": k.Addr}
	produceLetters(t, killedLetters, 3, props, log)
	admin, err := kafka.NewAdmin(props, log)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	written := func() (n int64) {
		ends, err := admin.EndOffsets(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		for _, end := range ends {
			n += end
		}
		return n
	}
	args := []string{"dlq", "replay", "dead", "-b", k.Addr}
	const stops = 6
	for i := range int64(stops) {
		// Somewhere in the next sixth of the letters.
		at := i*killedLetters/stops + rand.Int64N(killedLetters/stops)
		cmd := exec.CommandContext(t.Context(), bin, args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		service.Until(t, 3*time.Minute, fmt.Sprintf("%d letters", at), func() error {
			if n := written(); n <= at {
				return fmt.Errorf("%d offsets are written", n)
			}
			return nil
		})
		pause := time.NewTimer(rand.N(20 * time.Millisecond)) // not always right behind a write
		<-pause.C
		signal := syscall.SIGKILL
		if i == 2 {
			signal = syscall.SIGINT
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatalf("the replay ended by itself: %v\n%s", err, said.String())
		}
		err := cmd.Wait()
		if signal == syscall.SIGINT && cmd.ProcessState.ExitCode() != 130 || err == nil {
			t.Fatalf("the replay ended with %v\n%s", err, said.String())
		}
		t.Logf("%v at %d offsets written", signal, written())
	}
	began := time.Now()
	out, said, code := troupe(t, bin, args...)
	t.Logf("the last replay took %s: %s%s", time.Since(began).Round(time.Millisecond), out, said)
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if twice, missing := countReplayed(t, killedLetters, props, log); twice != 0 || missing != 0 {
		t.Errorf("%d letters were replayed more than once, %d never", twice, missing)
	}
	began = time.Now()
	out, said, code = troupe(t, bin, "dlq", "ls", "--topic", "dead", "--json", "-b", k.Addr)
	t.Logf("ls took %s: %s", time.Since(began).Round(time.Millisecond), out)
	if want := fmt.Sprintf(`"count":%d,"replayed":%d,`, killedLetters, killedLetters); code != 0 || !strings.Contains(out, want) {
		t.Errorf("ls says %s%s, want %s", out, said, want)
	}
	// The check sees what a replay without memory does.
	if out, said, code := troupe(t, bin, append(args, "--round", "again", "-n", "10")...); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, said)
	}
	if twice, _ := countReplayed(t, killedLetters, props, log); twice != 10 {
		t.Errorf("%d letters were replayed more than once by another round of 10", twice)
	}
}

// TestReplayReplaced: of two replays of a topic at the same time the second goes on, and the first ends
// and says why. Each letter is written once.
func TestReplayReplaced(t *testing.T) {
	k := service.StartKafka(t)
	bin := service.Build(t)
	k.CreateTopic(t, "orders", 1)
	k.CreateTopic(t, "dead", 1)
	log := slog.New(slog.DiscardHandler)
	props := kafka.Props{"bootstrap.servers": k.Addr}
	const n = 300
	produceLetters(t, n, 1, props, log)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	slow := exec.CommandContext(ctx, bin, "dlq", "replay", "dead", "-b", k.Addr, "--edit", "sleep 0.1; cat")
	var said bytes.Buffer
	slow.Stdout, slow.Stderr = &said, &said
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	service.Until(t, time.Minute, "letters of the first replay", func() error {
		if _, missing := countReplayed(t, n, props, log); missing == n {
			return errors.New("none")
		}
		return nil
	})
	out, _, code := troupe(t, bin, "dlq", "replay", "dead", "-b", k.Addr)
	t.Logf("the second: %s", out)
	if twice, missing := countReplayed(t, n, props, log); code != 0 || twice != 0 || missing != 0 {
		t.Errorf("exit code %d, %d letters were replayed more than once, %d never", code, twice, missing)
	}
	err := slow.Wait()
	if slow.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "another replay of topic dead has begun") {
		t.Errorf("the first: %v: %s", err, said.String())
	}
	if twice, missing := countReplayed(t, n, props, log); twice != 0 || missing != 0 {
		t.Errorf("in the end %d letters were replayed more than once, %d never", twice, missing)
	}
	t.Logf("the first: %s", said.String())
}

// produceLetters writes numbered dead letters to so many partitions.
func produceLetters(t *testing.T, n, partitions int, props kafka.Props, log *slog.Logger) {
	t.Helper()
	p, err := kafka.NewProducer(props, log)
	if err != nil {
		t.Fatal(err)
	}
	headers := []kafka.RecordHeader{
		{Key: "__connect.errors.topic", Value: []byte("orders")},
		{Key: "__connect.errors.partition", Value: []byte("0")},
		{Key: "__connect.errors.offset", Value: []byte("1")},
		{Key: "__connect.errors.connector.name", Value: []byte("strict")},
		{Key: "__connect.errors.task.id", Value: []byte("0")},
		{Key: "__connect.errors.stage", Value: []byte("TASK_PUT")},
		{Key: "__connect.errors.exception.class.name", Value: []byte("java.lang.IllegalStateException")},
		{Key: "__connect.errors.exception.stacktrace", Value: bytes.Repeat([]byte("\tat somewhere\n"), 30)},
	}
	old := time.Now().Add(-3 * 24 * time.Hour)
	for i := range n {
		key := binary.BigEndian.AppendUint32(nil, uint32(i))
		r := &kafka.Record{Topic: "dead", Partition: int32(i % partitions), Key: key, Value: bytes.Repeat(key, 25), Headers: headers, Timestamp: old}
		if err := p.Produce(t.Context(), r, func(_ *kafka.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// countReplayed reads the topic as consumers of committed records do.
func countReplayed(t *testing.T, n int, props kafka.Props, log *slog.Logger) (twice, missing int) {
	t.Helper()
	r, err := kafka.OpenRange(t.Context(), kafka.Props{"bootstrap.servers": props["bootstrap.servers"], "isolation.level": "read_committed"}, kafka.Range{Topic: "orders"}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	seen := make([]int, n)
	if err := r.Each(t.Context(), func(r *kafka.Record) error {
		if len(r.Headers) != 0 || !bytes.Equal(r.Value, bytes.Repeat(r.Key, 25)) {
			return fmt.Errorf("a record that is no letter as it was: %q = %q, %v", r.Key, r.Value, r.Headers)
		}
		seen[binary.BigEndian.Uint32(r.Key)]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, n := range seen {
		if n > 1 {
			twice++
		}
		if n == 0 {
			missing++
		}
	}
	return twice, missing
}
