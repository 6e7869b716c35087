package filestream

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func newSinkTask() *sinkTask { return &sinkTask{files: new(sync.Map)} }

func startedSink(t *testing.T, task *sinkTask, props map[string]string) *sinkTask {
	t.Helper()
	if err := task.Start(t.Context(), connectorstest.NewSinkTaskContext(props), props); err != nil {
		t.Fatal(err)
	}
	return task
}

func TestSinkText(t *testing.T) {
	schema := data.StructOf("a", data.Int32Schema, "n", data.OptionalStringSchema, "b", data.StringSchema)
	for _, tt := range []struct {
		value any
		want  string
	}{
		{"text", "text"},
		{nil, "null"},
		{true, "true"},
		{int64(-5), "-5"},
		{1.0, "1.0"},
		{float32(0.1), "0.1"},
		{"x\xed\xa0\x80y", "x?y"}, // a lone surrogate, as from JSON's "x\ud800y"
		{data.MapFrom("\xed\xb0\x80", int64(1)), "{?=1}"},
		{[]byte("bytes é"), "bytes é"},
		{[]byte{0xFF, 1}, "/wE="},
		{data.NewStruct(schema).With("a", int32(1)).With("b", "x"), "Struct{a=1,b=x}"},
		{data.MapFrom("a", int64(1), "b", nil), "{a=1, b=null}"},
		{[]any{int32(1), "x"}, "[1, x]"},
	} {
		if got := string(appendText([]byte("\xff"), tt.value)); got != "\xff"+tt.want {
			t.Errorf("%#v: %s, want %s", tt.value, got, tt.want)
		}
	}
}

// Tasks that append to one file never mix their lines.
func TestSinkTasksShareAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.txt")
	write(t, file, "before\n")
	var files sync.Map
	const tasks, batches, size = 4, 20, 50
	var wg sync.WaitGroup
	for n := range tasks {
		task := startedSink(t, &sinkTask{files: &files}, map[string]string{fileKey: file})
		wg.Go(func() {
			records := make([]data.SinkRecord, size)
			for b := range batches {
				for i := range records {
					records[i].Value = fmt.Sprintf("%d-%d-%d-%s", n, b, i, strings.Repeat("x", 9000*(i%3)))
				}
				if err := task.Put(t.Context(), records); err != nil {
					t.Error(err)
				}
			}
			if err := task.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	if len(lines) != 1+tasks*batches*size || lines[0] != "before" {
		t.Fatalf("%d lines, the first is %q", len(lines), lines[0])
	}
	last := map[string]string{}
	for _, line := range lines[1:] {
		var n, b, i int
		if _, err := fmt.Sscanf(line, "%d-%d-%d-", &n, &b, &i); err != nil {
			t.Fatalf("line of %d bytes: %v", len(line), err)
		}
		task, at := fmt.Sprint(n), fmt.Sprintf("%03d-%03d", b, i)
		if at <= last[task] || strings.Count(line, "x") != 9000*(i%3) {
			t.Fatalf("task %s: %s after %s, %d bytes", task, at, last[task], len(line))
		}
		last[task] = at
	}
}

func TestSinkErrors(t *testing.T) {
	dir := t.TempDir()
	props := map[string]string{fileKey: dir}
	err := newSinkTask().Start(t.Context(), connectorstest.NewSinkTaskContext(props), props)
	if !errors.Is(err, errs.Connect) || !strings.HasPrefix(err.Error(), "Couldn't find or create file '"+dir+"' for FileStreamSinkTask") {
		t.Errorf("a folder: %v", err)
	}
	task := startedSink(t, newSinkTask(), map[string]string{fileKey: filepath.Join(dir, "f")})
	if err := task.out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := task.Put(t.Context(), make([]data.SinkRecord, 1)); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "file=") {
		t.Errorf("write fails: %v", err)
	}
	if err := task.Stop(t.Context()); err == nil {
		t.Error("Stop hides that the file could not be closed")
	}
}

func TestStandardOutput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	task := newSinkTask()
	task.stdout = w
	startedSink(t, task, nil)
	records := []data.SinkRecord{{Record: data.Record{Value: "a"}}, {Record: data.Record{Value: "b"}}}
	if err := task.Put(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := task.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil { // it was not closed by the task
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := r.Read(buf); err != nil || string(buf[:n]) != "a\nb\n" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// fullDisk lets a file grow to so many bytes and then refuses as a disk does that is full: it takes
// what fits.
type fullDisk struct {
	*os.File
	room        int
	cutsNothing bool
}

func (d *fullDisk) Write(b []byte) (int, error) {
	n, err := d.File.Write(b[:min(len(b), d.room)])
	if d.room -= n; err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (d *fullDisk) Truncate(size int64) error {
	if d.cutsNothing {
		return syscall.EIO
	}
	before, err := d.Stat()
	if err == nil {
		err = d.File.Truncate(size)
		d.room += int(before.Size() - size)
	}
	return err
}

func values(texts ...string) []data.SinkRecord {
	records := make([]data.SinkRecord, len(texts))
	for i, text := range texts {
		records[i].Value = text
	}
	return records
}

// A disk that is full in the middle of a line leaves whole lines only, so that what is put again when
// there is room is not glued to half a line.
func TestSinkOnAFullDisk(t *testing.T) {
	for _, tt := range []struct {
		room               int
		atOnce, afterwards string
	}{
		{0, "before\n", "before\none\ntwo\n"},
		{2, "before\n", "before\none\ntwo\n"},
		{4, "before\none\n", "before\none\none\ntwo\n"},
		{6, "before\none\n", "before\none\none\ntwo\n"},
	} {
		file := filepath.Join(t.TempDir(), "out")
		write(t, file, "before\n")
		task := startedSink(t, newSinkTask(), map[string]string{fileKey: file})
		disk := &fullDisk{File: task.out.(*os.File), room: tt.room}
		task.out = disk
		if err := task.Put(t.Context(), values("one", "two")); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, errs.Connect) {
			t.Errorf("room for %d: %v", tt.room, err)
		}
		if got := read(t, file); got != tt.atOnce {
			t.Errorf("room for %d: the file has %q, want %q", tt.room, got, tt.atOnce)
		}
		disk.room = 100
		if err := task.Put(t.Context(), values("one", "two")); err != nil {
			t.Error(err)
		}
		if got := read(t, file); got != tt.afterwards {
			t.Errorf("room for %d, then more: the file has %q, want %q", tt.room, got, tt.afterwards)
		}
		if err := task.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// What another process wrote behind half a line stays, and an error says of half a line that can't be
// taken back.
func TestSinkKeepsWhatOthersWrote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	task := startedSink(t, newSinkTask(), map[string]string{fileKey: file})
	if _, err := task.out.Write([]byte("on")); err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.WriteString("theirs\n"); err != nil {
		t.Fatal(err)
	}
	if err := task.takeBack(2); err != nil || read(t, file) != "ontheirs\n" {
		t.Errorf("%v, the file has %q", err, read(t, file))
	}
	task.out = &fullDisk{File: task.out.(*os.File), room: 2, cutsNothing: true}
	if err := task.Put(t.Context(), values("line")); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, syscall.EIO) {
		t.Errorf("half a line that stays: %v", err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
