package embedded_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
)

// keptLog is a log in memory that can be read again.
type keptLog struct{ keys, values [][]byte }

func (l *keptLog) Load(_ context.Context, apply func(key, value []byte) error) error {
	for i := range l.keys {
		if err := apply(l.keys[i], l.values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *keptLog) Append(_ context.Context, key, value []byte) error {
	l.keys, l.values = append(l.keys, key), append(l.values, value)
	return nil
}

func serve(t *testing.T, log embedded.Log) *httptest.Server {
	t.Helper()
	r, err := embedded.Open(t.Context(), log, map[registry.Format]registry.Parser{registry.Avro: avro.ParseSchema})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r.Handler())
	t.Cleanup(s.Close)
	return s
}

// call sends a request, "METHOD path body", and returns the status and the answer.
func call(t *testing.T, s *httptest.Server, request string) string {
	t.Helper()
	method, rest, _ := strings.Cut(request, " ")
	path, body, _ := strings.Cut(rest, " ")
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(raw))
}

func schemaBody(schema string, references ...registry.Reference) string {
	b, err := json.Marshal(map[string]any{"schema": schema, "references": references})
	if err != nil {
		panic(err)
	}
	return string(b)
}

const (
	v1       = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	v2       = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string","default":"x"}]}`
	noReader = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"c","type":"string"}]}`
	user     = `{"type":"record","name":"U","fields":[{"name":"r","type":"R"}]}`
)

func TestScenario(t *testing.T) {
	log := &keptLog{}
	s := serve(t, log)
	for _, step := range []struct{ request, want string }{
		{"GET /subjects", "200 []"},
		{"GET /subjects/s/versions", `404 {"error_code":40401,"message":"Subject 's' not found."}`},
		{"POST /subjects/s/versions " + schemaBody(v1), `200 {"subject":"s","version":1,"id":1,`},
		{"POST /subjects/s/versions " + schemaBody(v1), `200 {"subject":"s","version":1,"id":1,`},
		{"POST /subjects/other/versions " + schemaBody(v1), `200 {"subject":"other","version":1,"id":1,`},
		{"POST /subjects/s/versions " + schemaBody(noReader), `409 {"error_code":409,`},
		{"POST /compatibility/subjects/s/versions/latest " + schemaBody(noReader), `200 {"is_compatible":false}`},
		{"POST /compatibility/subjects/s/versions/latest?verbose=true " + schemaBody(v2), `200 {"is_compatible":true,"messages":[]}`},
		{"POST /subjects/s/versions " + schemaBody(v2), `200 {"subject":"s","version":2,"id":2,`},
		{"GET /subjects/s/versions", "200 [1,2]"},
		{"GET /subjects/s/versions/latest", `200 {"subject":"s","version":2,"id":2,`},
		{"GET /subjects/s/versions/7", `404 {"error_code":40402,"message":"Version 7 not found."}`},
		{"GET /subjects/s/versions/x", `422 {"error_code":42202,`},
		{"GET /subjects/s/versions/1/schema", "200 " + v1},
		{"GET /schemas/ids/1", `200 {"guid":`},
		{"GET /schemas/ids/1/versions", `200 [{"subject":"other","version":1},{"subject":"s","version":1}]`},
		{"GET /schemas/ids/9", `404 {"error_code":40403,"message":"Schema 9 not found"}`},
		{"GET /schemas/types", `200 ["AVRO"]`},
		{"POST /subjects/s " + schemaBody(v1), `200 {"subject":"s","version":1,"id":1,`},
		{"POST /subjects/s " + schemaBody(`"int"`), `404 {"error_code":40403,"message":"Schema not found"}`},
		{"POST /subjects/s/versions " + schemaBody("{"), `422 {"error_code":42201,`},
		{"POST /subjects/s/versions " + `{"schema":"x","schemaType":"JSON"}`, `422 {"error_code":42201,`},
		{"GET /config", `200 {"compatibilityLevel":"BACKWARD"}`},
		{"GET /config/s", `404 {"error_code":40408,`},
		{"PUT /config/s " + `{"compatibility":"sideways"}`, `422 {"error_code":42203,`},
		{"PUT /config/s " + `{"compatibility":"none"}`, `200 {"compatibility":"NONE"}`},
		{"POST /subjects/s/versions " + schemaBody(noReader), `200 {"subject":"s","version":3,"id":3,`},
		{"POST /subjects/u%2Fslash/versions " + schemaBody(user), `422 {"error_code":42201,`},
		{
			"POST /subjects/u%2Fslash/versions " + schemaBody(user, registry.Reference{Name: "R", Subject: "s", Version: 1}),
			`200 {"subject":"u/slash","version":1,"id":4,`,
		},
		{"GET /subjects/s/versions/1/referencedby", "200 [4]"},
		{"DELETE /subjects/s/versions/1", `422 {"error_code":42206,`},
		{"DELETE /subjects/s/versions/2?permanent=true", `404 {"error_code":40407,`},
		{"DELETE /subjects/s/versions/2", "200 2"},
		{"DELETE /subjects/s/versions/2", `404 {"error_code":40406,`},
		{"GET /subjects/s/versions", "200 [1,3]"},
		{"GET /subjects/s/versions?deleted=true", "200 [1,2,3]"},
		{"GET /schemas/ids/2", `200 {"guid":`},
		{"DELETE /subjects/s/versions/2?permanent=true", "200 2"},
		{"GET /schemas/ids/2", `404 {"error_code":40403,`},
		{"DELETE /subjects/other?permanent=true", `404 {"error_code":40405,`},
		{"DELETE /subjects/other", "200 [1]"},
		{"DELETE /subjects/other", `404 {"error_code":40404,`},
		{"POST /subjects/other/versions " + schemaBody(v1), `200 {"subject":"other","version":2,"id":1,`},
		{"PUT /mode/other " + `{"mode":"READONLY"}`, `200 {"mode":"READONLY"}`},
		{"POST /subjects/other/versions " + schemaBody(v2), `422 {"error_code":42205,`},
		{"DELETE /mode/other", `200 {"mode":"READONLY"}`},
		{"GET /nowhere", `404 {"error_code":404,`},
	} {
		if got := call(t, s, step.request); !strings.HasPrefix(got, step.want) {
			t.Errorf("%s:\n got %s\nwant %s…", step.request, got, step.want)
		}
	}

	// What another registry makes of the log is the same.
	again := serve(t, log)
	for _, request := range []string{
		"GET /subjects", "GET /subjects?deleted=true", "GET /schemas?deleted=true", "GET /config/s", "GET /mode",
		"GET /subjects/s/versions/latest", "GET /subjects/other/versions?deleted=true",
	} {
		if want, got := call(t, s, request), call(t, again, request); want != got {
			t.Errorf("after a restart, %s: got %s, want %s", request, got, want)
		}
	}
	if got := call(t, again, "POST /subjects/new/versions "+schemaBody(`"long"`)); !strings.HasPrefix(got, `200 {"subject":"new","version":1,"id":5,`) {
		t.Errorf("after a restart the next id: %s", got)
	}
}

// The records are those that Confluent's registry keeps.
func TestRecordsInTheKnownFormat(t *testing.T) {
	log := &keptLog{}
	s := serve(t, log)
	call(t, s, "POST /subjects/s/versions "+schemaBody(`"int"`))
	call(t, s, `PUT /config {"compatibility":"FULL"}`)
	call(t, s, `PUT /config/s {"compatibility":"NONE"}`)
	call(t, s, "DELETE /subjects/s")
	call(t, s, "DELETE /subjects/s?permanent=true")
	want := [][2]string{
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `{"subject":"s","version":1,"id":1,"guid":"ef524ea1-b91e-7317-3d93-8ade36c1db32","schema":"\"int\"","deleted":false}`},
		{`{"keytype":"CONFIG","subject":null,"magic":0}`, `{"compatibilityLevel":"FULL"}`},
		{`{"keytype":"CONFIG","subject":"s","magic":0}`, `{"compatibilityLevel":"NONE"}`},
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, `{"subject":"s","version":1,"id":1,"guid":"ef524ea1-b91e-7317-3d93-8ade36c1db32","schema":"\"int\"","deleted":true}`},
		{`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`, ``},
	}
	if len(log.keys) != len(want) {
		t.Fatalf("%d records", len(log.keys))
	}
	for i, w := range want {
		if string(log.keys[i]) != w[0] || string(log.values[i]) != w[1] {
			t.Errorf("record %d:\n got %s %s\nwant %s %s", i, log.keys[i], log.values[i], w[0], w[1])
		}
	}
}

func TestCompatibilityLevels(t *testing.T) {
	added := `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"c","type":"string"}]}`
	wider := `{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}`
	for _, tt := range []struct {
		level, schema string
		allowed       bool
	}{
		{"NONE", added, true},
		{"BACKWARD", added, false},
		{"FORWARD", added, true},
		{"FULL", added, false},
		{"BACKWARD", wider, true},
		{"FORWARD", wider, false},
		{"FULL", v2, true},
		{"FULL_TRANSITIVE", v2, true},
		{"BACKWARD_TRANSITIVE", added, false},
		{"FORWARD_TRANSITIVE", wider, false},
	} {
		s := serve(t, embedded.Memory{})
		call(t, s, `PUT /config {"compatibility":"`+tt.level+`"}`)
		call(t, s, "POST /subjects/s/versions "+schemaBody(v1))
		got := call(t, s, "POST /subjects/s/versions "+schemaBody(tt.schema))
		if strings.HasPrefix(got, "200") != tt.allowed {
			t.Errorf("%s of %s: %s", tt.level, tt.schema, got)
		}
	}
}
