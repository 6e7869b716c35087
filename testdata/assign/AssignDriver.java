package org.apache.kafka.connect.runtime.distributed;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.clients.GroupRebalanceConfig;
import org.apache.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.runtime.distributed.WorkerCoordinator.ConnectorsAndTasks;
import org.apache.kafka.connect.storage.ClusterConfigState;
import org.apache.kafka.connect.util.ConnectorTaskId;

/**
 * Feeds what it reads to the assignors and the wire formats of the real Connect, and prints what they make of it.
 * README.md describes the lines. It lies in Connect's package for want of public methods.
 */
public class AssignDriver {
    static final class Clock implements Time {
        long now;

        @Override
        public long milliseconds() {
            return now;
        }

        @Override
        public long nanoseconds() {
            return now * 1_000_000;
        }

        @Override
        public void sleep(long ms) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void waitObject(Object o, Supplier<Boolean> condition, long deadline) {
            throw new UnsupportedOperationException();
        }
    }

    /** A coordinator that knows nothing but the configuration: all that the eager assignor asks for. */
    static final class Coordinator extends WorkerCoordinator {
        ClusterConfigState snapshot;

        Coordinator(Time time) {
            super(new GroupRebalanceConfig(10000, 60000, 3000, "g", Optional.empty(), null, 100, 1000, true),
                    new LogContext(), null, new Metrics(), "connect", time, "http://none/", null, null,
                    ConnectProtocolCompatibility.EAGER, 0);
        }

        @Override
        public ClusterConfigState configSnapshot() {
            return snapshot;
        }
    }

    final Clock clock = new Clock();
    final Coordinator coordinator = new Coordinator(clock);
    final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    IncrementalCooperativeAssignor assignor;
    int last;
    int generation;
    ClusterConfigState config;
    Map<String, ConnectorsAndTasks> members;
    List<String> order;

    public static void main(String[] args) throws Exception {
        AssignDriver driver = new AssignDriver();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            driver.take(line.split("\t", -1));
        }
        driver.out.flush();
    }

    void take(String[] f) {
        switch (f[0]) {
            case "history":
                assignor = new IncrementalCooperativeAssignor(new LogContext(), clock, Integer.parseInt(f[1]));
                break;
            case "round":
                clock.now = Long.parseLong(f[1]);
                last = Integer.parseInt(f[2]);
                generation = Integer.parseInt(f[3]);
                config = configured(f[4]);
                members = new HashMap<>(); // of the capacity that Collectors.toMap makes
                order = new ArrayList<>();
                break;
            case "member":
                members.put(f[1], new ConnectorsAndTasks.Builder().with(connectors(f[2]), tasks(f[2])).build());
                order.add(f[1]);
                break;
            case "cooperative":
                cooperative();
                break;
            case "eager":
                eager();
                break;
            case "state":
                state(f);
                break;
            case "assignment":
                assignment(f);
                break;
            case "read":
                read(f);
                break;
            default:
                throw new IllegalArgumentException("no such line: " + f[0]);
        }
    }

    void cooperative() {
        IncrementalCooperativeAssignor.ClusterAssignment plan =
                assignor.performTaskAssignment(config, last, generation, members);
        out.println("delay\t" + assignor.delay);
        for (String id : order) {
            out.println("share\t" + id
                    + "\t" + text(plan.newlyAssignedConnectors(id), plan.newlyAssignedTasks(id))
                    + "\t" + text(plan.newlyRevokedConnectors(id), plan.newlyRevokedTasks(id))
                    + "\t" + text(plan.allAssignedConnectors().get(id), plan.allAssignedTasks().get(id)));
        }
    }

    void eager() {
        coordinator.snapshot = config;
        List<JoinGroupResponseMember> asked = new ArrayList<>();
        ConnectProtocol.WorkerState state = new ConnectProtocol.WorkerState("http://none/", 0);
        for (String id : order) {
            asked.add(new JoinGroupResponseMember().setMemberId(id)
                    .setMetadata(ConnectProtocol.serializeMetadata(state).array()));
        }
        Map<String, ByteBuffer> plan = new EagerAssignor(new LogContext())
                .performAssignment(order.get(0), "default", asked, coordinator);
        out.println("delay\t0");
        for (String id : order) {
            ConnectProtocol.Assignment a = ConnectProtocol.deserializeAssignment(plan.get(id));
            out.println("share\t" + id + "\t" + text(a.connectors(), a.tasks()));
        }
    }

    // state VERSION URL OFFSET (- | ASSIGNMENT...)
    void state(String[] f) {
        int version = Integer.parseInt(f[1]);
        ByteBuffer bytes;
        if (version == 0) {
            bytes = ConnectProtocol.serializeMetadata(new ConnectProtocol.WorkerState(f[2], Long.parseLong(f[3])));
        } else {
            ExtendedAssignment current = f[4].equals("-") ? null : extended(version, f, 4);
            bytes = IncrementalCooperativeConnectProtocol.serializeMetadata(
                    new ExtendedWorkerState(f[2], Long.parseLong(f[3]), current), version == 2);
        }
        out.println(String.join("\t", f) + "\t" + hex(bytes));
    }

    // assignment VERSION ERROR LEADER URL OFFSET ASSIGNED REVOKED DELAY
    void assignment(String[] f) {
        int version = Integer.parseInt(f[1]);
        ByteBuffer bytes;
        if (version == 0) {
            bytes = ConnectProtocol.serializeAssignment(new ConnectProtocol.Assignment(Short.parseShort(f[2]), f[3], f[4],
                    Long.parseLong(f[5]), connectors(f[6]), tasks(f[6])));
        } else {
            bytes = IncrementalCooperativeConnectProtocol.serializeAssignment(extended(version, f, 2), version == 2);
        }
        out.println(String.join("\t", f) + "\t" + hex(bytes));
    }

    // read KIND VERSION HEX
    void read(String[] f) {
        boolean sessioned = f[2].equals("2");
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(f[3]));
        ByteBuffer again = f[1].equals("state")
                ? IncrementalCooperativeConnectProtocol.serializeMetadata(
                        IncrementalCooperativeConnectProtocol.deserializeMetadata(bytes), sessioned)
                : IncrementalCooperativeConnectProtocol.serializeAssignment(
                        IncrementalCooperativeConnectProtocol.deserializeAssignment(bytes), sessioned);
        out.println(String.join("\t", f) + "\t" + hex(again));
    }

    static ExtendedAssignment extended(int version, String[] f, int at) {
        return new ExtendedAssignment((short) version, Short.parseShort(f[at]), f[at + 1], f[at + 2],
                Long.parseLong(f[at + 3]), connectors(f[at + 4]), tasks(f[at + 4]), connectors(f[at + 5]), tasks(f[at + 5]),
                Integer.parseInt(f[at + 6]));
    }

    static String hex(ByteBuffer bytes) {
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        return HexFormat.of().formatHex(copy);
    }

    // NAME/COUNT, ...
    static ClusterConfigState configured(String text) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        Map<String, Map<String, String>> configs = new LinkedHashMap<>();
        for (String one : list(text)) {
            int slash = one.lastIndexOf('/');
            counts.put(one.substring(0, slash), Integer.parseInt(one.substring(slash + 1)));
            configs.put(one.substring(0, slash), Collections.emptyMap());
        }
        return new ClusterConfigState(0, null, counts, configs, Collections.emptyMap(), Collections.emptyMap(),
                Collections.emptyMap(), Collections.emptyMap(), Collections.emptyMap(), Set.of(), Set.of());
    }

    static String[] list(String text) {
        return text.isEmpty() ? new String[0] : text.split(",");
    }

    // NAME is a connector, NAME/NUMBER a task
    static List<String> connectors(String text) {
        List<String> names = new ArrayList<>();
        for (String one : list(text)) {
            if (one.indexOf('/') < 0) {
                names.add(one);
            }
        }
        return names;
    }

    static List<ConnectorTaskId> tasks(String text) {
        List<ConnectorTaskId> ids = new ArrayList<>();
        for (String one : list(text)) {
            int slash = one.indexOf('/');
            if (slash >= 0) {
                ids.add(new ConnectorTaskId(one.substring(0, slash), Integer.parseInt(one.substring(slash + 1))));
            }
        }
        return ids;
    }

    static String text(Collection<String> connectors, Collection<ConnectorTaskId> tasks) {
        List<String> all = new ArrayList<>();
        if (connectors != null) {
            all.addAll(connectors);
        }
        if (tasks != null) {
            tasks.forEach(t -> all.add(t.connector() + "/" + t.task()));
        }
        return String.join(",", all);
    }
}
