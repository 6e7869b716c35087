package filestream

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

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
		{[]byte("bytes é"), "bytes é"},
		{[]byte{0xFF, 1}, "/wE="},
		{data.NewStruct(schema).With("a", int32(1)).With("b", "x"), "Struct{a=1,b=x}"},
		{data.MapFrom("a", int64(1), "b", nil), "{a=1, b=null}"},
		{[]any{int32(1), "x"}, "[1, x]"},
	} {
		if got := string(appendText(nil, tt.value)); got != tt.want {
			t.Errorf("%#v: %s, want %s", tt.value, got, tt.want)
		}
	}
}

// Tasks that append to one file never mix their lines.
func TestSinkTasksShareAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.txt")
	write(t, file, "before\n")
	const tasks, batches, size = 4, 20, 50
	var wg sync.WaitGroup
	for n := range tasks {
		task := startedSink(t, &sinkTask{}, map[string]string{fileKey: file})
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
	err := (&sinkTask{}).Start(t.Context(), connectorstest.NewSinkTaskContext(props), props)
	if !errors.Is(err, errs.Connect) || !strings.HasPrefix(err.Error(), "Couldn't find or create file '"+dir+"' for FileStreamSinkTask") {
		t.Errorf("a folder: %v", err)
	}
	task := startedSink(t, &sinkTask{}, map[string]string{fileKey: filepath.Join(dir, "f")})
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
	task := startedSink(t, &sinkTask{stdout: w}, nil)
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
