package config

import "strings"

// Recommend proposes the values given, whatever the other settings are.
func Recommend(values ...any) Recommender { return fixed(values) }

type fixed []any

func (f fixed) ValidValues(string, map[string]any) []any { return f }
func (fixed) Visible(string, map[string]any) bool        { return true }

// RecommenderFuncs is a recommender made of functions; one that is nil proposes nothing, or says
// that the setting applies.
type RecommenderFuncs struct {
	Values  func(name string, parsed map[string]any) []any
	Applies func(name string, parsed map[string]any) bool
}

// ValidValues implements Recommender.
func (r RecommenderFuncs) ValidValues(name string, parsed map[string]any) []any {
	if r.Values == nil {
		return nil
	}
	return r.Values(name, parsed)
}

// Visible implements Recommender.
func (r RecommenderFuncs) Visible(name string, parsed map[string]any) bool {
	return r.Applies == nil || r.Applies(name, parsed)
}

// prefixedRecommender is the recommender of an embedded key: it sees the settings with the
// prefix, without it.
type prefixedRecommender struct {
	prefix string
	base   Recommender
}

func (p prefixedRecommender) ValidValues(name string, parsed map[string]any) []any {
	return p.base.ValidValues(strings.TrimPrefix(name, p.prefix), p.own(parsed))
}

func (p prefixedRecommender) Visible(name string, parsed map[string]any) bool {
	return p.base.Visible(strings.TrimPrefix(name, p.prefix), p.own(parsed))
}

func (p prefixedRecommender) own(parsed map[string]any) map[string]any {
	own := map[string]any{}
	for name, value := range parsed {
		if short, ok := strings.CutPrefix(name, p.prefix); ok {
			own[short] = value
		}
	}
	return own
}
