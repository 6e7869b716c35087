package config

// Def is a set of setting definitions.
type Def struct {
	keys  []Key
	index map[string]int
}

// NewDef makes a definition of the keys, in order.
func NewDef(keys ...Key) *Def {
	d := &Def{index: map[string]int{}}
	for _, k := range keys {
		d.index[k.Name] = len(d.keys)
		d.keys = append(d.keys, k)
	}
	return d
}

// Keys are the definitions in order.
func (d *Def) Keys() []Key { return d.keys }

// Parse parses and checks the settings; the first error is returned, as errs.Config. Settings
// that are not defined are ignored.
func (d *Def) Parse(props map[string]string) (Values, error) { panic("todo") }

// Validate parses and checks the settings and reports every error of every defined setting.
func (d *Def) Validate(props map[string]string) Validation { panic("todo") }
