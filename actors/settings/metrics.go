package settings

import "github.com/troupe-connect/troupe/connectors/config"

// metricsKeys are Troupe's own settings of how a worker's numbers are shown. The windows are
// Kafka's keys, metrics.num.samples and metrics.sample.window.ms.
func metricsKeys() []config.Key {
	return []config.Key{
		define("metrics.enabled", config.Boolean, "true", config.Medium,
			"Whether the worker keeps metrics and shows them at /metrics."),
		define("metrics.families", config.List, "reporter,jmx-exporter", config.Low,
			"Names under which Kafka Connect's metrics are shown: reporter (as metrics reporters and the default rules of the JMX exporter name them) and jmx-exporter (as its widely copied rule file does).",
			config.ValidList("reporter", "jmx-exporter")),
		define("metrics.listeners", config.List, "", config.Low,
			"Addresses, as in listeners, at which metrics are shown instead of with the REST API; without login. https takes metrics.listeners.https.ssl.* or the worker's ssl.*."),
		define("metrics.partitions.max", config.Int, "0", config.Low,
			"For how many partitions of a task or client the lag is shown one by one; 0 for none: only their sum and maximum.", config.AtLeast(0)),
		define("jolokia.enabled", config.Boolean, "false", config.Low,
			"Whether the metrics can be read at /jolokia by the Jolokia protocol, as MBeans of the JVM worker can."),
	}
}

// metrics reads the values of metricsKeys.
func (l *loading) metrics(v config.Values) {
	m := &l.w.Metrics
	m.Enabled = v.Bool("metrics.enabled")
	m.Families = v.List("metrics.families")
	m.MaxPartitions = v.Int("metrics.partitions.max")
	m.Jolokia = v.Bool("jolokia.enabled")
	for _, text := range v.List("metrics.listeners") {
		one, err := ParseListener("metrics.listeners", text)
		l.problem(err)
		if err == nil {
			m.Listeners = append(m.Listeners, one)
		}
	}
	m.TLS = l.w.tls("metrics.listeners.https.")
}
