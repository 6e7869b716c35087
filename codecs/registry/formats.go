package registry

// Parsed is a schema that was understood, as a registry needs it.
type Parsed interface {
	// Canonical is the text that the registry keeps, another one with normalize=true.
	Canonical(normalize bool) string
	// Reads says why what writer has written can't all be read; nothing if it can. writer is of the
	// same format.
	Reads(writer Parsed) []string
}

// Parser understands the schemas of one format. references are those that the schema refers to,
// each behind those that it refers to itself.
type Parser func(s Schema, references []Resolved) (Parsed, error)
