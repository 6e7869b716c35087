package codecs_test

import (
	"bytes"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
)

func builtins() []codecs.Plugin {
	return append(primitive.Plugins(), json.Plugin(), simpleheader.Plugin())
}

// converterCase is a line of converters.jsonl.
type converterCase struct {
	ConverterClass string
	Config         map[string]string
	IsKey          bool
	Topic          string
	HeaderKey      string
}

// recordedBytes are bytes as the vectors give them; nil is null.
type recordedBytes struct{ Base64 []byte }

func (r *recordedBytes) bytes() []byte {
	if r == nil {
		return nil
	}
	if r.Base64 == nil {
		return []byte{}
	}
	return r.Base64
}

func TestVectorsConverters(t *testing.T) {
	plugins := map[string]codecs.Plugin{}
	for _, p := range builtins() {
		plugins[p.Class] = p
	}
	datatest.Run(t, "converters.jsonl", func(c datatest.Case) datatest.Outcome {
		var in converterCase
		c.Decode(&in)
		p, ok := plugins[in.ConverterClass]
		if !ok {
			t.Fatalf("no converter %s", in.ConverterClass)
		}
		conv, when, err := configured(p, c.Op, in)
		if err == nil {
			return judge(c, in, conv)
		}
		out := c.Judge(err, func() string { return "" })
		if out.Diff == "" && c.Error.When != when {
			out.Diff = "want the error from " + c.Error.When + ", got it from " + when + ": " + err.Error()
		}
		return out
	})
}

// either is a converter behind one pair of functions, whichever kind it is.
type either struct {
	from func(schema *data.Schema, value any) ([]byte, error)
	to   func(payload []byte) (data.SchemaAndValue, error)
}

func configured(p codecs.Plugin, op string, in converterCase) (either, string, error) {
	if op == "fromConnectHeader" || op == "toConnectHeader" {
		h := p.NewHeader()
		return either{
			from: func(s *data.Schema, v any) ([]byte, error) { return h.FromConnectHeader(in.Topic, in.HeaderKey, s, v) },
			to:   func(b []byte) (data.SchemaAndValue, error) { return h.ToConnectHeader(in.Topic, in.HeaderKey, b) },
		}, "configure", h.Configure(codecs.WithUse(in.Config, codecs.ForHeaders))
	}
	c := p.New()
	return either{
		from: func(s *data.Schema, v any) ([]byte, error) { return c.FromConnect(in.Topic, s, v) },
		to:   func(b []byte) (data.SchemaAndValue, error) { return c.ToConnect(in.Topic, b) },
	}, "configure", c.Configure(in.Config, in.IsKey)
}

// judge converts twice, since the second time the converter knows the schema.
func judge(c datatest.Case, in converterCase, conv either) datatest.Outcome {
	if c.Error != nil && c.Error.When != "apply" {
		return datatest.Outcome{Diff: "want an error from " + c.Error.When}
	}
	var out datatest.Outcome
	for range 2 {
		if c.Op == "fromConnectData" || c.Op == "fromConnectHeader" {
			out = judgeFrom(c, conv)
		} else {
			out = judgeTo(c, conv)
		}
		if out.Diff != "" {
			break
		}
	}
	return out
}

func judgeFrom(c datatest.Case, conv either) datatest.Outcome {
	var in struct {
		Input  datatest.SchemaAndValue
		Output *recordedBytes
	}
	c.Decode(&in)
	got, err := conv.from(in.Input.Schema, in.Input.Value)
	return c.Judge(err, func() string {
		want := in.Output.bytes()
		if bytes.Equal(want, got) && (want == nil) == (got == nil) {
			return ""
		}
		return "want " + show(want) + "\n got " + show(got)
	})
}

func show(b []byte) string {
	if b == nil {
		return "null"
	}
	return string(b)
}

func judgeTo(c datatest.Case, conv either) datatest.Outcome {
	var in struct {
		Input  *recordedBytes
		Output datatest.SchemaAndValue
	}
	c.Decode(&in)
	got, err := conv.to(in.Input.bytes())
	return c.Judge(err, func() string { return datatest.Diff(in.Output, got) })
}
