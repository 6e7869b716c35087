// Package datatest reads the golden vectors recorded from Kafka Connect's Java classes, which
// testdata/vectors/README.md describes, and compares what our code makes with them.
//
// A driver reads the cases, runs each and judges the outcome:
//
//	datatest.Run(t, "predicates.jsonl", func(c datatest.Case) datatest.Outcome {
//		var in struct{ Input datatest.Record }
//		c.Decode(&in)
//		got, err := apply(in.Input.Record)
//		return c.Judge(err, func() string { return datatest.Diff(want, got) })
//	})
//
// It is for tests; nothing of a worker imports it.
package datatest
