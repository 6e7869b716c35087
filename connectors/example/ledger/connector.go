package ledger

import (
	"context"
	"maps"
	"regexp"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

const (
	class   = "org.troupe.example.LedgerSinkConnector"
	version = "1.0"

	urlKey     = "connection.url"
	tableKey   = "table"
	offsetsKey = "offsets.table"
	exactlyKey = "exactly.once"
)

var ledgerConfig = config.NewDef(
	config.Key{
		Name: urlKey, Type: config.Password, Required: true, Importance: config.High,
		Doc: "The database, as its driver wants it; with the password, so it is not shown.",
	},
	config.Key{
		Name: tableKey, Type: config.String, Default: "ledger", Validator: identifier(), Importance: config.High,
		Doc: "The table of the records, made if it isn't there.",
	},
	config.Key{
		Name: offsetsKey, Type: config.String, Default: "ledger_offsets", Validator: identifier(), Importance: config.Medium,
		Doc: "The table of the offsets, made if it isn't there. Connectors may share it.",
	},
	config.Key{
		Name: exactlyKey, Type: config.Boolean, Default: true, Importance: config.Medium,
		Doc: "Whether offsets are kept with the data. Without, records may be written more than once.",
	},
)

var identifierPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// identifier lets through what SQL takes without quotes.
func identifier() config.Validator {
	return config.LambdaValidator("an SQL identifier", func(name string, value any) error {
		if s, ok := value.(string); !ok || !identifierPattern.MatchString(s) {
			return errs.Config.New("Invalid value %v for configuration %s: must be a name of letters, digits and _", value, name)
		}
		return nil
	})
}

// Sink is the plugin. driver is the name of the database/sql driver to use, which the program links
// in: pgx for PostgreSQL, sqlite for SQLite.
func Sink(driver string) connectors.Sink {
	return connectors.Sink{
		Descriptor: plugin.Descriptor{Class: class, Version: version, Config: ledgerConfig},
		Connector:  func() connectors.SinkConnector { return &sink{driver: driver} },
		Task:       func() connectors.SinkTask { return &task{driver: driver} },
		TaskClass:  "org.troupe.example.LedgerSinkTask",
	}
}

// sink makes the tables and gives every task the same configuration.
type sink struct {
	driver string
	props  map[string]string
}

func (s *sink) Start(ctx context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	db, err := open(s.driver, props)
	if err != nil {
		return err
	}
	defer db.close()
	s.props = props
	return db.create(ctx)
}

func (s *sink) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	tasks := make([]map[string]string, maxTasks)
	for i := range tasks {
		tasks[i] = maps.Clone(s.props)
	}
	return tasks, nil
}

func (s *sink) Stop(context.Context) error { return nil }

// AlterOffsets makes the change in the database, which is where the tasks begin. It implements
// connectors.SinkOffsetAlterer.
func (s *sink) AlterOffsets(ctx context.Context, props map[string]string, offsets connectors.Offsets) (bool, error) {
	db, err := open(s.driver, props)
	if err != nil {
		return false, err
	}
	defer db.close()
	if !db.exactly {
		return false, nil // Kafka's are the only ones
	}
	if err := db.create(ctx); err != nil { // it may never have been started
		return false, err
	}
	return true, db.alter(ctx, offsets)
}
