package json_test

import (
	"bytes"
	"testing"

	"github.com/troupe-connect/troupe/codecs/codecstest"
	"github.com/troupe-connect/troupe/codecs/json"
)

var seeds = []string{
	"", "null", "-0.0", "01", "1e400", "1 2", `"\ud83d\ude00"`, "\"\xed\xa0\x80\"", "\xef\xbb\xbf{}", "\xfe\xff\x00[\x00]",
	`{"a":{"b":[1,{"c":null}]},"a":2}`,
	`{"schema":{"type":"struct","fields":[{"field":"a","type":"int32","optional":true,"default":3},{"field":"b","type":"string"}]},"payload":{"b":"x"}}`,
	`{"schema":{"type":"map","keys":{"type":"int8"},"values":{"type":"array","items":{"type":"bytes"}}},"payload":[[1,["AQI="]]]}`,
	`{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}},"payload":1.50}`,
	`{"schema":{"type":"int32","name":"org.apache.kafka.connect.data.Time","version":1},"payload":5}`,
}

func FuzzToConnectPlain(f *testing.F) {
	codecstest.Fuzz(f, json.Plugin(), map[string]string{"schemas.enable": "false"}, seeds...)
}

func FuzzToConnectSchema(f *testing.F) {
	codecstest.Fuzz(f, json.Plugin(), nil, seeds...)
}

// FuzzRoundTrip writes what was read, and reads and writes that again: the text must be the same.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, schemas bool) {
		props := map[string]string{"schemas.enable": "false"}
		if schemas {
			props = nil
		}
		c := newConverter(t, props)
		sv, err := c.ToConnect("t", payload)
		if err != nil {
			return
		}
		first, err := c.FromConnect("t", sv.Schema, sv.Value)
		if err != nil || bytes.Contains(first, []byte("Infinity")) { // Infinity is read as a string
			return
		}
		sv, err = c.ToConnect("t", first)
		if err != nil {
			t.Fatalf("%q was written but can't be read: %v", first, err)
		}
		again, err := c.FromConnect("t", sv.Schema, sv.Value)
		if err != nil {
			t.Fatalf("%q can't be written again: %v", first, err)
		}
		if !bytes.Equal(first, again) {
			t.Fatalf("read back and written again\n%q became\n%q", first, again)
		}
	})
}
