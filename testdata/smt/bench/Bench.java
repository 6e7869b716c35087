import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Time and bytes per record of transforms, on the records of bench_test.go beside the Go classes: each
 * record is new, as a task makes it; its key, value and schemas are those of the record before. Time is
 * that of the thread on the processor (without the collector's and the compiler's), so that a busy
 * machine does little harm. A round lasts a second; the best of five counts, after five for the compiler.
 */
public class Bench {
    static final Schema ROW = SchemaBuilder.struct().optional().name("pg.inventory.customers.Value")
        .field("id", Schema.INT32_SCHEMA).field("first_name", Schema.STRING_SCHEMA).field("email", Schema.OPTIONAL_STRING_SCHEMA)
        .field("level", SchemaBuilder.int32().optional().defaultValue(5).build())
        .field("amount", Schema.OPTIONAL_FLOAT64_SCHEMA)
        .field("created", SchemaBuilder.int64().optional().name("io.debezium.time.MicroTimestamp").version(1).build())
        .field("seen", SchemaBuilder.string().optional().name("io.debezium.time.ZonedTimestamp").version(1).build())
        .build();
    static final Schema OUTBOX = SchemaBuilder.struct().optional().name("pg.inventory.outbox.Value")
        .field("id", Schema.STRING_SCHEMA).field("aggregatetype", Schema.STRING_SCHEMA).field("aggregateid", Schema.STRING_SCHEMA)
        .field("type", Schema.OPTIONAL_STRING_SCHEMA).field("payload", Schema.OPTIONAL_STRING_SCHEMA).build();
    static final Schema SOURCE = SchemaBuilder.struct().name("io.debezium.connector.postgresql.Source").version(1)
        .field("version", Schema.STRING_SCHEMA).field("connector", Schema.STRING_SCHEMA).field("name", Schema.STRING_SCHEMA)
        .field("ts_ms", Schema.INT64_SCHEMA).field("snapshot", Schema.OPTIONAL_STRING_SCHEMA).field("db", Schema.STRING_SCHEMA)
        .field("schema", Schema.STRING_SCHEMA).field("table", Schema.STRING_SCHEMA).field("txId", Schema.OPTIONAL_INT64_SCHEMA)
        .field("lsn", Schema.OPTIONAL_INT64_SCHEMA).build();
    static final Schema KEY = SchemaBuilder.struct().name("pg.inventory.customers.Key").field("id", Schema.INT32_SCHEMA).build();

    static Schema envelope(Schema row, String name) {
        return SchemaBuilder.struct().name(name).version(2).field("before", row).field("after", row).field("source", SOURCE)
            .field("op", Schema.STRING_SCHEMA).field("ts_ms", Schema.OPTIONAL_INT64_SCHEMA).build();
    }

    static Struct row(String email) {
        return new Struct(ROW).put("id", 7).put("first_name", "Ann").put("email", email).put("amount", 12.5)
            .put("created", 1700000000123456L).put("seen", "2023-11-14T22:13:20.123456Z");
    }

    static Struct event(Schema schema, String table, Object before, Object after, String op) {
        Struct source = new Struct(SOURCE).put("version", "3.6.1.Final").put("connector", "postgresql").put("name", "pg")
            .put("ts_ms", 1700000000123L).put("snapshot", "false").put("db", "shop").put("schema", "inventory")
            .put("table", table).put("txId", 501L).put("lsn", 90001L);
        return new Struct(schema).put("before", before).put("after", after).put("source", source).put("op", op).put("ts_ms", 1700000000456L);
    }

    static final long ROUND = Long.getLong("round.ms", 1000) * 1_000_000L;
    static Object result; // so that nothing is left out as unused

    static void run(String name, String type, Map<String, String> config, Schema schema, Object value) throws Exception {
        @SuppressWarnings("unchecked")
        Transformation<SourceRecord> t = (Transformation<SourceRecord>) Class.forName(type).getDeclaredConstructor().newInstance();
        t.configure(config);
        Struct key = new Struct(KEY).put("id", 7);
        Map<String, String> partition = Collections.singletonMap("p", "a"), offset = Collections.singletonMap("o", "1");
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        double best = Double.MAX_VALUE;
        long bytes = 0;
        for (int round = 0; round < 10; round++) {
            long n = 0, start = threads.getCurrentThreadCpuTime(), allocated = threads.getThreadAllocatedBytes(Thread.currentThread().getId()), took;
            do {
                for (int i = 0; i < 1000; i++) {
                    SourceRecord r = new SourceRecord(partition, offset, "pg.inventory.customers", 1, KEY, key, schema, value, 1700000000000L);
                    result = t.apply(r);
                }
                n += 1000;
                took = threads.getCurrentThreadCpuTime() - start;
            } while (took < ROUND);
            if (round >= 5 && (double) took / n < best) {
                best = (double) took / n;
                bytes = (threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - allocated) / n;
            }
        }
        System.out.printf("%-40s %10.0f ns %8d B%n", name, best, bytes);
        t.close();
    }

    static Map<String, String> config(String... pairs) {
        Map<String, String> m = new HashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            m.put(pairs[i], pairs[i + 1]);
        }
        return m;
    }

    public static void main(String[] args) throws Exception {
        Schema schema = envelope(ROW, "pg.inventory.customers.Envelope");
        Struct update = event(schema, "customers", row("a@x.org"), row("b@x.org"), "u");
        Schema outbox = envelope(OUTBOX, "pg.inventory.outbox.Envelope");
        Struct text = new Struct(OUTBOX).put("id", "7f1c").put("aggregatetype", "Order").put("aggregateid", "42").put("type", "OrderCreated")
            .put("payload", "{\"id\": 42, \"lines\": [{\"sku\": \"a\", \"n\": 1}, {\"sku\": \"b\", \"n\": 2}], \"note\": null, \"total\": 12.5}");
        Struct created = event(outbox, "outbox", null, text, "c");
        String debezium = "io.debezium.transforms.", aiven = "io.aiven.kafka.connect.transforms.";
        run("ExtractNewRecordState", debezium + "ExtractNewRecordState", config(), schema, update);
        run("ExtractNewRecordState/all", debezium + "ExtractNewRecordState", config("delete.tombstone.handling.mode", "rewrite",
            "add.fields", "op,table,source.ts_ms", "add.headers", "op,db"), schema, update);
        run("ByLogicalTableRouter", debezium + "ByLogicalTableRouter", config("topic.regex", "(.*)customers", "topic.replacement", "$1all"), schema, update);
        run("EventRouter", debezium + "outbox.EventRouter", config("table.fields.additional.placement", "type:header"), outbox, created);
        run("EventRouter/json", debezium + "outbox.EventRouter", config("table.expand.json.payload", "true"), outbox, created);
        run("TimezoneConverter", debezium + "TimezoneConverter", config("converted.timezone", "Europe/Berlin"), schema, update);
        run("ExtractChangedRecordState", debezium + "ExtractChangedRecordState",
            config("header.changed.name", "C", "header.unchanged.name", "U"), schema, update);
        run("PartitionRouting", debezium + "partitions.PartitionRouting",
            config("partition.payload.fields", "change.id,source.table", "partition.topic.num", "7"), schema, update);
        if (args.length == 0) {
            return; // without Aiven's classes
        }
        Struct r = row("a@x.org");
        run("CaseTransform", aiven + "CaseTransform$Value", config("field.names", "first_name,email", "case", "upper"), ROW, r);
        run("ConcatFields", aiven + "ConcatFields$Value", config("field.names", "id,first_name", "output.field.name", "o", "delimiter", "-"), ROW, r);
        run("ExtractTimestamp", aiven + "ExtractTimestamp$Value", config("field.name", "created"), ROW, r);
        run("ExtractTopic", aiven + "ExtractTopic$Value", config("field.name", "first_name"), ROW, r);
        run("FilterByFieldValue", aiven + "FilterByFieldValue$Value", config("field.name", "id", "field.value", "7", "field.value.matches", "false"), ROW, r);
        run("Hash", aiven + "Hash$Value", config("field.name", "email", "function", "sha256"), ROW, row("a@x.org"));
        run("KeyToValue", aiven + "KeyToValue", config("key.fields", "id", "value.fields", "key_id"), ROW, r);
    }
}
