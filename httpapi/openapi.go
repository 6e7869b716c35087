package httpapi

import (
	"context"
	_ "embed"
	"encoding/json"
)

//go:embed openapi.json
var openAPIDocument []byte

// openAPI describes the interface in OpenAPI 3.1.
func (s *Server) openAPI(context.Context, *call) (answer, error) {
	return ok(json.RawMessage(openAPIDocument))
}
