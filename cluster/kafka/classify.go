package kafka

// Class is what to do about an error of a Kafka client.
type Class uint8

// The classes of errors.
const (
	// Fatal errors don't pass by trying again.
	Fatal Class = iota + 1
	// Retriable errors may pass.
	Retriable
	// Authorization errors are a broker's refusal, or a login that failed.
	Authorization
	// TooLarge is about one record or batch.
	TooLarge
	// Fenced means that another producer or member has taken over.
	Fenced
	// Aborted means that the client was closed by its owner.
	Aborted
)

// Classify says what to do about an error of this package; 0 for nil. ClassName of the same
// error is its Java exception class.
func Classify(err error) Class { panic("todo") }

// ClassName is the Java exception class of an error of this package.
func ClassName(err error) string { panic("todo") }
