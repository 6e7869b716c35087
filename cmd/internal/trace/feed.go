package trace

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// MaxLine is how long a line may be, in bytes: longer ones are told and left out.
const MaxLine = 64 << 20

// Lines reads samples from lines and calls each with them until it returns an error, which is
// returned. Empty lines are skipped. It ends with ctx, also while it waits for in; the read that
// goes on then ends with in.
func Lines(ctx context.Context, file string, in io.Reader, form Form, defaults Defaults, each func(*Sample) error) error {
	d, err := newDecoder(form, defaults)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan line)
	go func() { // ends with in, or with the call at the next line
		defer close(lines)
		scanLines(in, MaxLine, func(l line) bool {
			select {
			case lines <- l:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l, ok := <-lines:
			switch {
			case !ok:
				return context.Cause(ctx)
			case l.number == 0:
				return fmt.Errorf("reading %s: %w", nameOf(file), l.err)
			}
			s := Sample{Err: l.err}
			if l.err == nil {
				s = d.decode(l.text)
			}
			s.Line, s.File = l.number, file
			if err := each(&s); err != nil {
				return err
			}
		}
	}
}

func nameOf(file string) string {
	if file == "" {
		return "standard input"
	}
	return file
}

// line is one line of an input, without its end. err with number 0 is one of the input itself.
type line struct {
	number int
	text   []byte
	err    error
}

// scanLines calls each with every line that isn't empty, until it says no.
func scanLines(in io.Reader, limit int, each func(line) bool) {
	r := bufio.NewReaderSize(in, 64<<10)
	for number := 1; ; number++ {
		text, tooLong, err := readLine(r, limit)
		if number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		l := line{number: number, text: text}
		if tooLong {
			l.err = fmt.Errorf("the line is longer than %d MiB and is left out", limit>>20)
		}
		if tooLong || len(bytes.TrimSpace(text)) > 0 {
			if !each(l) {
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			each(line{err: err})
			return
		}
	}
}

// readLine reads up to the next line end. Of a line that is too long it keeps nothing.
func readLine(r *bufio.Reader, limit int) (text []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(text)+len(part) > limit; tooLong {
			text = nil
		} else {
			text = append(text, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			text = bytes.TrimSuffix(text, []byte("\n"))
			return bytes.TrimSuffix(text, []byte("\r")), tooLong, err
		}
	}
}

// OfTopic is the sample of a record as it was consumed. The plan's converters read it.
func OfTopic(r *kafka.Record) *Sample { return &Sample{raw: *r, partition: true} }
