package filestream

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

const (
	pollWait  = time.Second            // how long Poll waits for data, as in the JVM
	pollPause = 100 * time.Millisecond // between two looks at the file
	// batchBytes ends a batch before batch.size when its lines are long.
	batchBytes = 4 << 20
	slabSize   = 512
)

// position is where the line after a record begins, in bytes.
type position int64

// OffsetMap implements data.Offset.
func (p *position) OffsetMap() map[string]any { return map[string]any{positionField: int64(*p)} }

// sourceTask reads the file. It is opened by the first Poll, not by Start, because it may be
// missing as yet.
type sourceTask struct {
	stdin   *os.File
	log     *slog.Logger
	offsets connectors.OffsetReader
	file    string // "" for standard input
	topic   string
	batch   int

	in      input
	warned  bool // that the file is missing
	lines   lines
	at      position
	records []data.SourceRecord // given out again by each Poll
	slab    []position
	// What all records have in common.
	partition map[string]any
	untracked data.Offset // the offset of every record of standard input
}

// input gives bytes without waiting: 0, nil when there are none now.
type input interface {
	read(b []byte) (int, error)
	close() error
}

// newSourceTask makes a task that reads stdin if it has no file, and logs to log, or its context's
// log if that is nil.
func newSourceTask(stdin *os.File, log *slog.Logger) *sourceTask {
	return &sourceTask{stdin: stdin, log: log}
}

// Start implements connectors.SourceTask.
func (t *sourceTask) Start(_ context.Context, tc connectors.SourceTaskContext, props map[string]string) error {
	v, err := sourceConfig.Parse(props)
	if err != nil {
		return err
	}
	t.offsets = tc.Offsets()
	if t.log == nil {
		t.log = tc.Logger()
	}
	t.file, t.topic, t.batch = v.String(fileKey), v.String(topicKey), max(v.Int(batchSizeKey), 1)
	t.partition = map[string]any{filenameField: t.file}
	if t.file == "" {
		t.in = stdinInput{t.stdin}
		t.untracked = data.OffsetMap{positionField: nil}
		if v.IsNull(fileKey) {
			t.partition[filenameField] = nil
		}
	}
	return nil
}

// Poll implements connectors.SourceTask.
func (t *sourceTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	for waited := time.Duration(0); ; waited += pollPause {
		if err := t.open(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, nil // the offset was not read in time
			}
			return nil, err
		}
		if t.in != nil {
			if err := t.fill(); err != nil {
				return nil, err
			}
			if len(t.records) > 0 {
				return t.records, nil
			}
		}
		if waited >= pollWait || !pause(ctx) {
			return nil, nil
		}
	}
}

// pause waits a little; false if ctx ended.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(pollPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// open opens the file where the last task stopped; a missing file is no error.
func (t *sourceTask) open(ctx context.Context) error {
	if t.in != nil {
		return nil
	}
	// Without O_NONBLOCK a named pipe that nobody writes to would block here.
	f, err := os.OpenFile(t.file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if !t.warned {
			t.log.Warn("file not found, waiting for it to be created", "file", t.file)
			t.warned = true
		}
		return nil
	}
	if err != nil {
		return errs.Connect.Wrap(err, "%s=%s can't be opened", fileKey, t.file)
	}
	if err := t.seek(ctx, f); err != nil {
		return errors.Join(err, f.Close())
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(errs.Connect.Wrap(err, "%s=%s", fileKey, t.file), f.Close())
	}
	if int64(t.at) > info.Size() && info.Mode().IsRegular() {
		t.log.Warn("file is shorter than the committed offset: nothing is read before it has grown beyond",
			"file", t.file, "position", int64(t.at), "size", info.Size())
	}
	t.in = fileInput{f, info.Mode()&fs.ModeNamedPipe != 0}
	return nil
}

// seek goes to the committed offset.
func (t *sourceTask) seek(ctx context.Context, f *os.File) error {
	offset, err := t.offsets.Offset(ctx, t.partition)
	if err != nil {
		return errs.Connect.Wrap(err, "committed offset of file %s", t.file)
	}
	stored := offset[positionField]
	if stored == nil {
		return nil
	}
	n, ok := integer(stored)
	if !ok {
		return errs.Lasting(errs.Connect.New("Offset position is the incorrect type: %v (%T) for file %s", stored, stored, t.file))
	}
	if n < 0 {
		return errs.Lasting(errs.Connect.New("Offset position %d for file %s is negative", n, t.file))
	}
	if n > 0 {
		if _, err := f.Seek(n, io.SeekStart); err != nil {
			return errs.Connect.Wrap(err, "file %s can't be read from its committed offset %d", t.file, n)
		}
	}
	t.at = position(n)
	return nil
}

// fill makes records of what can be read now, up to a batch.
func (t *sourceTask) fill() error {
	t.records = t.records[:0]
	var now time.Time
	for bytes := 0; bytes < batchBytes && len(t.records) < t.batch; {
		line, size, ok := t.lines.next()
		if !ok {
			n, err := t.in.read(t.lines.free())
			if n > 0 {
				t.lines.add(n)
				continue
			}
			if err != nil && len(t.records) == 0 { // else the next Poll meets it again
				return errs.Connect.Wrap(err, "%s=%s can't be read", fileKey, t.file)
			}
			return nil
		}
		if now.IsZero() {
			now = time.UnixMilli(time.Now().UnixMilli())
		}
		bytes += size
		t.at += position(size)
		t.append(line, now)
	}
	return nil
}

// append adds a record. Whoever had the slice may have changed its records, so every field is
// looked at; but most are as they should be, and what isn't written costs the collector nothing.
func (t *sourceTask) append(line string, now time.Time) {
	n := len(t.records)
	if n == cap(t.records) {
		t.records = slices.Grow(t.records, max(n, 64))
	}
	t.records = t.records[:n+1]
	r := &t.records[n]
	if r.Topic != t.topic {
		r.Topic = t.topic
	}
	if r.Partition != (data.Partition{}) {
		r.Partition = data.Partition{}
	}
	if r.KeySchema != nil || r.Key != nil {
		r.KeySchema, r.Key = nil, nil
	}
	if r.ValueSchema != data.StringSchema {
		r.ValueSchema = data.StringSchema
	}
	r.Value = line
	if r.Timestamp != now {
		r.Timestamp = now
	}
	if r.Headers != nil {
		r.Headers = nil
	}
	if r.SourceOffset == nil { // a new record: nobody else writes these two
		r.SourcePartition = t.partition
	}
	r.SourceOffset = t.offset()
}

// offset is where the next line begins.
func (t *sourceTask) offset() data.Offset {
	if t.untracked != nil {
		return t.untracked
	}
	if len(t.slab) == 0 {
		t.slab = make([]position, slabSize)
	}
	p := &t.slab[0]
	*p = t.at
	t.slab = t.slab[1:]
	return p
}

// Stop implements connectors.SourceTask.
func (t *sourceTask) Stop(context.Context) error {
	if t.in == nil {
		return nil
	}
	in := t.in
	t.in = nil
	if err := in.close(); err != nil {
		return errs.Connect.Wrap(err, "%s=%s can't be closed", fileKey, t.file)
	}
	return nil
}

// fileInput is a file, or a named pipe, whose reads would wait if they had no deadline.
type fileInput struct {
	f    *os.File
	pipe bool
}

func (i fileInput) read(b []byte) (int, error) {
	if i.pipe {
		if err := i.f.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			return 0, err
		}
	}
	n, err := i.f.Read(b)
	if err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil // more may come
	}
	return n, err
}

func (i fileInput) close() error { return i.f.Close() }

// stdinInput is standard input, which belongs to the process and isn't closed.
type stdinInput struct{ f *os.File }

func (i stdinInput) read(b []byte) (int, error) {
	ready, err := readable(i.f)
	if !ready || err != nil {
		return 0, err
	}
	n, err := i.f.Read(b)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (stdinInput) close() error { return nil }
