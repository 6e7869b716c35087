// Command ledgerworker is a worker with a plugin of its own beside the built-in ones: the example
// sink of connectors/example/ledger, for PostgreSQL. Tests kill it.
//
//	ledgerworker standalone worker.properties [connector.properties ...]
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/connectors/example/ledger"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ledgerworker:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 || args[0] != "standalone" {
		return fmt.Errorf("usage: ledgerworker standalone worker.properties [connector.properties ...], not %q", args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return boot.Standalone(ctx, boot.Options{
		WorkerFile: args[1], ConnectorFiles: args[2:], Environ: os.Environ(), Log: os.Stdout,
		Plugins: []plugin.Plugin{ledger.Sink("pgx")},
	})
}
