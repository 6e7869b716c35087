// Package fire holds exactly once delivery of source records to its word, on a real broker with
// workers as real processes: they are killed at random moments, frozen and woken as zombies, upgraded
// one after the other, mixed with JVM workers, and the leader's right to write is taken away. It has
// tests only, with the build tag integration.
//
// Tasks number their records, each task in a partition or under a key of its own, so that a reader who
// sees only what is committed can tell each loss, repetition and change of order. Where a test could
// pass because nothing happened, the same run without exactly once support must show repetitions.
//
// Settings of the environment: TROUPE_FIRE=big is the run of 200,000 records and 20 kills;
// TROUPE_FIRE_SEED=n repeats the moments of an earlier run; TROUPE_FIRE_RACE=1 builds the
// workers with the race detector; TROUPE_FIRE_THROUGHPUT=n measures the throughput of both kinds of worker, the
// best of n.
package fire
