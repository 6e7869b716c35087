package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/troupe-connect/troupe/cmd/internal/boot"
	"github.com/troupe-connect/troupe/cmd/internal/top"
)

func topCommand() *cobra.Command {
	var (
		interval time.Duration
		once     bool
	)
	c := &cobra.Command{
		Use:   "top [URL]",
		Short: "Show workers, connectors, rates and lag of a cluster, live",
		Long: `Show workers, connectors, rates and lag of a cluster, live.

URL is the REST address of any worker, http://localhost:8083 if left out; a login stands in
it as http://user:password@host:8083. The other workers are found by it and asked at the
addresses that they advertise. Workers of the JVM have no /metrics: their states are shown.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target := "http://localhost:8083"
			if len(args) == 1 {
				target = args[0]
			}
			cluster, err := top.New(target, &http.Client{Timeout: 10 * time.Second})
			if err != nil {
				return &boot.ExitError{Code: boot.ExitStartup, Err: err}
			}
			return watch(cmd, cluster, interval, once)
		},
	}
	c.Flags().DurationVarP(&interval, "interval", "i", 2*time.Second, "time between two readings")
	c.Flags().BoolVar(&once, "once", false, "show one reading and its rates over the interval, and end")
	return c
}

// watch shows one reading after another until the command is interrupted.
func watch(cmd *cobra.Command, cluster *top.Cluster, interval time.Duration, once bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	tick := time.NewTicker(max(interval, 100*time.Millisecond))
	defer tick.Stop()
	for n := 0; ; n++ {
		view, err := cluster.Read(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (once || n == 0):
			return err
		case err != nil:
			fmt.Fprintln(out, err) // it may be back
		case !once || n > 0:
			if err := show(out, &view, !once); err != nil {
				return err
			}
		}
		if once && n > 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// show writes a view, over the one before if out is a terminal.
func show(out io.Writer, view *top.View, over bool) error {
	file, isFile := out.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return top.Render(out, view, 0)
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		width = 0
	}
	var b strings.Builder
	if over {
		b.WriteString("\x1b[H\x1b[2J")
	}
	if err := top.Render(&b, view, width); err != nil {
		return err
	}
	_, err = io.WriteString(out, b.String())
	return err
}
