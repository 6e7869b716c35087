package jsonschema

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// lookup finds what a reference refers to.
func (l *loader) lookup(sc scope, ref string, depth int) (*model, error) {
	absolute := resolve(sc.base, ref)
	if k := l.knots[absolute]; k != nil {
		return k.refer(), nil
	}
	target, in, err := l.find(sc, ref, absolute)
	if err != nil {
		return nil, err
	}
	k := &knot{}
	l.knots[absolute] = k
	m := k.refer()
	loaded, err := l.load(in, target, depth+1)
	if err != nil {
		return nil, err
	}
	k.resolve(loaded)
	return m, nil
}

// find looks for an id in the document, then for a pointer in it, then in the references by name.
// Nothing is loaded from elsewhere: Everit would fetch a URL, which a converter must not.
func (l *loader) find(sc scope, ref, absolute string) (any, scope, error) {
	if found := findID(sc.root, l.idKeyword(), l.id, absolute, 0); found != nil {
		return found, sc, nil
	}
	if strings.HasPrefix(ref, "#") {
		target, err := l.target(sc.root, ref[1:])
		return target, sc, err
	}
	name, fragment, _ := strings.Cut(absolute, "#")
	for _, key := range l.doc.names {
		if at := resolve(l.id, key); at == name || at == absolute {
			target, err := l.target(l.doc.refs[key], fragment)
			return target, scope{root: l.doc.refs[key], base: name}, err
		}
	}
	if own, _, _ := strings.Cut(l.id, "#"); own == name {
		target, err := l.target(l.doc.root, fragment)
		return target, scope{root: l.doc.root, base: l.id}, err
	}
	return nil, sc, fmt.Errorf("the schema refers to %s, which is none of its references", ref)
}

// target finds what a fragment names: by a JSON pointer or, after draft 7, an anchor.
func (l *loader) target(root any, fragment string) (any, error) {
	if l.draft >= draft2019 && fragment != "" && fragment[0] != '/' {
		if found := findID(root, "$anchor", "", fragment, 0); found != nil {
			return found, nil
		}
	}
	return pointer(root, fragment)
}

// findID finds the object in a document with an identifier.
func findID(v any, keyword, base, absolute string, depth int) any {
	if depth > maxSchemaDepth {
		return nil
	}
	switch v := v.(type) {
	case *object:
		if id, ok := v.get(keyword).(string); ok {
			if resolve(base, id) == absolute && depth > 0 {
				return v
			}
			if depth > 0 && !strings.HasPrefix(id, "#") {
				base = resolve(base, id)
			}
		}
		for _, name := range v.names {
			if found := findID(v.values[name], keyword, base, absolute, depth+1); found != nil {
				return found
			}
		}
	case []any:
		for _, e := range v {
			if found := findID(e, keyword, base, absolute, depth+1); found != nil {
				return found
			}
		}
	}
	return nil
}

// pointer follows a JSON pointer (RFC 6901), which may be percent-encoded.
func pointer(v any, path string) (any, error) {
	if path == "" {
		return v, nil
	}
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, fmt.Errorf("#%s is no JSON pointer", path)
	}
	for part := range strings.SplitSeq(rest, "/") {
		if plain, err := url.PathUnescape(part); err == nil {
			part = plain
		}
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch at := v.(type) {
		case *object:
			if !at.has(part) {
				return nil, fmt.Errorf("#%s leads nowhere: there is no %s", path, part)
			}
			v = at.get(part)
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return nil, fmt.Errorf("#%s leads nowhere: there is no element %s", path, part)
			}
			v = at[i]
		default:
			return nil, fmt.Errorf("#%s leads nowhere: %s is in neither object nor array", path,
				part)
		}
	}
	return v, nil
}

// resolve makes a reference absolute.
func resolve(base, ref string) string {
	if base == "" {
		return ref
	}
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	r, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	return b.ResolveReference(r).String()
}
