package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/config"
)

// Validate checks a connector's configuration. The connector's code runs on a goroutine of its
// own: one that hangs costs the request its deadline and the worker a goroutine, and nobody else
// anything.
func (a *API) Validate(ctx context.Context, props map[string]*string) (config.Infos, error) {
	var (
		mu    sync.Mutex
		doing = stage{Doing: "validating the connector's configuration", Began: time.Now()}
	)
	deps := settings.Deps{
		Registry: a.env.Registry, Worker: a.env.Worker, Policy: a.refusedOverrides, Resolve: a.env.Resolve,
		Stage: func(name string) {
			mu.Lock()
			defer mu.Unlock()
			doing = stage{Doing: name, Began: time.Now()}
		},
	}
	name := ""
	if n := props["name"]; n != nil {
		name = *n
	}
	var infos config.Infos
	err := a.env.Host.Within(ctx, host.Who{Connector: name, Task: host.ConnectorItself}, host.Validate, func(ctx context.Context) (err error) {
		infos, err = settings.Validate(ctx, deps, props)
		return err
	})
	left, ok := errors.AsType[*host.Left](err)
	switch {
	case !ok:
		return infos, err // nobody writes it any more
	case !errors.Is(left.Err, context.DeadlineExceeded):
		return config.Infos{}, left.Err
	}
	mu.Lock()
	defer mu.Unlock()
	at := doing
	a.env.Log.Error("validation of a connector did not return in time and was abandoned", "connector", name, "at", at.Doing)
	return config.Infos{}, &at
}

// refusedOverrides is the worker's connector.client.config.override.policy.
func (a *API) refusedOverrides(client string, overrides map[string]string) map[string]string {
	prefixed := make(map[string]string, len(overrides))
	prefix := client + ".override."
	for k, v := range overrides {
		prefixed[prefix+k] = v
	}
	out := map[string]string{}
	for _, e := range a.cfg.Policy.Check(prefixed, kafka.Client(client)) {
		out[e.Key[len(prefix):]] = e.Err
	}
	return out
}
