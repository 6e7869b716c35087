package storage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
)

const golden = "../../testdata/offsets/"

// listed reads pairs from a list as OffsetFile.java has them.
func listed(t testing.TB, text []byte) []Pair {
	t.Helper()
	var pairs []Pair
	sc := bufio.NewScanner(bytes.NewReader(text))
	for sc.Scan() {
		k, v, ok := strings.Cut(sc.Text(), " ")
		if !ok {
			t.Fatalf("line %q", sc.Text())
		}
		pairs = append(pairs, Pair{unbase64(t, k), unbase64(t, v)})
	}
	sortPairs(pairs)
	return pairs
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	if s == "-" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func samePairs(a, b []Pair) bool {
	return slices.EqualFunc(a, b, func(a, b Pair) bool {
		return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
	})
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Files written by the JVM are read, and what is written again is the same but for the order,
// which in the JVM is that of identity hashes.
func TestFileOfTheJVM(t *testing.T) {
	for _, n := range []int{0, 1, 12, 13, 25, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			file := fmt.Sprintf("%sjvm-%d.offsets", golden, n)
			want := listed(t, read(t, fmt.Sprintf("%sjvm-%d.txt", golden, n)))
			if len(want) != n {
				t.Fatalf("list has %d pairs", len(want))
			}
			raw := read(t, file)
			s, err := OpenFileOffsetStore(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.table.Pairs(); !samePairs(got, want) {
				t.Errorf("pairs = %q\nwant %q", got, want)
			}
			again := encodeJavaMap(want)
			if len(again) != len(raw) || !bytes.Equal(again[:0x51], raw[:0x51]) {
				t.Errorf("written again:\n%x\nJVM:\n%x", again, raw)
			}
			if n < 2 && !bytes.Equal(again, raw) {
				t.Errorf("written again:\n%x\nJVM:\n%x", again, raw)
			}
			back, err := decodeJavaMap(again)
			if err != nil || !samePairs(back, want) {
				t.Errorf("read again: %q, %v", back, err)
			}
		})
	}
}

func openStore(t testing.TB, path string) *FileOffsetStore {
	t.Helper()
	s, err := OpenFileOffsetStore(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFileStoreSetGet(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "connect.offsets")
	s := openStore(t, path)
	k1, k2, k3 := []byte(`["a",{"p":1}]`), []byte(`["a",{"p":2}]`), []byte(`["b",{"p":1}]`)
	for _, set := range [][]Pair{
		{{k1, []byte(`{"o":1}`)}, {k3, []byte(`{"o":3}`)}},
		{{k1, []byte(`{"o":10}`)}, {k2, []byte(`{"o":2}`)}},
		{{k3, nil}},
	} {
		if err := s.Set(ctx, set); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // of the same store, then of one that reads the file
		got, err := s.Get(ctx, [][]byte{k3, k2, k1, []byte(`["c",null]`)})
		if err != nil {
			t.Fatal(err)
		}
		if want := "[\"\" \"{\\\"o\\\":2}\" \"{\\\"o\\\":10}\" \"\"]"; fmt.Sprintf("%q", got) != want || got[0] != nil {
			t.Errorf("got %q, want %s", got, want)
		}
		of, err := s.Connector(ctx, "a")
		if err != nil || len(of) != 2 || string(of[0].Key) != string(k1) {
			t.Errorf("Connector(a) = %q, %v", of, err)
		}
		if of, _ := s.Connector(ctx, "b"); len(of) != 0 {
			t.Errorf("Connector(b) = %q: the offset was removed", of)
		}
		s = openStore(t, path)
	}
	if left, _ := filepath.Glob(path + "?*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFileStoreForeignFiles(t *testing.T) {
	jvm := read(t, golden+"jvm-13.offsets")
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"text", []byte("hello"), "no serialized Java object"},
		{"other object", []byte("\xAC\xED\x00\x05\x74\x00\x01a"), "not a java.util.HashMap"},
		{"cut in the header", jvm[:40], "ends in the middle"},
		{"cut in an entry", jvm[:len(jvm)-9], "ends in the middle"},
		{"more behind", append(slices.Clone(jvm), 1, 2), "2 bytes follow"},
		{"size", append(slices.Clone(jvm[:0x4D]), 0x7F, 0xFF, 0xFF, 0xFF), "number of entries"},
		{"strings inside", append(slices.Clone(jvm[:0x51]), bytes.Repeat([]byte{0x74, 0, 1, 'a'}, 30)...), "unexpected mark 0x74"},
		{"length", append(append(slices.Clone(jvm[:0x51]), jvm[0x51:0x64]...), append([]byte{0xFF, 0xFF, 0xFF, 0xFF}, make([]byte, 64)...)...), "array of length"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenFileOffsetStore(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || !errors.Is(err, errs.Connect) {
				t.Errorf("error = %v, want one with %q and the path", err, tt.want)
			}
			if !bytes.Equal(read(t, path), tt.content) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestFileStoreFreshFiles(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(empty, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "missing"), link, os.DevNull} {
		s := openStore(t, path)
		if err := s.Set(t.Context(), []Pair{{[]byte(`["a",{}]`), []byte(`{}`)}}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v %v", info, err)
	}
	if info, err := os.Stat(empty); err != nil || info.Mode().Perm() != 0o640 || info.Size() == 0 {
		t.Errorf("mode or content: %v %v", info, err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("/dev/null was replaced: %v %v", info, err)
	}
	if _, err := OpenFileOffsetStore(""); !errors.Is(err, errs.Config) {
		t.Errorf("no path: %v", err)
	}
}

func TestFileStoreFailedWriteKeepsOldState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, filepath.Join(dir, "f"))
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	key := []byte(`["a",{}]`)
	err := s.Set(t.Context(), []Pair{{key, []byte(`{"n":1}`)}})
	if !errors.Is(err, errs.Connect) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
	if got, err := s.Get(t.Context(), [][]byte{key}); err != nil || got[0] != nil {
		t.Errorf("Get = %q, %v", got, err)
	}
}

func TestStoresObeyContextAndClose(t *testing.T) {
	for name, s := range map[string]OffsetStore{
		"file":   openStore(t, filepath.Join(t.TempDir(), "f")),
		"memory": NewMemoryOffsetStore(),
	} {
		t.Run(name, func(t *testing.T) {
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.Get(ended, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("Get with an ended context: %v", err)
			}
			if err := s.Set(ended, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("Set with an ended context: %v", err)
			}
			for range 2 {
				if err := s.Close(t.Context()); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
			if err := s.Set(t.Context(), nil); !errors.Is(err, errs.IllegalState) {
				t.Errorf("Set after Close: %v", err)
			}
			if _, err := s.Connector(t.Context(), "a"); !errors.Is(err, errs.IllegalState) {
				t.Errorf("Connector after Close: %v", err)
			}
		})
	}
}

func TestStoresConcurrently(t *testing.T) {
	for name, s := range map[string]OffsetStore{
		"file":   openStore(t, filepath.Join(t.TempDir(), "f")),
		"memory": NewMemoryOffsetStore(),
	} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					key := fmt.Appendf(nil, `["c",{"p":%d}]`, i)
					for n := range 10 {
						value := fmt.Appendf(nil, `{"n":%d}`, n)
						if err := s.Set(t.Context(), []Pair{{key, value}}); err != nil {
							t.Error(err)
						}
						got, err := s.Get(t.Context(), [][]byte{key})
						if err != nil || !bytes.Equal(got[0], value) {
							t.Errorf("got %q, %v, want %q", got, err, value)
						}
					}
				})
			}
			wg.Wait()
			if all, err := s.Connector(t.Context(), "c"); err != nil || len(all) != 8 {
				t.Errorf("%d partitions, %v", len(all), err)
			}
		})
	}
}

// A full disk shows as long as it lasts, and what could not be stored as long as nobody has stored it.
func TestOffsetFileOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "offsets")
	s := openStore(t, path)
	a, b := Pair{[]byte(`["c",{"p":1}]`), []byte(`{"n":1}`)}, Pair{[]byte(`["c",{"p":2}]`), []byte(`{"n":2}`)}
	check := func(what string, err error, failing, unstored bool) {
		t.Helper()
		if (s.Failing() != nil) != failing || (s.Unstored() != nil) != unstored {
			t.Errorf("%s (%v): failing %v, unstored %v", what, err, s.Failing(), s.Unstored())
		}
	}
	check("fresh", nil, false, false)
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	err := s.Set(t.Context(), []Pair{a})
	check("full", err, true, true)
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(s.Failing(), syscall.ENOSPC) || !errors.Is(s.Unstored(), syscall.ENOSPC) {
		t.Errorf("%v, %v, %v", err, s.Failing(), s.Unstored())
	}
	since := s.Failing().Error()
	err = s.Set(t.Context(), []Pair{a})
	check("still full", err, true, true)
	if got := s.Failing().Error(); got != since {
		t.Errorf("since when moves: %s, then %s", since, got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check("room, others stored", s.Set(t.Context(), []Pair{b}), false, true)
	check("room, all stored", s.Set(t.Context(), []Pair{a}), false, false)
	if got, err := s.Connector(t.Context(), "c"); err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

// References to an earlier array are part of the format, though the JVM worker writes none.
func TestJavaMapBackReference(t *testing.T) {
	b := encodeJavaMap([]Pair{{[]byte("k"), []byte("v")}, {[]byte("l"), nil}})
	b = append(b[:len(b)-2], 0x71, 0, 0x7E, 0, 4, 0x78) // the second value: handle of the first one
	got, err := decodeJavaMap(b)
	if want := []Pair{{[]byte("k"), []byte("v")}, {[]byte("l"), []byte("v")}}; err != nil || !samePairs(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	b[len(b)-2] = 9
	if _, err := decodeJavaMap(b); err == nil || !strings.Contains(err.Error(), "0x7E0009") {
		t.Errorf("error = %v", err)
	}
}

func FuzzJavaMap(f *testing.F) {
	for _, n := range []int{0, 1, 13} {
		f.Add(read(f, fmt.Sprintf("%sjvm-%d.offsets", golden, n)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		pairs, err := decodeJavaMap(b)
		if err != nil {
			return
		}
		again, err := decodeJavaMap(encodeJavaMap(pairs))
		if err != nil || !samePairs(again, pairs) {
			t.Errorf("%q, %v, want %q", again, err, pairs)
		}
	})
}
