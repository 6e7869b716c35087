package errs

import "errors"

// lasting marks an error, whose text and kind stay what they are.
type lasting struct{ error }

// Unwrap is the error itself.
func (l lasting) Unwrap() error { return l.error }

// Lasting marks an error that comes again however often one tries: a stored offset that is none, a
// folder where a file is to be. A task that meets it is not restarted. nil stays nil.
//
// Config, Authorization and TooManyTasks need no mark.
func Lasting(err error) error {
	if err == nil {
		return nil
	}
	return lasting{err}
}

// IsLasting reports whether an error, or one that it wraps, is marked so.
func IsLasting(err error) bool {
	_, ok := errors.AsType[lasting](err)
	return ok
}
