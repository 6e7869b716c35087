package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cmd/internal/boot"
)

func standaloneCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "standalone worker.properties [connector.properties|connector.json ...]",
		Short: "Run a worker of its own, as connect-standalone does",
		Long: "Runs one worker that keeps source offsets in a file, with the connectors of the files given\n" +
			"and those made by REST. Takes the files of Apache Kafka's connect-standalone. CONNECT_*\n" +
			"environment variables override the worker file.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			props, files, err := boot.ReadFiles(args[0], args[1:])
			if err != nil {
				return err
			}
			return boot.Standalone(cmd.Context(), boot.Options{
				Props: props, Connectors: files, Environ: os.Environ(), Log: cmd.OutOrStdout(),
			})
		},
	}
}
