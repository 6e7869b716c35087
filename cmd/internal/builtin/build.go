package builtin

import (
	"runtime"
	"runtime/debug"
	"sync"
)

// Commit is the commit that the binary was built of. A release build sets it (-ldflags -X); else it is
// what the go command stamped, "Unknown" if it did not.
var Commit = ""

// stamp is what the go command says of the binary.
var stamp = sync.OnceValues(func() (version, commit string) {
	version, commit = "devel", "Unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return version, commit
})

// Version is the version of the binary, for logs and people; KafkaVersion is the one that REST shows.
func Version() string {
	version, _ := stamp()
	return version
}

// Revision is the commit that the binary was built of, "Unknown" if nobody knows.
func Revision() string {
	if Commit != "" {
		return Commit
	}
	_, commit := stamp()
	return commit
}

// About is one line for `troupe version`.
func About() string {
	return Version() + " for Kafka Connect " + KafkaVersion + " (commit " + Revision() + ", " + runtime.Version() + ", " +
		runtime.GOOS + "/" + runtime.GOARCH + ")"
}
