//go:build integration

package numbers_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// absent are the beans and attributes of the JVM worker that ours doesn't have, by patterns of
// type/attribute, with the reason.
var absent = map[string]string{
	"connect-metrics/*":      "figures of Java's network client and its select loop",
	"connect-node-metrics/*": "the same by broker",
}

// different are the attributes whose values need not be equal, with the reason. Both are to be
// texts, or both numbers.
var different = map[string]string{
	"app-info/[cC]ommit*": "another program",
	"app-info/[sS]tart*":  "by the clock",
	"*/*-rate":            "by the clock",
	"*/*-timestamp":       "by the clock",

	"connect-coordinator-metrics/[^a]*":            "by the clock; how many rebalances a worker needs depends on how fast connectors follow one another, and the JVM counts the request for a member id as a rebalance that failed",
	"connect-worker-rebalance-metrics/completed*":  "as above",
	"connect-worker-rebalance-metrics/epoch":       "as above",
	"connect-worker-rebalance-metrics/rebalance-*": "by the clock; ours does not wait for the work to have started",
	"connect-worker-rebalance-metrics/time-*":      "by the clock",
	"kafka-metrics-count/count":                    "the JVM counts those of its network client",

	"connect-worker-metrics/task-startup-attempts-total": "the JVM counts no task that starts",
	"connect-worker-metrics/task-startup-success-*":      "the JVM counts no task that starts",

	"connector-task-metrics/batch-size-*":              "records fall into polls by chance",
	"connector-task-metrics/*-ratio":                   "by the clock",
	"connector-task-metrics/offset-commit-*":           "the JVM counts commits of nothing, and the one of a task that fails",
	"connector-task-metrics/task-class":                "a plugin in Go has one class for connector and task",
	"sink-task-metrics/offset-commit-*":                "as above",
	"sink-task-metrics/put-batch-*":                    "by the clock",
	"sink-task-metrics/sink-record-active-count-*":     "commits fall between polls by chance",
	"source-task-metrics/poll-batch-*":                 "by the clock",
	"source-task-metrics/source-record-active-count-*": "a batch is seen while it is under way, or not",
}

// bean is an MBean by its name without what differs between two workers.
type bean struct {
	name, kind string
	values     map[string]any
}

// beans reads all of Kafka Connect's MBeans.
func (r *run) beans() map[string]bean {
	r.t.Helper()
	raw, err := r.mbeans("kafka.connect:*")
	if err != nil {
		r.t.Fatal(err)
	}
	all := make(map[string]bean, len(raw))
	for name, values := range raw {
		b := bean{name: strings.NewReplacer(r.node.ID, "WORKER").Replace(name), values: values}
		for key := range strings.SplitSeq(strings.TrimPrefix(name, "kafka.connect:"), ",") {
			if kind, ok := strings.CutPrefix(key, "type="); ok {
				b.kind = kind
			}
		}
		for attribute, v := range values {
			if text, ok := v.(string); ok {
				values[attribute] = strings.ReplaceAll(text, r.node.ID, "WORKER")
			}
		}
		all[b.name] = b
	}
	return all
}

// excuse is the pattern of a list that a bean's attribute matches.
func excuse(list map[string]string, kind, attribute string) (pattern string, ok bool) {
	for _, p := range slices.Sorted(maps.Keys(list)) {
		if is, err := path.Match(p, kind+"/"+attribute); err != nil {
			panic(err)
		} else if is {
			return p, true
		}
	}
	return "", false
}

// TestMBeans gives a JVM worker and ours the same work and compares all MBeans of kafka.connect by
// the same requests: each type and attribute of the JVM is there in ours, with the same value, but for
// the lists above.
func TestMBeans(t *testing.T) {
	broker := service.StartKafka(t)
	jvm := start(t, broker, service.JVMWorker)
	jvm.work(broker)
	theirs := jvm.beans()
	jvm.node.Stop(t)
	own := start(t, broker, service.TroupeWorker)
	own.work(broker)
	ours := own.beans()

	used := make(map[string]bool)
	equal, excused := 0, 0
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		b := theirs[name]
		for _, attribute := range slices.Sorted(maps.Keys(b.values)) {
			want := b.values[attribute]
			got, has := ours[name].values[attribute]
			if p, ok := excuse(absent, b.kind, attribute); ok {
				if used[p] = true; has {
					t.Errorf("%s has %s: strike it off the list of what is absent", name, attribute)
				}
				excused++
				continue
			}
			if !has {
				t.Errorf("%s has no %s; the JVM's is %v", name, attribute, want)
				continue
			}
			if got == want {
				equal++
				continue
			}
			_, ok := excuse(different, b.kind, attribute)
			if !ok || !alike(got, want) {
				t.Errorf("%s %s is %v, the JVM's is %v", name, attribute, show(got), show(want))
			}
			excused++
		}
	}
	for p, reason := range absent {
		if !used[p] {
			t.Errorf("nothing is %s (%s): strike it off the list", p, reason)
		}
	}
	t.Logf("%d MBeans of the JVM: %d attributes equal, %d by the lists", len(theirs), equal, excused)
	more(t, theirs, ours)
}

// alike says whether two values are of the same kind. A number that is none is null.
func alike(a, b any) bool {
	_, text := a.(string)
	_, other := b.(string)
	return text == other // a number may be null
}

func show(v any) string { return fmt.Sprintf("%T %v", v, v) }

// more logs what ours has beyond the JVM's.
func more(t *testing.T, theirs, ours map[string]bean) {
	t.Helper()
	extra := make(map[string]bool)
	for name, b := range ours {
		for attribute := range b.values {
			if _, has := theirs[name].values[attribute]; !has {
				extra[b.kind+"/"+attribute] = true
			}
		}
	}
	t.Logf("beyond the JVM's: %s", strings.Join(slices.Sorted(maps.Keys(extra)), " "))
}
