// Package fleet holds what several distributed workers must do together, on a real broker with
// real processes: Troupe's, the JVM's, and both in one group. It has tests only, with the build tag
// integration.
//
// Connectors number their records (Kafka's VerifiableSource and VerifiableSink, which for the JVM are
// in testdata/cluster), so that every loss, repetition and change of order can be told. Who runs what
// is read from the group itself, as the broker has it, and from REST, and both must agree.
//
// -worker=jvm runs what is not about both kinds with JVM workers, and -report writes a table of times:
// testdata/cluster/table does both and puts them side by side.
package fleet
