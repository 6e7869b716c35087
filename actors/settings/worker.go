package settings

import (
	"context"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
)

// Mode is how a worker runs.
type Mode uint8

// The modes.
const (
	Standalone Mode = iota
	Distributed
)

// String is the word by which the command line names the mode.
func (m Mode) String() string {
	if m == Distributed {
		return "distributed"
	}
	return "standalone"
}

// Resolve replaces ${provider:path:key} references in the values of props. It returns a new map
// and leaves props alone; references that nobody resolves stay as they are.
type Resolve func(ctx context.Context, props map[string]string) (map[string]string, error)

// ExactlyOnce is the worker's exactly.once.source.support.
type ExactlyOnce string

// The values of exactly.once.source.support.
const (
	ExactlyOnceDisabled  ExactlyOnce = "disabled"
	ExactlyOncePreparing ExactlyOnce = "preparing"
	ExactlyOnceEnabled   ExactlyOnce = "enabled"
)

// Converter names a converter with the settings that are its own.
type Converter struct {
	// Class is the class or alias as written.
	Class string
	// Version is the wanted version of the plugin, "" for any.
	Version string
	// Props are its settings, without the prefix (key.converter. and so on).
	Props map[string]string
}

// Topic is an internal topic: its name and how to create it if it is missing.
type Topic struct {
	Name string
	// Partitions and ReplicationFactor may be -1: the broker's default.
	Partitions        int
	ReplicationFactor int
	// Extra are topic settings from <kind>.storage.X keys, X → value.
	Extra map[string]string
}

// Rest is what the configuration says of the REST server.
type Rest struct {
	Listeners []Listener
	// Admin says where /admin is served: on Listeners (AdminShared), nowhere, or on AdminListeners.
	Admin          AdminMode
	AdminListeners []Listener

	AdvertisedHost     string // "" if not set
	AdvertisedPort     int    // 0 if not set
	AdvertisedProtocol string // http, https, "" if not set

	AllowOrigin, AllowMethods string
	ResponseHeaders           []HeaderRule
	Extensions                []string
	// TLS and AdminTLS are the ssl.* settings of the listeners, without prefix.
	TLS, AdminTLS map[string]string
}

// Sessions is how workers sign what they tell each other.
type Sessions struct {
	KeyTTL                 time.Duration
	KeyAlgorithm           string
	KeySize                int // bits, 0 for the algorithm's default
	SignatureAlgorithm     string
	VerificationAlgorithms []string
}

// Metrics is what the configuration says of metrics.
type Metrics struct {
	SampleWindow   time.Duration
	Samples        int
	RecordingLevel string            // INFO or DEBUG
	Context        map[string]string // metrics.context.X → label X

	Enabled       bool       // metrics.enabled
	Families      []string   // metrics.families: reporter, jmx-exporter
	MaxPartitions int        // metrics.partitions.max
	Listeners     []Listener // metrics.listeners; none: with the REST API
	TLS           map[string]string
	Jolokia       bool // jolokia.enabled
}

// Worker is the configuration of a worker. LoadWorker makes it; it is not changed afterwards.
type Worker struct {
	Mode Mode
	// Raw are the properties as given, references unresolved. Props are the same resolved.
	Raw, Props map[string]string
	// Values are all defined keys, parsed, for what has no field here.
	Values config.Values

	BootstrapServers string
	ClientID         string

	KeyConverter, ValueConverter, HeaderConverter Converter

	OffsetFlushInterval time.Duration // offset.flush.interval.ms
	OffsetFlushTimeout  time.Duration // offset.flush.timeout.ms
	StartupTimeout      time.Duration // startup.kafka.timeout.ms; 0 for ever
	TaskShutdownTimeout time.Duration // task.shutdown.graceful.timeout.ms, shared by all tasks stopped together
	OverridePolicy      string        // connector.client.config.override.policy: All, None, Principal or Allowlist
	PluginPath          []string      // references are not resolved in it
	TopicCreation       bool          // topic.creation.enable
	TopicTracking       bool          // topic.tracking.enable
	TopicTrackingReset  bool          // topic.tracking.allow.reset

	Rest       Rest
	Metrics    Metrics
	Supervisor Supervisor

	// OffsetsFile is where a standalone worker keeps source offsets.
	OffsetsFile string

	// What follows is of distributed mode only.

	GroupID                               string
	ExactlyOnce                           ExactlyOnce
	ConfigTopic, OffsetTopic, StatusTopic Topic
	SessionTimeout, HeartbeatInterval     time.Duration
	RebalanceTimeout                      time.Duration
	SyncTimeout, UnsyncBackoff            time.Duration
	ScheduledRebalanceMaxDelay            time.Duration
	RequestTimeout                        time.Duration
	RetryBackoff, RetryBackoffMax         time.Duration
	MetadataMaxAge                        time.Duration
	Protocol                              string // eager, compatible or sessioned
	Sessions                              Sessions
}

// LoadWorker parses the properties of a worker. Every wrong or missing setting is named in the
// one error (kind errs.Config). warnings are for the log: keys that nobody knows, keys that were
// removed. resolve may be nil: references then stay as they are.
func LoadWorker(ctx context.Context, mode Mode, props map[string]string, resolve Resolve) (w Worker, warnings []string, err error) {
	return loadWorker(ctx, mode, props, resolve)
}

// converterOf is the worker's converter that key names.
func (w *Worker) converterOf(key string) Converter {
	switch key {
	case "key.converter":
		return w.KeyConverter
	case "value.converter":
		return w.ValueConverter
	}
	return w.HeaderConverter
}

// WithPrefix are the worker's properties whose keys begin with the prefix, without it: "producer."
// gives the settings of connectors' producers.
func (w *Worker) WithPrefix(prefix string) map[string]string { return withPrefix(w.Props, prefix) }
