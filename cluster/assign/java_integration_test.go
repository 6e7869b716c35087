//go:build integration

package assign

import (
	"bytes"
	"compress/gzip"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "write the first 60 histories and Java's answers to testdata/assign")

// askJava compiles the driver and runs it on these lines.
func askJava(t *testing.T, lines string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(transcripts, "run"))
	cmd.Stdin = strings.NewReader(lines)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("driver: %v\n%s", err, said.String())
	}
	return out.String()
}

// The JVM's assignors and ours make the same of a thousand random histories.
func TestAgainstJava(t *testing.T) {
	const histories = 1000
	var script strings.Builder
	recorded := 0 // bytes of the script that are recorded
	for seed := range uint64(histories) {
		round := 0
		history(seed, 5+int(seed%36), func(s *simulation) {
			if s == nil {
				return
			}
			if round == 0 {
				script.WriteString("history\t" + millis(s) + "\n")
			}
			script.WriteString(command(s, "cooperative"))
			if round%5 == 0 {
				script.WriteString(command(s, "eager"))
			}
			round++
		})
		if seed == 59 {
			recorded = script.Len()
		}
	}
	transcript, first := weave(t, script.String(), askJava(t, script.String()), recorded)
	if path := os.Getenv("ASSIGN_TRANSCRIPT"); path != "" {
		if err := os.WriteFile(path, []byte(transcript), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	did := replay(t, strings.NewReader(transcript))
	t.Logf("%+v", did)
	if did.histories != histories {
		t.Errorf("%d histories were compared, want %d", did.histories, histories)
	}
	if *record && !t.Failed() {
		var file bytes.Buffer
		z, err := gzip.NewWriterLevel(&file, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = z.Write([]byte(first)); err != nil {
			t.Fatal(err)
		}
		if err = z.Close(); err != nil {
			t.Fatal(err)
		}
		if err = os.WriteFile(filepath.Join(transcripts, "histories.txt.gz"), file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// weave puts each answer behind its question. first is what the script's first part and its answers make.
func weave(t *testing.T, script, answers string, part int) (all, first string) {
	t.Helper()
	var b strings.Builder
	rest := strings.Split(answers, "\n")
	members, read := 0, 0
	for line := range strings.Lines(script) {
		b.WriteString(line)
		switch {
		case strings.HasPrefix(line, "round"):
			members = 0
		case strings.HasPrefix(line, "member"):
			members++
		case !strings.HasPrefix(line, "history"):
			if len(rest) <= members+1 {
				t.Fatalf("Java answered too little")
			}
			b.WriteString(strings.Join(rest[:members+1], "\n") + "\n")
			rest = rest[members+1:]
		}
		if read += len(line); read == part {
			first = b.String()
		}
	}
	return b.String(), first
}
