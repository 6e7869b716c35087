package boot

import (
	"maps"
	"path/filepath"
)

// secret is a store or certificate among the test data.
func secret(name string) string {
	return filepath.Join("..", "..", "..", "testdata", "security", name)
}

func with(props map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(props)
	if out == nil {
		out = map[string]string{}
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}
