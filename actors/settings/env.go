package settings

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config/properties"
)

const envPrefix = "CONNECT_"

// Env is what the environment says to a worker, in the manner of container images.
type Env struct {
	// Props are worker properties of CONNECT_* variables; they override those of a file.
	Props map[string]string
	// LogLevel is CONNECT_LOG4J_ROOT_LOGLEVEL, or the level that CONNECT_LOG4J_LOGGERS has for the root
	// logger; "" if not set.
	LogLevel string
	// Loggers are the levels of CONNECT_LOG4J_LOGGERS by name of logger.
	Loggers map[string]string
	// Notes say for the log what was taken from where; values are not in them.
	Notes []string

	// image are the properties of the Debezium image's variables, defaults what that image sets besides;
	// nil if none of its variables are there.
	image, defaults map[string]string
}

// FromEnv reads variables of the form CONNECT_GROUP_ID=value from an environment (os.Environ).
// The key of the property is the rest of the name in lower case with three underscores for a
// hyphen, two for an underscore, one for a dot. The value follows the rules of properties files, where
// the images write it: a backslash at the end of a line joins it with the next.
//
// CONNECT_LOG4J_* are no properties; the levels among them are returned. CONNECT_REST_PORT makes
// the listener when there is no CONNECT_LISTENERS. The variables of Debezium's image, which have no
// prefix, stand in for CONNECT_ ones that are missing, in a distributed worker.
func FromEnv(environ []string) Env {
	env := Env{Props: map[string]string{}, Loggers: map[string]string{}}
	bare := map[string]string{}
	port := ""
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, ok := strings.Cut(entry, "=")
		short, isOurs := strings.CutPrefix(name, envPrefix)
		switch {
		case !ok || isOurs && short == "":
		case !isOurs:
			bare[name] = value
		case short == "REST_PORT":
			port = strings.TrimSpace(value)
		case strings.HasPrefix(short, "LOG4J_"):
			env.logging(name, short, value)
		default:
			key := propertyOf(short)
			env.Props[key] = env.value(name, value)
			env.Notes = append(env.Notes, "environment: "+name+" sets "+key)
		}
	}
	env.listener(port)
	env.debezium(bare)
	return env
}

// value reads a variable's text as that of a property. A line break that no backslash joins is part
// of the value: the images would make another property of what follows.
func (e *Env) value(name, text string) string {
	text = strings.TrimRight(text, "\r\n")
	if !strings.ContainsAny(text, "\\\n") {
		return text
	}
	var b strings.Builder
	slashes := 0
	for _, line := range strings.SplitAfter(text, "\n") {
		content, broken := strings.CutSuffix(line, "\n")
		content = strings.TrimSuffix(content, "\r")
		slashes = len(content) - len(strings.TrimRight(content, "\\"))
		b.WriteString(content)
		switch {
		case broken && slashes%2 == 1:
			b.WriteByte('\n')
		case broken:
			b.WriteString("\\n")
		}
	}
	read, err := properties.ParseString("v=" + b.String())
	if err != nil {
		e.Notes = append(e.Notes, fmt.Sprintf("environment: %s is taken as it is, it can't be read as a property's value", name))
		return text
	}
	return read["v"]
}

// propertyOf makes the key of the property; CONNECT_ is cut off already.
func propertyOf(short string) string {
	key := strings.ReplaceAll(strings.ToLower(short), "_", ".")
	key = strings.ReplaceAll(key, "...", "-")
	return strings.ReplaceAll(key, "..", "_")
}

func (e *Env) listener(port string) {
	if port == "" {
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil { // tcp://10.…: a link of Kubernetes to a service connect-rest
		e.Notes = append(e.Notes, "environment: CONNECT_REST_PORT is ignored, it is not a port number")
		return
	}
	if _, ok := e.Props["listeners"]; ok {
		e.Notes = append(e.Notes, "environment: CONNECT_REST_PORT is ignored, CONNECT_LISTENERS is set")
		return
	}
	e.Props["listeners"] = "http://:" + port
	e.Notes = append(e.Notes, "environment: CONNECT_REST_PORT sets listeners")
}

func (e *Env) logging(name, short, value string) {
	switch short {
	case "LOG4J_ROOT_LOGLEVEL":
		e.LogLevel = plainLevel(value)
	case "LOG4J_LOGGERS":
		e.loggers(name, value)
	default:
		e.Notes = append(e.Notes, "environment: "+name+" is ignored, it configures log4j only")
	}
}

// loggers reads logger=LEVEL pairs between commas or semicolons. In Debezium's image the variable is
// log4j's root logger: a level and the names of appenders.
func (e *Env) loggers(name, value string) {
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ';' })
	root := false
	for _, part := range parts {
		part = strings.Trim(part, " \t\r\n\"'")
		logger, level, pair := strings.Cut(part, "=")
		logger = strings.TrimPrefix(strings.Trim(logger, " \"'"), "log4j.logger.")
		switch {
		case part == "":
		case pair && (logger == "root" || logger == "rootLogger" || logger == "log4j.rootLogger"):
			e.LogLevel, root = plainLevel(level), true
		case pair && logger != "":
			e.Loggers[logger] = plainLevel(level)
		case !pair && levelName.MatchString(part):
			e.LogLevel, root = strings.ToUpper(part), true
		case root: // an appender
		default:
			e.Notes = append(e.Notes, "environment: "+name+": "+part+" is ignored, it must be logger=LEVEL")
		}
	}
}

var levelName = regexp.MustCompile(`(?i)^(OFF|FATAL|ERROR|WARN|INFO|DEBUG|TRACE|ALL)$`)

// plainLevel is a level without quotes and the appenders behind it.
func plainLevel(text string) string {
	text, _, _ = strings.Cut(strings.Trim(text, " \t\r\n\"'"), ",")
	return strings.Trim(text, " \t\"'")
}

// debeziumVariables are those of the image debezium/connect, with the properties that they set.
var debeziumVariables = []struct{ name, key string }{
	{"BOOTSTRAP_SERVERS", "bootstrap.servers"},
	{"GROUP_ID", "group.id"},
	{"CONFIG_STORAGE_TOPIC", "config.storage.topic"},
	{"OFFSET_STORAGE_TOPIC", "offset.storage.topic"},
	{"STATUS_STORAGE_TOPIC", "status.storage.topic"},
	{"KEY_CONVERTER", "key.converter"},
	{"VALUE_CONVERTER", "value.converter"},
	{"OFFSET_FLUSH_INTERVAL_MS", "offset.flush.interval.ms"},
	{"OFFSET_FLUSH_TIMEOUT_MS", "offset.flush.timeout.ms"},
	{"SHUTDOWN_TIMEOUT", "task.shutdown.graceful.timeout.ms"},
	{"ADVERTISED_HOST_NAME", "rest.advertised.host.name"},
	{"ADVERTISED_PORT", "rest.advertised.port"},
}

// debeziumDefaults are the settings of that image where its variables don't say otherwise.
var debeziumDefaults = map[string]string{
	"group.id":                          "1",
	"key.converter":                     "org.apache.kafka.connect.json.JsonConverter",
	"value.converter":                   "org.apache.kafka.connect.json.JsonConverter",
	"offset.flush.interval.ms":          "60000",
	"offset.flush.timeout.ms":           "5000",
	"task.shutdown.graceful.timeout.ms": "10000",
	"config.storage.replication.factor": "1",
	"offset.storage.replication.factor": "1",
	"status.storage.replication.factor": "1",
}

// debezium reads the image's variables. They are taken for what they are only if a topic for
// connectors is among them: BOOTSTRAP_SERVERS or GROUP_ID alone may be another program's.
func (e *Env) debezium(bare map[string]string) {
	if bare["CONFIG_STORAGE_TOPIC"] == "" && bare["OFFSET_STORAGE_TOPIC"] == "" {
		return
	}
	e.image, e.defaults = map[string]string{}, debeziumDefaults
	for _, v := range debeziumVariables {
		if text := bare[v.name]; text != "" {
			e.image[v.key] = e.value(v.name, text)
		}
	}
	port := strings.TrimSpace(bare["REST_PORT"])
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		port = "8083"
	}
	e.image["listeners"] = "http://" + strings.TrimSpace(bare["REST_HOST_NAME"]) + ":" + port
	if e.LogLevel == "" {
		e.LogLevel = plainLevel(bare["LOG_LEVEL"])
	}
	for key := range e.Props {
		delete(e.image, key)
	}
}

// Distributed reports whether the environment alone may configure a worker of a cluster.
func (e *Env) Distributed() bool { return len(e.Props) > 0 || e.image != nil }

// Over lays the environment over the properties of a file. The result is a new map.
func (e *Env) Over(mode Mode, file map[string]string) map[string]string {
	merged := map[string]string{}
	if mode == Distributed {
		maps.Copy(merged, e.defaults)
	}
	maps.Copy(merged, file)
	if mode == Distributed {
		maps.Copy(merged, e.image)
	}
	maps.Copy(merged, e.Props)
	return merged
}

// ImageNote says in one line what is taken from the variables of Debezium's image; "" for nothing.
func (e *Env) ImageNote() string {
	if e.image == nil {
		return ""
	}
	set := slices.Sorted(maps.Keys(e.image))
	var filled []string
	for _, key := range slices.Sorted(maps.Keys(e.defaults)) {
		if _, known := e.image[key]; !known && e.Props[key] == "" {
			filled = append(filled, key+"="+e.defaults[key])
		}
	}
	return fmt.Sprintf("environment: variables of the Debezium image set %s; its defaults where no file says otherwise: %s",
		strings.Join(set, ", "), strings.Join(filled, ", "))
}
