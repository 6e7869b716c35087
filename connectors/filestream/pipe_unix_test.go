//go:build unix

package filestream

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/troupe-connect/troupe/connectors/connectorstest"
)

func TestNamedPipe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	task, _ := started(t, map[string]string{fileKey: file, topicKey: "t"}, connectorstest.NewOffsets())
	if err := task.open(t.Context()); err != nil { // doesn't wait for somebody who writes
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if records, err := task.Poll(ctx); len(records) != 0 || err != nil {
		t.Errorf("nobody writes: %v, %v", records, err)
	}
	w, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteString("a\nb"); err != nil {
		t.Fatal(err)
	}
	if got := polled(t, task); got != "a@2 " {
		t.Errorf("got %q", got)
	}
	if records, err := task.Poll(ctx); len(records) != 0 || err != nil {
		t.Errorf("nothing new: %v, %v", records, err)
	}
}
