package confluent_test

import (
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
)

func BenchmarkTransforms(b *testing.B) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(bytes.Repeat([]byte("some text "), 20)); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	for _, step := range []struct {
		class string
		props props
		in    data.Record
	}{
		{"Drop$Value", props{"schema.behavior": "force_optional"}, order("new")},
		{"ExtractTimestamp$Value", props{"field.name": "at"}, order("new")},
		{"ExtractTopic$Value", props{"field": "$.to.topic", "field.format": "JSON_PATH"}, order("new")},
		{"ExtractTopic$Header", props{"field": "h"}, order("new")},
		{"Filter$Value", props{"filter.condition": "$[?(@.status == 'new')]", "filter.type": "include"}, order("new")},
		{"GzipDecompress$Value", nil, data.Record{ValueSchema: data.BytesSchema, Value: packed.Bytes()}},
		{"MessageTimestampRouter", props{"message.timestamp.keys": "ts"}, plain("ts", "2023-11-14T22:13:20.123Z")},
		{"TombstoneHandler", nil, order("new")},
		{"TopicRegexRouter", props{"regex": "(.*)", "replacement": "to-$1"}, order("new")},
	} {
		b.Run(step.class, func(b *testing.B) {
			chain := build(b, step.class, step.props)
			b.ReportAllocs()
			var r data.Record
			for b.Loop() {
				r = step.in
				if out, err := chain.Apply(&r); err != nil || out == nil {
					b.Fatal(out, err)
				}
			}
		})
	}
}
