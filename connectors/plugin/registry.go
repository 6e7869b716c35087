package plugin

// Registry finds plugins of every kind by class, alias or simple name.
type Registry struct{ plugins []Plugin }

// NewRegistry makes a registry of the plugins given.
func NewRegistry(plugins ...Plugin) (*Registry, error) { panic("todo") }

// Find finds a plugin of a kind by its class name, alias or simple name.
func (r *Registry) Find(kind Kind, name string) (Plugin, error) { panic("todo") }
