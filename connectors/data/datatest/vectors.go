package datatest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Case is one line of a vectors file.
type Case struct {
	ID     string
	Group  string
	Op     string
	Output json.RawMessage
	Error  *Error // nil: the case has an output

	line []byte
	t    testing.TB
}

// Error is the error that a case wants.
type Error struct {
	When           string // configure or apply, where the file has it
	ExceptionClass string
	Message        *string // nil: not worth comparing
	CauseClass     string
}

// Outcome is what became of a case.
type Outcome struct {
	Diff    string // what must be right and isn't, "" for nothing
	Message string // how the text of an error differs, which is counted only
}

// Decode reads the whole case into v, a pointer to a struct of the fields that are of interest;
// a case that isn't as expected fails the test.
func (c Case) Decode(v any) {
	c.t.Helper()
	if err := json.Unmarshal(c.line, v); err != nil {
		c.t.Fatalf("%s: %v", c.ID, err)
	}
}

// Judge compares an outcome with the case: err with its error, or, where it has an output and
// err is nil, by what diff says.
func (c Case) Judge(err error, diff func() string) Outcome {
	switch {
	case c.Error == nil && err != nil:
		return Outcome{Diff: "want output " + string(c.Output) + ", got error: " + err.Error()}
	case c.Error == nil:
		return Outcome{Diff: diff()}
	case err == nil:
		return Outcome{Diff: "want " + c.Error.ExceptionClass + ", got no error"}
	}
	if want, got := Category(c.Error.ExceptionClass), CategoryOf(err); want != Other && want != got {
		return Outcome{Diff: "want " + want + ", got " + got + ": " + err.Error()}
	}
	if want := c.Error.Message; want != nil && !sameMessage(*want, errs.Message(err)) {
		return Outcome{Message: "want " + *want + "\n got " + errs.Message(err)}
	}
	return Outcome{}
}

// sameMessage compares texts; @HASH in the wanted one is any identity hash.
func sameMessage(want, got string) bool {
	for i, part := range strings.Split(want, "@HASH") {
		if i == 0 {
			if !strings.HasPrefix(got, part) {
				return false
			}
			got = got[len(part):]
			continue
		}
		at := strings.Index(got, part)
		if at < 0 {
			return false
		}
		if got = got[at+len(part):]; part == "" {
			got = ""
		}
	}
	return got == ""
}

// Other is the category of errors that only say that a call fails.
const Other = "other"

var categories = []*errs.Kind{errs.SchemaBuilder, errs.SchemaProjector, errs.Data, errs.Connect, errs.Config, errs.Serialization}

// Category is the category of a Java exception class: its simple name, or Other.
func Category(class string) string {
	for _, k := range categories {
		if k.Class() == class {
			return simple(class)
		}
	}
	return Other
}

// CategoryOf is the category of an error, most exact first.
func CategoryOf(err error) string {
	for _, k := range categories {
		if errors.Is(err, k) {
			return simple(k.Class())
		}
	}
	return Other
}

func simple(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// Vectors reads the cases of a file: of the directory that VECTORS_DIR names, where a missing
// file skips the test, else of testdata/vectors, where large files are compressed (.gz).
func Vectors(t testing.TB, file string) []Case {
	t.Helper()
	dir := os.Getenv("VECTORS_DIR")
	path := filepath.Join(dir, file)
	if dir == "" {
		path = filepath.Join(repoVectors(t), file)
	}
	raw, err := readVectors(path)
	if dir != "" && errors.Is(err, fs.ErrNotExist) {
		t.Skipf("VECTORS_DIR has no %s", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	var cases []Case
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, len(raw)+1)
	for lines.Scan() {
		c := Case{line: bytes.Clone(lines.Bytes()), t: t}
		if err := json.Unmarshal(c.line, &c); err != nil {
			t.Fatalf("%s line %d: %v", file, len(cases)+1, err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatalf("%s has no cases", path)
	}
	return cases
}

// readVectors reads a file, or its compressed form.
func readVectors(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return raw, err
	}
	f, zipErr := os.Open(path + ".gz")
	if zipErr != nil {
		return nil, err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// repoVectors is testdata/vectors beside the go.mod above the working directory.
func repoVectors(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata", "vectors")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

// Exceptions are the cases of a file that we don't match, and why: testdata/vectors/exceptions.json,
// an object from file to an object from case id to reason.
func Exceptions(t testing.TB, file string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repoVectors(t), "exceptions.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatalf("exceptions.json: %v", err)
	}
	return all[file]
}

// Run judges every case of a file and fails the test for each that isn't right and no
// exception, and for each exception that is right after all. It logs the counts and a few of
// the messages that differ.
func Run(t *testing.T, file string, check func(Case) Outcome) {
	t.Helper()
	cases, exceptions := Vectors(t, file), Exceptions(t, file)
	var right, excepted, messages int
	for _, c := range cases {
		out := check(c)
		reason, isException := exceptions[c.ID]
		switch {
		case out.Diff != "" && isException:
			excepted++
			t.Logf("exception %s: %s", c.ID, reason)
			continue
		case out.Diff != "":
			t.Errorf("%s: %s\n in %s", c.ID, out.Diff, cut(c.line))
			continue
		case isException:
			t.Errorf("%s is right, but listed as an exception", c.ID)
		}
		right++
		if out.Message != "" {
			if messages++; messages <= 10 {
				t.Logf("message of %s: %s", c.ID, out.Message)
			}
		}
	}
	t.Logf("%s: %d cases, %d right, %d exceptions, %d with another message", file, len(cases), right, excepted, messages)
}

func cut(line []byte) string {
	if len(line) > 1500 {
		return string(line[:1500]) + "…"
	}
	return string(line)
}
