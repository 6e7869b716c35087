package org.apache.kafka.connect.tools;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/** A sink that prints what it gets, under the class name that Kafka's own tests use; see README.md. */
public class VerifiableSinkConnector extends SinkConnector {
    private Map<String, String> settings;

    @Override public String version() { return Line.VERSION; }
    @Override public ConfigDef config() { return new ConfigDef(); }
    @Override public Class<? extends Task> taskClass() { return VerifiableSinkTask.class; }
    @Override public void start(Map<String, String> settings) { this.settings = settings; }
    @Override public List<Map<String, String>> taskConfigs(int max) { return Line.numbered(settings, max); }
    @Override public void stop() { }
}
