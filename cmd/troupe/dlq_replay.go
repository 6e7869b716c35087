package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/dlq"
)

// dlqReplay is troupe dlq replay.
type dlqReplay struct {
	dlqTool
	filter        dlqFilter
	to, timestamp string
	keepPartition bool
	edit, round   string
	asIs, dryRun  bool
}

const dlqReplayLong = `Writes dead letters back to the topics that they are from, as they were: key, value, timestamp
and the headers that they had before they failed. The letters stay where they are.

Each letter is written once. Records and progress are written in one transaction, so that a
replay that was interrupted, or killed, goes on where it was when it is run again, and what one
filter has chosen is not written again by another. The progress of all replays is in the topic
of --progress-topic. To replay letters a second time on purpose, name a --round.
Of two replays of a topic at the same time, the first is stopped by the second.
Readers of the topics should read committed records only (isolation.level=read_committed).

--edit changes records on their way. Its command gets each as one line of JSON, with topic,
partition (null: by key), timestamp (null: now), key, value, headers, and letter, which says
where it is from and why it failed. Its answer, the same without letter, is written; if it
answers nothing or null the record is left out, which is remembered. Bytes are {"text": …} or
{"base64": …}, null for none; the answer may also have {"json": any value}. A command with {}
gets a file in its place that has the record, and edits it: an editor does.

A dead letter of a source connector that was cut, or that failed before it was converted, is
not what the source would have written: it is refused without --edit or --as-is.`

const dlqReplayExample = `  # what would be done
  troupe dlq replay orders-dead -b localhost:9092 --dry-run

  # what failed since noon for want of the schema registry
  troupe dlq replay orders-dead -b localhost:9092 --since 2026-05-01T12:00:00Z --exception RestClientException

  # mended by a filter
  troupe dlq replay orders-dead -b localhost:9092 --offset 17 \
    --edit 'jq -c ".value = {json: (.value.text | fromjson | .id |= tonumber)}"'

  # by hand
  troupe dlq replay orders-dead -b localhost:9092 --offset 17 --edit 'vi {}'`

func dlqReplayCommand() *cobra.Command {
	t := &dlqReplay{}
	cmd := &cobra.Command{
		Use:     "replay TOPIC",
		Short:   "Write dead letters back to where they are from, each once",
		Long:    dlqReplayLong,
		Example: dlqReplayExample,
	}
	t.bind(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error { return t.run(ctx, cmd, args[0]) })
	t.filter.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&t.to, "to", "", "write to this topic (default: where each letter is from)")
	f.BoolVar(&t.keepPartition, "keep-partition", false, "write to the partition that a letter is from (default: by its key)")
	f.StringVar(&t.timestamp, "timestamp", "original", "original, or now for the time of writing")
	f.StringVar(&t.edit, "edit", "", "a command for sh that changes each record")
	f.BoolVar(&t.asIs, "as-is", false, "write letters of source connectors too that are not what was to be written")
	f.BoolVar(&t.dryRun, "dry-run", false, "say what would be written, and write nothing (--edit runs)")
	f.StringVar(&t.round, "round", "", "replay anew, beside what other rounds have done: any name")
	f.BoolVar(&t.json, "json", false, "print sums, and what a dry run would write, as JSON")
	t.progressFlag(cmd)
	return cmd
}

func (t *dlqReplay) run(ctx context.Context, cmd *cobra.Command, topic string) error {
	filter, err := t.filter.filter(cmd)
	switch {
	case err != nil:
		return usage(err)
	case t.timestamp != "original" && t.timestamp != "now":
		return usage(fmt.Errorf("--timestamp %s: it must be original or now", t.timestamp))
	case cmd.Flags().Changed("edit") && strings.TrimSpace(t.edit) == "":
		return usage(errors.New("--edit: it is empty"))
	case t.to == topic:
		return usage(fmt.Errorf("--to %s: that is the dead letter topic itself", t.to))
	}
	clients, err := t.clients(ctx)
	if err != nil {
		return err
	}
	r := &dlq.Replay{
		Clients: clients, Topic: topic, Filter: filter, To: t.to, KeepPartition: t.keepPartition, Now: t.timestamp == "now",
		AsIs: t.asIs, Limit: t.filter.limit, Round: t.round, ProgressTopic: t.progressTopic, DryRun: t.dryRun, Would: t.would,
	}
	if t.edit != "" {
		r.Edit = &dlq.Command{Line: t.edit, In: t.in, Out: t.out, Err: t.err}
	}
	totals, err := r.Run(ctx)
	if serr := t.sums(&totals, topic); serr != nil {
		err = errors.Join(err, serr)
	}
	if err != nil && !t.dryRun && ctx.Err() != nil {
		err = fmt.Errorf("interrupted; run it again to go on: %w", err)
	}
	return err
}

func (t *dlqReplay) would(l *dlq.Letter, out *kafka.Record) error {
	if t.json {
		return t.line(dlq.WouldJSON(l, out))
	}
	_, err := io.WriteString(t.out, dlq.WouldText(l, out))
	return err
}

// sums says what was done.
func (t *dlqReplay) sums(totals *dlq.Totals, topic string) error {
	if t.json {
		return t.line(json.Marshal(totals))
	}
	verb := "replayed"
	if t.dryRun {
		verb = "would replay"
	}
	if totals.Read == 0 {
		_, err := fmt.Fprintf(t.out, "%s 0 letters: topic %s holds none that were not replayed before\n", verb, topic)
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d of %d letters read of topic %s", verb, totals.Replayed, totals.Read, topic)
	for i, to := range slices.Sorted(maps.Keys(totals.To)) {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%d to %s", sep, totals.To[to], to)
	}
	if totals.Done > 0 {
		fmt.Fprintf(&b, "; %d were replayed before", totals.Done)
	}
	if totals.LeftOut > 0 {
		fmt.Fprintf(&b, "; %d left out by --edit", totals.LeftOut)
	}
	_, err := fmt.Fprintln(t.out, b.String())
	return err
}
