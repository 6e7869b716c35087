package settings

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// loading is one call of LoadWorker.
type loading struct {
	mode     Mode
	w        Worker
	warnings []string
	problems []string
}

func (l *loading) warn(format string, args ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
}

// problem notes an error of a setting; nil is none.
func (l *loading) problem(err error) {
	if err != nil {
		l.problems = append(l.problems, errs.Message(err))
	}
}

func loadWorker(ctx context.Context, mode Mode, props map[string]string, resolve Resolve) (Worker, []string, error) {
	l := &loading{mode: mode}
	raw := l.listenersOfOld(props)
	l.w = Worker{Mode: mode, Raw: raw, Props: maps.Clone(raw)}
	if resolve != nil {
		resolved, err := resolve(ctx, raw)
		if err != nil {
			return Worker{}, l.warnings, fmt.Errorf("worker configuration: references to config providers: %w", err)
		}
		l.w.Props = maps.Clone(resolved)
		keepProviders(l.w.Props, raw)
	}
	def := WorkerDef(mode)
	own := OwnDef()
	l.w.Values = l.parse(def)
	l.fill()
	ours := l.parse(own)
	l.w.Supervisor = supervisorOf(ours)
	l.w.StartupTimeout = ours.Millis("startup.kafka.timeout.ms")
	l.metrics(ours)
	l.warnOfKeys(def, own)
	if len(l.problems) > 0 {
		return Worker{}, l.warnings, errs.Config.New("%s worker configuration has %s:\n  %s",
			mode, plural(len(l.problems), "error"), strings.Join(l.problems, "\n  "))
	}
	return l.w, l.warnings, nil
}

// listenersOfOld is a copy of props in which rest.port and rest.host.name, which Kafka Connect
// dropped in 3.0 and which old set-ups still have, stand in for listeners.
func (l *loading) listenersOfOld(props map[string]string) map[string]string {
	props = maps.Clone(props)
	if props == nil {
		props = map[string]string{}
	}
	host, hasHost := props["rest.host.name"]
	port, hasPort := props["rest.port"]
	if !hasHost && !hasPort {
		return props
	}
	if given, ok := props["listeners"]; ok {
		l.warn("rest.host.name and rest.port were removed in Kafka Connect 3.0 and are ignored: listeners=%s is set", given)
		return props
	}
	if !hasPort {
		port = "8083"
	}
	props["listeners"] = "http://" + strings.TrimSpace(host) + ":" + strings.TrimSpace(port)
	l.warn("rest.host.name and rest.port were removed in Kafka Connect 3.0; taken as listeners=%s, please set that instead",
		props["listeners"])
	return props
}

// keepProviders puts the settings of config providers back to what is written: they can't be
// resolved by themselves.
func keepProviders(props, raw map[string]string) {
	for k, v := range raw {
		if k == "config.providers" || strings.HasPrefix(k, "config.providers.") {
			props[k] = v
		}
	}
}

// parse parses the settings of def and notes the first error of each.
func (l *loading) parse(def *config.Def) config.Values {
	values := config.Values{}
	for _, v := range def.Validate(l.w.Props) {
		values[v.Name] = v.Value
		if len(v.Errors) > 0 {
			l.problems = append(l.problems, v.Errors[0])
		}
	}
	return values
}

// fill makes the typed fields. A wrong value is null in Values, which reads as zero here; the
// error is noted already.
func (l *loading) fill() {
	w, v := &l.w, l.w.Values
	w.BootstrapServers = strings.Join(v.List("bootstrap.servers"), ",")
	w.KeyConverter = w.converter("key.converter")
	w.ValueConverter = w.converter("value.converter")
	w.HeaderConverter = w.converter("header.converter")
	w.OffsetFlushInterval = v.Millis("offset.flush.interval.ms")
	w.OffsetFlushTimeout = v.Millis("offset.flush.timeout.ms")
	w.TaskShutdownTimeout = v.Millis("task.shutdown.graceful.timeout.ms")
	l.overridePolicy()
	w.TopicCreation = v.Bool("topic.creation.enable")
	w.TopicTracking = v.Bool("topic.tracking.enable")
	w.TopicTrackingReset = v.Bool("topic.tracking.allow.reset")
	w.Metrics = Metrics{
		SampleWindow:   v.Millis("metrics.sample.window.ms"),
		Samples:        v.Int("metrics.num.samples"),
		RecordingLevel: v.String("metrics.recording.level"),
		Context:        w.WithPrefix("metrics.context."),
	}
	w.ExactlyOnce = ExactlyOnceDisabled
	l.pluginPath()
	l.rest()
	if l.mode == Distributed {
		l.distributed()
		return
	}
	w.ClientID = w.Props["client.id"]
	w.OffsetsFile = v.String("offset.storage.file.filename")
}

func (w *Worker) converter(key string) Converter {
	return Converter{
		Class:   w.Values.String(key),
		Version: w.Values.String(key + ".plugin.version"),
		Props:   converterProps(w.Props, key),
	}
}

// pluginPath takes plugin.path as written, as the JVM worker does.
func (l *loading) pluginPath() {
	raw, resolved := l.w.Raw["plugin.path"], l.w.Props["plugin.path"]
	if raw != resolved {
		l.warn("plugin.path: references to config providers are not resolved in it; %q is used as it is", raw)
	}
	if list, err := config.ParseType("plugin.path", raw, config.List); err == nil {
		l.w.PluginPath = list.([]string)
	}
}

// overridePolicies are the policies that there are; their classes have a longer name.
// Allowlist is Kafka 4.2's (KIP-1188).
var overridePolicies = []string{"All", "None", "Principal", "Allowlist"}

const (
	policyPackage = "org.apache.kafka.connect.connector.policy."
	policySuffix  = "ConnectorClientConfigOverridePolicy"
)

// overridePolicy finds the policy by its class, the simple name of that, or the short name.
func (l *loading) overridePolicy() {
	const key = "connector.client.config.override.policy"
	given := l.w.Values.String(key)
	name := strings.TrimSuffix(strings.TrimPrefix(given, policyPackage), policySuffix)
	if !slices.Contains(overridePolicies, name) {
		l.problem(config.Invalid(key, given, "it must be one of "+strings.Join(overridePolicies, ", ")+", or the class "+policyPackage+"NAME"+policySuffix+" of one"))
		return
	}
	l.w.OverridePolicy = name
}

func (l *loading) distributed() {
	w, v := &l.w, l.w.Values
	w.ClientID = v.String("client.id")
	w.GroupID = v.String("group.id")
	if w.GroupID == "" && !v.IsNull("group.id") { // brokers refuse it, with which the JVM worker ends later
		l.problem(config.Invalid("group.id", w.GroupID, "it must not be empty"))
	}
	w.ExactlyOnce = ExactlyOnce(strings.ToLower(v.String("exactly.once.source.support")))
	w.OffsetTopic = l.topic("offset", v.Int("offset.storage.partitions"))
	w.ConfigTopic = l.topic("config", 1)
	w.StatusTopic = l.topic("status", v.Int("status.storage.partitions"))
	w.SessionTimeout = v.Millis("session.timeout.ms")
	w.HeartbeatInterval = v.Millis("heartbeat.interval.ms")
	w.RebalanceTimeout = v.Millis("rebalance.timeout.ms")
	w.SyncTimeout = v.Millis("worker.sync.timeout.ms")
	w.UnsyncBackoff = v.Millis("worker.unsync.backoff.ms")
	w.ScheduledRebalanceMaxDelay = v.Millis("scheduled.rebalance.max.delay.ms")
	w.RequestTimeout = v.Millis("request.timeout.ms")
	w.RetryBackoff = v.Millis("retry.backoff.ms")
	w.RetryBackoffMax = max(v.Millis("retry.backoff.max.ms"), 0)
	w.MetadataMaxAge = v.Millis("metadata.max.age.ms")
	w.Protocol = strings.ToLower(v.String("connect.protocol"))
	w.Sessions = Sessions{
		KeyTTL:                 v.Millis("inter.worker.key.ttl.ms"),
		KeyAlgorithm:           v.String("inter.worker.key.generation.algorithm"),
		KeySize:                v.Int("inter.worker.key.size"),
		SignatureAlgorithm:     v.String("inter.worker.signature.algorithm"),
		VerificationAlgorithms: v.List("inter.worker.verification.algorithms"),
	}
	l.checkSessions()
	if w.SessionTimeout > 0 && w.HeartbeatInterval >= w.SessionTimeout {
		l.problem(config.Invalid("heartbeat.interval.ms", w.HeartbeatInterval.Milliseconds(),
			fmt.Sprintf("it must be smaller than session.timeout.ms, which is %d", w.SessionTimeout.Milliseconds())))
	}
}

func (l *loading) checkSessions() {
	s := &l.w.Sessions
	if len(s.VerificationAlgorithms) > 0 && s.SignatureAlgorithm != "" &&
		!slices.Contains(s.VerificationAlgorithms, s.SignatureAlgorithm) {
		l.problem(config.Invalid("inter.worker.signature.algorithm", s.SignatureAlgorithm,
			"Signature algorithm must be present in inter.worker.verification.algorithms list"))
	}
	if !l.w.Values.IsNull("inter.worker.key.size") && s.KeySize < 40 { // Java's key generators take no less
		l.problem(config.Invalid("inter.worker.key.size", s.KeySize, "it is a number of bits and must be at least 40"))
	}
}

// topic reads the settings of an internal topic; kind is offset, config or status.
func (l *loading) topic(kind string, partitions int) Topic {
	prefix := kind + ".storage."
	extra := l.w.WithPrefix(prefix)
	if _, ok := extra["partitions"]; ok && kind == "config" {
		l.warn("config.storage.partitions=%s is ignored: the configuration topic has one partition", extra["partitions"])
	}
	if policy, ok := extra["cleanup.policy"]; ok {
		l.warn("%scleanup.policy=%s is ignored: internal topics are compacted", prefix, policy)
	}
	for _, known := range []string{"topic", "partitions", "replication.factor", "cleanup.policy"} {
		delete(extra, known)
	}
	return Topic{
		Name:              l.w.Values.String(prefix + "topic"),
		Partitions:        partitions,
		ReplicationFactor: l.w.Values.Int(prefix + "replication.factor"),
		Extra:             extra,
	}
}

// passedOn are the prefixes of keys that the worker doesn't know one by one and hands to
// clients, converters, providers and so on.
var passedOn = []string{
	"producer.", "consumer.", "admin.", "key.converter.", "value.converter.", "header.converter.",
	"config.providers.", "offset.storage.", "config.storage.", "status.storage.", "listeners.https.",
	"admin.listeners.https.", "metrics.listeners.https.", "metrics.context.",
}

// warnOfKeys warns of keys that were removed, and of those that nobody knows.
func (l *loading) warnOfKeys(defs ...*config.Def) {
	known := map[string]bool{"rest.port": true, "rest.host.name": true}
	for _, d := range defs {
		for _, name := range d.Names() {
			known[name] = true
		}
	}
	for _, other := range []*config.Def{StandaloneDef(), DistributedDef()} {
		for _, name := range other.Names() {
			known[name] = true // the same file may serve both modes
		}
	}
	for _, k := range clientKeys() {
		known[k.name] = true
	}
	var removed, unknown []string
	for _, key := range slices.Sorted(maps.Keys(l.w.Raw)) {
		switch {
		case isInternalConverter(key):
			removed = append(removed, key)
		case !known[key] && !slices.ContainsFunc(passedOn, func(p string) bool { return strings.HasPrefix(key, p) }):
			unknown = append(unknown, key)
		}
	}
	if len(removed) > 0 {
		l.warn("%s: removed in Kafka Connect 3.0, no effect; internal data is JSON without schemas", strings.Join(removed, ", "))
	}
	if len(unknown) > 0 {
		l.warn("%s: not known to the worker, no effect except for plugins that ask for it", strings.Join(unknown, ", "))
	}
}

func isInternalConverter(key string) bool {
	for _, name := range []string{"internal.key.converter", "internal.value.converter"} {
		if key == name || strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

func withPrefix(props map[string]string, prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range props {
		if short, ok := strings.CutPrefix(k, prefix); ok && short != "" {
			out[short] = v
		}
	}
	return out
}

// converterProps are the settings of the converter that key names.
func converterProps(props map[string]string, key string) map[string]string {
	own := withPrefix(props, key+".")
	delete(own, "plugin.version")
	return own
}
