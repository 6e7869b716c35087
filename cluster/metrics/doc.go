// Package metrics holds the numbers of a worker as values: what Kafka Connect's MBeans say of
// workers, connectors, tasks and their clients, and what they don't say.
//
// Who does the work (the group, the tasks, the Kafka clients) writes into Worker, Connector, Task
// and Client; who shows it (httpapi/metrics: Prometheus, Jolokia) reads a Registry by the table of
// Groups. An attribute is defined once, with its Kafka name, kind and help text, and rendered under
// as many names as asked for.
//
// Rates, averages, maxima and percentages are Kafka's: metrics.num.samples samples of
// metrics.sample.window.ms each, NaN for the average of nothing, 0 for its rate. Percentages are
// fractions from 0 to 1, as the JVM's are, whatever their name says.
//
// All methods may be called from any goroutine. Writers are called once per batch or event, never
// per record, and bring the time with them, in milliseconds, so that a batch costs one reading of
// the clock. A nil *Task, *Connector, *Worker or *Client takes what it is given and keeps nothing.
package metrics
