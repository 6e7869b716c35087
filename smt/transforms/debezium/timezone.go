package debezium

import (
	"slices"
	"strings"
	"sync"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/java/regex"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	timezoneKey    = "converted.timezone"
	includeListKey = "include.list"
	excludeListKey = "exclude.list"
)

func timezoneConfig() *config.Def {
	const rules = " A rule is source:table, topic:name or either with :field behind it, or name:field, where name is of a table or topic. " +
		"The prefix of the first rule counts for those behind it."
	return def("",
		key(timezoneKey, "Converted Timezone", config.String, config.WidthMedium, config.High, nil,
			"Time zone that times are converted to: a name as America/Los_Angeles or an offset as +08:00."),
		key(includeListKey, "Include List", config.List, config.WidthMedium, config.High, nil,
			"Rules that say what is converted, comma-separated; all is without them."+rules),
		key(excludeListKey, "Exclude List", config.List, config.WidthMedium, config.High, nil,
			"Rules that say what isn't converted, comma-separated."+rules),
	)
}

// timezoneConverter converts the times in change events to a time zone.
// Debezium stores local times as if they were UTC, which is why numbers of a row get the offset
// subtracted; text types carry their offset and keep their instant. The event isn't changed in
// place, as Java does: what changes is a copy of the structs on the way to the field.
type timezoneConverter struct {
	kit.Base
	kit.Logs
	zone                  *zone
	zoneErr               error
	include, exclude      bool
	topics, tables, names rules
	plans                 smt.SchemaCache[map[timePlanKey]*timePlan]
}

// rules are the fields that rules name, by table or topic; no field stands for all.
type rules map[string][]string

// timePlanKey is what besides the schema decides what is converted.
type timePlanKey struct {
	topic, table string
	hasTable     bool
}

// extent says which fields of those that could be are converted.
type extent int

const (
	none extent = iota
	all
	only
	allBut
)

// Configure checks the form of the rules before the zone, as Java does. A zone that only old
// classes know (EST) passes here and fails at the first time that has to be converted.
func (t *timezoneConverter) Configure(props map[string]string) error {
	s := settings(props)
	if err := s.validate(
		check{timezoneKey, isRequired}, check{includeListKey, areRegexes}, check{excludeListKey, areRegexes},
	); err != nil {
		return err
	}
	include, exclude := s.list(includeListKey), s.list(excludeListKey)
	t.include, t.exclude = len(include) > 0, len(exclude) > 0
	switch name := s[timezoneKey]; {
	case t.include && !areRules(include):
		return errs.IllegalArgument.New(badRules, "include")
	case !t.include && t.exclude && !areRules(exclude):
		return errs.IllegalArgument.New(badRules, "exclude")
	case !isOffset(name) && !isZoneName(name):
		return errs.IllegalArgument.New("Invalid timezone format. Please specify either a geographic timezone (e.g. America/Los_Angeles) " +
			"or a UTC offset in the format of +/-hh:mm, (e.g. +08:00).")
	case t.include && t.exclude:
		return errs.IllegalArgument.New("Both include and exclude lists are specified. Please specify only one.")
	}
	t.zone, t.zoneErr = findZone(s[timezoneKey])
	t.topics, t.tables, t.names = rules{}, rules{}, rules{}
	t.collect(append(include, exclude...))
	return nil
}

const badRules = "Invalid %s list format. Please specify a list of rules in the format of \"source:<tablename>:<fieldnames>\", " +
	"\"topic:<topicname>:<fieldnames>\", \"<matchname>:<fieldnames>\""

// isZoneName reports whether TimeZone.getAvailableIDs has the name.
func isZoneName(name string) bool {
	_, ok := zoneNames()[name]
	return ok
}

// rulesPattern is the form of a list of rules as Debezium asks for it: only the first may have a
// prefix, and one without a colon is none.
var rulesPattern = sync.OnceValues(func() (*regex.Regexp, error) {
	return regex.Compile(`^\[(source|topic|[".\w\s_]+):([".\w\s_]+(?::[".\w\s_]+)?(?:,|]$))+$`)
})

func areRules(list []string) bool {
	re, err := rulesPattern()
	if err != nil {
		return false
	}
	ok, err := re.MatchString("[" + strings.Join(list, ", ") + "]")
	return err == nil && ok
}

// areRegexes is Debezium's check of both lists, although the elements aren't used as expressions.
func areRegexes(s settings, name string) string {
	text, ok := s[name]
	if !ok {
		return ""
	}
	for _, part := range kit.Split(text, ",") {
		if _, err := regex.Compile(java.Trim(part)); err != nil {
			return "A comma-separated list of valid regular expressions is expected, but " +
				err.Error()
		}
	}
	return ""
}

// collect sorts the rules by what they name. A prefix goes on counting for the rules behind it,
// and it is looked for in lower case although the check ignores case: `Topic:x` counts as a bare
// name.
func (t *timezoneConverter) collect(list []string) {
	to := t.names
	for _, rule := range list {
		parts := kit.Split(rule, ":")
		name, field := parts[0], ""
		switch {
		case len(parts) >= 2 && len(parts) <= 3 && (strings.EqualFold(parts[0], sourceField) ||
			strings.EqualFold(parts[0], "topic")):
			switch parts[0] {
			case "topic":
				to = t.topics
			case sourceField:
				to = t.tables
			default:
				to = t.names
			}
			name = parts[1]
			if len(parts) == 3 {
				field = parts[2]
			}
		case len(parts) == 2 || len(parts) == 3:
			field = parts[1]
		}
		if field == "" {
			to[name] = append([]string{}, to[name]...)
		} else {
			to[name] = append(to[name], field)
		}
	}
}

// Apply works by a plan for the schema, topic and table; plans are bounded, as topics come from
// the data.
func (t *timezoneConverter) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil || !isEnvelope(r.ValueSchema) {
		return r, nil
	}
	s, ok := r.Value.(*data.Struct)
	if !ok || s == nil {
		return nil, errs.IllegalArgument.New("class %s cannot be cast to class org.apache.kafka.connect.data.Struct", data.JavaClass(r.Value))
	}
	k, err := keyOf(r.Topic, s)
	if err != nil {
		return nil, err
	}
	plans, ok := t.plans.Get(s.Schema())
	if !ok {
		plans = map[timePlanKey]*timePlan{}
		t.plans.Put(s.Schema(), plans)
	}
	p, ok := plans[k]
	if !ok {
		if len(plans) >= maxTopics {
			clear(plans)
		}
		p = t.plan(k, s.Schema())
		plans[k] = p
	}
	out, err := p.convert(t, s)
	if err != nil {
		return nil, err
	}
	r.Value = out
	return r, nil
}

// keyOf finds the table that an event is of.
func keyOf(topic string, s *data.Struct) (timePlanKey, error) {
	k := timePlanKey{topic: topic}
	source, err := structOf(s, sourceField)
	if err != nil {
		return k, nil //nolint:nilerr // an event without source is one of a topic alone
	}
	if source == nil {
		return k, errs.IllegalState.New(errNullReference, sourceField)
	}
	table, ok, err := textOf(source, "table")
	if err == nil {
		k.table, k.hasTable = table, ok
	}
	return k, nil
}

// match finds the rule for an event.
func (t *timezoneConverter) match(k timePlanKey) (fields []string, ok bool) {
	if fields, ok = t.topics[k.topic]; ok {
		return fields, true
	}
	if fields, ok = t.tables[k.table]; ok && k.hasTable {
		return fields, true
	}
	if fields, ok = t.names[k.topic]; ok {
		return fields, true
	}
	fields, ok = t.names[k.table]
	return fields, ok && k.hasTable
}

// extent says what is converted in an event.
func (t *timezoneConverter) extent(k timePlanKey) (extent, []string) {
	fields, matched := t.match(k)
	switch {
	case t.include && !matched:
		return none, nil
	case t.include && len(fields) > 0:
		return only, fields
	case t.include:
		return all, nil
	case !t.exclude || !matched:
		if k.hasTable || k.topic != "" {
			return all, nil
		}
		return none, nil
	case len(fields) > 0:
		return allBut, fields
	}
	return none, nil
}

// timePlan is what to convert in events of one schema and table: the structs in the event and the
// fields in them.
type timePlan struct{ structs []timeStruct }

type timeStruct struct {
	at     int
	schema *data.Schema
	fields []timeField
}

type timeField struct {
	at   int
	kind timeKind
}

// plan finds the fields to convert. A rule's field without before, after or source in front is one
// of both rows; fields of source are converted only where a rule names them.
func (t *timezoneConverter) plan(k timePlanKey, schema *data.Schema) *timePlan {
	p := &timePlan{}
	extent, fields := t.extent(k)
	if extent == none {
		return p
	}
	named := map[string][]string{}
	for _, f := range fields {
		prefix, rest, dotted := strings.Cut(f, ".")
		if dotted && (prefix == sourceField || prefix == beforeField || prefix == afterField) {
			named[prefix] = append(named[prefix], rest)
			continue
		}
		named[beforeField] = append(named[beforeField], f)
		named[afterField] = append(named[afterField], f)
	}
	for _, name := range []string{beforeField, afterField, sourceField} {
		f, ok := schema.Field(name)
		if !ok || f.Schema.Type() != data.StructType || name == sourceField &&
			len(named[name]) == 0 {
			continue
		}
		if s := t.planStruct(f, extent, named[name]); len(s.fields) > 0 {
			p.structs = append(p.structs, s)
		}
	}
	return p
}

// planStruct finds the fields of one struct. That a column can't be converted is logged once per
// plan.
func (t *timezoneConverter) planStruct(of data.Field, extent extent, fields []string) timeStruct {
	s := timeStruct{at: of.Index, schema: of.Schema}
	for _, f := range of.Schema.Fields() {
		if extent == only && !slices.Contains(fields, f.Name) || extent == allBut &&
			slices.Contains(fields, f.Name) {
			continue
		}
		kind, ok := timeKinds[f.Schema.Name()]
		switch {
		case ok && kind == unsupported:
			t.Log().Warn("a column of dates or times of day can't be converted to a time zone",
				"field", f.Name, "type", f.Schema.Name())
			continue
		case f.Schema.Name() == "" && of.Name == sourceField:
			kind, ok = epochKinds[f.Name]
		}
		if ok {
			s.fields = append(s.fields, timeField{f.Index, kind})
		}
	}
	return s
}

// convert is the event with its times converted; the event itself if it has none.
func (p *timePlan) convert(t *timezoneConverter, s *data.Struct) (*data.Struct, error) {
	out := s
	for i := range p.structs {
		of := &p.structs[i]
		in, ok := s.At(of.at).(*data.Struct)
		if !ok || in == nil {
			continue
		}
		made, err := of.convert(t, in)
		if err != nil {
			return nil, err
		}
		if made == in {
			continue
		}
		if out == s {
			out = data.NewStruct(s.Schema())
			out.Fill(s)
		}
		out.SetAt(of.at, made)
	}
	return out, nil
}

// convert is the struct with its times converted; itself if it has none.
func (p *timeStruct) convert(t *timezoneConverter, in *data.Struct) (*data.Struct, error) {
	if in.Schema() != p.schema && !data.SchemaEqual(in.Schema(), p.schema) {
		return nil, errs.Data.New("Struct schemas do not match.")
	}
	out := in
	for _, f := range p.fields {
		v := stored(in, f.at)
		if v == nil {
			continue
		}
		if t.zoneErr != nil {
			return nil, t.zoneErr
		}
		made, err := t.zone.convert(f.kind, v)
		if err != nil {
			return nil, err
		}
		if out == in {
			out = data.NewStruct(in.Schema())
			out.Fill(in)
		}
		out.SetAt(f.at, made)
	}
	return out, nil
}
