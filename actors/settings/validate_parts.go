package settings

import (
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// converters checks the settings of converters that the connector names itself, in the order in
// which the JVM worker answers.
func (v *validation) converters() []config.Infos {
	var parts []config.Infos
	for _, i := range []int{2, 0, 1} { // header, key, value
		c := converterKeys[i]
		if infos, ok := v.converter(c.key, c.label, c.header); ok {
			parts = append(parts, infos)
		}
	}
	return parts
}

// converter checks one. false: nothing to say, because none is named or what is wrong is said
// where it is named.
func (v *validation) converter(key, label string, header bool) (config.Infos, bool) {
	versionKey := key + "." + pluginVersion
	class, given := v.answer.Get(key)
	version, _ := v.answer.Get(versionKey)
	name, isClass := class.Value.(string)
	if v.props[key] == nil || !given || !isClass || len(class.Errors) > 0 || len(version.Errors) > 0 {
		return config.Infos{}, false
	}
	v.deps.Stage("instantiating the connector's " + label + " for validation")
	want, _ := v.text(versionKey)
	p, err := v.load(converterKinds(header)[0], name, want)
	if err != nil {
		v.answer.AddError(key, errs.Message(err))
		v.answer.AddError(versionKey, errs.Message(err))
		return config.Infos{}, false
	}
	v.deps.Stage("retrieving the configuration definition from the connector's " + label)
	def := p.Describe().Config
	if def == nil {
		return config.Infos{}, false
	}
	def = def.WithClasses(v.class)
	own := map[string]*string{}
	for k, value := range v.props {
		if short, ok := strings.CutPrefix(k, key+"."); ok {
			own[short] = value
		}
	}
	if _, ok := own["converter.type"]; !ok {
		kind := strings.TrimSuffix(key, ".converter")
		own["converter.type"] = &kind
	}
	v.deps.Stage("performing config validation for the connector's " + label)
	answer := def.ValidateNullable(own)
	inHashOrder(answer)
	return prefixed(def, answer, key+"."), true
}

// clients checks the overrides of clients' settings, of the kinds of client that the connector
// uses.
func (v *validation) clients() ([]config.Infos, error) {
	var parts []config.Infos
	for _, client := range []struct {
		name string
		of   clients
		uses bool
	}{
		{"producer", forProducer, v.usesProducer()},
		{"consumer", forConsumer, v.usesConsumer()},
		{"admin", forAdmin, v.usesAdmin()},
	} {
		if !client.uses {
			continue
		}
		v.deps.Stage("validating " + client.name + " config overrides for the connector")
		part, err := v.overrides(client.name, client.of)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (v *validation) hasDLQ() bool {
	return strings.TrimSpace(v.given[keyDLQTopic]) != ""
}

// ownOffsets reports whether a source has clients of its own for offsets.
func (v *validation) ownOffsets() bool {
	return v.kind == plugin.Source && v.worker.Mode == Distributed &&
		(v.worker.ExactlyOnce == ExactlyOnceEnabled || strings.TrimSpace(v.given[keyOffsetsTopic]) != "")
}

func (v *validation) usesProducer() bool { return v.kind == plugin.Source || v.hasDLQ() }
func (v *validation) usesConsumer() bool { return v.kind == plugin.Sink || v.ownOffsets() }
func (v *validation) usesAdmin() bool {
	return v.hasDLQ() || v.ownOffsets() || v.kind == plugin.Source && usesTopicCreation(v.props)
}

// overrides checks the overrides of one kind of client against the policy. A value that its type
// doesn't allow is an error of the whole call, as in the JVM worker.
func (v *validation) overrides(client string, of clients) (config.Infos, error) {
	prefix := client + ".override."
	known := map[string]clientKey{}
	for _, k := range clientKeys() {
		if k.of&of != 0 {
			known[k.name] = k
		}
	}
	var defined []config.Key
	var answer config.Validation
	raw := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(v.props)) {
		short, ok := strings.CutPrefix(key, prefix)
		if !ok || short == "" { // a prefix alone is no setting in Java either
			continue
		}
		one := config.Validated{Name: short, Visible: true}
		k, isKnown := known[short]
		if isKnown {
			defined = append(defined, k.key(client))
		}
		if text := v.props[key]; text != nil {
			raw[short] = *text
			one.Value = *text
			if isKnown {
				parsed, err := config.ParseType(short, *text, k.typ)
				if err == nil && k.typ == config.Class {
					err = v.clientClass(short, *text)
				}
				if err != nil {
					return config.Infos{}, asConfig(err)
				}
				one.Value = parsed
			}
		}
		answer = append(answer, one)
	}
	if v.deps.Policy != nil {
		for short, text := range v.deps.Policy(client, raw) {
			answer.AddError(short, text)
		}
	}
	def, err := config.Define(defined...)
	if err != nil {
		return config.Infos{}, err
	}
	return prefixed(def, answer, prefix), nil
}

// clientClass refuses a class that no Kafka client would find. Kafka's own are there in every JVM: what
// they do is done here, or is warned of when the client is made.
func (v *validation) clientClass(key, class string) error {
	class = strings.TrimSpace(class)
	if _, known := v.class(class); known || class == "" || strings.HasPrefix(class, "org.apache.kafka.") {
		return nil
	}
	return config.Invalid(key, class, "Class "+class+" could not be found.")
}

func (k clientKey) key(client string) config.Key {
	return define(k.name, k.typ, k.def, k.importance, "Kafka's own setting of "+client+" clients.")
}
