package httpapi

import (
	"context"
	"net/http"

	"github.com/troupe-connect/troupe/httpapi/entity"
)

func (s *Server) getTasks(ctx context.Context, c *call) (answer, error) {
	tasks, err := c.herder.TaskConfigs(ctx, c.path("connector"))
	if err != nil {
		return answer{}, err
	}
	return ok(entity.TasksOf(tasks))
}

func (s *Server) getTaskStatus(ctx context.Context, c *call) (answer, error) {
	id, err := c.task()
	if err != nil {
		return answer{}, err
	}
	status, err := c.herder.TaskStatus(ctx, id)
	if err != nil {
		return answer{}, err
	}
	return ok(entity.TaskStateOf(status))
}

func (s *Server) restartTask(ctx context.Context, c *call) (answer, error) {
	id, err := c.task()
	if err != nil {
		return answer{}, err
	}
	if err := c.herder.RestartTask(ctx, id); err != nil {
		return s.elsewhere(ctx, c, stored(err))
	}
	return empty(http.StatusNoContent)
}
