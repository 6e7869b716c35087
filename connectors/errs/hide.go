package errs

import "errors"

// Hide is err with every text passed through hide, which takes what must not be shown out of it. Kinds
// and what errors.Is finds stay; the chain of causes ends where an error of another package is changed.
// An error whose texts hide leaves alone is returned as it is.
func Hide(err error, hide func(string) string) error {
	if err == nil || hide(err.Error()) == err.Error() {
		return err // the text of an error has those of its causes
	}
	if e, ok := err.(*kindError); ok { //nolint:errorlint // this one, not a cause
		return &kindError{kind: e.kind, msg: hide(e.msg), cause: Hide(e.cause, hide)}
	}
	return &hidden{text: hide(err.Error()), of: err, hide: hide}
}

// hidden stands for an error whose text must not be shown.
type hidden struct {
	text string
	of   error
	hide func(string) string
}

func (h *hidden) Error() string { return h.text }

// Is finds what is in the error that it stands for.
func (h *hidden) Is(target error) bool { return errors.Is(h.of, target) }

// As finds it too, but for errors of a kind, whose texts are hidden as well.
func (h *hidden) As(target any) bool {
	kind, wanted := target.(**kindError)
	if !wanted {
		return errors.As(h.of, target)
	}
	e, ok := errors.AsType[*kindError](h.of)
	if ok {
		*kind = &kindError{kind: e.kind, msg: h.hide(e.msg), cause: Hide(e.cause, h.hide)}
	}
	return ok
}
