import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;

/** Prints sets of names, a line each, in the order of a HashMap into which they were put sorted. */
public final class HashOrder {
    public static void main(String[] args) {
        String[] fixed = {"cluster topic partition", "server database table schema id offset lsn txId ts_usec snapshot file pos",
            "zz aa", "Aa BB", "AaAa BBBB AaBB BBAa", "kafka_topic kafka_partition", "größe straße \uD83D\uDE00 日本"};
        for (String line : fixed) {
            print(new TreeSet<>(java.util.List.of(line.split(" "))));
        }
        Random random = new Random(42);
        for (int n = 2; n < 60; n++) {
            TreeSet<String> names = new TreeSet<>();
            while (names.size() < n) {
                StringBuilder name = new StringBuilder();
                for (int i = random.nextInt(12); i >= 0; i--) {
                    name.append((char) ('a' + random.nextInt(26)));
                }
                names.add(name.toString());
            }
            print(names);
        }
    }

    private static void print(TreeSet<String> sorted) {
        Map<String, Object> map = new HashMap<>();
        sorted.forEach(name -> map.put(name, 1));
        System.out.println(String.join(" ", map.keySet()));
    }
}
