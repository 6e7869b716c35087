package registry

import (
	"context"
	"encoding/json"
)

// Format is a kind of schema, by the registry's name for it.
type Format string

// Version is the version that the converters with a registry report: that of the Confluent release
// whose behaviour they have.
const Version = "8.1.1"

// The formats.
const (
	Avro     Format = "AVRO"
	JSON     Format = "JSON"
	Protobuf Format = "PROTOBUF"
)

// Reference names a schema that another one uses.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Schema is a schema as the registry keeps it.
type Schema struct {
	Format     Format
	Text       string
	References []Reference
	// Metadata and Rules are the data contract's parts as JSON, nil for none.
	Metadata, Rules json.RawMessage
}

// Registered is a schema's place in the registry.
type Registered struct {
	ID int32
	// GUID names the schema in all registries, "" where the registry doesn't say it.
	GUID    string
	Subject string
	// Version is the schema's version of the subject, 0 where the registry didn't say it.
	Version int
	// Schema is the schema itself; its Text is "" where the registry didn't say it.
	Schema Schema
}

// LatestVersion stands for the newest version of a subject.
const LatestVersion = -1

// Client asks a registry. It is safe for concurrent use. An error is a *StatusError where the
// registry has answered, else an *IOError; or the context's.
type Client interface {
	// Register gives the schema an id and a version of the subject, or finds those it has.
	Register(ctx context.Context, subject string, s Schema, normalize bool) (Registered, error)
	// Lookup finds the schema under the subject, with deleted also where it was deleted.
	Lookup(ctx context.Context, subject string, s Schema, normalize, deleted bool) (Registered,
		error)
	// ByID is the schema of an id. With a subject the registry looks in the subject's context.
	ByID(ctx context.Context, subject string, id int32) (Schema, error)
	// ByGUID is the schema with the GUID.
	ByGUID(ctx context.Context, guid string) (Schema, error)
	// ByVersion is a version of the subject or, with LatestVersion, the newest.
	ByVersion(ctx context.Context, subject string, version int, deleted bool) (Registered, error)
	// ByMetadata is the newest version of the subject whose metadata have all the properties.
	ByMetadata(ctx context.Context, subject string, properties map[string]string) (Registered,
		error)
}
