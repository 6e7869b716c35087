package settings

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Deps is what Validate needs.
type Deps struct {
	Registry *plugin.Registry
	Worker   *Worker
	// Policy says which overrides of a kind of client (producer, consumer, admin) are refused and
	// why: key, without prefix → text. nil allows all.
	Policy func(client string, overrides map[string]string) map[string]string
	// Resolve resolves references to config providers; nil leaves them.
	Resolve Resolve
	// Stage is told what is done next, in the JVM's words, before each step that may hang; nil if
	// nobody wants to know.
	Stage func(name string)
}

// Validate checks a connector's configuration in every respect and answers with the definition
// and the errors of every setting. A nil value is JSON's null.
//
// It calls the connector's code, on the caller's goroutine: who wants to be safe from code that
// hangs or panics calls it on a goroutine of its own. Errors are errs.BadRequest when there is
// nothing to check (no class, or an unknown one), errs.Config when a client override can't be
// parsed, and those of ctx. What a config provider put into a setting is shown as the reference to it.
func Validate(ctx context.Context, deps Deps, props map[string]*string) (config.Infos, error) {
	if deps.Stage == nil {
		deps.Stage = func(string) {}
	}
	var refs References
	if deps.Resolve != nil {
		deps.Stage("resolving transformed configuration properties for the connector")
		resolved, err := resolveNullable(ctx, deps.Resolve, props)
		if err != nil {
			return config.Infos{}, err
		}
		refs = NewReferences(withoutNulls(props), withoutNulls(resolved))
		props = resolved
	}
	v := validation{deps: deps, ctx: ctx, props: props, given: withoutNulls(props)}
	v.catalog = catalog{deps.Registry, deps.Worker, props}
	infos, err := v.run()
	return refs.infos(infos), refs.HideError(err)
}

// validation is one call of Validate.
type validation struct {
	catalog
	deps  Deps
	ctx   context.Context //nolint:containedctx // it lives no longer than the call
	props map[string]*string
	given map[string]string // props without nulls, as plugins get them

	kind   plugin.Kind
	object any // the connector
	own    *config.Def
	def    *config.Def // what all connectors of the kind have, transforms and predicates
	answer config.Validation
}

func (v *validation) run() (config.Infos, error) {
	class, ok := v.text(keyClass)
	if !ok {
		return config.Infos{}, errs.BadRequest.New("Connector config %s contains no connector type", safeText(v.props))
	}
	if abstractConnectors[class] {
		return config.Infos{}, errs.BadRequest.New("Instantiation error")
	}
	found, err := v.reg.FindConnector(class)
	if err != nil {
		return config.Infos{}, errs.BadRequest.New("%s", errs.Message(err))
	}
	version, _ := v.text(keyVersion)
	if _, err := plugin.ParseRequirement(version); err != nil {
		return config.Infos{}, errs.BadRequest.New("%s", errs.Message(err))
	}
	p, err := v.load(found.Kind(), found.Describe().Class, version)
	if err != nil {
		return v.wrongConnectorVersion(class, errs.Message(err))
	}
	v.kind, v.own = p.Kind(), p.Describe().Config
	v.object = newConnector(p)
	if v.def, err = v.definition(v.kind); err != nil {
		return config.Infos{}, err
	}
	v.common()
	v.nulls()
	converters := v.converters()
	clients, err := v.clients()
	if err != nil {
		return config.Infos{}, err
	}
	connector, err := v.connector(class)
	if err != nil {
		return config.Infos{}, err
	}
	parts := slices.Concat([]config.Infos{connector}, clients, converters, []config.Infos{v.supervisor(), v.deadLetters(), v.sourceOwn()})
	return joined(class, parts), v.ctx.Err()
}

// newConnector makes a connector object of its plugin.
func newConnector(p plugin.Plugin) any {
	switch p := p.(type) {
	case connectors.Source:
		return p.Connector()
	case connectors.Sink:
		return p.Connector()
	}
	return nil
}

// common checks the settings of all connectors of the kind, and what only the worker knows of
// them.
func (v *validation) common() {
	if v.kind == plugin.Sink {
		v.deps.Stage("validating sink connector-specific properties for the connector")
		v.answer = v.def.ValidateNullable(v.props)
		for _, p := range sinkProblems(v.given) {
			v.answer.AddError(p.key, p.text)
		}
		v.sinkGroup()
		return
	}
	v.deps.Stage("validating source connector-specific properties for the connector")
	v.answer = v.def.ValidateNullable(v.props)
	if v.worker.Mode == Distributed {
		v.exactlyOnce()
		v.boundary()
	}
}

// sinkGroup checks that a sink's consumers don't join the worker's own group.
func (v *validation) sinkGroup() {
	if v.worker.Mode != Distributed {
		return
	}
	const key = "consumer.override.group.id"
	if value, ok := v.props[key]; ok {
		one := config.Validated{Name: key, Visible: true}
		if value != nil {
			one.Value = *value
		}
		v.answer = append(v.answer, one)
		if value != nil && *value == v.worker.GroupID {
			v.answer.AddError(key, "Consumer group "+*value+" conflicts with Connect worker group "+v.worker.GroupID)
		}
		return
	}
	name, _ := v.answer.Get(keyName)
	if text, ok := name.Value.(string); ok && "connect-"+text == v.worker.GroupID {
		v.answer.AddError(keyName, "Consumer group for sink connector named "+text+
			" conflicts with Connect worker group "+v.worker.GroupID)
	}
}

// asked reports whether a setting has no error and the value, in upper or lower case.
func (v *validation) asked(key, value string) bool {
	one, _ := v.answer.Get(key)
	text, _ := one.Value.(string)
	return len(one.Errors) == 0 && strings.EqualFold(strings.TrimSpace(text), value)
}

// exactlyOnce checks exactly.once.support=required.
func (v *validation) exactlyOnce() {
	if !v.asked(keyExactlyOnce, "required") {
		return
	}
	if v.worker.ExactlyOnce != ExactlyOnceEnabled {
		v.answer.AddError(keyExactlyOnce, "This worker does not have exactly-once source support enabled.")
	}
	support, err := connectors.ExactlyOnceUnknown, error(nil)
	if definer, ok := v.object.(connectors.ExactlyOnceDefiner); ok {
		support, err = definer.ExactlyOnceSupport(v.given)
	}
	switch {
	case err != nil:
		v.answer.AddError(keyExactlyOnce, unexpected(err))
	case support == connectors.ExactlyOnceSupported:
	case support == connectors.ExactlyOnceUnsupported:
		v.answer.AddError(keyExactlyOnce, "The connector does not support exactly-once semantics with the provided configuration.")
	default:
		v.answer.AddError(keyExactlyOnce, "The connector does not implement the API required for preflight validation of exactly-once "+
			"source support. Please consult the documentation for the connector to determine whether it supports exactly-once "+
			"semantics, and then consider reconfiguring the connector to use the value \"requested\" for this property "+
			"(which will disable this preflight check and allow the connector to be created).")
	}
}

// boundary checks transaction.boundary=connector.
func (v *validation) boundary() {
	if !v.asked(keyBoundary, string(BoundaryConnector)) {
		return
	}
	can, err := false, error(nil)
	if definer, ok := v.object.(connectors.TransactionBoundaryDefiner); ok {
		can, err = definer.CanDefineTransactionBoundaries(v.given)
	}
	switch {
	case err != nil:
		v.answer.AddError(keyBoundary, unexpected(err))
	case !can:
		v.answer.AddError(keyBoundary, "The connector does not support connector-defined transaction boundaries with the given configuration. "+
			"Please reconfigure it to use a different transaction boundary definition.")
	}
}

func unexpected(err error) string {
	return "An unexpected error occurred during validation: " + strings.TrimSpace(errs.Message(err))
}

// nulls reports values that are null.
func (v *validation) nulls() {
	for _, key := range slices.Sorted(maps.Keys(v.props)) {
		if v.props[key] == nil {
			v.answer.AddError(key, "Null value can not be supplied as the configuration value.")
		}
	}
}

// connector checks the connector's own settings, by its definition and by itself, and answers for
// them and all common ones.
func (v *validation) connector(class string) (config.Infos, error) {
	v.deps.Stage("retrieving the configuration definition from the connector")
	own := v.own
	if own == nil {
		own = config.NewDef()
	}
	own = own.WithClasses(v.class)
	v.deps.Stage("performing multi-property validation for the connector")
	answer := own.ValidateNullable(v.props)
	if validator, ok := v.object.(connectors.Validator); ok {
		var err error
		if answer, err = validator.Validate(v.ctx, v.given, answer); err != nil {
			return config.Infos{}, err
		}
	}
	return v.def.Overlay(own).Infos(class, append(v.answer, answer...)), nil
}

// wrongConnectorVersion answers when there is no such version of the connector: nothing but the
// common settings can be checked.
func (v *validation) wrongConnectorVersion(class, text string) (config.Infos, error) {
	bare := catalog{reg: v.reg, props: v.props}
	def, err := config.Define(connectorKeys(bare)...)
	if err != nil {
		return config.Infos{}, err
	}
	def = def.WithClasses(v.class)
	v.deps.Stage("validating connector configuration")
	v.answer = def.ValidateNullable(v.props)
	v.answer.AddError(keyClass, text)
	v.answer.AddError(keyVersion, text)
	v.proposeVersions(class)
	v.nulls()
	return def.Infos(class, v.answer), v.ctx.Err()
}

// proposeVersions proposes the versions of the connector that there are.
func (v *validation) proposeVersions(class string) {
	for i := range v.answer {
		if v.answer[i].Name == keyVersion {
			for _, kind := range []plugin.Kind{plugin.Source, plugin.Sink} {
				for _, version := range v.reg.Versions(kind, class) {
					v.answer[i].Recommended = append(v.answer[i].Recommended, version)
				}
			}
		}
	}
}

// supervisor checks the supervisor.* settings that are given. The others are not in the answer:
// the JVM worker doesn't have them.
func (v *validation) supervisor() config.Infos {
	var given []config.Key
	for _, k := range supervisorKeys() {
		if _, ok := v.props[k.Name]; ok {
			given = append(given, k)
		}
	}
	def := config.NewDef(given...)
	return prefixed(def, def.ValidateNullable(v.props), "")
}

// sourceOwn checks Troupe's own settings of sources that are given.
func (v *validation) sourceOwn() config.Infos {
	if v.kind != plugin.Source {
		return config.Infos{Groups: []string{}}
	}
	return v.someOf(SourceOwnDef(), v.isGiven)
}

// Refusal is the error for a connector that is to be made or changed and whose validation has
// errors: of kind errs.BadRequest, with every one of them in the JVM's words. It is nil if there
// are none.
func Refusal(infos config.Infos) error {
	if infos.ErrorCount == 0 {
		return nil
	}
	var b strings.Builder
	for _, c := range infos.Configs {
		for _, text := range c.Value.Errors {
			b.WriteString("\n" + text)
		}
	}
	return errs.BadRequest.New("Connector configuration is invalid and contains the following %d error(s):%s\n"+
		"You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
		infos.ErrorCount, b.String())
}

// joined puts answers together.
func joined(name string, parts []config.Infos) config.Infos {
	all := config.Infos{Name: name, Groups: []string{}, Configs: []config.Info{}}
	for _, part := range parts {
		all.ErrorCount += part.ErrorCount
		all.Configs = append(all.Configs, part.Configs...)
		for _, g := range part.Groups {
			if !slices.Contains(all.Groups, g) {
				all.Groups = append(all.Groups, g)
			}
		}
	}
	return all
}

// prefixed turns an answer about settings of def into one about the same settings with a prefix,
// in the order of the answer. A setting counts as one error however many it has.
func prefixed(def *config.Def, answer config.Validation, prefix string) config.Infos {
	infos := config.Infos{Groups: []string{}}
	place := make(map[string]int, len(answer))
	for i := range answer {
		place[answer[i].Name] = i
	}
	infos.Configs = def.Infos("", answer).Configs
	slices.SortStableFunc(infos.Configs, func(a, b config.Info) int { return place[a.Value.Name] - place[b.Value.Name] })
	for i := range infos.Configs {
		one := &infos.Configs[i]
		if one.Key != nil {
			if g := one.Key.Group; g != "" && !slices.Contains(infos.Groups, g) {
				infos.Groups = append(infos.Groups, g)
			}
			one.Key.Name = prefix + one.Key.Name
		}
		one.Value.Name = prefix + one.Value.Name
		if len(one.Value.Errors) > 0 {
			infos.ErrorCount++
		}
	}
	return infos
}

// inHashOrder sorts an answer as a Java HashMap lists the names: the JVM worker answers for
// converters in that order, and clients see it in the order of groups.
func inHashOrder(answer config.Validation) {
	java.SortByHash(answer, java.GrownBuckets, func(v config.Validated) string { return v.Name })
}

// resolveNullable resolves references in the values that are not null.
func resolveNullable(ctx context.Context, resolve Resolve, props map[string]*string) (map[string]*string, error) {
	resolved, err := resolve(ctx, withoutNulls(props))
	if err != nil {
		return nil, err
	}
	out := maps.Clone(props)
	for k, value := range resolved {
		out[k] = &value
	}
	return out, nil
}

func withoutNulls(props map[string]*string) map[string]string {
	out := make(map[string]string, len(props))
	for k, value := range props {
		if value != nil {
			out[k] = *value
		}
	}
	return out
}

// abstractConnectors are the classes that are there in Java but can't be made; the JVM says so in
// two words.
var abstractConnectors = map[string]bool{
	"org.apache.kafka.connect.connector.Connector":    true,
	"org.apache.kafka.connect.source.SourceConnector": true,
	"org.apache.kafka.connect.sink.SinkConnector":     true,
}

// safeText is a configuration as Java prints a map, with what looks like a secret hidden: nobody
// has said yet which of the settings are.
func safeText(props map[string]*string) string {
	parts := make([]string, 0, len(props))
	for _, k := range java.CopyOrder(props) {
		value := "null"
		if p := props[k]; p != nil {
			value = *p
		}
		if looksSecret(k) {
			value = "[hidden]"
		}
		parts = append(parts, k+"="+value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func looksSecret(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"password", "secret", "token", "credential", "passphrase", "jaas", "private", "access.key", "api.key", "apikey", "auth"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}
