package settings

import (
	"slices"

	"github.com/troupe-connect/troupe/connectors/config"
)

// OwnDef defines the worker settings that Kafka Connect doesn't have: Troupe's own, and those that the
// JVM takes from elsewhere than the worker file.
func OwnDef() *config.Def {
	keys := []config.Key{
		define("startup.kafka.timeout.ms", config.Long, "60000", config.Low,
			"Milliseconds that a worker looks for Kafka at its start before it ends with exit code 2; 0 for as long as it takes.",
			config.AtLeast(0)),
		define("supervisor.start.concurrency", config.Int, "8", config.Low,
			"Number of connectors and tasks that are being started at a time.", config.AtLeast(1)),
		define("connector.client.config.override.allowlist", config.List, "", config.Medium,
			"Client settings that connectors may override with the policy Allowlist (Kafka 4.2, KIP-1188)."),
		define("java.security.auth.login.config", config.String, nil, config.Medium,
			"JAAS file with the users of the REST API for BasicAuthSecurityRestExtension. "+
				"-Djava.security.auth.login.config=FILE in KAFKA_OPTS says the same."),
		define("rest.htpasswd.file", config.String, nil, config.Medium,
			"File of REST users with bcrypt hashes, as htpasswd -B writes it; in place of a JAAS file."),
	}
	return config.NewDef(slices.Concat(keys, supervisorKeys(), metricsKeys())...)
}
