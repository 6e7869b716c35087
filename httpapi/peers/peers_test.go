package peers

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestSign uses a test case of RFC 4231.
func TestSign(t *testing.T) {
	const want = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
	key := make([]byte, 20)
	for i := range key {
		key[i] = 0x0b
	}
	got, err := Sign(key, "HmacSHA256", []byte("Hi There"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := DecodeSignature("hmacsha256", got)
	if err != nil || hexOf(raw) != want {
		t.Errorf("%x %v", raw, err)
	}
	if !Valid(key, "HmacSHA256", []byte("Hi There"), raw) || Valid(key, "HmacSHA256", []byte("Hi there"), raw) ||
		Valid(key, "HmacSHA512", []byte("Hi There"), raw) || Valid(key, "nope", []byte("Hi There"), raw) {
		t.Error("a signature is taken that isn't right, or one that is, is not")
	}
	for _, algorithm := range []string{"HmacSHA1", "HmacSHA224", "HmacSHA384", "HmacSHA512", "HmacMD5"} {
		signature, err := Sign(key, algorithm, nil)
		if err != nil {
			t.Fatal(err)
		}
		mac, _ := base64.StdEncoding.DecodeString(signature)
		if !Valid(key, algorithm, nil, mac) {
			t.Error(algorithm)
		}
	}
	if _, err := Sign(key, "Rot13", nil); err == nil {
		t.Error("Rot13 is an algorithm")
	}
	if _, err := DecodeSignature("HmacSHA256", "%"); err == nil {
		t.Error("% is base64")
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var out []byte
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

func TestPutTaskConfigs(t *testing.T) {
	key, algorithm := []byte("k"), "HmacSHA256"
	var path, body, accept string
	var valid bool
	status, text := 204, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		path, body, accept = r.Method+" "+r.URL.EscapedPath(), string(raw), r.Header.Get("Accept")
		mac, err := DecodeSignature(r.Header.Get(AlgorithmHeader), r.Header.Get(SignatureHeader))
		valid = err == nil && Valid(key, r.Header.Get(AlgorithmHeader), raw, mac)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	defer srv.Close()
	c := NewClient(nil)
	if err := c.PutTaskConfigs(t.Context(), srv.URL+"/", "a/b c", []map[string]string{{"x": "1"}}, key, algorithm); err != nil {
		t.Fatal(err)
	}
	if path != "POST /connectors/a%2Fb%20c/tasks" || body != `[{"x":"1"}]` || accept != "application/json" || !valid {
		t.Errorf("%s %s %s %v", path, body, accept, valid)
	}
	if err := c.PutTaskConfigs(t.Context(), srv.URL, "a", nil, key, algorithm); err != nil || body != "[]" {
		t.Errorf("no tasks: %s %v", body, err)
	}
	if err := c.FenceZombies(t.Context(), srv.URL, "a", key, algorithm); err != nil || path != "PUT /connectors/a/fence" || body != "" || !valid {
		t.Errorf("%s %s %v %v", path, body, valid, err)
	}
	if err := c.FenceZombies(t.Context(), srv.URL, "a", nil, ""); err != nil || valid {
		t.Errorf("unsigned: %v %v", valid, err)
	}
	status, text = 409, `{"error_code":409,"message":"rebalance"}`
	var refusal *StatusError
	if err := c.FenceZombies(t.Context(), srv.URL, "a", key, algorithm); !errors.As(err, &refusal) || refusal.StatusCode() != 409 || refusal.Message != "rebalance" {
		t.Errorf("refused: %v", err)
	}
	status, text = 502, `<html>`
	if err := c.FenceZombies(t.Context(), srv.URL, "a", key, algorithm); !errors.As(err, &refusal) || refusal.Message != "Bad Gateway" {
		t.Errorf("refused by something else: %v", err)
	}
}

// TestForward: redirects are answers, credentials go along, a context ends it.
func TestForward(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/hang":
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		}
	}))
	defer srv.Close()
	transport := Transport(nil)
	defer transport.CloseIdleConnections()
	c := NewClient(transport)
	if status, body, err := c.Forward(t.Context(), "GET", srv.URL+"/x", "Basic abc", nil); err != nil || status != 200 || string(body) != "Basic abc" {
		t.Errorf("%d %s %v", status, body, err)
	}
	if status, _, err := c.Forward(t.Context(), "GET", srv.URL+"/redirect", "Basic abc", nil); err != nil || status != 302 {
		t.Errorf("redirect: %d %v", status, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := c.Forward(ctx, "GET", srv.URL+"/hang", "", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
}

// FuzzSignature: no pair of headers is valid but the one that the key makes.
func FuzzSignature(f *testing.F) {
	key, body := []byte("key"), []byte(`[{"a":"b"}]`)
	for _, algorithm := range []string{"HmacSHA256", "hmacsha1", "HmacMD5", "Rot13", ""} {
		signature, err := Sign(key, algorithm, body)
		f.Add(algorithm, signature)
		if err == nil {
			f.Add(algorithm, signature[:len(signature)-1])
		}
	}
	f.Add("HmacSHA256", "%%%")
	f.Fuzz(func(t *testing.T, algorithm, signature string) {
		mac, err := DecodeSignature(algorithm, signature)
		if err != nil {
			return
		}
		want, err := Sign(key, algorithm, body)
		if err != nil {
			t.Fatalf("%q is known to one of two", algorithm)
		}
		if got := Valid(key, algorithm, body, mac); got != (base64.StdEncoding.EncodeToString(mac) == want) {
			t.Errorf("%s %q: valid is %t", algorithm, signature, got)
		}
		if Valid([]byte("other"), algorithm, body, mac) && base64.StdEncoding.EncodeToString(mac) == want {
			t.Errorf("%s %q is valid under two keys", algorithm, signature)
		}
	})
}
