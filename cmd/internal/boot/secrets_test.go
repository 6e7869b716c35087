package boot

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// TestSecretOfAProvider puts a secret where no password is meant: the error of the task names it by its
// reference, in status and log.
func TestSecretOfAProvider(t *testing.T) {
	t.Setenv("BOOT_TEST_SECRET", "hush-hush-1")
	c := kafkatest.New(t)
	m := startMember(t, memberProps(c.Bootstrap(), "config.providers", "env",
		"config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"))
	m.until("GET", "/health", "", 200, `"healthy"`)
	m.until("PUT", "/connectors/c/config", `{"connector.class":"FileStreamSource","tasks.max":"1","file":"/dev/null","topic":"lines",
		"producer.override.acks":"${env::BOOT_TEST_SECRET}"}`, 201, `"name":"c"`)
	m.until("GET", "/connectors/c/status", "", 200, `Invalid value ${env::BOOT_TEST_SECRET} for configuration acks`)
	m.until("PUT", "/connector-plugins/FileStreamSource/config/validate", `{"connector.class":"FileStreamSource","name":"c","topic":"lines",
		"file":"${env::BOOT_TEST_SECRET}","tasks.max":"${env::BOOT_TEST_SECRET}"}`, 200, `Invalid value ${env::BOOT_TEST_SECRET} for configuration tasks.max`)
	m.end()
	if strings.Contains(m.log.String(), "hush-hush-1") {
		t.Errorf("the log shows it\n%s", m.log)
	}
}
