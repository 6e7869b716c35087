// Package debezium has the single message transforms that come with Debezium's connectors, as of
// Debezium 3.6.1.Final, under their Java class names: above all ExtractNewRecordState, which makes the
// row of a change event. They work on topics that Debezium wrote wherever it ran.
//
// What they do was recorded from the Java classes (testdata/vectors/transforms-debezium.jsonl.gz); what
// is a plain mistake there, such as a null pointer, is an error that says what is missing here.
//
// A change event is known by its envelope: a value schema whose name ends in .Envelope. What else
// passes by is left alone by most.
package debezium
