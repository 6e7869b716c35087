package config

// Info is one setting of a validated configuration: its definition, unless nobody defines it,
// and what is said of its value.
type Info struct {
	// Key is the definition; nil for a setting that was given but that nobody defines and that has an
	// error.
	Key *Key
	// Value is empty, also its name, if the validation says nothing of a defined setting. (A
	// connector that validates by itself can leave out some.)
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

// Infos makes the answer about a configuration of d: name is the connector's class, answer what
// validation said. What the answer says of settings that d doesn't define comes first. If it
// says something of a setting twice, as when answers are joined, the last counts. Lists are
// never nil.
func (d *Def) Infos(name string, answer Validation) Infos {
	infos := Infos{
		Name:    name,
		Groups:  append([]string{}, d.groups...),
		Configs: make([]Info, 0, len(d.keys)),
	}
	last := make(map[string]*Validated, len(answer))
	for i := range answer {
		v := &answer[i]
		last[v.Name] = v
		if !d.Has(v.Name) {
			infos.ErrorCount += len(v.Errors)
			infos.Configs = append(infos.Configs, Info{Value: infoValue(v, 0)})
		}
	}
	for i := range d.keys {
		key := d.keys[i] // a copy: a Def doesn't change
		info := Info{Key: &key}
		if v := last[key.Name]; v != nil {
			infos.ErrorCount += len(v.Errors)
			info.Value = infoValue(v, key.Type)
		}
		infos.Configs = append(infos.Configs, info)
	}
	return infos
}

// infoValue is the answer as text; t is 0 for a setting that nobody defines.
func infoValue(v *Validated, t Type) InfoValue {
	info := InfoValue{
		Name:        v.Name,
		Value:       Text(v.Value, t),
		Recommended: make([]string, 0, len(v.Recommended)),
		Errors:      append([]string{}, v.Errors...),
		Visible:     v.Visible,
	}
	for _, r := range v.Recommended {
		info.Recommended = append(info.Recommended, display(r))
	}
	return info
}

// DefaultText is the default as REST shows it, nil for none or null.
func (k *Key) DefaultText() *string {
	if k.Required {
		return nil
	}
	return Text(k.Default, k.Type)
}
