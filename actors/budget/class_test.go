package budget_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// at is the failure of one record at a stage.
func at(where string, err error) error {
	return pipeline.Exceeded(pipeline.Problem{Stage: pipeline.ValueConverter, Class: "c", Where: where, Err: err})
}

func TestClasses(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	_, folder := os.OpenFile(t.TempDir(), os.O_WRONLY, 0)
	_, below := os.Open(filepath.Join(os.Args[0], "file"))
	for _, tt := range []struct {
		name string
		err  error
		want budget.Class
	}{
		{"retriable", errs.Retriable.New("not now"), budget.Passing},
		{"retriable, in the midst", errs.Connect.Wrap(errs.Retriable.New("not now"), "poll"), budget.Passing},
		{"network", errs.Connect.Wrap(refused, "start"), budget.Passing},
		{"connection cut", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), budget.Passing},
		{"time-out", context.DeadlineExceeded, budget.Passing},
		{"broker away", &kafka.Error{Op: "x", Class: kafka.Retriable, Err: io.EOF}, budget.Passing},
		{"lost group", &kafka.Error{Op: "commit", Class: kafka.Fenced, Err: errors.New("unknown member id")}, budget.Passing},

		{"settings", errs.Config.New("topic"), budget.Lasting},
		{"settings thrown", act.AsFailure(errs.Config.New("topic"), true), budget.Lasting},
		{"permission", &kafka.Error{Op: "x", Class: kafka.Authorization, Err: io.EOF}, budget.Lasting},
		{"too many tasks", errs.TooManyTasks.New("9"), budget.Lasting},
		{"too large", errs.Connect.Wrap(&kafka.Error{Op: "x", Class: kafka.TooLarge, Err: errors.New("large")}, "send"), budget.Lasting},
		{"marked", errs.Connect.Wrap(errs.Lasting(errs.Connect.New("stored offset of a wrong type")), "start"), budget.Lasting},
		{"marked and retriable", errs.Lasting(errs.Retriable.New("x")), budget.Lasting},
		{"settings and network", errors.Join(refused, errs.Config.New("x")), budget.Lasting},
		{"folder instead of a file", folder, budget.Lasting},
		{"file instead of a folder", below, budget.Lasting},
		{"record that can't be converted", at("t-0@1", errs.Data.New("no")), budget.Lasting},
		{"record that can't be read", at("t-0@1", errs.Serialization.New("no")), budget.Lasting},

		{"plain error", errors.New("odd"), budget.Unknown},
		{"panic", act.AsFailure("odd", true), budget.Unknown},
		{"data of no record", errs.Data.New("no"), budget.Unknown},
		{"record that a panic struck", at("t-0@1", act.AsFailure("odd", true)), budget.Unknown},
		{"record that waits for a registry", at("t-0@1", errs.Retriable.New("registry")), budget.Passing},
		{"other fault of Kafka", &kafka.Error{Op: "x", Class: kafka.Fatal, Err: io.ErrNoProgress}, budget.Unknown},
		{"full disk", &fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}, budget.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil {
				t.Fatal("no error to judge")
			}
			if got := budget.Judge(tt.err).Class; got != tt.want {
				t.Errorf("%v: %s, want %s", tt.err, got, tt.want)
			}
		})
	}
}

// An outage of a night: restarts go on, at the slowest pace, and after the budget it is an alarm.
func TestPassingFailuresAreRestartedForEver(t *testing.T) {
	var b budget.Budget
	p := but(func(p *budget.Policy) { p.Max = 5; p.Window = time.Hour })
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	begun, alarmed := now, time.Duration(0)
	for now.Sub(begun) < 8*time.Hour {
		b.Started(now)
		v := b.Next(p, budget.Failure{Class: budget.Passing, Place: "the same record"}, now, 0.5)
		if !v.Restart || v.After > p.MaxDelay || v.Class != budget.Passing {
			t.Fatalf("after %v: %+v", now.Sub(begun), v)
		}
		if v.Alarm && alarmed == 0 {
			alarmed = now.Sub(begun)
		}
		now = now.Add(v.After)
	}
	if alarmed != 31*time.Second {
		t.Errorf("alarm after %v", alarmed)
	}
	if v := b.Next(p, budget.Failure{}, now, 0.5); !v.Restart {
		t.Errorf("failures that may pass have used up the budget of others: %+v", v)
	}
}

func TestVerdicts(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	place := func(c budget.Class, p string) budget.Failure { return budget.Failure{Class: c, Place: p} }
	for _, tt := range []struct {
		name   string
		policy budget.Policy
		fails  []budget.Failure
		want   string // of the last
	}{
		{"unknown", plain, []budget.Failure{{}}, "restart 1 of at most 5 within 10m0s"},
		{"lasting", plain, []budget.Failure{{Class: budget.Lasting}}, "a restart would not help"},
		{"passing", plain, []budget.Failure{{Class: budget.Passing}}, "the failure may pass, restarts go on until it does"},
		{"passing, but off", but(func(p *budget.Policy) { p.Enabled = false }), []budget.Failure{{Class: budget.Passing}}, "supervisor.restart.enabled=false"},
		{"passing, but none", but(func(p *budget.Policy) { p.Max = 0 }), []budget.Failure{{Class: budget.Passing}}, "no restarts left in its budget"},
		{"no limit", but(func(p *budget.Policy) { p.Max = -1 }), []budget.Failure{{}}, "restarts have no limit"},
		{"one record twice", plain, []budget.Failure{place(budget.Unknown, "a"), place(budget.Unknown, "a")}, "it fails at the same record again"},
		{"two records", plain, []budget.Failure{place(budget.Unknown, "a"), place(budget.Unknown, "b")}, "restart 2 of at most 5 within 10m0s"},
		{"in turns", plain, []budget.Failure{place(budget.Unknown, "a"), {}, place(budget.Unknown, "a")}, "restart 3 of at most 5 within 10m0s"},
		{"passing at one record", plain, []budget.Failure{place(budget.Passing, "a"), place(budget.Passing, "a")}, "the failure may pass, restarts go on until it does"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b budget.Budget
			var v budget.Verdict
			for _, f := range tt.fails {
				b.Started(now)
				v = b.Next(tt.policy, f, now, 0.5)
			}
			if v.Why != tt.want {
				t.Errorf("got %+v, want %q", v, tt.want)
			}
		})
	}
}

// The defaults give a failure that nobody can judge half an hour.
func TestDefaultsLastHalfAnHour(t *testing.T) {
	p := budget.Policy{
		Enabled: true, Max: 35, Window: time.Hour, Initial: time.Second, MaxDelay: time.Minute, Multiplier: 2,
		ResetAfter: 5 * time.Minute,
	}
	births := lives(new(budget.Budget), p, 0.5, make([]time.Duration, 40)...)
	last := births[len(births)-2]
	if births[len(births)-1] != gaveUp || last < 28*time.Minute || last > 32*time.Minute {
		t.Errorf("births %v", births)
	}
}
