package config

// Info is one setting of a validated configuration: its definition, unless nobody defines it,
// and what is said of its value.
type Info struct {
	// Key is the definition; nil for a setting that was given but that nobody defines and that has an
	// error.
	Key   *Key
	Value InfoValue
}

// InfoValue is a Validated with its values as REST shows them: text, nil for null.
type InfoValue struct {
	Name        string
	Value       *string
	Recommended []string
	Errors      []string
	Visible     bool
}

// Infos is the answer to PUT /connector-plugins/{class}/config/validate, before it becomes JSON.
type Infos struct {
	Name       string
	ErrorCount int
	Groups     []string
	Configs    []Info
}
