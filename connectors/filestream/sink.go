package filestream

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

var sinkConfig = config.NewDef(config.Key{
	Name: fileKey, Type: config.String, Importance: config.High, Order: -1,
	Doc: "Destination filename. If not specified, the standard output will be used",
})

// Sink is the FileStream sink: it appends each record's value to one text file as a line.
func Sink() connectors.Sink {
	files := new(sync.Map)
	return connectors.Sink{
		Descriptor: plugin.Descriptor{
			Class:   "org.apache.kafka.connect.file.FileStreamSinkConnector",
			Aliases: []string{"FileStreamSinkConnector", "FileStreamSink"},
			Version: version,
			Config:  sinkConfig,
		},
		Connector: func() connectors.SinkConnector { return &sink{} },
		Task:      func() connectors.SinkTask { return &sinkTask{stdout: os.Stdout, files: files} },
		TaskClass: "org.apache.kafka.connect.file.FileStreamSinkTask",
	}
}

// sink is the connector; all tasks append to the same file.
type sink struct{ props map[string]string }

func (s *sink) Start(_ context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	if _, err := sinkConfig.Parse(props); err != nil {
		return err
	}
	s.props = maps.Clone(props)
	return nil
}

func (s *sink) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	out := make([]map[string]string, maxTasks)
	for i := range out {
		out[i] = maps.Clone(s.props)
	}
	return out, nil
}

func (s *sink) Stop(context.Context) error { return nil }

// AlterOffsets implements connectors.SinkOffsetAlterer: any offset of a topic will do.
func (s *sink) AlterOffsets(context.Context, map[string]string, connectors.Offsets) (bool, error) {
	return true, nil
}

// writeSize is when a batch is written although it hasn't ended, in bytes.
const writeSize = 256 << 10

// sinkTask appends lines. Put writes all of them before it returns, so there is nothing left to
// flush before offsets are committed. Every write holds whole lines: the file is opened to append,
// so lines of several tasks don't mix.
type sinkTask struct {
	stdout *os.File
	file   string // "" for standard output
	out    output
	buf    []byte
	// files has a *sync.Mutex for each file that a task of this worker appends to. It is held during
	// a write and until half a line that it left is taken back.
	files   *sync.Map
	writing *sync.Mutex
}

// output is what a task needs of its *os.File.
type output interface {
	io.WriteSeeker
	io.Closer
	Stat() (os.FileInfo, error)
	Truncate(size int64) error
}

// Start implements connectors.SinkTask.
func (t *sinkTask) Start(_ context.Context, _ connectors.SinkTaskContext, props map[string]string) error {
	v, err := sinkConfig.Parse(props)
	if err != nil {
		return err
	}
	t.file = v.String(fileKey)
	name := t.file
	if abs, err := filepath.Abs(name); err == nil && name != "" {
		name = abs
	}
	lock, _ := t.files.LoadOrStore(name, new(sync.Mutex))
	t.writing = lock.(*sync.Mutex)
	if t.file == "" {
		t.out = t.stdout
		return nil
	}
	out, err := os.OpenFile(t.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return errs.Connect.Wrap(err, "Couldn't find or create file '%s' for FileStreamSinkTask", t.file)
	}
	t.out = out
	return nil
}

// Put implements connectors.SinkTask.
func (t *sinkTask) Put(_ context.Context, records []data.SinkRecord) error {
	t.buf = t.buf[:0]
	for i := range records {
		t.buf = appendText(t.buf, records[i].Value)
		t.buf = append(t.buf, '\n')
		if len(t.buf) >= writeSize {
			if err := t.write(); err != nil {
				return err
			}
		}
	}
	return t.write()
}

func (t *sinkTask) write() error {
	if len(t.buf) == 0 {
		return nil
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	n, err := t.out.Write(t.buf)
	if err != nil {
		err = errs.Connect.Wrap(err, "%s=%s can't be written", fileKey, t.file)
		if half := n - 1 - bytes.LastIndexByte(t.buf[:n], '\n'); half > 0 {
			err = errors.Join(err, t.takeBack(half))
		}
	}
	if cap(t.buf) > 4*writeSize {
		t.buf = nil // one long line is no reason to keep its room
	}
	t.buf = t.buf[:0]
	return err
}

// takeBack cuts off the half line of so many bytes with which a write ended, on a full disk for
// instance, so that the next line isn't glued to it. If somebody has written behind it, or the
// output is no regular file, it stays; nothing that others wrote is touched.
func (t *sinkTask) takeBack(half int) error {
	info, err := t.out.Stat()
	if err == nil && info.Mode().IsRegular() {
		var end int64
		if end, err = t.out.Seek(0, io.SeekCurrent); err == nil && end == info.Size() {
			err = t.out.Truncate(end - int64(half))
		}
	}
	if err != nil {
		return errs.Connect.Wrap(err, "%s=%s ends with half a line, which can't be taken back", fileKey, t.file)
	}
	return nil
}

// appendText writes a value as Java's println does, in UTF-8: a lone surrogate becomes ?. For bytes Java prints an identity, which
// helps nobody: text if they are text, else base64.
func appendText(b []byte, value any) []byte {
	raw, ok := value.([]byte)
	switch {
	case !ok:
		return java.EncodeFrom(data.AppendText(b, value), len(b))
	case utf8.Valid(raw):
		return append(b, raw...)
	}
	return base64.StdEncoding.AppendEncode(b, raw)
}

// Stop implements connectors.SinkTask.
func (t *sinkTask) Stop(context.Context) error {
	out := t.out
	t.out = nil
	if out == nil || out == output(t.stdout) {
		return nil
	}
	if err := out.Close(); err != nil {
		return errs.Connect.Wrap(err, "%s=%s can't be closed", fileKey, t.file)
	}
	return nil
}
