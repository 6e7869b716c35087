// Package ledger is a worked example: a sink that delivers each record once, into any SQL database,
// because it keeps its offsets with its data.
//
// A worker alone can only promise at least once to a sink: between writing rows and committing
// offsets to Kafka it may die, and the rows come again. This sink makes both one step. Four things
// do it, and a sink of your own needs all four:
//
//  1. Put writes the records and, in the same transaction, how far they reach.
//  2. Open reads back how far the rows reach and asks for the records from there on, whatever was
//     committed to Kafka.
//  3. The transaction goes through only if the stored offset still is what this task thinks it is.
//     A worker that hung, or whose last commit was on its way when it was killed, can so never write
//     beside its successor. Whoever loses writes nothing, reads the offset again and goes on there.
//  4. Records below the stored offset are passed over: the worker may give a record again, for
//     instance after a refused commit.
//
// What is committed to Kafka is then only for those who look (lag, REST): PreCommit answers with
// what is stored. A user who sets or resets offsets by REST means the stored ones, so the connector
// takes part in that (connectors.SinkOffsetAlterer).
//
// Three limits. A worker that is frozen, not dead, in the middle of a transaction keeps its rows
// locked, and its successor waits: have the database end such transactions (for PostgreSQL
// idle_in_transaction_session_timeout, which may stand in connection.url). A topic that is deleted
// and made anew begins at 0 again: reset the connector's offsets then. And where Kafka has deleted
// records that were not read yet, reading goes on as auto.offset.reset says.
//
// The setting exactly.once=false turns all of this off and leaves what most sinks are: at least
// once. Tests use it to show that the difference is there.
package ledger
