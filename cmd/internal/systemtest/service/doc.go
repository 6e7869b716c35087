// Package service runs real components for tests: Kafka and the JVM worker by the scripts of
// testdata/services, and the troupe binary as a process of its own.
//
// Each start has a deadline, takes ports that are free, fails the test with the end of the log when
// it does not come up, and is ended by the test's cleanup. Nothing is skipped: a machine without
// Java or Maven fails the test. Tests that import it carry the build tag integration.
package service
