package entity

import (
	"github.com/troupe-connect/troupe/connectors/config"
)

// ConfigKey is the definition of a setting. Order comes last: the JVM writes it so.
type ConfigKey struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Required     bool     `json:"required"`
	DefaultValue *string  `json:"default_value"`
	Importance   string   `json:"importance"`
	Doc          string   `json:"documentation"`
	Group        *string  `json:"group"`
	Width        string   `json:"width"`
	DisplayName  string   `json:"display_name"`
	Dependents   []string `json:"dependents"`
	Order        int      `json:"order"`
}

// ConfigValue is what validation says of a setting's value.
type ConfigValue struct {
	Name        string   `json:"name"`
	Value       *string  `json:"value"`
	Recommended []string `json:"recommended_values"`
	Errors      []string `json:"errors"`
	Visible     bool     `json:"visible"`
}

// ConfigInfo is a setting in the answer to a validation.
type ConfigInfo struct {
	Definition *ConfigKey   `json:"definition"`
	Value      *ConfigValue `json:"value"`
}

// ConfigInfos answers a validation.
type ConfigInfos struct {
	Name       string       `json:"name"`
	ErrorCount int          `json:"error_count"`
	Groups     []string     `json:"groups"`
	Configs    []ConfigInfo `json:"configs"`
}

// InfosOf is the body for a validation.
func InfosOf(infos config.Infos) ConfigInfos {
	out := ConfigInfos{
		Name: infos.Name, ErrorCount: infos.ErrorCount, Groups: list(infos.Groups),
		Configs: make([]ConfigInfo, len(infos.Configs)),
	}
	for i, in := range infos.Configs {
		v := in.Value
		if v.Name != "" {
			out.Configs[i].Value = &ConfigValue{
				Name: v.Name, Value: v.Value, Recommended: list(v.Recommended), Errors: list(v.Errors), Visible: v.Visible,
			}
		}
		if in.Key != nil {
			key := KeyOf(*in.Key)
			out.Configs[i].Definition = &key
		}
	}
	return out
}

// KeyOf is the body for a definition.
func KeyOf(k config.Key) ConfigKey {
	out := ConfigKey{
		Name: k.Name, Type: k.Type.String(), Required: k.Required, DefaultValue: k.DefaultText(),
		Importance: k.Importance.String(), Doc: k.Doc, Width: k.Width.String(), DisplayName: k.DisplayName,
		Dependents: list(k.Dependents), Order: k.Order,
	}
	if k.Group != "" {
		out.Group = &k.Group
	} else {
		out.Order = -1
	}
	if out.DisplayName == "" {
		out.DisplayName = k.Name
	}
	return out
}

func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
