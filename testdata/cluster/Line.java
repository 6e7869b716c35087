package org.apache.kafka.connect.tools;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What both connectors share: a line of JSON for a record, and settings for tasks with a number. */
final class Line {
    static final String VERSION = "4.1.1";

    private Line() { }

    /** Prints one line; further are pairs of a key and a number or a boolean. */
    static void print(String name, Object task, String topic, Object seqno, Object... further) {
        StringBuilder out = new StringBuilder(160)
            .append("{\"name\":\"").append(name)
            .append("\",\"task\":").append(task)
            .append(",\"topic\":\"").append(topic)
            .append("\",\"time_ms\":").append(System.currentTimeMillis())
            .append(",\"seqno\":").append(seqno);
        for (int i = 0; i < further.length; i += 2)
            out.append(",\"").append(further[i]).append("\":").append(further[i + 1]);
        System.out.println(out.append('}'));
    }

    static List<Map<String, String>> numbered(Map<String, String> settings, int count) {
        List<Map<String, String>> tasks = new ArrayList<>(count);
        for (int id = 0; id < count; id++) {
            Map<String, String> task = new HashMap<>(settings);
            task.put("id", Integer.toString(id));
            tasks.add(task);
        }
        return tasks;
    }
}
