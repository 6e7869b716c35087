// Package codecstest checks what every converter owes to the worker: null both ways, bytes and
// values that stay as they are, errors of the right kind instead of panics on any data, settings
// that are checked, converters that share nothing. A converter's author calls Run with values
// that the converter must bring back, and Fuzz in a fuzz test.
package codecstest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Suite is what a converter is checked with.
type Suite struct {
	Plugin codecs.Plugin
	// Props are settings that must be accepted; nil for none.
	Props map[string]string
	// Samples are values that must come back as they were, except for their schema.
	Samples []data.SchemaAndValue
	// Back is the wanted value of Samples[i] after the way there and back, where it is
	// another than it was (text of a number, say).
	Back map[int]any
	// Anything: the converter takes values of any type, so that wrong ones are no error.
	Anything bool
}

// Run checks the converter and reports every breach.
func Run(t *testing.T, s Suite) {
	t.Helper()
	for _, err := range Check(s) {
		t.Error(err)
	}
}

// Check is Run for who wants the breaches themselves.
func Check(s Suite) []error {
	c := &checker{Suite: s}
	c.descriptor()
	if s.Plugin.New != nil {
		c.kind = "converter"
		c.all(c.newConverter)
	}
	if s.Plugin.NewHeader != nil {
		c.kind = "header converter"
		c.all(c.newHeader)
	}
	return c.breaches
}

// Fuzz feeds a converter with any bytes. Whatever it accepts it must be able to write.
func Fuzz(f *testing.F, p codecs.Plugin, props map[string]string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	c := &checker{Suite: Suite{Plugin: p, Props: props}, kind: "converter"}
	if p.New == nil {
		c.kind = "header converter"
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		made := c.newConverter
		if p.New == nil {
			made = c.newHeader
		}
		conv, err := made(props)
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(payload)
		sv, err := conv.to(payload)
		if !bytes.Equal(before, payload) {
			t.Fatalf("ToConnect changed its payload %q to %q", before, payload)
		}
		if err != nil {
			if !errors.Is(err, errs.Data) {
				t.Fatalf("not an errs.Data error: %v", err)
			}
			return
		}
		if _, err := conv.from(sv.Schema, sv.Value); err != nil && !errors.Is(err, errs.Data) {
			t.Fatalf("writing what was read: not an errs.Data error: %v", err)
		}
	})
}

// conversion is a configured converter of either kind.
type conversion struct {
	from func(schema *data.Schema, value any) ([]byte, error)
	to   func(payload []byte) (data.SchemaAndValue, error)
}

type maker func(props map[string]string) (conversion, error)

const topic, headerKey = "a-topic", "a-header"

type checker struct {
	Suite
	kind     string
	breaches []error
}

func (c *checker) newConverter(props map[string]string) (conversion, error) {
	conv := c.Plugin.New()
	return conversion{
		from: func(s *data.Schema, v any) ([]byte, error) { return conv.FromConnect(topic, s, v) },
		to:   func(b []byte) (data.SchemaAndValue, error) { return conv.ToConnect(topic, b) },
	}, conv.Configure(props, false)
}

func (c *checker) newHeader(props map[string]string) (conversion, error) {
	conv := c.Plugin.NewHeader()
	return conversion{
		from: func(s *data.Schema, v any) ([]byte, error) { return conv.FromConnectHeader(topic, headerKey, s, v) },
		to:   func(b []byte) (data.SchemaAndValue, error) { return conv.ToConnectHeader(topic, headerKey, b) },
	}, conv.Configure(codecs.WithUse(props, codecs.ForHeaders))
}

func (c *checker) breach(format string, args ...any) {
	c.breaches = append(c.breaches, fmt.Errorf("%s as %s: %w", c.Plugin.Class, c.kind, fmt.Errorf(format, args...)))
}

func (c *checker) descriptor() {
	c.kind = "plugin"
	d := c.Plugin.Describe()
	switch {
	case d.Class == "":
		c.breach("no class name")
	case d.Version == "":
		c.breach("no version")
	case d.Config == nil:
		c.breach("no settings are defined; an empty definition says that there are none")
	case c.Plugin.New == nil && c.Plugin.NewHeader == nil:
		c.breach("neither New nor NewHeader is there")
	}
}

func (c *checker) all(made maker) {
	conv, err := made(c.Props)
	if err != nil {
		c.breach("the settings of the suite are refused: %w", err)
		return
	}
	c.wrongSettings(made)
	c.null(conv)
	c.thereAndBack(conv)
	c.kept(conv)
	c.wrongBytes(conv)
	c.wrongValues(conv)
	c.apart(made)
}

// guarded calls f and makes a breach of a panic.
func (c *checker) guarded(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.breach("%s: panic: %v", what, r)
			err = nil
		}
	}()
	return f()
}

func (c *checker) wrongSettings(made maker) {
	if c.Plugin.Config == nil {
		return
	}
	for _, key := range c.Plugin.Config.Keys() {
		switch key.Type {
		case config.Boolean, config.Int, config.Short, config.Long, config.Double:
		default:
			continue
		}
		props := map[string]string{key.Name: "neither fish nor fowl"}
		for k, v := range c.Props {
			if k != key.Name {
				props[k] = v
			}
		}
		err := c.guarded("Configure", func() error { _, err := made(props); return err })
		if !errors.Is(err, errs.Config) {
			c.breach("a wrong value of %s must be an errs.Config error, is: %v", key.Name, err)
		}
	}
}

func (c *checker) null(conv conversion) {
	b, err := conv.from(nil, nil)
	if b != nil || err != nil {
		c.breach("null without schema must be written as null, is %q, %v", b, err)
	}
	sv, err := conv.to(nil)
	if sv.Value != nil || err != nil {
		c.breach("null must be read as null, is %v, %v", sv.Value, err)
	}
}

func (c *checker) thereAndBack(conv conversion) {
	for i, s := range c.Samples {
		b, err := conv.from(s.Schema, s.Value)
		if err != nil {
			c.breach("sample %d can't be written: %w", i, err)
			continue
		}
		got, err := conv.to(b)
		if err != nil {
			c.breach("sample %d, %q, can't be read: %w", i, b, err)
			continue
		}
		want, ok := c.Back[i]
		if !ok {
			want = s.Value
		}
		if !data.Equal(want, got.Value) {
			c.breach("sample %d became %s, want %s", i, data.Text(got.Value), data.Text(want))
		}
	}
}

// kept checks that what was handed out and what was handed in stay as they are.
func (c *checker) kept(conv conversion) {
	const rounds = 200
	var out, copies [][]byte
	var texts []string
	for _, s := range c.Samples {
		texts = append(texts, data.Text(s.Value))
	}
	for range rounds {
		for _, s := range c.Samples {
			b, err := conv.from(s.Schema, s.Value)
			if err != nil {
				return // said already
			}
			out, copies = append(out, b), append(copies, slices.Clone(b))
			_ = append(b, "written behind the end"...)
			if _, err := conv.to(b); err != nil {
				return
			}
		}
	}
	for i := range out {
		if !bytes.Equal(out[i], copies[i]) {
			c.breach("the bytes of an earlier record changed from %q to %q", copies[i], out[i])
			return
		}
	}
	for i, s := range c.Samples {
		if data.Text(s.Value) != texts[i] {
			c.breach("sample %d was changed by writing it", i)
		}
	}
}

func (c *checker) wrongBytes(conv conversion) {
	for _, b := range wrongBytes() {
		before := bytes.Clone(b)
		err := c.guarded(fmt.Sprintf("ToConnect of %q", clip(b)), func() error { _, err := conv.to(b); return err })
		if err != nil && !errors.Is(err, errs.Data) {
			c.breach("ToConnect of %q must give errs.Data errors only, is: %w", clip(b), err)
		}
		if !bytes.Equal(before, b) {
			c.breach("ToConnect changed its payload %q", clip(before))
		}
	}
}

func wrongBytes() [][]byte {
	all := [][]byte{
		{},
		{0},
		{0xff},
		{0, 0, 0, 0},
		{0, 0, 0, 0, 1},
		{0xef, 0xbb, 0xbf},
		{0xed, 0xa0, 0x80},
		{0xfe, 0xff, 0xd8},
		[]byte("null"), []byte("{"), []byte(`{"schema":{},"payload":{}}`), []byte("[[["), []byte(`"`), []byte("\xff\xfe\xfd"),
		bytes.Repeat([]byte("["), 100_000), bytes.Repeat([]byte(`{"a":`), 100_000), bytes.Repeat([]byte{0xff}, 4096),
	}
	for i := range 256 {
		all = append(all, []byte{byte(i)}, []byte{byte(i), byte(255 - i), byte(i)})
	}
	return all
}

func clip(b []byte) []byte { return b[:min(len(b), 40)] }

// alien is a type that is no Connect value.
type alien struct{ x int }

func (c *checker) wrongValues(conv conversion) {
	structSchema := data.StructOf("a", data.StringSchema)
	schemas := []*data.Schema{
		nil, data.StringSchema, data.OptionalInt32Schema, data.BytesSchema, data.BooleanSchema, data.Float64Schema,
		data.TimestampSchema, data.DecimalSchema(2), data.ArrayOf(data.Int32Schema).MustBuild(),
		data.MapOf(data.StringSchema, data.Int64Schema).MustBuild(), structSchema,
	}
	values := []any{
		alien{1},
		&alien{2}, 42, uint8(7),
		[]string{"x"},
		map[string]any{"a": 1},
		(*data.Struct)(nil), (*data.Map)(nil),
		[]any{alien{3}},
		data.MapFrom(alien{4}, 1), data.MapFrom(nil, nil), "text", int64(1), []byte(nil),
		data.Decimal{},
		data.NewStruct(structSchema), data.NewStruct(structSchema).With("a", alien{5}),
		[]any{nil},
		nil,
	}
	for _, s := range schemas {
		for _, v := range values {
			what := fmt.Sprintf("FromConnect of a %T with schema %s", v, s)
			err := c.guarded(what, func() error { _, err := conv.from(s, v); return err })
			if err != nil && (c.Anything || !errors.Is(err, errs.Data)) {
				c.breach("%s must give errs.Data errors only, is: %w", what, err)
			}
		}
	}
}

// apart checks that two converters share nothing: under the race detector it finds what they do.
func (c *checker) apart(made maker) {
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- c.convertAll(made) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			c.breach("two converters side by side: %w", err)
		}
	}
}

func (c *checker) convertAll(made maker) error {
	conv, err := made(c.Props)
	if err != nil {
		return err
	}
	for range 20 {
		for _, s := range c.Samples {
			b, err := conv.from(s.Schema, s.Value)
			if err != nil {
				return err
			}
			if _, err := conv.to(b); err != nil {
				return err
			}
		}
	}
	return nil
}
