package org.apache.kafka.connect.tools;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** Sends 0, 1, 2, … with its number as the key, going on behind the committed one, a record a poll. */
public class VerifiableSourceTask extends SourceTask {
    private final CountDownLatch stopping = new CountDownLatch(1);
    private String name;
    private String topic;
    private int id;
    private double perSecond;
    private long next;
    private long first;
    private long began;

    @Override public String version() { return Line.VERSION; }

    @Override
    public void start(Map<String, String> settings) {
        name = settings.get("name");
        topic = settings.get("topic");
        id = Integer.parseInt(settings.get("id"));
        perSecond = Long.parseLong(settings.get("throughput"));
        Map<String, Object> last = context.offsetStorageReader().offset(Map.of("id", id));
        next = first = last == null ? 0 : (Long) last.get("seqno") + 1;
        began = System.nanoTime();
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
        long due = perSecond > 0 ? (long) ((next - first) * 1e9 / perSecond) : 0;
        long wait = due - (System.nanoTime() - began);
        if (wait > 0 && stopping.await(wait, TimeUnit.NANOSECONDS))
            return null;
        Line.print(name, id, topic, next);
        SourceRecord record = new SourceRecord(Map.of("id", id), Map.of("seqno", next), topic,
            Schema.INT32_SCHEMA, id, Schema.INT64_SCHEMA, next);
        next++;
        return List.of(record);
    }

    @Override
    public void commitRecord(SourceRecord record, RecordMetadata where) {
        Line.print(name, id, topic, record.value(), "committed", true);
    }

    @Override public void stop() { stopping.countDown(); }
}
