package org.apache.kafka.connect.tools;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** Prints each record when it comes and again when it is flushed. */
public class VerifiableSinkTask extends SinkTask {
    private final Map<TopicPartition, List<SinkRecord>> waiting = new HashMap<>();
    private String name;
    private int id;

    @Override public String version() { return Line.VERSION; }

    @Override
    public void start(Map<String, String> settings) {
        name = settings.get("name");
        id = Integer.parseInt(settings.get("id"));
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        for (SinkRecord r : records) {
            print(r, false);
            waiting.computeIfAbsent(new TopicPartition(r.topic(), r.kafkaPartition()), p -> new ArrayList<>()).add(r);
        }
    }

    @Override
    public void flush(Map<TopicPartition, OffsetAndMetadata> offsets) {
        for (TopicPartition p : offsets.keySet())
            for (SinkRecord r : waiting.getOrDefault(p, List.of()))
                print(r, true);
        waiting.keySet().removeAll(offsets.keySet());
    }

    /** Records of lost partitions come again, elsewhere. */
    @Override
    public void close(Collection<TopicPartition> partitions) {
        waiting.keySet().removeAll(partitions);
    }

    private void print(SinkRecord r, boolean flushed) {
        Line.print(name, r.key(), r.topic(), r.value(), "sinkTask", id, "offset", r.kafkaOffset(), "flushed", flushed);
    }

    @Override public void stop() { }
}
