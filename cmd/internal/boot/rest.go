package boot

import (
	"os"
	"strings"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/httpapi"
)

// restConfig is the REST part of the worker's settings as the server takes it.
func restConfig(w *settings.Worker, reg *plugin.Registry) (httpapi.Config, error) {
	cfg := httpapi.DefaultConfig()
	r := &w.Rest
	var err error
	if cfg.Listeners, err = listenersOf(r.Listeners, "listeners", r.TLS); err != nil {
		return cfg, err
	}
	switch r.Admin {
	case settings.AdminOff:
		cfg.AdminListeners = []httpapi.Listener{}
	case settings.AdminOwn:
		if cfg.AdminListeners, err = listenersOf(r.AdminListeners, "admin.listeners", r.AdminTLS); err != nil {
			return cfg, err
		}
	case settings.AdminShared:
	}
	cfg.AllowOrigin, cfg.AllowMethods = r.AllowOrigin, r.AllowMethods
	cfg.ResponseHeaders = w.Values.String("response.http.headers.config")
	cfg.Extensions = r.Extensions
	cfg.LoginConfig = loginConfig(w.Props, os.Getenv("KAFKA_OPTS"))
	cfg.Htpasswd = w.Props["rest.htpasswd.file"]
	cfg.TopicTracking, cfg.TopicTrackingReset = w.TopicTracking, w.TopicTrackingReset
	cfg.Version, cfg.Commit = builtin.KafkaVersion, builtin.Revision()
	cfg.BaseConfig = func(kind plugin.Kind, class string) *config.Def {
		def, err := settings.ValidationDef(reg, nil, kind, map[string]*string{"connector.class": &class})
		if err != nil { // a class that was listed a moment ago
			return nil
		}
		return def
	}
	return cfg, nil
}

// loginConfig is the JAAS file for REST: the worker's property java.security.auth.login.config, or
// the JVM's of that name as connect-standalone takes it, -Djava.security.auth.login.config=FILE in
// KAFKA_OPTS. As there, the script's shell splits at spaces, the last one counts, FILE may be a
// file: URL, and a second = (leave out the JVM's own file) means the same.
func loginConfig(props map[string]string, kafkaOpts string) string {
	const key = "java.security.auth.login.config"
	if file := props[key]; file != "" {
		return file
	}
	file := ""
	for option := range strings.FieldsSeq(kafkaOpts) {
		if value, ok := strings.CutPrefix(option, "-D"+key+"="); ok {
			file = strings.TrimPrefix(value, "=")
		}
	}
	if path, isURL := strings.CutPrefix(file, "file:"); isURL {
		return "/" + strings.TrimLeft(path, "/")
	}
	return file
}

func listenersOf(in []settings.Listener, key string, tls map[string]string) ([]httpapi.Listener, error) {
	out := make([]httpapi.Listener, len(in))
	for i, l := range in {
		out[i] = httpapi.Listener{Scheme: l.Scheme, Host: l.Host, Port: l.Port}
		if !strings.EqualFold(l.Scheme, "https") {
			continue
		}
		conf, err := security.Server(key, tls)
		if err != nil {
			return nil, err
		}
		out[i].TLS = conf
	}
	return out, nil
}
