package httpapi

import (
	"context"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

func (s *Server) getOffsets(ctx context.Context, c *call) (answer, error) {
	offsets, err := c.herder.Offsets(ctx, c.path("connector"))
	if err != nil {
		return answer{}, err
	}
	return ok(entity.OffsetsOf(offsets))
}

func (s *Server) patchOffsets(ctx context.Context, c *call) (answer, error) {
	offsets, err := offsetsRequest(c.body)
	if err != nil {
		return answer{}, err
	}
	if len(offsets) == 0 {
		return answer{}, errs.BadRequest.New("Partitions / offsets need to be provided for an alter offsets request")
	}
	message, err := c.herder.AlterOffsets(ctx, c.path("connector"), offsets)
	if err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return ok(entity.Message{Message: message})
}

func (s *Server) deleteOffsets(ctx context.Context, c *call) (answer, error) {
	message, err := c.herder.ResetOffsets(ctx, c.path("connector"))
	if err != nil {
		return s.elsewhere(ctx, c, err)
	}
	return ok(entity.Message{Message: message})
}
