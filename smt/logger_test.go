package smt_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// told is a transform that says something when it is configured.
type told struct {
	smt.Transform
	log *slog.Logger
}

func (t *told) LogTo(log *slog.Logger) { t.log = log }
func (t *told) Close() error           { return nil }

func (t *told) Configure(map[string]string) error {
	if t.log != nil {
		t.log.Warn("an old setting has no effect")
	}
	return nil
}

func TestWithLogger(t *testing.T) {
	reg, err := plugin.NewRegistry(smt.Plugin{Descriptor: plugin.Descriptor{Class: "x.Told"}, New: func() smt.Transform { return &told{} }})
	if err != nil {
		t.Fatal(err)
	}
	steps := []smt.StepConfig{{Alias: "unwrap", Class: "x.Told"}}
	var out bytes.Buffer
	for _, options := range [][]smt.Option{nil, {smt.WithLogger(slog.New(slog.NewTextHandler(&out, nil)))}} {
		chain, err := smt.Build(reg, steps, nil, options...)
		if err != nil {
			t.Fatal(err)
		}
		if err := chain.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if text := out.String(); strings.Count(text, "an old setting") != 1 || !strings.Contains(text, "transform=unwrap") {
		t.Errorf("logged %q", text)
	}
}
