package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/docs"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version and commit",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "troupe", builtin.About())
			return err
		},
	}
}

// topics are what `troupe help` knows besides commands.
func topics() []*cobra.Command {
	worker := &cobra.Command{
		Use:   "worker",
		Short: "The worker as a process: environment, log, ports, signals, exit codes",
		Long:  docs.Guide("worker"),
	}
	settings := &cobra.Command{
		Use:   "settings",
		Short: "All settings of workers and connectors, with defaults",
	}
	settings.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if err := docs.Settings(cmd.OutOrStdout()); err != nil {
			cmd.PrintErrln("troupe:", err)
		}
	})
	return []*cobra.Command{worker, settings}
}
