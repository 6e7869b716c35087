//go:build unix

package filestream

import (
	"os"

	"golang.org/x/sys/unix"
)

// readable reports whether a read would return at once. Standard input is shared with other
// processes, so it must not be made non-blocking.
func readable(f *os.File) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	if err == unix.EINTR {
		return false, nil
	}
	return n > 0, err
}
