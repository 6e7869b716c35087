package state

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mostNames is how many connectors and tasks Describe names.
const mostNames = 12

// Describe counts connectors and tasks for the log and names them, not all if there are many: "1 connector,
// 2 tasks (a, a-0, a-1)". It is "" if there are none.
func Describe(connectors []string, tasks []TaskID) string {
	if len(connectors)+len(tasks) == 0 {
		return ""
	}
	names := slices.Clone(connectors)
	for _, id := range tasks {
		names = append(names, id.String())
	}
	return Count(connectors, tasks) + " (" + Cut(names, mostNames, ", ") + ")"
}

// Count is "2 connectors, 1 task", or "nothing".
func Count(connectors []string, tasks []TaskID) string {
	var texts []string
	for _, part := range []struct {
		n    int
		noun string
	}{{len(connectors), "connector"}, {len(tasks), "task"}} {
		switch part.n {
		case 0:
		case 1:
			texts = append(texts, "1 "+part.noun)
		default:
			texts = append(texts, strconv.Itoa(part.n)+" "+part.noun+"s")
		}
	}
	if len(texts) == 0 {
		return "nothing"
	}
	return strings.Join(texts, ", ")
}

// Cut joins the first texts, as many as most, and counts the others.
func Cut(texts []string, most int, separator string) string {
	if len(texts) <= most {
		return strings.Join(texts, separator)
	}
	return strings.Join(texts[:most], separator) + separator + fmt.Sprintf("and %d more", len(texts)-most)
}
