package provider

import (
	"maps"
	"strings"
)

// reference is one ${provider:[path:]key} in a text.
type reference struct {
	begin, end          int // of the whole of it
	provider, path, key string
}

// nextReference finds the first reference at or behind from. It is what Java's pattern
// \$\{([^}]*?):(([^}]*?):)?([^}]*?)\} finds: everything between ${ and the next } counts, if
// there is a colon in it; the key may hold more colons.
func nextReference(text string, from int) (reference, bool) {
	for {
		begin := strings.Index(text[from:], "${")
		if begin < 0 {
			return reference{}, false
		}
		begin += from
		length := strings.IndexByte(text[begin:], '}')
		if length < 0 {
			return reference{}, false
		}
		end := begin + length + 1
		name, rest, ok := strings.Cut(text[begin+2:end-1], ":")
		if !ok {
			from = end // any other ${ before this } has no colon either
			continue
		}
		ref := reference{begin: begin, end: end, provider: name, key: rest}
		if path, key, ok := strings.Cut(rest, ":"); ok {
			ref.path, ref.key = path, key
		}
		return ref, true
	}
}

// HasReference reports whether the text holds a reference, to whatever provider.
func HasReference(text string) bool {
	_, ok := nextReference(text, 0)
	return ok
}

// Restore is a task's configuration with the raw text of the connector's put back: each key that
// holds a reference in the connector's raw configuration has that text again. So secrets that a
// connector copies into the configurations of its tasks are not stored.
func Restore(task, raw map[string]string) map[string]string {
	task = maps.Clone(task)
	for key := range task {
		if text, ok := raw[key]; ok && HasReference(text) {
			task[key] = text
		}
	}
	return task
}

// replace puts the values found in the place of references; found says false to leave one.
func replace(text string, found func(reference) (string, bool)) string {
	ref, ok := nextReference(text, 0)
	if !ok {
		return text
	}
	var b strings.Builder
	done := 0
	for ; ok; ref, ok = nextReference(text, ref.end) {
		if value, ok := found(ref); ok {
			b.WriteString(text[done:ref.begin])
			b.WriteString(value)
			done = ref.end
		}
	}
	b.WriteString(text[done:])
	return b.String()
}
