// Package metrics shows the numbers of package cluster/metrics to what people watch workers with:
// Prometheus, in the classic text format and in OpenMetrics, under the names that dashboards for
// the JVM worker use, and readers of MBeans, by the Jolokia protocol.
//
// Two families of names are in use for Kafka Connect's MBeans, and both are served unless
// metrics.families says otherwise: "reporter" is what metrics reporters and the JMX exporter's
// default rules make (kafka_connect_source_task_metrics_source_record_poll_total), "jmx-exporter"
// what the widely copied rule file makes (kafka_connect_source_task_source_record_poll_total).
// Texts such as a state are numbers of value 1 with the text in a label.
package metrics
