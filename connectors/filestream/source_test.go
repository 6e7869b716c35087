package filestream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// plainLines is the slow, obvious way: lines with their offsets behind the end.
func plainLines(s string) (lines []string, ends []int) {
	for start, i := 0, 0; i < len(s); i++ {
		end := i + 1
		switch {
		case s[i] == '\n':
		case s[i] == '\r' && i+1 < len(s):
			if s[i+1] == '\n' {
				end++
			}
		default:
			continue
		}
		lines, ends = append(lines, s[start:i]), append(ends, end)
		start = end
		i = end - 1
	}
	return lines, ends
}

// However the bytes come, the lines are the same.
func TestLinesAgainstModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 3000 {
		var text strings.Builder
		for range rnd.IntN(60) {
			text.WriteString([]string{"a", "bc", "é", "\r", "\n", "\r\n", "\n\r", "xyz"}[rnd.IntN(8)])
		}
		want, ends := plainLines(text.String())
		var l lines
		var got []string
		var at []int
		pos := 0
		for rest := text.String(); ; {
			line, size, ok := l.next()
			if ok {
				pos += size
				got, at = append(got, line), append(at, pos)
				continue
			}
			if rest == "" {
				break
			}
			n := copy(l.free(), rest[:1+rnd.IntN(min(len(rest), 7))])
			l.add(n)
			rest = rest[n:]
		}
		if !slices.Equal(got, want) || !slices.Equal(at, ends) {
			t.Fatalf("round %d: %q\ngot  %q %v\nwant %q %v", round, text.String(), got, at, want, ends)
		}
	}
}

func TestLongLines(t *testing.T) {
	var l lines
	long := strings.Repeat("x", 5*chunkSize+3)
	rest := "short\n" + long + "\r\nlast\n"
	var got []string
	for len(got) < 3 {
		if line, _, ok := l.next(); ok {
			got = append(got, line)
			continue
		}
		n := copy(l.free(), rest)
		l.add(n)
		rest = rest[n:]
	}
	if got[0] != "short" || got[1] != long || got[2] != "last" {
		t.Errorf("lines of %d, %d, %d bytes", len(got[0]), len(got[1]), len(got[2]))
	}
	if l.free(); len(l.buf) != chunkSize {
		t.Errorf("%d bytes are kept for a line that is gone", len(l.buf))
	}
}

// started is a task that reads file from the offset stored, and its log.
func started(t testing.TB, props map[string]string, offsets connectors.OffsetReader) (*sourceTask, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	task := newSourceTask(nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err := task.Start(t.Context(), connectorstest.NewSourceTaskContext(offsets, props), props); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := task.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return task, &log
}

// polled is what one Poll gives: values with their positions.
func polled(t testing.TB, task *sourceTask) string {
	t.Helper()
	records, err := task.Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := ""
	for _, r := range records {
		s += fmt.Sprintf("%s@%v ", r.Value, r.SourceOffset.OffsetMap()[positionField])
	}
	return s
}

func TestRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	write(t, file, "a\n")
	task, _ := started(t, map[string]string{fileKey: file, topicKey: "topic"}, connectorstest.NewOffsets())
	before := time.Now().Truncate(time.Millisecond)
	records, err := task.Poll(t.Context())
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	r := records[0]
	if r.Timestamp.Before(before) || time.Since(r.Timestamp) < 0 {
		t.Errorf("timestamp %v", r.Timestamp)
	}
	if r.SourcePartition[filenameField] != file || len(r.SourcePartition) != 1 {
		t.Errorf("partition %v", r.SourcePartition)
	}
	offset := r.SourceOffset.OffsetMap()
	r.Timestamp, r.SourcePartition, r.SourceOffset = time.Time{}, nil, nil
	if offset[positionField] != int64(2) || r.ValueSchema != data.StringSchema || r.Topic != "topic" || r.Value != "a" ||
		r.Key != nil || r.KeySchema != nil || r.Headers != nil || r.Partition != (data.Partition{}) {
		t.Errorf("record %+v, offset %v", r, offset)
	}
}

func TestPollFollowsTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "f")
		task, log := started(t, map[string]string{fileKey: file, topicKey: "t", batchSizeKey: "2"}, connectorstest.NewOffsets())
		step := func(want string) {
			t.Helper()
			if got := polled(t, task); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		start := time.Now()
		step("")
		if took := time.Since(start); took != pollWait {
			t.Errorf("waited %v for a missing file", took)
		}
		step("")
		if n := strings.Count(log.String(), "not found"); n != 1 {
			t.Errorf("missing file logged %d times", n)
		}
		go func() {
			time.Sleep(250 * time.Millisecond) // of the bubble's time
			write(t, file, "a\nbb\nccc\nunfinished")
		}()
		start = time.Now()
		step("a@2 bb@5 ")
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("found the file after %v", took)
		}
		step("ccc@9 ")
		step("")
		write(t, file, " line\r")
		step("")
		write(t, file, "\nnext\n")
		step("unfinished line@26 next@31 ")
		ctx, cancel := context.WithCancel(t.Context())
		go func() { synctest.Wait(); cancel() }()
		start = time.Now()
		if records, err := task.Poll(ctx); len(records) != 0 || err != nil || time.Since(start) != 0 {
			t.Errorf("Poll whose context ends: %v, %v after %v", records, err, time.Since(start))
		}
	})
}

func TestRestoredPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "f")
		write(t, file, "é\nb\nc\n")
		partition := map[string]any{filenameField: file}
		for _, tt := range []struct {
			stored map[string]any
			want   string
			err    string
		}{
			{map[string]any{positionField: int64(3)}, "b@5 c@7 ", ""},
			{map[string]any{positionField: 5.0}, "c@7 ", ""},
			{map[string]any{positionField: json.Number("0")}, "é@3 b@5 c@7 ", ""},
			{map[string]any{positionField: uint16(5)}, "c@7 ", ""},
			{map[string]any{positionField: nil}, "é@3 b@5 c@7 ", ""},
			{map[string]any{}, "é@3 b@5 c@7 ", ""},
			{nil, "é@3 b@5 c@7 ", ""},
			{map[string]any{positionField: int64(100)}, "", ""},
			{map[string]any{positionField: "3"}, "", "Offset position is the incorrect type"},
			{map[string]any{positionField: 1.5}, "", "Offset position is the incorrect type"},
			{map[string]any{positionField: int64(-1)}, "", "negative"},
		} {
			task, log := started(t, map[string]string{fileKey: file, topicKey: "t"}, fixed{partition, tt.stored})
			if tt.err != "" {
				_, err := task.Poll(t.Context())
				if !errors.Is(err, errs.Connect) || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), file) {
					t.Errorf("%v: error %v", tt.stored, err)
				}
				continue
			}
			if got := polled(t, task); got != tt.want {
				t.Errorf("%v: %q, want %q", tt.stored, got, tt.want)
			}
			if short := strings.Contains(log.String(), "shorter"); short != (tt.want == "") {
				t.Errorf("%v: log %s", tt.stored, log)
			}
		}
	})
}

// fixed gives one offset as it is.
type fixed struct{ partition, offset map[string]any }

func (f fixed) Offset(_ context.Context, p map[string]any) (map[string]any, error) {
	if fmt.Sprint(p) != fmt.Sprint(f.partition) {
		return nil, fmt.Errorf("asked for %v", p)
	}
	return f.offset, nil
}

func (f fixed) Offsets(context.Context, []map[string]any) ([]map[string]any, error) {
	return nil, errors.New("not asked for")
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	for name, file := range map[string]string{"folder": dir, "below a file": filepath.Join(dir, "f", "g")} {
		write(t, filepath.Join(dir, "f"), "x")
		task, _ := started(t, map[string]string{fileKey: file, topicKey: "t"}, connectorstest.NewOffsets())
		if _, err := task.Poll(t.Context()); !errors.Is(err, errs.Connect) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoOffsetReader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	write(t, file, "a\n")
	task, _ := started(t, map[string]string{fileKey: file, topicKey: "t"}, fixed{})
	if _, err := task.Poll(t.Context()); err == nil || !strings.Contains(err.Error(), "asked for") {
		t.Errorf("error = %v", err)
	}
}

func TestBatchEndsByBytes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	line := strings.Repeat("x", 1<<20-1) + "\n"
	for range 6 {
		write(t, file, line)
	}
	task, _ := started(t, map[string]string{fileKey: file, topicKey: "t", batchSizeKey: "1000000"}, connectorstest.NewOffsets())
	for _, want := range []int{4, 2} {
		if records, err := task.Poll(t.Context()); len(records) != want || err != nil {
			t.Errorf("%d records, %v, want %d", len(records), err, want)
		}
	}
}

func TestInvalidTextKeepsPositions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	write(t, file, "\xff\xfe\nok\n")
	task, _ := started(t, map[string]string{fileKey: file, topicKey: "t", batchSizeKey: "-1"}, connectorstest.NewOffsets())
	if got := polled(t, task) + polled(t, task); got != "\ufffd\ufffd@3 ok@6 " {
		t.Errorf("got %q", got)
	}
}

func TestStandardInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, props := range []map[string]string{{topicKey: "t"}, {topicKey: "t", fileKey: ""}} {
		task := newSourceTask(r, slog.New(slog.DiscardHandler))
		if err := task.Start(t.Context(), connectorstest.NewSourceTaskContext(fixed{}, props), props); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if records, err := task.Poll(ctx); len(records) != 0 || err != nil {
			t.Errorf("nothing typed: %v, %v", records, err)
		}
		if _, err := w.WriteString("a\r\nb\n"); err != nil {
			t.Fatal(err)
		}
		records, err := task.Poll(t.Context())
		if err != nil || len(records) != 2 || records[1].Value != "b" {
			t.Fatal(records, err)
		}
		position, has := records[0].SourceOffset.OffsetMap()[positionField]
		name, given := props[fileKey]
		if position != nil || !has || given && records[0].SourcePartition[filenameField] != name || !given && records[0].SourcePartition[filenameField] != nil {
			t.Errorf("partition %v, offset %v", records[0].SourcePartition, position)
		}
		if err := task.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	w.Close()
	task := newSourceTask(r, slog.New(slog.DiscardHandler)) // the end of the input is no error
	props := map[string]string{topicKey: "t"}
	if err := task.Start(t.Context(), connectorstest.NewSourceTaskContext(fixed{}, props), props); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if records, err := task.Poll(ctx); len(records) != 0 || err != nil {
		t.Errorf("at the end: %v, %v", records, err)
	}
}

// FuzzLines: however the bytes of a file come, its lines and their places are those that the plain way
// finds.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "a\nb\r\nc\rd", "\r\r\n\n\r", "é\xff\n\xe2\x82", "\xed\xa0\x80\r"} {
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		want, ends := plainLines(string(text))
		var l lines
		n, at := 0, 0
		for rest := text; ; {
			if line, size, ok := l.next(); ok {
				if at += size; n >= len(want) || line != java.ValidText(want[n]) || at != ends[n] {
					t.Fatalf("%q in steps of %d: line %d is %q up to %d, want %q up to %d", text, step, n, line, at, want, ends)
				}
				n++
				continue
			}
			if len(rest) == 0 {
				break
			}
			part := copy(l.free(), rest[:min(len(rest), int(step)+1)])
			l.add(part)
			rest = rest[part:]
		}
		if n != len(want) {
			t.Fatalf("%q in steps of %d: %d lines, want %d", text, step, n, len(want))
		}
	})
}
