//go:build integration

package main_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

const (
	plainLogin = "org.apache.kafka.common.security.plain.PlainLoginModule"
	scramLogin = "org.apache.kafka.common.security.scram.ScramLoginModule"
)

// TestSecureKafka runs a source and a sink against a broker that asks for passwords and one with
// TLS, by the security settings of Java clients in the worker's file.
func TestSecureKafka(t *testing.T) {
	k := service.StartKafka(t, service.Secure())
	k.Grant(t, service.User)
	sasl := func(login, mechanism string) string {
		return expand(t, "secure-sasl", map[string]string{
			"LOGIN": login, "MECHANISM": mechanism, "USER": service.User, "PASSWORD": service.Password,
		})
	}
	for _, tt := range []struct{ name, addr, props string }{
		{"plain", k.SASL, sasl(plainLogin, "PLAIN")},
		{"scram-sha-256", k.SASL, sasl(scramLogin, "SCRAM-SHA-256")},
		{"scram-sha-512", k.SASL, sasl(scramLogin, "SCRAM-SHA-512")},
		{"tls", k.TLS, expand(t, "secure-tls", map[string]string{"CA": k.CA})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFlow(t, tt.addr, tt.props)
			f.topic = "lines-" + tt.name
			f.connectors()
			f.append(2000)
			f.worker.Start(t)
			ends(t, time.Minute, f.out, f.lines)
			f.worker.Stop(t)
			identical(t, f.in, f.out)
			silent(t, f.worker.Log, service.Password)
		})
	}
}

// TestWrongPassword starts a worker that the broker turns away: it ends by itself and says why,
// without the password.
func TestWrongPassword(t *testing.T) {
	const wrong = "not-the-password"
	k := service.StartKafka(t, service.Secure())
	f := newFlow(t, k.SASL, expand(t, "secure-sasl", map[string]string{
		"LOGIN": scramLogin, "MECHANISM": "SCRAM-SHA-256", "USER": service.User, "PASSWORD": wrong,
	}))
	f.worker.Launch(t)
	var end error
	service.Until(t, 90*time.Second, "the worker's end", func() error {
		if end = f.worker.Ended(); end == nil {
			return os.ErrProcessDone
		}
		return nil
	})
	if !strings.Contains(end.Error(), "exit status 2") {
		t.Errorf("the worker's end: %v, not exit status 2", end)
	}
	log, err := os.ReadFile(f.worker.Log)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(bytes.ToLower(log), []byte("authentication")) {
		t.Errorf("the log does not say that the login failed:\n%s", log)
	}
	silent(t, f.worker.Log, wrong)
}

// silent fails the test if the secret is in the log.
func silent(t *testing.T, file, secret string) {
	t.Helper()
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(log, []byte(secret)) {
		t.Errorf("the secret %q is in the log", secret)
	}
}
