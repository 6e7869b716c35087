package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// maxOffsetFile bounds, in bytes, what is read as an offset file.
const maxOffsetFile = 1 << 30

// FileOffsetStore keeps offsets in the file of a standalone JVM worker
// (offset.storage.file.filename): either worker can go on where the other stopped. The file is
// replaced as a whole by each Set, atomically where it is an ordinary file.
type FileOffsetStore struct {
	path string
	turn chan struct{} // holds a token while nobody uses what is below; a lock that obeys ctx
	// state
	table  *OffsetTable
	closed bool
	lost   map[string]error // of keys whose last Set failed
	// What the last Set came to, for those who don't wait for their turn.
	failing  atomic.Pointer[failedSet]
	unstored atomic.Pointer[failedSet]
}

// failedSet says since when offsets can't be stored, and why.
type failedSet struct {
	since time.Time
	err   error
}

// Failing is an error as long as the file can't be written: since the last Set failed. The offsets
// collected in the meantime come with the next, so that nothing is lost while it goes on.
func (s *FileOffsetStore) Failing() error {
	f := s.failing.Load()
	if f == nil {
		return nil
	}
	return fmt.Errorf("source offsets can't be stored since %s: %w", f.since.Format(time.RFC3339), f.err)
}

// Unstored is an error as long as there are offsets that a Set has failed to store and none has stored
// since: if it is there at the end, sources will send records again.
func (s *FileOffsetStore) Unstored() error {
	f := s.unstored.Load()
	if f == nil {
		return nil
	}
	return fmt.Errorf("source offsets were not stored, sources will send records again that Kafka has already: %w", f.err)
}

// took notes what a Set of the keys came to. The caller has the turn.
func (s *FileOffsetStore) took(keys map[string][]byte, err error) {
	for k := range keys {
		if err != nil {
			s.lost[k] = err
		} else {
			delete(s.lost, k)
		}
	}
	switch {
	case err == nil:
		s.failing.Store(nil)
	case s.failing.Load() == nil:
		s.failing.Store(&failedSet{time.Now(), err})
	default:
		s.failing.Store(&failedSet{s.failing.Load().since, err})
	}
	s.unstored.Store(nil)
	for _, err := range s.lost {
		s.unstored.Store(&failedSet{err: err})
		break
	}
}

// OpenFileOffsetStore reads the file. A missing or empty one holds no offsets; one that is no
// offset file, or damaged, is an error of kind errs.Connect and stays as it is.
func OpenFileOffsetStore(path string) (*FileOffsetStore, error) {
	if path == "" {
		return nil, errs.Config.New("offset.storage.file.filename is empty: name the file that keeps the offsets")
	}
	s := &FileOffsetStore{path: path, turn: make(chan struct{}, 1), table: NewOffsetTable(), lost: map[string]error{}}
	s.turn <- struct{}{}
	// A link is followed now, so that replacing the file doesn't replace the link.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		s.path = target
	}
	b, err := readOffsetFile(s.path)
	if err != nil {
		return nil, errs.Connect.Wrap(err, "offset.storage.file.filename=%s can't be read", path)
	}
	if len(b) == 0 {
		return s, nil
	}
	pairs, err := decodeJavaMap(b)
	if err != nil {
		return nil, errs.Connect.Wrap(err, "offset.storage.file.filename=%s is not an offset file of a Kafka Connect "+
			"worker, or damaged; it is left as it is: name another file, or move it away to begin without offsets", path)
	}
	for _, p := range pairs {
		s.table.Apply(p)
	}
	return s, nil
}

func readOffsetFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxOffsetFile+1))
	if err == nil && len(b) > maxOffsetFile {
		err = fmt.Errorf("it has more than %d bytes", maxOffsetFile)
	}
	return b, err
}

// lock takes the turn; the caller gives it back with unlock.
func (s *FileOffsetStore) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	select {
	case <-s.turn:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.closed {
		s.unlock()
		return errs.IllegalState.New("offset store %s is closed", s.path)
	}
	return nil
}

func (s *FileOffsetStore) unlock() { s.turn <- struct{}{} }

// Get implements OffsetStore.
func (s *FileOffsetStore) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	return getAll(s.table, keys), nil
}

// Connector implements OffsetStore.
func (s *FileOffsetStore) Connector(ctx context.Context, name string) ([]Pair, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	return s.table.Connector(name), nil
}

// Set implements OffsetStore: when it returns nil the file is on disk.
func (s *FileOffsetStore) Set(ctx context.Context, pairs []Pair) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	fresh := make(map[string][]byte, len(pairs))
	for _, p := range pairs {
		fresh[string(s.table.KeyFor(p.Key))] = p.Value
	}
	var all []Pair
	for _, p := range s.table.Pairs() {
		if _, ok := fresh[string(p.Key)]; !ok {
			all = append(all, p)
		}
	}
	for k, v := range fresh {
		all = append(all, Pair{[]byte(k), v})
	}
	sortPairs(all)
	err := replaceFile(s.path, encodeJavaMap(all))
	s.took(fresh, err)
	if err != nil {
		return errs.Connect.Wrap(err, "offset.storage.file.filename=%s can't be written", s.path)
	}
	for k, v := range fresh {
		s.table.Apply(Pair{[]byte(k), v})
	}
	return nil
}

// Close implements OffsetStore.
func (s *FileOffsetStore) Close(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		if errors.Is(err, errs.IllegalState) {
			return nil
		}
		return err
	}
	s.closed = true
	s.unlock()
	return nil
}

func getAll(t *OffsetTable, keys [][]byte) [][]byte {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i] = t.Get(k)
	}
	return out
}

// replaceFile writes a file so that a crash leaves the old or the new content. What isn't an
// ordinary file (/dev/null), or can't be replaced because it is mounted or its folder is not
// ours to write, is written in place, as the JVM does always.
func replaceFile(path string, content []byte) error {
	mode := fs.FileMode(0o666) // less the umask
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return writeSynced(path, os.O_WRONLY|os.O_TRUNC, mode, content, false)
		}
		mode = info.Mode().Perm()
	}
	tmp := path + ".tmp"
	err := writeSynced(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode, content, true)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		syncDir(filepath.Dir(path))
		return nil
	}
	_ = os.Remove(tmp)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) {
		return writeSynced(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode, content, true)
	}
	return err
}

func writeSynced(path string, flags int, mode fs.FileMode, content []byte, sync bool) error {
	f, err := os.OpenFile(path, flags, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the rename durable where the system can do that; the file itself is safe already.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
