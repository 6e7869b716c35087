package settings

import (
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/connectors/config"
)

// Supervisor is what the supervisor.* keys say. A connector's configuration overrides the
// worker's, except for StartConcurrency.
type Supervisor struct {
	Task, Connector budget.Policy
	// StartConcurrency is the number of tasks and connectors being started at a time.
	StartConcurrency int
	// StallWarn is how long a poll or put may take before there is a warning; 0 for never.
	StallWarn time.Duration
}

const supervisorPrefix = "supervisor."

// ConnectorSupervisorDef defines those of them that a connector's configuration may override.
func ConnectorSupervisorDef() *config.Def { return config.NewDef(supervisorKeys()...) }

func supervisorKeys() []config.Key {
	keys := []config.Key{
		define("supervisor.restart.enabled", config.Boolean, "true", config.Medium,
			"Whether a connector or task that failed is restarted. false is what Kafka Connect does: it stays FAILED."),
		define("supervisor.task.stall.warn.ms", config.Long, "300000", config.Low,
			"Milliseconds that a task may take for one poll or put before there is a warning; 0 for none.", config.AtLeast(0)),
	}
	for _, what := range []string{"task", "connector"} {
		p := supervisorPrefix + what + ".restart."
		keys = append(keys,
			define(p+"max", config.Int, "35", config.Medium,
				"Restarts of a "+what+" within the window; 0 for none, -1 for no limit. The default and the waits between them make half an hour. "+
					"A failure that may pass (network, store away, retriable) is restarted beyond it, one that can't pass "+
					"(settings, permissions, the same record again) not at all.", config.AtLeast(-1)),
			define(p+"window.ms", config.Long, "3600000", config.Low,
				"Milliseconds, sliding, in which restarts of a "+what+" are counted.", config.AtLeast(1)),
			define(p+"backoff.initial.ms", config.Long, "1000", config.Low,
				"Milliseconds before the first restart of a "+what+".", config.AtLeast(0)),
			define(p+"backoff.max.ms", config.Long, "60000", config.Low,
				"Longest wait before a restart of a "+what+", in milliseconds.", config.AtLeast(0)),
			define(p+"backoff.multiplier", config.Double, "2.0", config.Low,
				"By what the wait grows with each restart of a "+what+".", config.AtLeast(1.0)),
			define(p+"backoff.jitter", config.Double, "0.2", config.Low,
				"Random share of the wait before a restart of a "+what+", to both sides.", config.Between(0.0, 1.0)),
			define(p+"reset.after.ms", config.Long, "300000", config.Low,
				"Milliseconds without failure after which restarts of a "+what+" are counted anew.", config.AtLeast(1)),
		)
	}
	return keys
}

// supervisorOf reads parsed values; start.concurrency may be missing, as in a connector's.
func supervisorOf(v config.Values) Supervisor {
	s := Supervisor{
		Task:      restartOf(v, "task"),
		Connector: restartOf(v, "connector"),
		StallWarn: v.Millis("supervisor.task.stall.warn.ms"),
	}
	if _, ok := v["supervisor.start.concurrency"]; ok {
		s.StartConcurrency = v.Int("supervisor.start.concurrency")
	}
	return s
}

func restartOf(v config.Values, what string) budget.Policy {
	p := supervisorPrefix + what + ".restart."
	return budget.Policy{
		Enabled:    v.Bool("supervisor.restart.enabled"),
		Max:        v.Int(p + "max"),
		Window:     v.Millis(p + "window.ms"),
		Initial:    v.Millis(p + "backoff.initial.ms"),
		MaxDelay:   v.Millis(p + "backoff.max.ms"),
		Multiplier: v.Double(p + "backoff.multiplier"),
		Jitter:     v.Double(p + "backoff.jitter"),
		ResetAfter: v.Millis(p + "reset.after.ms"),
	}
}

// ParseSupervisor is the worker's supervisor with what a connector's configuration overrides. An
// error is of kind errs.Config.
func ParseSupervisor(w *Worker, props map[string]string) (Supervisor, error) {
	merged := map[string]string{}
	for _, source := range []map[string]string{w.Props, props} {
		for k, v := range source {
			if strings.HasPrefix(k, supervisorPrefix) {
				merged[k] = v
			}
		}
	}
	values, err := ConnectorSupervisorDef().Parse(merged)
	if err != nil {
		return Supervisor{}, err
	}
	s := supervisorOf(values)
	s.StartConcurrency = w.Supervisor.StartConcurrency
	return s, nil
}
