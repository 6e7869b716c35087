package main

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
)

// said is what the command line prints.
func said(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := command()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.Execute(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String()
}

func TestVersion(t *testing.T) {
	line := regexp.MustCompile(`^troupe \S+ for Kafka Connect 4\.1\.1 \(commit \S+, go1\.\S+, \w+/\w+\)\n$`)
	for _, args := range [][]string{{"--version"}, {"version"}} {
		if got := said(t, args...); !line.MatchString(got) {
			t.Errorf("%v: %q", args, got)
		}
	}
}

// TestHelp says what an operator looks for.
func TestHelp(t *testing.T) {
	for command, wants := range map[string][]string{
		"standalone --help":  {"8083", "QUIT", "143", "CONNECT_GROUP_ID", "CONNECT_LOG4J_ROOT_LOGLEVEL"},
		"distributed --help": {"8083", "QUIT", "143", "CONNECT_GROUP_ID", "Debezium"},
		"help worker":        {"SuccessExitStatus=143", "BOOTSTRAP_SERVERS", "/health"},
		"help dlq":           {"errors.deadletterqueue.put.enable", "__troupe_dlq_replay", "Available Commands"},
		"--help":             {"troupe settings", "troupe worker", "version"},
	} {
		got := said(t, strings.Fields(command)...)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("troupe %s has not %q\n%s", command, want, got)
			}
		}
	}
}

// TestSettingsReference has every setting there is, once in its section.
func TestSettingsReference(t *testing.T) {
	text := said(t, "help", "settings")
	for _, name := range slices.Concat(
		settings.OwnDef().Names(), settings.StandaloneDef().Names(), settings.DistributedDef().Names(),
		settings.SourceConnectorDef().Names(), settings.SinkConnectorDef().Names(), settings.PutDeadLetterDef().Names(),
	) {
		if !strings.Contains(text, "\n- `"+name+"`  (") {
			t.Errorf("%s is missing", name)
		}
	}
	if !strings.Contains(text, "- `supervisor.task.restart.max`  (int, default 35") || !strings.Contains(text, "- `group.id`  (string, required") {
		t.Errorf("type and default are missing\n%.2000s", text)
	}
}

// TestReport: a worker's failure is a line of its log, and plain text for people only.
func TestReport(t *testing.T) {
	worker := &cobra.Command{Annotations: map[string]string{isWorker: "yes"}}
	for _, tt := range []struct {
		name        string
		ran         *cobra.Command
		err         error
		terminal    bool
		code        int
		out, errOut string
	}{
		{"tool", &cobra.Command{}, errors.New("x"), false, 1, "", "troupe: x\n"},
		{"worker that logged it", worker, &boot.ExitError{Code: 2, Err: errors.New("x"), Logged: true}, false, 2, "", ""},
		{"the same at a terminal", worker, &boot.ExitError{Code: 2, Err: errors.New("x"), Logged: true}, true, 2, "", "troupe: x\n"},
		{"worker without a log", worker, &boot.ExitError{Code: 1, Err: errors.New("x")}, false, 1, " ERROR worker could not start err=x ", ""},
		{"usage", worker, errors.New("accepts 1 arg"), false, 1, " ERROR worker could not start err=\"accepts 1 arg\" ", ""},
	} {
		var out, errOut bytes.Buffer
		code := report(tt.ran, tt.err, &out, &errOut, tt.terminal)
		if code != tt.code || !strings.Contains(out.String(), tt.out) || tt.out == "" && out.Len() > 0 || errOut.String() != tt.errOut {
			t.Errorf("%s: %d %q %q", tt.name, code, &out, &errOut)
		}
	}
}
