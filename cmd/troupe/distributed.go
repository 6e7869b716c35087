package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cmd/internal/boot"
)

func distributedCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "distributed [worker.properties]",
		Short: "Run a worker of a cluster, as connect-distributed does",
		Long: "Runs a worker that shares connectors and tasks with all workers of the same group.id, JVM\n" +
			"workers among them. Takes the file of Apache Kafka's connect-distributed. CONNECT_* environment\n" +
			"variables override the file, or take its place as in containers: CONNECT_GROUP_ID sets group.id, and\n" +
			"the variables of Debezium's image are understood. Connectors are made by REST." + processHelp,
		Args:        cobra.ArbitraryArgs,
		Annotations: map[string]string{isWorker: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := workerFile(args, os.Environ())
			if err != nil {
				return err
			}
			if len(args) > 1 { // the JVM's worker leaves them unread
				cmd.PrintErrf("troupe: ignored: %s; connectors of a cluster are made by REST\n", strings.Join(args[1:], " "))
			}
			signals, stop := boot.Signals()
			defer stop()
			return boot.Distributed(cmd.Context(), boot.Options{WorkerFile: file, Environ: os.Environ(), Log: cmd.OutOrStdout(), Signals: signals})
		},
	}
}

// workerFile is the first argument. There need be none if the environment configures a worker.
func workerFile(args, environ []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	if env := settings.FromEnv(environ); env.Distributed() {
		return "", nil
	}
	return "", &boot.ExitError{
		Code: boot.ExitUsage,
		Err:  errors.New("no worker file is given, and no CONNECT_* variable is set: troupe distributed worker.properties"),
	}
}
