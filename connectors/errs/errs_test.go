package errs_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
)

type ownError struct{ code int }

func (e *ownError) Error() string { return fmt.Sprintf("code %d of s3cret", e.code) }

func TestHide(t *testing.T) {
	hide := func(text string) string { return strings.ReplaceAll(text, "s3cret", "${env:X}") }
	plain := errs.Config.Wrap(io.EOF, "x")
	if got := errs.Hide(plain, hide); got != plain { //nolint:errorlint // the very same
		t.Errorf("%v was changed", got)
	}
	err := errs.Connect.Wrap(fmt.Errorf("open s3cret: %w", errors.Join(errs.Retriable.Wrap(io.EOF, "s3cret ended"), &ownError{7})), "start of s3cret")
	got := errs.Hide(err, hide)
	for e := got; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), "s3cret") || strings.Contains(errs.Message(e), "s3cret") || strings.Contains(errs.Text(e), "s3cret") {
			t.Errorf("%T shows it: %v", e, e)
		}
	}
	if errs.Message(got) != "start of ${env:X}" || errs.KindOf(got) != errs.Connect || !errors.Is(got, io.EOF) || !errors.Is(got, errs.Retriable) {
		t.Errorf("%v lost what it is", got)
	}
	inner := errors.Unwrap(got)
	if errs.KindOf(inner) != errs.Retriable || errs.Message(inner) != "${env:X} ended" {
		t.Errorf("%v (%s)", errs.KindOf(inner), errs.Message(inner))
	}
	if own, ok := errors.AsType[*ownError](got); !ok || own.code != 7 {
		t.Error("an error of another package is not found any more")
	}
	if errs.Hide(nil, hide) != nil {
		t.Error("no error became one")
	}
}

func TestText(t *testing.T) {
	for want, err := range map[string]error{
		"plain":         errors.New("plain"),
		"wrong":         fmt.Errorf("in front: %w", errs.Config.New("wrong")),
		"outer: inner":  errs.Config.Wrap(errors.New("inner"), "outer"),
		"outer (inner)": errs.Config.Wrap(errs.NotFound.Wrap(io.EOF, "inner"), "outer (inner)"),
	} {
		if got := errs.Text(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
