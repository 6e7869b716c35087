package aiven

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// makeTombstone makes every value null.
type makeTombstone struct{ kit.Base }

// There are no settings.
func (makeTombstone) Configure(map[string]string) error { return nil }

func (makeTombstone) Apply(r *data.Record) (*data.Record, error) {
	r.ValueSchema, r.Value = nil, nil
	return r, nil
}

const behaviorKey = "behavior"

// behaviors are what can be done to tombstones.
var behaviors = []string{"drop_silent", "drop_warn", "fail"}

func tombstoneConfig() *config.Def {
	return config.NewDef(required(behaviorKey, config.String, config.Medium,
		config.LambdaValidator("(no text)", func(name string, value any) error {
			text, _ := value.(string)
			if text == "" {
				return config.Invalid(name, value, "String must be non-empty")
			}
			if !slices.Contains(behaviors, strings.ToLower(text)) {
				return config.Invalid(name, value,
					"Unsupported behavior name: "+text+". Supported are: "+strings.Join(behaviors,
						","))
			}
			return nil
		}),
		"What becomes of records whose value is null: drop_silent, drop_warn (which logs it) or fail."))
}

// tombstoneHandler drops tombstones or fails at them.
type tombstoneHandler struct {
	kit.Base
	kit.Logs
	behavior string
}

// Configure takes the words in any case.
func (t *tombstoneHandler) Configure(props map[string]string) error {
	v, err := tombstoneConfig().Parse(props)
	if err != nil {
		return err
	}
	t.behavior = strings.ToLower(v.String(behaviorKey))
	return nil
}

// Apply looks at the value alone: a null value with a schema is a tombstone too.
func (t *tombstoneHandler) Apply(r *data.Record) (*data.Record, error) {
	if r.Value != nil {
		return r, nil
	}
	switch t.behavior {
	case "fail":
		return nil, errs.Data.New("Tombstone record encountered, failing due to configured 'fail' behavior")
	case "drop_warn":
		t.Log().Warn("a tombstone is dropped", "topic", r.Topic, "behavior", t.behavior)
	}
	return nil, nil
}
