package connectorstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// workLimit is how long a task may take to give its records; generous because test machines are
// slow.
const workLimit = 30 * time.Second

// callLimit is how long a call may take after its context ended, and a goroutine after Stop. It
// is a variable for this package's own tests only.
var callLimit = 5 * time.Second

// within runs a call that must return in time.
func within(t *testing.T, limit time.Duration, what string, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v", p)
			}
		}()
		done <- call()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil && strings.HasPrefix(err.Error(), "panic: ") {
			t.Errorf("%s: %v", what, err)
		}
		return err
	case <-timer.C:
		t.Fatalf("%s has not returned after %v", what, limit)
		return nil
	}
}

// ok is within for a call that must succeed.
func ok(t *testing.T, what string, call func() error) {
	t.Helper()
	if err := within(t, workLimit, what, call); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// describes checks a plugin's description.
func describes(t *testing.T, p plugin.Plugin, kind plugin.Kind) {
	t.Helper()
	d := p.Describe()
	if d.Class == "" || d.Version == "" {
		t.Errorf("class is %q and version %q: neither may be empty", d.Class, d.Version)
	}
	if p.Kind() != kind {
		t.Errorf("kind is %q, want %q", p.Kind(), kind)
	}
	if d.Config == nil {
		return
	}
	for _, k := range d.Config.Keys() {
		if k.Doc == "" && !k.Internal {
			t.Errorf("setting %q has no documentation", k.Name)
		}
	}
}

// refused checks that wrong settings are an error of kind errs.Config, by the definition, the
// Validator or Start; and that no password is in the text.
func refused(t *testing.T, def *config.Def, props map[string]string, object any, start func() error) {
	t.Helper()
	if def != nil {
		answer := def.Validate(props)
		if v, isValidator := object.(interface {
			Validate(context.Context, map[string]string, config.Validation) (config.Validation, error)
		}); isValidator {
			var err error
			if answer, err = v.Validate(t.Context(), props, answer); err != nil {
				t.Errorf("Validate: %v", err)
			}
		}
		for _, v := range answer {
			if len(v.Errors) > 0 {
				secretFree(t, def, props, strings.Join(v.Errors, "\n"))
				return
			}
		}
	}
	err := within(t, workLimit, "Start", start)
	if !errors.Is(err, errs.Config) {
		t.Errorf("neither the definition nor Validate refuses the settings, and Start returns %v, which is not of kind errs.Config", err)
		return
	}
	secretFree(t, def, props, err.Error())
}

func secretFree(t *testing.T, def *config.Def, props map[string]string, text string) {
	t.Helper()
	if def == nil {
		return
	}
	for _, k := range def.Keys() {
		if secret := props[k.Name]; k.Type == config.Password && secret != "" && strings.Contains(text, secret) {
			t.Errorf("the text of an error shows the secret %q: %s", k.Name, text)
		}
	}
}

// taskConfigs checks the division of work for several numbers of tasks and returns that for one.
func taskConfigs(t *testing.T, call func(ctx context.Context, maxTasks int) ([]map[string]string, error)) map[string]string {
	t.Helper()
	var one map[string]string
	for _, most := range []int{3, 1} {
		ok(t, "TaskConfigs", func() error {
			first, err := call(t.Context(), most)
			if err != nil {
				return err
			}
			if len(first) == 0 || len(first) > most {
				return fmt.Errorf("%d configurations for %d tasks", len(first), most)
			}
			one = maps.Clone(first[0])
			for _, c := range first {
				if c == nil {
					return errors.New("a configuration is nil")
				}
				c["connectorstest"] = "changed"
			}
			second, err := call(t.Context(), most)
			if err != nil {
				return err
			}
			if len(second) > 0 && second[0]["connectorstest"] != "" {
				return errors.New("the maps are shared: the worker adds settings to each")
			}
			return nil
		})
	}
	return one
}

// noGoroutineLeft runs the test and then waits for all goroutines that it started.
func noGoroutineLeft(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	before := goroutines()
	test(t)
	deadline := time.Now().Add(callLimit)
	for {
		var left []string
		for id, stack := range goroutines() {
			if _, old := before[id]; !old {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
			return
		}
		// Nothing tells of a goroutine's end, so look again.
		<-time.After(5 * time.Millisecond)
	}
}

// goroutines are the stacks of all goroutines but this one and those of the testing package.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	out := map[string]string{}
	for i, stack := range bytes.Split(buf, []byte("\n\n")) {
		if i == 0 || bytes.Contains(stack, []byte("created by testing.")) || bytes.Contains(stack, []byte("runtime.ensureSigM")) {
			continue
		}
		id, _, _ := bytes.Cut(stack, []byte(" ["))
		out[string(id)] = string(stack)
	}
	return out
}

// ended is a context that has ended.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// wellFormed checks key, value and headers against their schemas.
func wellFormed(t *testing.T, r *data.Record) {
	t.Helper()
	check := func(what string, schema *data.Schema, value any) {
		if schema == nil {
			return
		}
		if err := data.ValidateField(what, schema, value); err != nil {
			t.Errorf("record of topic %q: %v", r.Topic, err)
		}
	}
	check("key", r.KeySchema, r.Key)
	check("value", r.ValueSchema, r.Value)
	for _, h := range r.Headers {
		check("header "+h.Key, h.Schema, h.Value)
	}
}
