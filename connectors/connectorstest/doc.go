// Package connectorstest is for tests of connectors: contexts and offsets that behave as the
// worker's do, and contracts that check what every connector owes the worker.
//
//	func TestSourceContract(t *testing.T) {
//		connectorstest.SourceContract{
//			Source:  mine.Source(),
//			Config:  map[string]string{"topic": "t", "count": "10"},
//			Records: 10,
//			Wrong:   map[string]map[string]string{"no topic": {"count": "10"}},
//		}.Run(t)
//	}
//
// The contracts check that Stop works without Start, that calls come back when their context
// ends, that wrong settings are refused with an error of kind errs.Config, that no goroutine is
// left, and for sources that records are well-formed and that a new task goes on behind the
// committed offset.
package connectorstest
