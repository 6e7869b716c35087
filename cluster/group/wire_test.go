package group

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

var golden = filepath.Join("..", "..", "testdata", "assign")

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func parseWork(t *testing.T, text string) Work {
	t.Helper()
	var w Work
	for one := range strings.SplitSeq(text, ",") {
		name, n, task := strings.Cut(one, "/")
		switch {
		case one == "":
		case task:
			w.Tasks = append(w.Tasks, state.TaskID{Connector: name, Task: number(t, n)})
		default:
			w.Connectors = append(w.Connectors, name)
		}
	}
	return w
}

func parseAssignment(t *testing.T, p Protocol, f []string) Assignment {
	t.Helper()
	a := Assignment{Error: AssignmentError(number(t, f[0])), Leader: f[1], LeaderURL: f[2], Offset: int64(number(t, f[3])), Assigned: parseWork(t, f[4])}
	if p != Eager {
		a.Revoked = parseWork(t, f[5])
		a.Delay = time.Duration(number(t, f[6])) * time.Millisecond
	}
	return a
}

// The bytes are those that Kafka Connect 4.1.1 made of the same values, and what is read from them makes
// them again.
func TestRecordedBytes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(golden, "wire.txt"))
	if err != nil {
		t.Fatal(err)
	}
	states, assignments := 0, 0
	lines := bufio.NewScanner(bytes.NewReader(text))
	for at := 1; lines.Scan(); at++ {
		f := strings.Split(lines.Text(), "\t")
		p := Protocol(number(t, f[1]))
		want, err := hex.DecodeString(f[len(f)-1])
		if err != nil {
			t.Fatal(err)
		}
		var made, again []byte
		if f[0] == "state" {
			states++
			s := WorkerState{URL: f[2], Offset: int64(number(t, f[3]))}
			if p != Eager && f[4] != "-" {
				a := parseAssignment(t, p, f[4:])
				s.Current = &a
			}
			made, err = s.Encode(p)
			if err == nil {
				if s, err = DecodeState(want); err == nil {
					again, err = s.Encode(p)
				}
			}
		} else {
			assignments++
			a := parseAssignment(t, p, f[2:])
			made, err = a.Encode(p)
			if err == nil {
				if a, err = DecodeAssignment(want); err == nil {
					again, err = a.Encode(p)
				}
			}
		}
		if err != nil {
			t.Fatalf("line %d: %v", at, err)
		}
		if !bytes.Equal(made, want) {
			t.Errorf("line %d: %x\nJava's are %x", at, made, want)
		}
		if !bytes.Equal(again, want) {
			t.Errorf("line %d: read and written again %x\nJava's are %x", at, again, want)
		}
	}
	if states < 100 || assignments < 100 {
		t.Errorf("only %d states and %d assignments are recorded", states, assignments)
	}
}

// Java read all of ours but the trailer: what it wrote again of it is what we write without.
func TestRecordedTrailers(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(golden, "trailers.txt"))
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]int{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		p := Protocol(number(t, f[2]))
		ours, err := hex.DecodeString(f[3])
		if err != nil {
			t.Fatal(err)
		}
		java, err := hex.DecodeString(f[4])
		if err != nil {
			t.Fatal(err)
		}
		var with, without []byte
		if f[1] == "state" {
			s, err := DecodeState(ours)
			if err != nil || !s.Leaving || s.Current.HandsOver {
				t.Fatalf("%+v, %v", s, err)
			}
			with, err = s.Encode(p)
			if err != nil {
				t.Fatal(err)
			}
			s.Leaving = false
			without, err = s.Encode(p)
			if err != nil {
				t.Fatal(err)
			}
		} else {
			a, err := DecodeAssignment(ours)
			if err != nil || !a.HandsOver {
				t.Fatalf("%+v, %v", a, err)
			}
			with, err = a.Encode(p)
			if err != nil {
				t.Fatal(err)
			}
			a.HandsOver = false
			without, err = a.Encode(p)
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(with, ours) || !bytes.Equal(without, java) || len(ours) != len(java)+len(trailer)+1 {
			t.Errorf("%x\nread and written again %x\nJava's are %x\nours without trailer %x", ours, with, java, without)
		}
		read[f[1]]++
	}
	if read["state"] < 40 || read["assignment"] < 40 {
		t.Errorf("recorded are only %v", read)
	}
}

// What follows the last known field is only taken for a trailer if it is one.
func TestTrailerOrNewerFormat(t *testing.T) {
	a := Assignment{Leader: "m", LeaderURL: "http://w/", Offset: 1}
	plain, err := a.Encode(Sessioned)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		more string
		want bool
	}{{"", false}, {"trpe\x01", true}, {"trpe\x03and more", true}, {"trpe\x02", false}, {"trpe", false}, {"trp", false}, {"\x00\x01trpe\x01", false}} {
		got, err := DecodeAssignment(append(bytes.Clone(plain), tt.more...))
		if err != nil || got.HandsOver != tt.want {
			t.Errorf("%q: %t, %v", tt.more, got.HandsOver, err)
		}
	}
	eager, err := Assignment{Leader: "m", HandsOver: true}.Encode(Eager)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(eager, []byte(trailer)) {
		t.Errorf("protocol eager has a trailer: %x", eager)
	}
}

// The bytes that real workers showed in DescribeGroups.
func TestCapturedBytes(t *testing.T) {
	url := func(port int) string { return fmt.Sprintf("\x00\x17http://127.0.0.1:%d/", port) }
	leader := "\x00\x3c" + strings.Repeat("m", 60)
	for _, tt := range []struct {
		name, bytes string
		want        any
	}{
		{"eager state", "\x00\x00" + url(18100) + "\x00\x00\x00\x00\x00\x00\x00\x26", WorkerState{URL: "http://127.0.0.1:18100/", Offset: 0x26}},
		{"sessioned state", "\x00\x02" + url(18100) + "\x00\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff\xff", WorkerState{URL: "http://127.0.0.1:18100/", Offset: 3}},
		{
			"sessioned assignment",
			"\x00\x02\x00\x00" + leader + url(18101) + "\x00\x00\x00\x00\x00\x00\x00\x0b" +
				"\x00\x00\x00\x01\x00\x06sink a\x00\x00\x00\x01\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x4e\x20",
			Assignment{
				Leader: strings.Repeat("m", 60), LeaderURL: "http://127.0.0.1:18101/", Offset: 11,
				Assigned: Work{Tasks: []state.TaskID{{Connector: "sink a"}}}, Delay: 20 * time.Second,
			},
		},
		{
			"null arrays", "\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0b\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
			Assignment{Error: ConfigMismatch, Offset: 11},
		},
		{"what follows is passed over", "\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00more", Assignment{Offset: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got any
			var err error
			if _, ok := tt.want.(WorkerState); ok {
				got, err = DecodeState([]byte(tt.bytes))
			} else {
				got, err = DecodeAssignment([]byte(tt.bytes))
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestMalformedBytes(t *testing.T) {
	good, err := Assignment{Leader: "l", Assigned: Work{Connectors: []string{"a"}}, Revoked: Work{Connectors: []string{"b"}}}.Encode(Sessioned)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		bytes []byte
		says  string
	}{
		{"nothing", nil, "0 bytes are left, 2 expected"},
		{"a version below 0", []byte("\xff\xff"), "version -1"},
		{"cut in a text", good[:5], "1 bytes are left, 2 expected"},
		{"cut in an array", good[:len(good)-12], "1 connectors in 3 bytes"},
		{"too many tasks", good[:len(good)-7], "1 tasks in 1 bytes"},
		{"a null text", []byte("\x00\x01\x00\x00\xff\xff"), "a text of -1 bytes"},
		{"too many connectors", append(bytes.Clone(good[:17]), 0x7f, 0xff, 0xff, 0xff), "2147483647 connectors in 0 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := DecodeAssignment(tt.bytes); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q in it", err, tt.says)
			}
		})
	}
	state := append([]byte("\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03"), 0)
	if _, err := DecodeState(state); !errors.Is(err, ErrMalformed) {
		t.Errorf("an assignment cut short in a state: %v", err)
	}
	long := WorkerState{URL: strings.Repeat("u", math.MaxInt16+1)}
	if _, err := long.Encode(Eager); err == nil || !strings.Contains(err.Error(), "32768 bytes") {
		t.Errorf("a URL too long: %v", err)
	}
}

func TestProtocols(t *testing.T) {
	for text, want := range map[string]string{"EAGER": "default", "compatible": "compatible", "Sessioned": "sessioned"} {
		p, err := ParseProtocol(text)
		if err != nil || p.Name() != want || p.String() != strings.ToLower(text) {
			t.Errorf("%s: %s, %v", text, p.Name(), err)
		}
		if back, ok := protocolNamed(want); !ok || back != p {
			t.Errorf("%s: %s", want, back)
		}
	}
	if _, err := ParseProtocol("lazy"); err == nil || !strings.Contains(err.Error(), `connect.protocol: "lazy"`) {
		t.Error(err)
	}
	if got := fmt.Sprint(Sessioned.offered()); got != "[sessioned compatible eager]" {
		t.Error(got)
	}
}

// Whatever the bytes, reading them ends without a panic and with little memory; and what was read can be
// written and read again.
func FuzzDecode(f *testing.F) {
	for _, p := range Sessioned.offered() {
		a := Assignment{
			Leader: "l", LeaderURL: "http://l/", Offset: 5, Delay: time.Second,
			Assigned: Work{Connectors: []string{"a", "b"}, Tasks: []state.TaskID{{Connector: "a", Task: 3}}},
			Revoked:  Work{Tasks: []state.TaskID{{Connector: "c", Task: 1}}},
		}
		encoded, err := a.Encode(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
		encoded, err = WorkerState{URL: "http://w/", Offset: 3, Current: &a}.Encode(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := DecodeAssignment(b); err == nil {
			a.Delay = max(a.Delay, 0)
			encoded, err := a.Encode(Sessioned)
			if err != nil {
				t.Fatal(err)
			}
			again, err := DecodeAssignment(encoded)
			if err != nil {
				t.Fatal(err)
			}
			twice, err := again.Encode(Sessioned)
			if err != nil || !bytes.Equal(encoded, twice) {
				t.Fatalf("%x became %x (%v)", encoded, twice, err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		if s, err := DecodeState(b); err == nil {
			if _, err := s.Encode(Compatible); err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}
