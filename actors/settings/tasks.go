package settings

import (
	"fmt"
	"maps"

	"github.com/troupe-connect/troupe/connectors/config/provider"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// TaskConfigs are the configurations that a connector made for its tasks in the form in which
// they are stored: with task.class, with the topics of a sink, and with values that hold a
// reference to a config provider put back to the raw text. raw is the connector's configuration
// with its references unresolved. The maps given are not changed.
func TaskConfigs(raw map[string]string, taskClass string, made []map[string]string) []map[string]string {
	out := make([]map[string]string, len(made))
	for i, one := range made {
		task := maps.Clone(one)
		if task == nil {
			task = map[string]string{}
		}
		task[keyTaskClass] = taskClass
		for _, key := range []string{keyTopics, keyTopicsRegex} {
			if text, ok := raw[key]; ok {
				task[key] = text
			}
		}
		out[i] = provider.Restore(task, raw)
	}
	return out
}

// CheckTasksMax checks the number of tasks that a connector made, or that are stored for it,
// against tasks.max. An error is of kind errs.TooManyTasks, which nothing but a new
// configuration cures. With tasks.max.enforce=false there is a warning instead.
func CheckTasksMax(connector string, tasks, tasksMax int, enforce bool) (warning string, err error) {
	if tasks <= tasksMax {
		return "", nil
	}
	if enforce {
		return "", errs.TooManyTasks.New(
			"The connector %s has generated %d tasks, which is greater than %d, the maximum number of tasks it is configured to create. "+
				"This behaviour should be considered a bug and is disallowed. "+
				"If necessary, it can be permitted by reconfiguring the connector with 'tasks.max.enforce' set to false; "+
				"however, this option will be removed in a future release of Kafka Connect.", connector, tasks, tasksMax)
	}
	return fmt.Sprintf(
		"The connector %s has generated %d tasks, which is greater than %d, the maximum number of tasks it is configured to create. "+
			"tasks.max.enforce=false lets them run; Kafka Connect will drop that setting.", connector, tasks, tasksMax), nil
}
