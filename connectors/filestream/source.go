package filestream

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"os"
	"strconv"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// version is that of the Kafka release whose behaviour this is.
const version = "4.1.1"

// The settings and the names in offsets.
const (
	fileKey      = "file"
	topicKey     = "topic"
	batchSizeKey = "batch.size"

	filenameField = "filename"
	positionField = "position"
)

var sourceConfig = config.NewDef(
	config.Key{
		Name: fileKey, Type: config.String, Importance: config.High, Order: -1,
		Doc: "Source filename. If not specified, the standard input will be used",
	},
	config.Key{
		Name: topicKey, Type: config.String, Required: true, Validator: config.NonEmptyString(),
		Importance: config.High, Order: -1,
		Doc: "The topic to publish data to",
	},
	config.Key{
		Name: batchSizeKey, Type: config.Int, Default: int32(2000), Importance: config.Low, Order: -1,
		Doc: "The maximum number of records the source task can read from the file each time it is polled",
	},
)

// Source is the FileStream source: it tails one text file, a record per line.
func Source() connectors.Source {
	return connectors.Source{
		Descriptor: plugin.Descriptor{
			Class:   "org.apache.kafka.connect.file.FileStreamSourceConnector",
			Aliases: []string{"FileStreamSourceConnector", "FileStreamSource"},
			Version: version,
			Config:  sourceConfig,
		},
		Connector: func() connectors.SourceConnector { return &source{} },
		Task:      func() connectors.SourceTask { return newSourceTask(os.Stdin, nil) },
		TaskClass: "org.apache.kafka.connect.file.FileStreamSourceTask",
	}
}

// source is the connector; a file has one reader, so there is one task.
type source struct{ props map[string]string }

func (s *source) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	if _, err := sourceConfig.Parse(props); err != nil {
		return err
	}
	s.props = maps.Clone(props)
	return nil
}

func (s *source) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	return []map[string]string{maps.Clone(s.props)}, nil
}

func (s *source) Stop(context.Context) error { return nil }

// ExactlyOnceSupport implements connectors.ExactlyOnceDefiner: a file can be read again from an
// offset, standard input can't.
func (s *source) ExactlyOnceSupport(props map[string]string) (connectors.ExactlyOnceSupport, error) {
	v, err := sourceConfig.Parse(props)
	if err != nil {
		return connectors.ExactlyOnceUnknown, err
	}
	if v.String(fileKey) == "" {
		return connectors.ExactlyOnceUnsupported, nil
	}
	return connectors.ExactlyOnceSupported, nil
}

// AlterOffsets implements connectors.SourceOffsetAlterer: it refuses what the task could not use.
// Whether the file has the position is seen when the task starts.
func (s *source) AlterOffsets(_ context.Context, props map[string]string, offsets []connectors.SourceOffset) (bool, error) {
	v, err := sourceConfig.Parse(props)
	if err != nil {
		return false, err
	}
	if v.String(fileKey) == "" {
		return false, errs.Connect.New("Offsets cannot be modified if the '%s' configuration is unspecified. "+
			"This is because stdin is used for input and offsets are not tracked.", fileKey)
	}
	for _, o := range offsets {
		if o.Offset == nil {
			continue // anything may be removed, also what should never have been there
		}
		position, ok := o.Offset[positionField]
		if !ok {
			return false, errs.Connect.New("Offset objects should either be null or contain the key '%s'", positionField)
		}
		n, ok := integer(position)
		if _, isFloat := position.(float64); !ok || isFloat {
			return false, errs.Connect.New("The value for the '%s' key in the offset is expected to be a Long value", positionField)
		}
		if n < 0 {
			return false, errs.Connect.New("The value for the '%s' key in the offset should be a non-negative value", positionField)
		}
		if o.Partition == nil {
			return false, errs.Connect.New("Partition objects cannot be null")
		}
		if _, ok := o.Partition[filenameField]; !ok {
			return false, errs.Connect.New("Partition objects should contain the key '%s'", filenameField)
		}
	}
	return true, nil
}

// integer reads a whole number of any Go type.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case int32:
		return int64(n), true
	case int16:
		return int64(n), true
	case int8:
		return int64(n), true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case uint:
		return int64(n), uint64(n) <= math.MaxInt64
	case uint64:
		return int64(n), n <= math.MaxInt64
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<63
	case json.Number:
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil
	}
	return 0, false
}
