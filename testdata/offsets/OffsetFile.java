import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * Reads and writes offset files as the JVM worker's FileOffsetBackingStore does, with the JDK's
 * own serialization.
 *
 * <pre>
 * java OffsetFile.java write FILE LIST   writes the pairs that LIST has, a line each
 * java OffsetFile.java dump FILE         prints the pairs, a line each, ordered by key
 * </pre>
 *
 * A line is the key and the value in base64 with a space between; "-" is null.
 */
public final class OffsetFile {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) {
            Map<byte[], byte[]> raw = new HashMap<>();
            for (String line : Files.readAllLines(Path.of(args[2]))) {
                String[] pair = line.split(" ");
                raw.put(bytes(pair[0]), bytes(pair[1]));
            }
            try (ObjectOutputStream os = new ObjectOutputStream(Files.newOutputStream(Path.of(args[1])))) {
                os.writeObject(raw);
            }
            return;
        }
        Object obj;
        try (ObjectInputStream is = new ObjectInputStream(Files.newInputStream(Path.of(args[1])))) {
            obj = is.readObject();
        }
        if (obj.getClass() != HashMap.class) {
            throw new IllegalStateException("Expected HashMap but found " + obj.getClass());
        }
        @SuppressWarnings("unchecked")
        Map<byte[], byte[]> raw = (Map<byte[], byte[]>) obj;
        Map<String, String> lines = new TreeMap<>();
        raw.forEach((k, v) -> lines.put(text(k), text(v)));
        lines.forEach((k, v) -> System.out.println(k + " " + v));
    }

    private static byte[] bytes(String s) {
        return s.equals("-") ? null : Base64.getDecoder().decode(s);
    }

    private static String text(byte[] b) {
        return b == null ? "-" : Base64.getEncoder().encodeToString(b);
    }
}
