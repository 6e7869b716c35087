package top

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Render writes the view as two tables, workers and connectors, and what has failed. Lines are cut
// at width characters; 0 for no limit.
func Render(w io.Writer, v *View, width int) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	failed := 0
	for i := range v.Connectors {
		failed += len(v.Connectors[i].Failed)
	}
	fmt.Fprintf(&b, "%s   %d workers, %d connectors, %d failed\n\n", v.At.Format("15:04:05"), len(v.Workers), len(v.Connectors), failed)
	fmt.Fprintln(t, "WORKER\tCONNECTORS\tTASKS\tMEMORY\t")
	for _, k := range v.Workers {
		memory := "-"
		switch {
		case k.Err != nil:
			memory = "no metrics: " + k.Err.Error()
		case k.Memory > 0:
			memory = fmt.Sprintf("%.0f MB", k.Memory/1e6)
		}
		id := k.ID
		if id == "" {
			id = "(none)"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t\n", id, k.Connectors, k.Tasks, memory)
	}
	_ = t.Flush() // into memory
	b.WriteByte('\n')
	fmt.Fprintln(t, "CONNECTOR\tTYPE\tSTATE\tTASKS\tRECORDS/S\tLAG\tLAG AGE\tERRORS\tLETTERS\tRESTARTS\t")
	for i := range v.Connectors {
		k := &v.Connectors[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%d/%d\t%s\t\n", k.Name, k.Type, k.State, k.Running, k.Tasks, strings.Join(k.numbers(), "\t"))
	}
	_ = t.Flush()
	for i := range v.Connectors {
		k := &v.Connectors[i]
		for _, f := range k.Failed {
			what := k.Name
			if f.Task >= 0 {
				what = fmt.Sprintf("%s task %d", k.Name, f.Task)
			}
			fmt.Fprintf(&b, "\nFAILED  %s on %s: %s", what, f.Worker, f.Reason)
		}
	}
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(line, " \n")
		if r := []rune(line); width > 0 && len(r) > width {
			line = string(r[:width-1]) + "…"
		}
		out.WriteString(line + "\n")
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// numbers are the columns that come from /metrics.
func (k *Connector) numbers() []string {
	if !k.Measured {
		return []string{"-", "-", "-", "-", "-", "-"}
	}
	lag, age := "-", "-"
	if k.Type == "sink" {
		lag, age = short(k.Lag), seconds(k.LagSeconds)
	}
	return []string{short(k.Rate), lag, age, short(k.Errors), short(k.Letters), short(k.Restarts)}
}

// short is a number in at most six characters.
func short(v float64) string {
	switch {
	case v >= 1e9:
		return fmt.Sprintf("%.1fG", v/1e9)
	case v >= 1e6:
		return fmt.Sprintf("%.1fM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1fk", v/1e3)
	case v == float64(int64(v)):
		return fmt.Sprintf("%d", int64(v))
	}
	return fmt.Sprintf("%.1f", v)
}

func seconds(v float64) string {
	switch {
	case v >= 86400:
		return fmt.Sprintf("%.1fd", v/86400)
	case v >= 3600:
		return fmt.Sprintf("%.1fh", v/3600)
	case v >= 120:
		return fmt.Sprintf("%.0fm", v/60)
	}
	return fmt.Sprintf("%.0fs", v)
}
