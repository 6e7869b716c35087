// Command fireworker is a worker of a cluster with one plugin beside the built-in ones: a source
// whose tasks number their records. Tests kill it.
//
//	fireworker distributed worker.properties
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fireworker:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 || args[0] != "distributed" {
		return fmt.Errorf("usage: fireworker distributed worker.properties, not %q", args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return boot.Distributed(ctx, boot.Options{WorkerFile: args[1], Environ: os.Environ(), Log: os.Stdout, Plugins: []plugin.Plugin{numbers()}})
}
