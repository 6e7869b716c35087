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

const keyJoin = "transaction.boundary.join.ms"

// SourceOwnDef defines Troupe's own keys for sources.
func SourceOwnDef() *config.Def {
	return config.NewDef(at(define(keyJoin, config.Long, "0", config.Low,
		"Milliseconds from the end of a transaction within which batches that come go into one transaction, with exactly-once delivery and "+
			"transaction.boundary=poll: each batch is whole in one of them, and one that comes later is committed at once. 20 makes a source "+
			"that polls quickly several times as fast. It has to stay well below the producer's transaction.timeout.ms. Not for "+
			"connectors whose next poll tells their source that the batch before is safe: that batch may still wait for its commit. "+
			"0: a transaction for each batch, as in Kafka Connect, and so it is always for tasks that want to know of commits.",
		config.AtLeast(0)), groupOnce, 5, config.WidthShort, "Transaction boundary join"))
}
