package avro

import (
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
)

func newConverter(clients registry.Clients) *converter {
	return Plugin(clients).New().(*converter)
}

func optionsOf(props map[string]string) (options, error) {
	set, err := registry.ParseSettings(configDef(), props, false)
	if err != nil {
		return options{}, err
	}
	return readOptions(set.Values), nil
}

// TestVectorsAvro compares with what Confluent's AvroConverter was recorded to do.
func TestVectorsAvro(t *testing.T) {
	registrytest.Driver{
		New: func(clients registry.Clients) codecs.HeaderAware { return newConverter(clients) },
		FromSchema: func(props map[string]string, s *data.Schema) (string, error) {
			o, err := optionsOf(props)
			if err != nil {
				return "", err
			}
			made, err := o.fromSchema(s)
			if err != nil {
				return "", err
			}
			return made.text(), nil
		},
		ToSchema: func(props map[string]string, text string) (*data.Schema, error) {
			o, err := optionsOf(props)
			if err != nil {
				return nil, err
			}
			parsed, err := parseSchema(text)
			if err != nil {
				return nil, err
			}
			return (&reader{options: o}).toSchema(parsed, 0)
		},
		Normal: func(s registry.Schema) string {
			parsed, err := parseSchema(s.Text)
			if err != nil {
				return s.Text
			}
			return parsed.normal()
		},
	}.Run(t, "avro.jsonl")
}
