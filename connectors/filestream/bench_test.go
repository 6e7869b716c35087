package filestream

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
)

// BenchmarkSource is the time per record of 100 bytes, the file being in memory.
func BenchmarkSource(b *testing.B) {
	for _, end := range []string{"\n", "\r\n"} {
		b.Run(fmt.Sprintf("%q", end), func(b *testing.B) {
			const lines = 200_000
			file := filepath.Join(b.TempDir(), "in.txt")
			text := strings.Repeat(strings.Repeat("x", 100-len(end))+end, lines)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			task := newSourceTask(nil, slog.New(slog.DiscardHandler))
			props := map[string]string{fileKey: file, topicKey: "t"}
			if err := task.Start(b.Context(), connectorstest.NewSourceTaskContext(connectorstest.NewOffsets(), props), props); err != nil {
				b.Fatal(err)
			}
			defer task.Stop(b.Context()) //nolint:errcheck // the end of the measurement
			b.SetBytes(100)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; {
				if n%lines == 0 && n > 0 {
					if _, err := task.in.(fileInput).f.Seek(0, io.SeekStart); err != nil {
						b.Fatal(err)
					}
				}
				records, err := task.Poll(b.Context())
				if err != nil || len(records) == 0 {
					b.Fatal(len(records), err)
				}
				n += len(records)
			}
		})
	}
}

func BenchmarkSink(b *testing.B) {
	task := newSinkTask()
	props := map[string]string{fileKey: filepath.Join(b.TempDir(), "out.txt")}
	if err := task.Start(b.Context(), connectorstest.NewSinkTaskContext(props), props); err != nil {
		b.Fatal(err)
	}
	defer task.Stop(b.Context()) //nolint:errcheck // the end of the measurement
	records := make([]data.SinkRecord, 500)
	for i := range records {
		records[i].Value = strings.Repeat("x", 99)
	}
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(records) {
		if err := task.Put(b.Context(), records); err != nil {
			b.Fatal(err)
		}
	}
}
