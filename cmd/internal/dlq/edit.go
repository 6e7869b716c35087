package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// jsonEdit is the record that an editing command gets and answers: what would be written, and the letter
// that it's made of, which the answer may leave out.
type jsonEdit struct {
	Topic     string       `json:"topic"`
	Partition *int32       `json:"partition"` // null: by the key
	Timestamp *int64       `json:"timestamp"` // null: the time of writing
	Key       *Bytes       `json:"key"`
	Value     *Bytes       `json:"value"`
	Headers   []jsonHeader `json:"headers"`
	Letter    *jsonSource  `json:"letter,omitempty"`
}

type jsonSource struct {
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Offset    int64        `json:"offset"`
	Error     *jsonContext `json:"error"`
}

func editOf(l *Letter, out *kafka.Record) jsonEdit {
	e := jsonEdit{
		Topic: out.Topic, Timestamp: millisOf(out.Timestamp), Key: bytesOf(out.Key), Value: bytesOf(out.Value),
		Headers: headersOf(out.Headers),
		Letter:  &jsonSource{l.Record.Topic, l.Record.Partition, l.Record.Offset, contextOf(l.Context)},
	}
	if out.Partition >= 0 {
		e.Partition = &out.Partition
	}
	return e
}

// Command is an editing command: a line for sh. It reads the record as JSON and writes what is to be
// written instead; nothing, or null, means that the record is to be left out. If {} is part of the line
// it stands for a file that has the record, indented, and is edited in place: for an editor.
type Command struct {
	Line string
	// In, Out and Err are what an editor has as its terminal; of a filter, only Err.
	In       io.Reader
	Out, Err io.Writer
}

// placeholder stands for the file in the line of an editor.
const placeholder = "{}"

// Edit has the command change the record. nil: it is to be left out.
func (c *Command) Edit(ctx context.Context, l *Letter, out *kafka.Record) (*kafka.Record, error) {
	form := editOf(l, out)
	var answer []byte
	var err error
	if strings.Contains(c.Line, placeholder) {
		answer, err = c.inFile(ctx, &form)
	} else {
		answer, err = c.asFilter(ctx, &form)
	}
	if err != nil {
		return nil, fmt.Errorf("--edit %s, given %s: %w", c.Line, l.Place(), err)
	}
	edited, err := parseEdit(answer)
	if err != nil {
		return nil, fmt.Errorf("--edit %s, given %s, answered what is no record: %w", c.Line, l.Place(), err)
	}
	return edited, nil
}

// grace is how long an editing command may go on once it was interrupted.
const grace = 5 * time.Second

func (c *Command) shell(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c"}, args...)...)
	cmd.Stderr, cmd.WaitDelay = c.Err, grace
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

func (c *Command) asFilter(ctx context.Context, form *jsonEdit) ([]byte, error) {
	raw, err := marshal(form)
	if err != nil {
		return nil, err
	}
	cmd := c.shell(ctx, c.Line)
	cmd.Stdin = bytes.NewReader(append(raw, '\n'))
	return cmd.Output()
}

func (c *Command) inFile(ctx context.Context, form *jsonEdit) (answer []byte, err error) {
	raw, err := marshal(form)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "troupe-dlq-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "record.json")
	if err := os.WriteFile(file, append(indented.Bytes(), '\n'), 0o600); err != nil {
		return nil, err
	}
	// The file is the shell's first argument, so that no name needs quoting.
	cmd := c.shell(ctx, strings.ReplaceAll(c.Line, placeholder, `"$1"`), "sh", file)
	cmd.Stdin, cmd.Stdout = c.In, c.Out
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// parseEdit reads an answer.
func parseEdit(answer []byte) (*kafka.Record, error) {
	answer = bytes.TrimSpace(answer)
	if len(answer) == 0 || string(answer) == "null" {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(answer, &members); err != nil {
		return nil, err
	}
	for _, name := range []string{"topic", "partition", "timestamp", "key", "value", "headers"} {
		if _, ok := members[name]; !ok {
			return nil, fmt.Errorf("%s is missing", name) // a slip of a filter must not make a null of a value
		}
	}
	var e jsonEdit
	if err := strict(answer, &e); err != nil {
		return nil, err
	}
	switch {
	case e.Topic == "":
		return nil, errors.New("topic is empty")
	case e.Partition != nil && *e.Partition < 0:
		return nil, fmt.Errorf("partition is %d; null leaves it to the key", *e.Partition)
	case e.Timestamp != nil && *e.Timestamp < 0:
		return nil, fmt.Errorf("timestamp is %d; null is the time of writing", *e.Timestamp)
	}
	out := &kafka.Record{Topic: e.Topic, Partition: kafka.NoPartition, Key: e.Key.raw(), Value: e.Value.raw()}
	if e.Partition != nil {
		out.Partition = *e.Partition
	}
	if e.Timestamp != nil {
		out.Timestamp = time.UnixMilli(*e.Timestamp)
	}
	for _, h := range e.Headers {
		out.Headers = append(out.Headers, kafka.RecordHeader{Key: h.Key, Value: h.Value.raw()})
	}
	return out, nil
}
