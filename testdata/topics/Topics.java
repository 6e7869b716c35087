import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.FileInputStream;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import javax.crypto.spec.SecretKeySpec;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.*;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.storage.*;
import org.apache.kafka.connect.util.*;

/**
 * What the JVM's own stores make of internal topics, with the 4.1.1 jars on the class path:
 *
 *   dump BOOTSTRAP TOPIC         the topic's records as JSON lines
 *   fill BOOTSTRAP TOPIC FILE    produce such lines
 *   state WORKER.properties      how the three stores read their topics, as JSON
 *   write WORKER.properties      write with the config and status stores what the Go tests write too
 */
public class Topics {
    static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "dump": dump(args[1], args[2]); break;
            case "fill": fill(args[1], args[2], args[3]); break;
            case "state": state(args[1]); break;
            case "write": write(args[1]); break;
            default: throw new IllegalArgumentException(args[0]);
        }
        System.exit(0);
    }

    static String b64(byte[] b) { return b == null ? null : Base64.getEncoder().encodeToString(b); }

    static void dump(String bootstrap, String topic) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("isolation.level", "read_committed");
        try (KafkaConsumer<byte[], byte[]> c = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> tps = new ArrayList<>();
            c.partitionsFor(topic).forEach(i -> tps.add(new TopicPartition(topic, i.partition())));
            tps.sort(Comparator.comparing(TopicPartition::partition));
            c.assign(tps);
            c.seekToBeginning(tps);
            Map<TopicPartition, Long> ends = c.endOffsets(tps);
            List<ConsumerRecord<byte[], byte[]>> all = new ArrayList<>();
            while (tps.stream().anyMatch(tp -> c.position(tp) < ends.get(tp)))
                c.poll(Duration.ofMillis(200)).forEach(all::add);
            all.sort(Comparator.comparing((ConsumerRecord<byte[], byte[]> r) -> r.partition()).thenComparing(ConsumerRecord::offset));
            for (ConsumerRecord<byte[], byte[]> r : all) {
                Map<String, Object> m = new LinkedHashMap<>();
                m.put("partition", r.partition());
                m.put("offset", r.offset());
                m.put("key", b64(r.key()));
                m.put("value", b64(r.value()));
                System.out.println(new ObjectMapper().writeValueAsString(m));
            }
        }
    }

    static void fill(String bootstrap, String topic, String file) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (String line : Files.readAllLines(Path.of(file))) {
                JsonNode n = JSON.readTree(line);
                byte[] value = n.get("value").isNull() ? null : n.get("value").binaryValue();
                producer.send(new ProducerRecord<>(topic, n.get("key").binaryValue(), value)).get();
            }
        }
    }

    static DistributedConfig config(String file) throws Exception {
        Properties p = new Properties();
        try (FileInputStream in = new FileInputStream(file)) { p.load(in); }
        Map<String, String> m = new HashMap<>();
        p.forEach((k, v) -> m.put((String) k, (String) v));
        return new DistributedConfig(m);
    }

    static JsonConverter converter(boolean key) {
        JsonConverter c = new JsonConverter();
        c.configure(Map.of("schemas.enable", "false"), key);
        return c;
    }

    static TopicAdmin admin(DistributedConfig config) {
        Map<String, Object> props = new HashMap<>(config.originals());
        props.put("client.id", "topics-admin");
        return new TopicAdmin(props);
    }

    static Object field(Object o, String name) throws Exception {
        Field f = o.getClass().getDeclaredField(name);
        f.setAccessible(true);
        return f.get(o);
    }

    static List<String> calls = Collections.synchronizedList(new ArrayList<>());

    static KafkaConfigBackingStore configStore(DistributedConfig config, TopicAdmin admin) {
        KafkaConfigBackingStore store = new KafkaConfigBackingStore(converter(false), config, null, () -> admin, "topics-");
        store.setUpdateListener(new ConfigBackingStore.UpdateListener() {
            public void onConnectorConfigRemove(String c) { calls.add("removed " + c); }
            public void onConnectorConfigUpdate(String c) { calls.add("updated " + c); }
            public void onTaskConfigUpdate(Collection<ConnectorTaskId> t) { calls.add("tasks " + new TreeSet<>(t)); }
            public void onConnectorTargetStateChange(String c) { calls.add("target " + c); }
            public void onSessionKeyUpdate(SessionKey k) { calls.add("key"); }
            public void onRestartRequest(RestartRequest r) { calls.add("restart " + r.connectorName() + " " + r.onlyFailed() + " " + r.includeTasks()); }
            public void onLoggingLevelUpdate(String n, String l) { calls.add("level " + n + " " + l); }
        });
        store.start();
        return store;
    }

    static Object snapshot(KafkaConfigBackingStore store) throws Exception {
        ClusterConfigState s = store.snapshot();
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("offset", s.offset());
        if (s.sessionKey() != null) {
            Map<String, Object> k = new TreeMap<>();
            k.put("key", b64(s.sessionKey().key().getEncoded()));
            k.put("algorithm", s.sessionKey().key().getAlgorithm());
            k.put("created", s.sessionKey().creationTimestamp());
            out.put("session", k);
        }
        Map<String, Object> connectors = new TreeMap<>();
        Set<String> names = new TreeSet<>();
        names.addAll(((Map<String, ?>) field(store, "connectorConfigs")).keySet());
        names.addAll(((Map<String, ?>) field(store, "connectorTargetStates")).keySet());
        names.addAll(((Map<String, ?>) field(store, "connectorTaskCounts")).keySet());
        names.addAll(((Map<String, ?>) field(store, "connectorTaskCountRecords")).keySet());
        names.addAll(((Map<String, ?>) field(store, "connectorTaskConfigGenerations")).keySet());
        names.addAll((Set<String>) field(store, "inconsistent"));
        names.addAll((Set<String>) field(store, "connectorsPendingFencing"));
        Map<String, Map<ConnectorTaskId, Map<String, String>>> deferred = (Map) field(store, "deferredTaskUpdates");
        names.addAll(deferred.keySet());
        Map<String, Integer> counts = (Map<String, Integer>) field(store, "connectorTaskCounts");
        Map<ConnectorTaskId, Map<String, String>> tasks = (Map) field(store, "taskConfigs");
        for (ConnectorTaskId id : tasks.keySet()) names.add(id.connector());
        for (String name : names) {
            Map<String, Object> c = new TreeMap<>();
            c.put("config", s.rawConnectorConfig(name));
            c.put("target", s.targetState(name) == null ? null : s.targetState(name).name());
            c.put("count", counts.get(name));
            c.put("applied", s.appliedConnectorConfig(name));
            c.put("fencing", s.taskCountRecord(name));
            c.put("generation", s.taskConfigGeneration(name));
            c.put("pending", s.pendingFencing(name));
            c.put("inconsistent", s.inconsistentConnectors().contains(name));
            List<Integer> ids = new ArrayList<>();
            for (ConnectorTaskId id : s.tasks(name)) ids.add(id.task());
            c.put("tasks", ids);
            Map<Integer, Object> configs = new TreeMap<>();
            tasks.forEach((id, m) -> { if (id.connector().equals(name)) configs.put(id.task(), m); });
            c.put("taskConfigs", configs);
            Map<Integer, Object> later = new TreeMap<>();
            deferred.getOrDefault(name, Map.of()).forEach((id, m) -> later.put(id.task(), m));
            c.put("deferred", later);
            connectors.put(name, c);
        }
        out.put("connectors", connectors);
        return out;
    }

    static KafkaStatusBackingStore statusStore(DistributedConfig config, TopicAdmin admin) {
        KafkaStatusBackingStore store = new KafkaStatusBackingStore(Time.SYSTEM, converter(false), () -> admin, "topics-");
        store.configure(config);
        store.start();
        return store;
    }

    static Map<String, Object> status(AbstractStatus<?> s) {
        Map<String, Object> m = new TreeMap<>();
        m.put("state", s.state().name());
        m.put("worker", s.workerId());
        m.put("trace", s.trace());
        m.put("generation", s.generation());
        m.put("version", s.version());
        return m;
    }

    static Object statuses(KafkaStatusBackingStore store) throws Exception {
        Map<String, Object> out = new TreeMap<>();
        Field f = KafkaStatusBackingStore.class.getDeclaredField("topics");
        f.setAccessible(true);
        Set<String> names = new TreeSet<>(store.connectors());
        names.addAll(((Map<String, ?>) f.get(store)).keySet());
        f = KafkaStatusBackingStore.class.getDeclaredField("tasks");
        f.setAccessible(true);
        Object table = f.get(store);
        Field rows = table.getClass().getDeclaredField("table");
        rows.setAccessible(true);
        names.addAll(((Map<String, ?>) rows.get(table)).keySet());
        for (String name : names) {
            Map<String, Object> c = new TreeMap<>();
            ConnectorStatus s = store.get(name);
            c.put("connector", s == null ? null : status(s));
            Map<Integer, Object> tasks = new TreeMap<>();
            for (TaskStatus t : store.getAll(name)) tasks.put(t.id().task(), status(t));
            c.put("tasks", tasks);
            Map<String, Object> topics = new TreeMap<>();
            for (TopicStatus t : store.getAllTopics(name)) topics.put(t.topic(), t.connector() + " " + t.task() + " " + t.discoverTimestamp());
            c.put("topics", topics);
            out.put(name, c);
        }
        return out;
    }

    static Object offsets(DistributedConfig config, TopicAdmin admin) throws Exception {
        KafkaOffsetBackingStore store = new KafkaOffsetBackingStore(() -> admin, () -> "topics-offsets", converter(true));
        store.configure(config);
        store.start();
        Map<String, Object> out = new TreeMap<>();
        Field f = KafkaOffsetBackingStore.class.getDeclaredField("data");
        f.setAccessible(true);
        for (Map.Entry<ByteBuffer, ByteBuffer> e : ((Map<ByteBuffer, ByteBuffer>) f.get(store)).entrySet())
            out.put(text(e.getKey()), e.getValue() == null ? null : text(e.getValue()));
        store.stop();
        return out;
    }

    static String text(ByteBuffer b) { return StandardCharsets.UTF_8.decode(b.duplicate()).toString(); }

    static void state(String file) throws Exception {
        DistributedConfig config = config(file);
        TopicAdmin admin = admin(config);
        Map<String, Object> out = new LinkedHashMap<>();
        KafkaConfigBackingStore configs = configStore(config, admin);
        out.put("configs", snapshot(configs));
        configs.stop();
        KafkaStatusBackingStore statuses = statusStore(config, admin);
        out.put("statuses", statuses(statuses));
        statuses.stop();
        out.put("offsets", offsets(config, admin));
        System.out.println(JSON.writerWithDefaultPrettyPrinter().writeValueAsString(out));
    }

    static final String ODD = "q\"\\/<>&\b\f\n\r\t\u001b\u007f\u2028é\uD83D\uDE00";

    static void write(String file) throws Exception {
        DistributedConfig config = config(file);
        TopicAdmin admin = admin(config);
        KafkaConfigBackingStore configs = configStore(config, admin);
        Map<String, String> props = new HashMap<>();
        for (String k : List.of("name", "connector.class", "tasks.max", "topic", "throughput", "key.converter", ODD)) props.put(k, ODD);
        configs.putConnectorConfig("plain", Map.of("name", "plain"), null);
        configs.putConnectorConfig(ODD, props, TargetState.STOPPED);
        configs.putConnectorConfig("many-of it", props, TargetState.PAUSED);
        configs.putTaskConfigs("many-of it", List.of(Map.of("task", "0"), props, Map.of()));
        configs.putTaskConfigs("many-of it", List.of(Map.of("task", "1")));
        configs.putTaskConfigs(ODD, List.of());
        for (TargetState s : TargetState.values()) configs.putTargetState("plain", s);
        configs.putTaskCountRecord("plain", 17);
        configs.putSessionKey(new SessionKey(new SecretKeySpec("0123456789abcdef0123456789abcdef".getBytes(StandardCharsets.UTF_8), "HmacSHA256"), 1700000000123L));
        configs.putRestartRequest(new RestartRequest("plain", true, false));
        configs.putRestartRequest(new RestartRequest("plain", false, true));
        configs.putLoggerLevel("org.apache.kafka", "DEBUG");
        configs.removeConnectorConfig("plain");
        configs.refresh(30, java.util.concurrent.TimeUnit.SECONDS);
        KafkaStatusBackingStore statuses = statusStore(config, admin);
        statuses.put(new ConnectorStatus("plain", AbstractStatus.State.RUNNING, "host:8083", 3, "4.1.1"));
        statuses.put(new ConnectorStatus(ODD, AbstractStatus.State.FAILED, "trace " + ODD + "\n\tat x", "host:8083", -1, null));
        statuses.put(new TaskStatus(new ConnectorTaskId("plain-1", 10), AbstractStatus.State.RESTARTING, "host:8083", 3, null, "v"));
        statuses.put(new TaskStatus(new ConnectorTaskId("plain-1", 10), AbstractStatus.State.UNASSIGNED, "host:8083", 4, null, null));
        statuses.put(new TaskStatus(new ConnectorTaskId("plain-1", 10), AbstractStatus.State.DESTROYED, "host:8083", 4, null, null));
        statuses.put(new ConnectorStatus("plain", AbstractStatus.State.DESTROYED, "host:8083", 4, null));
        statuses.put(new TopicStatus("a.topic", new ConnectorTaskId("plain-1", 10), 1700000000123L));
        statuses.deleteTopic("plain-1", "a.topic");
        statuses.flush();
        System.out.println(JSON.writeValueAsString(calls));
    }
}
