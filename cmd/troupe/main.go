// Command troupe is Kafka Connect as one binary: a worker, standalone, and what belongs to it.
//
// Called by the name connect-standalone or connect-distributed (with or without .sh) it acts as
// that script of Apache Kafka.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
)

func main() { os.Exit(run(os.Args)) }

func run(args []string) int {
	boot.Tune()
	ctx, stop := untilSignal()
	defer stop()
	root := command()
	root.SetArgs(actAs(args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "troupe:", err)
	if exit, ok := errors.AsType[*boot.ExitError](err); ok {
		return exit.Code
	}
	return boot.ExitUsage
}

// actAs makes the subcommand of the name by which the binary was called.
func actAs(args []string) []string {
	switch name := strings.TrimSuffix(filepath.Base(args[0]), ".sh"); name {
	case "connect-standalone", "connect-distributed":
		return append([]string{strings.TrimPrefix(name, "connect-")}, args[1:]...)
	}
	return args[1:]
}

// untilSignal is a context that ends with the first signal; the second ends the process at once.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { // lives as long as the process
		cancel(fmt.Errorf("signal: %s", <-signals))
		<-signals
		os.Exit(130)
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:               "troupe",
		Short:             "Kafka Connect as one binary: a troupe of supervised actors",
		Version:           "for Kafka Connect " + builtin.KafkaVersion,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(standaloneCommand(), distributedCommand(), quickstartCommand(), transformCommand(), dlqCommand())
	return root
}
