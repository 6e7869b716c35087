// Package docs holds the guides that `troupe help TOPIC` prints: Markdown files that are read as they
// are, in a terminal or in the repository, and the reference of all settings, which is made from their
// definitions.
package docs

import (
	"embed"
	"fmt"
	"io"
	"strings"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors/config"
)

//go:embed *.md
var guides embed.FS

// Guide is the text of a guide: dlq, worker.
func Guide(name string) string {
	text, err := guides.ReadFile(name + ".md")
	if err != nil {
		panic(fmt.Sprintf("cmd/internal/docs has no guide %s", name)) // a name in our own code
	}
	return strings.TrimSpace(string(text)) + "\n"
}

// Settings writes the reference of all settings of workers and connectors, as Markdown.
func Settings(w io.Writer) error {
	p := &printer{w: w}
	p.line("# Settings\n")
	p.line("Made from the definitions that settings are checked with. A setting without default has to be given;")
	p.line("`null` is none. Settings of plugins are shown by GET /connector-plugins/NAME/config.\n")
	p.section("Troupe's own worker settings",
		"They have no counterpart in Kafka Connect. Those that begin with supervisor., but for start.concurrency,\nmay be given in a connector's configuration too, for its own tasks.", settings.OwnDef())
	p.section("Workers: standalone and distributed", "", settings.StandaloneDef())
	distributed := settings.DistributedDef()
	p.without(distributed, settings.StandaloneDef(), "Workers: distributed", "Besides those above, except for offset.storage.file.filename.")
	p.section("Connectors", "Settings of all connectors.", settings.ConnectorDef())
	p.without(settings.SourceConnectorDef(), settings.ConnectorDef(), "Source connectors", "Besides those of all connectors.")
	p.without(settings.SinkConnectorDef(), settings.ConnectorDef(), "Sink connectors", "Besides those of all connectors.")
	p.section("Source connectors beyond Kafka Connect", "", settings.SourceOwnDef())
	p.section("Dead letters beyond Kafka Connect: source connectors", "See troupe help dlq.", settings.SourceDeadLetterDef())
	p.section("Dead letters beyond Kafka Connect: put of sink connectors", "See troupe help dlq.", settings.PutDeadLetterDef())
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) section(title, about string, def *config.Def) { p.without(def, nil, title, about) }

// without prints the settings of def that known hasn't.
func (p *printer) without(def, known *config.Def, title, about string) {
	p.line("## %s\n", title)
	if about != "" {
		p.line("%s\n", about)
	}
	for _, name := range def.Names() {
		if known != nil {
			if _, is := known.Key(name); is {
				continue
			}
		}
		key, _ := def.Key(name)
		p.line("- `%s`  (%s)", key.Name, describe(key))
		if doc := strings.Join(strings.Fields(key.Doc), " "); doc != "" {
			p.line("  %s", doc)
		}
	}
	p.line("")
}

// describe is type, default and what values are valid.
func describe(k config.Key) string {
	parts := []string{strings.ToLower(k.Type.String())}
	switch {
	case k.Required:
		parts = append(parts, "required")
	case k.Default == nil:
		parts = append(parts, "default null")
	default:
		parts = append(parts, fmt.Sprintf("default %v", k.Default))
	}
	if text, ok := k.Validator.(fmt.Stringer); ok && text.String() != "" {
		parts = append(parts, "valid: "+text.String())
	}
	return strings.Join(parts, ", ")
}
