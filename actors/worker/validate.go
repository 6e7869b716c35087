package worker

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/config"
)

// Validate checks a connector's configuration. The connector's code runs on a goroutine of its
// own: one that hangs costs the request its deadline and the worker a goroutine, and nobody else
// anything.
func (c *Client) Validate(ctx context.Context, props map[string]*string) (config.Infos, error) {
	var (
		mu    sync.Mutex
		stage = stageError{"validating the connector's configuration", time.Now()}
	)
	deps := settings.Deps{
		Registry: c.env.Registry, Worker: c.env.Worker, Policy: c.refusedOverrides, Resolve: c.env.Resolve,
		Stage: func(name string) {
			mu.Lock()
			defer mu.Unlock()
			stage = stageError{name, time.Now()}
		},
	}
	type answer struct {
		infos config.Infos
		err   error
	}
	done := make(chan answer, 1)
	name := ""
	if n := props["name"]; n != nil {
		name = *n
	}
	// It belongs to this call; if the plugin hangs, nothing can end it.
	go pprof.Do(ctx, pprof.Labels("connector", name, "in", "validate"), func(ctx context.Context) {
		var a answer
		a.err = act.Catch(func() (err error) {
			a.infos, err = settings.Validate(ctx, deps, props)
			return err
		})
		done <- a
	})
	select {
	case a := <-done:
		return a.infos, a.err
	case <-ctx.Done():
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == context.DeadlineExceeded {
			at := stage
			c.env.Log.Error("validation of a connector did not come back in time; its goroutine is left behind", "connector", name, "at", at.doing)
			return config.Infos{}, &at
		}
		return config.Infos{}, context.Cause(ctx)
	}
}

// refusedOverrides is the worker's connector.client.config.override.policy.
func (c *Client) refusedOverrides(client string, overrides map[string]string) map[string]string {
	prefixed := make(map[string]string, len(overrides))
	prefix := client + ".override."
	for k, v := range overrides {
		prefixed[prefix+k] = v
	}
	out := map[string]string{}
	for _, e := range c.policy.Check(prefixed, kafka.Client(client)) {
		out[e.Key[len(prefix):]] = e.Err
	}
	return out
}
