//go:build !unix

package embedded

import "os"

// lockFile does nothing where there is no flock: two brokers in one folder are not told apart.
func lockFile(*os.File) error { return nil }
