import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * The record of ten fields of codecs/avro's benchmarks, written and read by Avro's own classes: nanoseconds a record, the best of
 * twenty rounds. Avro alone, where ours and the JVM's converters also make Connect's values of it.
 *
 *   java -cp 'PLUGINS/apicurio/*' testdata/bench/AvroBench.java     (jars: see avro-converter.xml)
 *   go test -run - -bench 'Connect/avro' ./codecs/avro
 */
public class AvroBench {
    static final String SCHEMA = """
        {"type":"record","name":"orders","namespace":"shop","fields":[
         {"name":"id","type":"long"},{"name":"customer","type":"string"},{"name":"email","type":["null","string"]},
         {"name":"quantity","type":"int"},{"name":"price","type":"double"},{"name":"paid","type":"boolean"},
         {"name":"note","type":["null","string"]},{"name":"created","type":{"type":"long","logicalType":"timestamp-millis"}},
         {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":64,"scale":2}},
         {"name":"tags","type":{"type":"array","items":"string"}}]}""";

    interface Work {
        void once() throws Exception;
    }

    static void time(String name, Work work) throws Exception {
        long best = Long.MAX_VALUE;
        final int n = 300_000;
        for (int round = 0; round < 20; round++) {
            long began = System.nanoTime();
            for (int i = 0; i < n; i++) {
                work.once();
            }
            best = Math.min(best, System.nanoTime() - began);
        }
        System.out.printf("%s %d ns%n", name, best / n);
    }

    public static void main(String[] args) throws Exception {
        Schema schema = new Schema.Parser().parse(SCHEMA);
        GenericRecord r = new GenericData.Record(schema);
        r.put("id", 123456789L);
        r.put("customer", "Ada Lovelace");
        r.put("email", "ada@example.com");
        r.put("quantity", 3);
        r.put("price", 19.99);
        r.put("paid", true);
        r.put("created", 1700000000123L);
        r.put("total", ByteBuffer.wrap(new byte[] {0x17, 0x6d}));
        r.put("tags", List.of("new", "priority"));
        GenericDatumWriter<GenericRecord> writer = new GenericDatumWriter<>(schema);
        GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(schema);
        BinaryEncoder[] encoder = new BinaryEncoder[1];
        byte[][] last = new byte[1][];
        time("GenericDatumWriter", () -> {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            encoder[0] = EncoderFactory.get().directBinaryEncoder(out, encoder[0]);
            writer.write(r, encoder[0]);
            last[0] = out.toByteArray();
        });
        BinaryDecoder[] decoder = new BinaryDecoder[1];
        GenericRecord[] read = new GenericRecord[1];
        time("GenericDatumReader", () -> {
            decoder[0] = DecoderFactory.get().binaryDecoder(last[0], decoder[0]);
            read[0] = reader.read(null, decoder[0]);
        });
        if (!read[0].get("customer").toString().equals("Ada Lovelace")) {
            throw new IllegalStateException("read " + read[0]);
        }
    }
}
