package kafka

// set makes a set of its arguments.
func set(keys ...string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

// withoutEquivalent are settings of Java's clients that mean nothing to the Go clients: class names
// that would have to be loaded, metrics of the JVM, buffers that the Go clients don't have.
var withoutEquivalent = set(
	"interceptor.classes", "metric.reporters", "metrics.num.samples", "metrics.recording.level",
	"metrics.sample.window.ms", "auto.include.jmx.reporter", "security.providers",
	"client.dns.lookup", "metadata.recovery.strategy", "metadata.recovery.rebootstrap.trigger.ms",
	"metadata.max.idle.ms", "partitioner.availability.timeout.ms", "auto.commit.interval.ms",
	"enable.auto.commit", "default.api.timeout.ms", "bootstrap.controllers", "retries",
	"max.in.flight.requests.per.connection", "reconnect.backoff.ms", "reconnect.backoff.max.ms",
	"share.acknowledgement.mode", "config.providers", "internal.leave.group.on.close",
	"internal.throw.on.fetch.stable.offset.unsupported", "transaction.two.phase.commit.enable",
	"ssl.provider", "ssl.keymanager.algorithm", "ssl.trustmanager.algorithm",
	"ssl.secure.random.implementation", "ssl.engine.factory.class", "ssl.protocol",
	"sasl.client.callback.handler.class", "sasl.login.callback.handler.class", "sasl.login.class",
	"sasl.kerberos.service.name", "sasl.kerberos.kinit.cmd",
	"sasl.kerberos.ticket.renew.window.factor", "sasl.kerberos.ticket.renew.jitter",
	"sasl.kerberos.min.time.before.relogin", "sasl.login.refresh.window.jitter",
	"sasl.login.refresh.min.period.seconds", "sasl.login.refresh.buffer.seconds",
	"sasl.oauthbearer.scope.claim.name", "sasl.oauthbearer.sub.claim.name",
	"sasl.oauthbearer.jwks.endpoint.url", "sasl.oauthbearer.jwks.endpoint.refresh.ms",
	"sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
	"sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "sasl.oauthbearer.clock.skew.seconds",
	"sasl.oauthbearer.expected.audience", "sasl.oauthbearer.expected.issuer",
	"sasl.oauthbearer.jwt.retriever.class", "sasl.oauthbearer.jwt.validator.class",
	"sasl.oauthbearer.assertion.algorithm", "sasl.oauthbearer.assertion.claim.aud",
	"sasl.oauthbearer.assertion.claim.exp.seconds", "sasl.oauthbearer.assertion.claim.iss",
	"sasl.oauthbearer.assertion.claim.jti.include", "sasl.oauthbearer.assertion.claim.nbf.seconds",
	"sasl.oauthbearer.assertion.claim.sub", "sasl.oauthbearer.assertion.file",
	"sasl.oauthbearer.assertion.private.key.file",
	"sasl.oauthbearer.assertion.private.key.passphrase", "sasl.oauthbearer.assertion.template.file",
)

// adminKeys are the settings of Java's admin client, besides ssl.* and sasl.*. Of the worker's
// settings without prefix an admin client inherits these; the rest are the worker's own.
var adminKeys = set(
	"bootstrap.servers", "bootstrap.controllers", "client.id", "client.dns.lookup",
	"connections.max.idle.ms", "default.api.timeout.ms", "enable.metrics.push",
	"metadata.max.age.ms", "metadata.recovery.strategy",
	"metadata.recovery.rebootstrap.trigger.ms", "metric.reporters", "metrics.num.samples",
	"metrics.recording.level", "metrics.sample.window.ms", "receive.buffer.bytes",
	"reconnect.backoff.max.ms", "reconnect.backoff.ms", "request.timeout.ms", "retries",
	"retry.backoff.max.ms", "retry.backoff.ms", "security.protocol", "security.providers",
	"send.buffer.bytes", "socket.connection.setup.timeout.max.ms",
	"socket.connection.setup.timeout.ms",
)
