//go:build integration

package group

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var record = flag.Bool("record", false, "write what the JVM made of random values to testdata/assign")

func randomWork(r *rand.Rand, most int) string {
	names := []string{"orders", "payments", "a", "b-1", "日本", "\U0001F600 sink", "sink a", "c.d", "e", "f"}
	for n := range 20 {
		names = append(names, fmt.Sprintf("connector-%d", n))
	}
	var out []string
	for _, n := range r.Perm(len(names))[:r.IntN(most+1)] {
		out = append(out, names[n])
	}
	for range r.IntN(2*most + 1) {
		out = append(out, fmt.Sprintf("%s/%d", names[r.IntN(len(names))], r.IntN(300)))
	}
	return strings.Join(out, ",")
}

// askJava makes the driver answer these lines.
func askJava(t *testing.T, script string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(golden, "run"))
	cmd.Stdin = strings.NewReader(script)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("driver: %v\n%s", err, said.String())
	}
	return out
}

// compare compares with what is recorded, or records it.
func compare(t *testing.T, file string, out []byte) {
	t.Helper()
	recorded, err := os.ReadFile(filepath.Join(golden, file))
	if err != nil && !*record {
		t.Fatal(err)
	}
	if *record {
		if err := os.WriteFile(filepath.Join(golden, file), out, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(out, recorded) { // the tests without Java hold ours to it
		t.Errorf("%s: Java makes other bytes than those recorded", file)
	}
}

// A JVM worker reads what we write behind its format as if it weren't there.
func TestTrailersAgainstJava(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	var script strings.Builder
	for n := range 40 {
		p := Protocol(1 + n%2)
		a := Assignment{
			Leader: fmt.Sprint("connect-", n), LeaderURL: "http://w:8083/", Offset: r.Int64N(99) - 1,
			Assigned: parseWork(t, randomWork(r, n%5)), Revoked: parseWork(t, randomWork(r, n%3)), HandsOver: true,
		}
		bytes, err := a.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "read\tassignment\t%d\t%x\n", p, bytes)
		s := WorkerState{URL: "http://w:8083/", Offset: 7, Current: &a, Leaving: true}
		if bytes, err = s.Encode(p); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&script, "read\tstate\t%d\t%x\n", p, bytes)
	}
	compare(t, "trailers.txt", askJava(t, script.String()))
}

// Our bytes are those of the JVM's classes, for values never seen before.
func TestAgainstJava(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	var script strings.Builder
	for n := range 160 {
		most := []int{0, 2, 4, 16}[n%4]
		a := fmt.Sprintf("%d\tconnect-%d\thttp://w%d:8083/\t%d\t%s\t%s\t%d", r.IntN(2), r.IntN(99), r.IntN(9), r.Int64N(1<<40)-1,
			randomWork(r, most), randomWork(r, most/2), r.IntN(300001))
		if n%3 == 0 {
			f := strings.Split(a, "\t")
			a = strings.Join(f[:5], "\t")
		}
		fmt.Fprintf(&script, "assignment\t%d\t%s\n", n%3, a)
		switch {
		case n%3 == 0:
			a = ""
		case n%4 == 0:
			a = "\t-"
		default:
			a = "\t" + a
		}
		fmt.Fprintf(&script, "state\t%d\thttp://ü%d/\t%d%s\n", n%3, n, r.Int64N(99)-1, a)
	}
	out := askJava(t, script.String())
	compare(t, "wire.txt", out)
}
