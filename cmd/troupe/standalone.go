package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cmd/internal/boot"
)

// processHelp is what the commands of workers have in common.
const processHelp = `

REST API   at listeners, http://:8083 by default; GET /health says whether the worker can serve.
Log        to standard output; levels by CONNECT_LOG4J_ROOT_LOGLEVEL=DEBUG and
           CONNECT_LOG4J_LOGGERS=name=LEVEL,..., or PUT /admin/loggers/NAME while it runs.
Signals    TERM, INT and HUP stop the worker in order, a third ends it at once; QUIT writes all
           goroutines into the log.
Exit code  143, 130, 129 after TERM, INT, HUP; 1 wrong arguments, or the worker gave up;
           2 it could not start; 3 a connector file could not be carried out.

troupe help worker has the details, troupe help settings every setting with its default.`

func standaloneCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "standalone worker.properties [connector.properties|connector.json ...]",
		Short: "Run a worker of its own, as connect-standalone does",
		Long: "Runs one worker that keeps source offsets in a file, with the connectors of the files given\n" +
			"and those made by REST. Takes the files of Apache Kafka's connect-standalone. CONNECT_*\n" +
			"environment variables override the worker file: CONNECT_GROUP_ID sets group.id." + processHelp,
		Args:        cobra.MinimumNArgs(1),
		Annotations: map[string]string{isWorker: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			signals, stop := boot.Signals()
			defer stop()
			return boot.Standalone(cmd.Context(), boot.Options{
				WorkerFile: args[0], ConnectorFiles: args[1:], Environ: os.Environ(), Log: cmd.OutOrStdout(), Signals: signals,
			})
		},
	}
}
