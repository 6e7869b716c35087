package settings

import "github.com/troupe-connect/troupe/connectors/config"

// The keys of workers, as in Kafka Connect: names, order, defaults and checks are compared with
// testdata/vectors/configdefs.json.

// commonKeys are the keys that workers of both modes have.
func commonKeys() []config.Key {
	return []config.Key{
		define("bootstrap.servers", config.List, "localhost:9092", config.High, "host:port pairs of brokers to begin with, separated by commas."),
		define("client.dns.lookup", config.String, "use_all_dns_ips", config.Medium, "How a client uses the addresses that a host name resolves to.", config.ValidString("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only")),
		define("key.converter", config.Class, required, config.High, "Class of the converter for record keys, for connectors that name none."),
		define("key.converter.plugin.version", config.String, nil, config.Low, "Version or version range of the key converter."),
		define("value.converter", config.Class, required, config.High, "Class of the converter for record values, for connectors that name none."),
		define("value.converter.plugin.version", config.String, nil, config.Low, "Version or version range of the value converter."),
		define("task.shutdown.graceful.timeout.ms", config.Long, "5000", config.Low, "Milliseconds that tasks get to stop, in total for all tasks that are stopped together."),
		define("offset.flush.interval.ms", config.Long, "60000", config.Low, "Milliseconds between commits of the offsets of a task."),
		define("offset.flush.timeout.ms", config.Long, "5000", config.Low, "Milliseconds after which a commit of offsets is given up, to be tried again with the next one."),
		define("plugin.path", config.List, nil, config.Low, "Folders in which plugins are looked for. References to config providers are not resolved in it."),
		define("plugin.discovery", config.String, "hybrid_warn", config.Low, "How the plugins on the plugin path are found.", config.CaseInsensitiveValidString("ONLY_SCAN", "SERVICE_LOAD", "HYBRID_WARN", "HYBRID_FAIL")),
		define("metrics.sample.window.ms", config.Long, "30000", config.Low, "Milliseconds that one sample of a metric covers.", config.AtLeast(0)),
		define("metrics.num.samples", config.Int, "2", config.Low, "Number of samples kept to compute a metric.", config.AtLeast(1)),
		define("metrics.recording.level", config.String, "INFO", config.Low, "Which metrics are recorded.", config.ValidString("INFO", "DEBUG")),
		define("metric.reporters", config.List, "org.apache.kafka.common.metrics.JmxReporter", config.Low, "Classes that metrics are reported to."),
		define("header.converter", config.Class, "org.apache.kafka.connect.storage.SimpleHeaderConverter", config.Low, "Class of the converter for record headers, for connectors that name none."),
		define("header.converter.plugin.version", config.String, nil, config.Low, "Version or version range of the header converter."),
		define("config.providers", config.List, "", config.Low, "Names of config providers, each defined by config.providers.<name>.class."),
		define("connector.client.config.override.policy", config.String, "All", config.Medium, "Class or alias of the policy for what connectors may override of client settings: All, None or Principal."),
		define("topic.creation.enable", config.Boolean, "true", config.Low, "Whether source connectors may have topics created by topic.creation.* settings."),
		define("ssl.protocol", config.String, "TLSv1.3", config.Medium, "TLS version that connections begin with."),
		define("ssl.provider", config.String, nil, config.Medium, "Name of the security provider. It has no effect here."),
		define("ssl.cipher.suites", config.List, nil, config.Low, "Cipher suites allowed, all by default."),
		define("ssl.enabled.protocols", config.List, "TLSv1.2,TLSv1.3", config.Medium, "TLS versions allowed."),
		define("ssl.keystore.type", config.String, "JKS", config.Medium, "Format of the key store: JKS, PKCS12 or PEM."),
		define("ssl.keystore.location", config.String, nil, config.High, "File of the key store."),
		define("ssl.keystore.password", config.Password, nil, config.High, "Password of the key store."),
		define("ssl.key.password", config.Password, nil, config.High, "Password of the private key."),
		define("ssl.keystore.key", config.Password, nil, config.High, "Private key, PEM text."),
		define("ssl.keystore.certificate.chain", config.Password, nil, config.High, "Certificate chain, PEM text."),
		define("ssl.truststore.certificates", config.Password, nil, config.High, "Trusted certificates, PEM text."),
		define("ssl.truststore.type", config.String, "JKS", config.Medium, "Format of the trust store: JKS, PKCS12 or PEM."),
		define("ssl.truststore.location", config.String, nil, config.High, "File of the trust store."),
		define("ssl.truststore.password", config.Password, nil, config.High, "Password of the trust store."),
		define("ssl.keymanager.algorithm", config.String, "SunX509", config.Low, "Algorithm of the key manager. It has no effect here."),
		define("ssl.trustmanager.algorithm", config.String, "PKIX", config.Low, "Algorithm of the trust manager. It has no effect here."),
		define("ssl.endpoint.identification.algorithm", config.String, "https", config.Low, "How the host name of a server is checked: https, or empty for not at all."),
		define("ssl.secure.random.implementation", config.String, nil, config.Low, "Source of random numbers. It has no effect here."),
		define("ssl.engine.factory.class", config.Class, nil, config.Low, "Class that makes TLS engines."),
		define("topic.tracking.enable", config.Boolean, "true", config.Low, "Whether the topics that each connector uses are recorded."),
		define("topic.tracking.allow.reset", config.Boolean, "true", config.Low, "Whether users may reset the topics recorded."),
		define("listeners", config.List, "http://:8083", config.Low, "URLs on which the REST API is served. An empty host stands for all interfaces, port 0 for any free one.", listenerURLs{}),
		define("rest.advertised.host.name", config.String, nil, config.Low, "Host name under which other workers reach this one."),
		define("rest.advertised.port", config.Int, nil, config.Low, "Port under which other workers reach this one."),
		define("rest.advertised.listener", config.String, nil, config.Low, "Protocol by which other workers reach this one, http or https."),
		define("access.control.allow.origin", config.String, "", config.Low, "Value of the header Access-Control-Allow-Origin; empty allows no other origin."),
		define("access.control.allow.methods", config.String, "", config.Low, "Value of the header Access-Control-Allow-Methods."),
		define("response.http.headers.config", config.String, "", config.Low, "Rules for headers of REST answers.", headerRules{}),
		define("ssl.client.auth", config.String, "none", config.Low, "Whether REST clients must show a certificate.", config.ValidString("required", "requested", "none")),
		define("rest.extension.classes", config.List, "", config.Low, "Classes that extend the REST API, called in this order."),
		define("admin.listeners", config.List, nil, config.Low, "URLs on which /admin is served: with the rest if not set, nowhere if empty.", listenerURLs{optional: true}),
	}
}

// standaloneKeys are the keys that only standalone workers have.
func standaloneKeys() []config.Key {
	return []config.Key{
		define("offset.storage.file.filename", config.String, required, config.High, "File in which source offsets are kept."),
	}
}
