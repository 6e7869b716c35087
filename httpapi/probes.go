package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

// live says that the process answers, whatever else is wrong: for a probe that ends a process which doesn't.
func (s *Server) live(context.Context, *call) (answer, error) {
	return ok(entity.WorkerStatus{Status: "alive", Message: "The process answers."})
}

// readiness is health for a probe: 503 for all that isn't healthy.
func (s *Server) readiness(ctx context.Context, c *call) (answer, error) {
	a, err := s.health(ctx, c)
	if err == nil && a.status != http.StatusOK {
		a.status = http.StatusServiceUnavailable
	}
	return a, err
}

// health is GET /health of Kafka Connect (KIP-1017) and, with ?connectors=all or ?connectors=NAME,…, whether
// these connectors and their tasks do what they are to; 404 if there is one of which nothing is known.
func (s *Server) health(ctx context.Context, c *call) (answer, error) {
	a, err := s.workerHealth(ctx, c)
	if err != nil || a.status != http.StatusOK {
		return a, err
	}
	wanted := c.Request.URL.Query()["connectors"]
	if len(wanted) == 0 {
		return a, nil
	}
	asked, all := namesIn(wanted)
	names := asked
	if all {
		listed, err := c.herder.Connectors(ctx)
		if err != nil {
			return answer{}, err
		}
		names = slices.Concat(asked, listed)
		slices.Sort(names)
		names = slices.Compact(names)
	}
	var wrong []string
	looked := 0
	for _, name := range names {
		text, err := ailing(ctx, c.herder, name)
		if all && errors.Is(err, errs.NotFound) && !slices.Contains(asked, name) {
			continue // deleted while we looked, or made just now
		}
		if err != nil {
			return answer{}, err
		}
		looked++
		if text != "" {
			wrong = append(wrong, text)
		}
	}
	if len(wrong) == 0 {
		return a, nil
	}
	return answer{status: http.StatusInternalServerError, body: entity.WorkerStatus{
		Status:  "unhealthy",
		Message: fmt.Sprintf("%d of %d connectors not in order: %s", len(wrong), looked, shortened(wrong)),
	}}, nil
}

// mostShown bounds how many connectors a message names.
const mostShown = 20

func shortened(texts []string) string {
	if more := len(texts) - mostShown; more > 0 {
		return strings.Join(texts[:mostShown], "; ") + fmt.Sprintf("; and %d more", more)
	}
	return strings.Join(texts, "; ")
}

// namesIn are the connectors that lists name, and whether all are meant.
func namesIn(lists []string) (names []string, all bool) {
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			switch name = strings.TrimSpace(name); name {
			case "":
			case "all":
				all = true
			default:
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), all
}

// ailing says what of a connector is not as it is to be, "" for nothing: one that was paused or stopped is
// as it is to be.
func ailing(ctx context.Context, h Herder, name string) (string, error) {
	st, err := h.Status(ctx, name)
	if err != nil {
		return "", err
	}
	var parts []string
	note := func(who string, is state.State) {
		switch is {
		case state.Running, state.Paused, state.Stopped:
		default:
			parts = append(parts, who+" "+string(is))
		}
	}
	note("connector", st.Connector.State)
	for _, t := range st.Tasks {
		note("task "+strconv.Itoa(t.ID), t.State)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return name + " (" + strings.Join(parts, ", ") + ")", nil
}
