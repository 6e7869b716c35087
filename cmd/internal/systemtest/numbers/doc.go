// Package numbers compares what a worker says of itself in numbers with what a worker on the JVM
// says after the same work, MBean by MBean, and lets a real Prometheus read it.
package numbers
