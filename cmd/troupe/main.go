// Command troupe is Kafka Connect as one binary: a worker, standalone or of a cluster, and the tools
// that belong to it. `troupe help worker` says what it is as a process.
//
// Called by the name connect-standalone or connect-distributed (with or without .sh) it acts as
// that script of Apache Kafka.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
)

func main() { os.Exit(run(os.Args)) }

func run(args []string) int {
	boot.Tune()
	root := command()
	root.SetArgs(actAs(args))
	ran, err := root.ExecuteContextC(context.Background())
	return report(ran, err, os.Stdout, os.Stderr, isatty.IsTerminal(os.Stderr.Fd()))
}

// report says what went wrong and returns the exit code. The errors of workers are lines of their log;
// in plain text they are for a person at a terminal only.
func report(ran *cobra.Command, err error, out, errOut io.Writer, terminal bool) int {
	if err == nil {
		return 0
	}
	exit := &boot.ExitError{Code: boot.ExitUsage, Err: err}
	errors.As(err, &exit)
	switch {
	case exit.Quiet():
	case ran.Annotations[isWorker] == "":
		fmt.Fprintln(errOut, "troupe:", err)
	default:
		if !exit.Logged {
			boot.LogFailure(out, err)
		}
		if terminal {
			fmt.Fprintln(errOut, "troupe:", err)
		}
	}
	return exit.Code
}

// isWorker is an annotation of the commands that run a worker: they heed signals themselves, and have
// a log.
const isWorker = "worker"

// actAs makes the subcommand of the name by which the binary was called.
func actAs(args []string) []string {
	switch name := strings.TrimSuffix(filepath.Base(args[0]), ".sh"); name {
	case "connect-standalone", "connect-distributed":
		return append([]string{strings.TrimPrefix(name, "connect-")}, args[1:]...)
	}
	return args[1:]
}

// untilSignal is a context that ends with the first signal; the second ends the process at once. It is
// for commands that are no workers.
func untilSignal(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { // lives as long as the process
		cancel(fmt.Errorf("signal: %s", <-signals))
		<-signals
		os.Exit(130)
	}()
	return ctx
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:               "troupe",
		Short:             "Kafka Connect as one binary: a troupe of supervised actors",
		Version:           builtin.About(),
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetVersionTemplate("troupe {{.Version}}\n")
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if cmd.Annotations[isWorker] == "" {
			cmd.SetContext(untilSignal(cmd.Context()))
		}
	}
	root.AddCommand(standaloneCommand(), distributedCommand(), quickstartCommand(), transformCommand(), dlqCommand(), topCommand(),
		registryCommand(), versionCommand())
	root.AddCommand(topics()...)
	return root
}
