package settings

import (
	"maps"
	"slices"
	"strings"
)

const envPrefix = "CONNECT_"

// Env is what the environment says to a worker, in the manner of container images.
type Env struct {
	// Props are worker properties; they override those of a file.
	Props map[string]string
	// LogLevel is CONNECT_LOG4J_ROOT_LOGLEVEL, "" if not set.
	LogLevel string
	// Loggers are the levels of CONNECT_LOG4J_LOGGERS by name of logger.
	Loggers map[string]string
	// Notes say for the log what was taken from where; values are not in them.
	Notes []string
}

// FromEnv reads variables of the form CONNECT_GROUP_ID=value from an environment (os.Environ).
// The key of the property is the rest of the name in lower case with three underscores for a
// hyphen, two for an underscore, one for a dot.
//
// CONNECT_LOG4J_* are no properties; the levels among them are returned. CONNECT_REST_PORT makes
// the listener when there is no CONNECT_LISTENERS.
func FromEnv(environ []string) Env {
	env := Env{Props: map[string]string{}, Loggers: map[string]string{}}
	port := ""
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, ok := strings.Cut(entry, "=")
		short, isOurs := strings.CutPrefix(name, envPrefix)
		if !ok || !isOurs || short == "" {
			continue
		}
		switch {
		case short == "REST_PORT":
			port = strings.TrimSpace(value)
		case strings.HasPrefix(short, "LOG4J_"):
			env.logging(name, short, value)
		default:
			key := propertyOf(short)
			env.Props[key] = value
			env.Notes = append(env.Notes, "environment: "+name+" sets "+key)
		}
	}
	env.listener(port)
	return env
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
		e.LogLevel = strings.TrimSpace(value)
	case "LOG4J_LOGGERS":
		for pair := range strings.SplitSeq(value, ",") {
			logger, level, ok := strings.Cut(pair, "=")
			if logger = strings.TrimSpace(logger); ok && logger != "" {
				e.Loggers[logger] = strings.TrimSpace(level)
			} else if strings.TrimSpace(pair) != "" {
				e.Notes = append(e.Notes, "environment: "+name+": "+strings.TrimSpace(pair)+" is ignored, it must be logger=LEVEL")
			}
		}
	default:
		e.Notes = append(e.Notes, "environment: "+name+" is ignored, it configures log4j only")
	}
}

// Merge lays properties of the environment over those of a file. The result is a new map.
func Merge(file, env map[string]string) map[string]string {
	merged := maps.Clone(file)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, env)
	return merged
}
