package registrytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Driver is a format's converter under test.
type Driver struct {
	// New makes the converter of a class, with the registry given.
	New func(clients registry.Clients) codecs.HeaderAware
	// FromSchema is the schema text that the settings make of a Connect schema, "" for none; ToSchema
	// the other way round.
	FromSchema func(props map[string]string, s *data.Schema) (string, error)
	ToSchema   func(props map[string]string, text string) (*data.Schema, error)
	// SameText reports whether a schema text is as wanted; nil compares bytes. exact is false where
	// only the meaning counts.
	SameText func(want, got string, exact bool) bool
	// Normal is Fake's.
	Normal func(registry.Schema) string
	// Canonical is Fake's.
	Canonical func(registry.Schema) string
}

// Case is a line of the files of the registry's converters.
type Case struct {
	ConverterClass string
	Config         map[string]string
	IsKey          bool
	Topic          string
	Unordered      bool
	Registry       []entry
	Failure        *failure
	Headers        []header
	Steps          []struct {
		Op, Topic, Subject string
		SchemaType         registry.Format
		Schema             string
		Input              json.RawMessage
	}
	Input                 json.RawMessage
	RegisteredBeforeError []entry
}

type entry struct {
	Subject    string
	Version    int
	ID         int32
	SchemaType registry.Format
	Schema     string
	References []registry.Reference
}

func (e entry) registered() registry.Registered {
	return registry.Registered{
		ID: e.ID, Subject: e.Subject, Version: e.Version,
		Schema: registry.Schema{
			Format: e.SchemaType, Text: e.Schema, References: e.References,
		},
	}
}

type failure struct {
	Call, Java, Message string
	Status, ErrorCode   int
}

func (f *failure) err() error {
	if f.Status != 0 {
		return &registry.StatusError{
			Status: f.Status, Code: f.ErrorCode,
			Message: strings.TrimSuffix(f.Message, fmt.Sprintf("; error code: %d", f.ErrorCode)),
		}
	}
	kind := registry.IOOther
	switch f.Java {
	case "java.net.ConnectException", "java.net.UnknownHostException", "javax.net.ssl.SSLException",
		"java.net.SocketException":
		kind = registry.IONetwork
	case "java.net.SocketTimeoutException", "java.io.InterruptedIOException":
		kind = registry.IOTimeout
	}
	return &registry.IOError{Kind: kind, Err: errors.New(f.Message)}
}

// means reports whether the failure has a meaning outside Java.
func (f *failure) means() bool {
	return f == nil || f.Status != 0 || !strings.HasPrefix(f.Java, "java.lang.")
}

type header struct {
	Key    string
	Base64 []byte
}

// headers are a record's headers.
type headers []header

// Last implements codecs.Headers.
func (h *headers) Last(name string) ([]byte, bool) {
	for _, x := range slices.Backward(*h) {
		if x.Key == name {
			return x.Base64, true
		}
	}
	return nil, false
}

// Put implements codecs.Headers.
func (h *headers) Put(name string, value []byte) { *h = append(*h, header{name, value}) }

type base64Bytes struct{ Base64 *[]byte }

func (b *base64Bytes) bytes() []byte {
	if b == nil || b.Base64 == nil {
		return nil
	}
	if *b.Base64 == nil {
		return []byte{}
	}
	return *b.Base64
}

// wire is a written value.
type wire struct {
	Bytes      base64Bytes
	ID         int32
	Registered []entry
	Headers    []header
}

// Run judges every case of a file.
func (d Driver) Run(t *testing.T, file string) {
	t.Helper()
	datatest.Run(t, file, func(c datatest.Case) datatest.Outcome {
		var in Case
		c.Decode(&in)
		if !in.Failure.means() {
			return datatest.Outcome{}
		}
		return d.judge(t, c, &in)
	})
}

func (d Driver) judge(t *testing.T, c datatest.Case, in *Case) datatest.Outcome {
	props := maps.Clone(in.Config)
	if props == nil {
		props = map[string]string{}
	}
	if _, ok := props["schema.registry.url"]; !ok {
		props["schema.registry.url"] = "mock://vectors"
	}
	switch c.Op {
	case "fromConnectSchema":
		return d.fromSchema(t, c, in, props)
	case "toConnectSchema":
		return d.toSchema(t, c, in, props)
	}
	fake := NewFake()
	fake.Normal, fake.Canonical = d.Normal, d.Canonical
	for _, e := range in.Registry {
		fake.Put(e.registered())
	}
	fake.taken = taken(in.Registry)
	if in.Failure != nil {
		fake.Fail(in.Failure.Call, in.Failure.err())
	}
	conv := d.New(fake)
	if err := conv.Configure(props, in.IsKey); err != nil {
		return judge(c, "configure", err, nil)
	}
	if c.Error != nil && c.Error.When == "configure" {
		return datatest.Outcome{Diff: "want an error from configure"}
	}
	switch c.Op {
	case "fromConnectData", "roundtrip":
		return d.written(t, c, in, conv, fake, props)
	case "toConnectData":
		got, err := conv.ToConnectWithHeaders((*headers)(&in.Headers), in.Topic, input(t, in.Input))
		return judge(c, "apply", err, func() string { return wantValue(t, c.Output, got) })
	case "sequence":
		return d.sequence(t, c, in, conv, fake)
	}
	t.Fatalf("%s: unknown operation %s", c.ID, c.Op)
	return datatest.Outcome{}
}

// taken is how many ids the registry of a case had given out by itself.
func taken(entries []entry) int {
	n := 0
	seen := map[int32]bool{}
	for _, e := range entries {
		if !seen[e.ID] && int(e.ID) == n+1 {
			n++
		}
		seen[e.ID] = true
	}
	return n
}

// plain reports whether the ids of a case are those that the fake gives.
func plain(entries []entry) bool {
	most := int32(0)
	for _, e := range entries {
		most = max(most, e.ID)
	}
	return int(most) == taken(entries)
}

// judge is Case.Judge with the classes that the worker tells apart in addition.
func judge(c datatest.Case, when string, err error, diff func() string) datatest.Outcome {
	if diff == nil {
		diff = func() string { return "an error was wanted" }
	}
	if c.Error != nil && err == nil && c.Error.ExceptionClass == "java.lang.StackOverflowError" {
		return datatest.Outcome{} // Java can't do it; a right result is no fault
	}
	out := c.Judge(err, diff)
	if out.Diff != "" || c.Error == nil {
		return out
	}
	if c.Error.When != "" && c.Error.When != when {
		out.Diff = fmt.Sprintf("want the error from %s, got it from %s: %v", c.Error.When, when,
			err)
		return out
	}
	for _, k := range []*errs.Kind{errs.Retriable, errs.Network, errs.Disconnect, errs.Throttled} {
		if (c.Error.ExceptionClass == k.Class()) != (errs.KindOf(err) == k) {
			out.Diff = fmt.Sprintf("want %s, got %s: %v", c.Error.ExceptionClass, errs.ClassOf(err),
				err)
		}
	}
	return out
}

func input(t *testing.T, raw json.RawMessage) []byte {
	var in *base64Bytes
	decode(t, raw, &in)
	return in.bytes()
}

func decode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if len(raw) == 0 {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}

// wantValue compares a value that was read; where Java has a null reference, null data will do.
func wantValue(t *testing.T, raw json.RawMessage, got data.SchemaAndValue) string {
	var want datatest.SchemaAndValue
	decode(t, raw, &want)
	if want.Null || len(raw) == 0 {
		if got.Value != nil {
			return fmt.Sprintf("want null, got %v", got)
		}
		return ""
	}
	return datatest.Diff(want, got)
}

func (d Driver) written(t *testing.T, c datatest.Case, in *Case, conv codecs.HeaderAware,
	fake *Fake, props map[string]string,
) datatest.Outcome {
	before := len(fake.Entries())
	var sv data.SchemaAndValue
	if c.Op == "roundtrip" {
		var err error
		if sv, err = conv.ToConnectWithHeaders((*headers)(&in.Headers), in.Topic,
			input(t, in.Input)); err != nil {
			return judge(c, "apply", err, nil)
		}
	} else {
		var want datatest.SchemaAndValue
		decode(t, in.Input, &want)
		sv = want.SchemaAndValue
	}
	var put headers
	got, err := conv.FromConnectWithHeaders(&put, in.Topic, sv.Schema, sv.Value)
	out := judge(c, "apply", err, func() string {
		return d.diffWire(t, c.Output, in, got, put, fake.Entries()[before:], props)
	})
	if out.Diff == "" && c.Error != nil && c.Op != "roundtrip" { // of which that isn't recorded
		out.Diff = d.diffEntries(in.RegisteredBeforeError, fake.Entries()[before:],
			plain(in.Registry), props)
	}
	return out
}

func (d Driver) diffWire(t *testing.T, raw json.RawMessage, in *Case, got []byte, put headers,
	made []registry.Registered, props map[string]string,
) string {
	var want *wire
	decode(t, raw, &want)
	if want == nil {
		if got != nil || len(made) > 0 {
			return fmt.Sprintf("want null and nothing registered, got %x, %v", got, made)
		}
		return ""
	}
	ids := plain(in.Registry)
	if diff := d.diffEntries(want.Registered, made, ids, props); diff != "" {
		return diff
	}
	if fmt.Sprint(want.Headers) != fmt.Sprint([]header(put)) {
		return fmt.Sprintf("want headers %v, got %v", want.Headers, put)
	}
	wantBytes := want.Bytes.bytes()
	if in.Unordered {
		return d.diffUnordered(in, wantBytes, got, made, props)
	}
	if !ids && len(wantBytes) >= 5 && len(got) >= 5 && len(put) == 0 {
		wantBytes, got = wantBytes[5:], got[5:]
	}
	if !bytes.Equal(wantBytes, got) {
		return fmt.Sprintf("want bytes %x\n got bytes %x\n (%q\n  %q)", wantBytes, got, wantBytes,
			got)
	}
	return ""
}

// diffUnordered compares what two payloads hold, since the order of a map's entries is Java's.
func (d Driver) diffUnordered(in *Case, want, got []byte, made []registry.Registered,
	props map[string]string,
) string {
	if len(want) != len(got) {
		return fmt.Sprintf("want %d bytes, got %d: %x, %x", len(want), len(got), want, got)
	}
	fake := NewFake()
	for _, e := range in.Registry {
		fake.Put(e.registered())
	}
	for _, r := range made {
		fake.Put(r)
	}
	conv := d.New(fake)
	if err := conv.Configure(props, in.IsKey); err != nil {
		return err.Error()
	}
	w, wantErr := conv.ToConnect(in.Topic, want)
	g, gotErr := conv.ToConnect(in.Topic, got)
	// some that are written can't be read: then the same bytes in another order must do
	if wantErr != nil || gotErr != nil {
		a, b := slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
		if bytes.Equal(a, b) {
			return ""
		}
		return fmt.Sprintf("want %x (%v), got %x (%v)", want, wantErr, got, gotErr)
	}
	return datatest.Diff(w, g)
}

func (d Driver) diffEntries(want []entry, got []registry.Registered, ids bool,
	props map[string]string,
) string {
	slices.SortStableFunc(got, func(a, b registry.Registered) int { return int(a.ID - b.ID) })
	if len(want) != len(got) {
		return fmt.Sprintf("want %d registered, got %d: %v, %v", len(want), len(got), want, got)
	}
	for i, w := range want {
		g := got[i]
		if w.Subject != g.Subject || w.Version != g.Version || ids && w.ID != g.ID ||
			w.SchemaType != g.Schema.Format ||
			!slices.Equal(w.References, g.Schema.References) {
			return fmt.Sprintf("want registered %v, got %v", w, g)
		}
		if !d.sameText(w.Schema, g.Schema.Text, props["normalize.schemas"] != "true") {
			return fmt.Sprintf("want schema %s\n got schema %s", w.Schema, g.Schema.Text)
		}
	}
	return ""
}

func (d Driver) sameText(want, got string, exact bool) bool {
	if d.SameText != nil {
		return d.SameText(want, got, exact)
	}
	if exact {
		return want == got
	}
	return sameJSON(want, got)
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil &&
		fmt.Sprint(x) == fmt.Sprint(y)
}

func (d Driver) fromSchema(t *testing.T, c datatest.Case, in *Case,
	props map[string]string,
) datatest.Outcome {
	schema, err := datatest.DecodeSchema(in.Input)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	got, err := d.FromSchema(props, schema)
	return judge(c, "apply", err, func() string {
		var want *string
		decode(t, c.Output, &want)
		if want == nil {
			want = new(string)
		}
		if !d.sameText(*want, got, true) {
			return fmt.Sprintf("want schema %s\n got schema %s", *want, got)
		}
		return ""
	})
}

func (d Driver) toSchema(t *testing.T, c datatest.Case, in *Case,
	props map[string]string,
) datatest.Outcome {
	var text string
	decode(t, in.Input, &text)
	got, err := d.ToSchema(props, text)
	return judge(c, "apply", err, func() string {
		want, err := datatest.DecodeSchema(c.Output)
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		return datatest.Diff(datatest.Schema{Schema: want}, got)
	})
}

// step is what a step of a sequence gives.
type step struct {
	Output json.RawMessage
	Error  *datatest.Error
	ID     int32
}

func (d Driver) sequence(t *testing.T, c datatest.Case, in *Case, conv codecs.HeaderAware,
	fake *Fake,
) datatest.Outcome {
	var want []step
	decode(t, c.Output, &want)
	for i, s := range in.Steps {
		one := datatest.Case{
			ID: fmt.Sprintf("%s step %d", c.ID, i), Output: want[i].Output,
			Error: want[i].Error,
		}
		before := len(fake.Entries())
		var out datatest.Outcome
		switch s.Op {
		case "register":
			got, err := fake.Register(t.Context(), s.Subject,
				registry.Schema{Format: s.SchemaType, Text: s.Schema}, false)
			if err != nil || got.ID != want[i].ID {
				out.Diff = fmt.Sprintf("registered as %v, %v", got, err)
			}
		case "fromConnectData":
			var sv datatest.SchemaAndValue
			decode(t, s.Input, &sv)
			var put headers
			got, err := conv.FromConnectWithHeaders(&put, s.Topic, sv.Schema, sv.Value)
			out = judge(one, "apply", err, func() string {
				return d.diffWire(t, want[i].Output, in, got, put, fake.Entries()[before:], nil)
			})
		case "toConnectData":
			got, err := conv.ToConnectWithHeaders(&headers{}, s.Topic, input(t, s.Input))
			out = judge(one, "apply", err, func() string { return wantValue(t, want[i].Output, got) })
		}
		if out.Diff != "" {
			out.Diff = fmt.Sprintf("step %d: %s", i, out.Diff)
			return out
		}
	}
	return datatest.Outcome{}
}
