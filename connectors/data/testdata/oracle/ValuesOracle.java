// Answers questions about Kafka Connect's data classes, one a line, for TestAgainstJava. Run as a
// source file: java -cp <jars> ValuesOracle.java

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Values;

public class ValuesOracle {
  public static void main(String[] args) throws Exception {
    TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
    Locale.setDefault(Locale.US);
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) {
      int space = line.indexOf(' ');
      String answer;
      try {
        answer = answer(line.substring(0, space), line.substring(space + 1));
      } catch (RuntimeException e) {
        answer = "error";
      }
      out.println(answer);
    }
    out.flush();
  }

  static String answer(String op, String arg) {
    switch (op) {
      case "parse":
        SchemaAndValue parsed = Values.parseString(new String(Base64.getDecoder().decode(arg), StandardCharsets.UTF_8));
        return parsed == null ? "null" : schema(parsed.schema()) + " " + value(parsed.value());
      case "float64":
        return Double.toString(Double.longBitsToDouble(Long.parseUnsignedLong(arg, 16)));
      case "float32":
        return Float.toString(Float.intBitsToFloat(Integer.parseUnsignedInt(arg, 16)));
      case "date":
        Date date = new Date(Long.parseLong(arg));
        return date + "|" + Values.convertToString(null, date);
      case "decimal":
        BigDecimal d = new BigDecimal(arg);
        return d + "|" + (Math.abs((long) d.scale()) < 400 ? d.toPlainString() : "") + "|" + d.longValue() + "|"
            + Long.toHexString(Double.doubleToLongBits(d.doubleValue())) + "|" + Integer.toHexString(Float.floatToIntBits(d.floatValue()))
            + "|" + Base64.getEncoder().encodeToString(d.unscaledValue().toByteArray());
      default:
        throw new IllegalArgumentException(op);
    }
  }

  static String schema(Schema s) {
    if (s == null) return "-";
    String text = s.type() + (s.isOptional() ? "?" : "") + (s.name() == null ? "" : "#" + s.name());
    if (s.parameters() != null) text += s.parameters();
    if (s.type() == Schema.Type.ARRAY) text += "<" + schema(s.valueSchema()) + ">";
    if (s.type() == Schema.Type.MAP) text += "<" + schema(s.keySchema()) + "," + schema(s.valueSchema()) + ">";
    return text;
  }

  static String value(Object o) {
    if (o == null) return "null";
    if (o instanceof Float) return "float32:" + Integer.toHexString(Float.floatToIntBits((Float) o));
    if (o instanceof Double) return "float64:" + Long.toHexString(Double.doubleToLongBits((Double) o));
    if (o instanceof String) return "string:" + Base64.getEncoder().encodeToString(((String) o).getBytes(StandardCharsets.UTF_8));
    if (o instanceof Date) return "date:" + ((Date) o).getTime();
    if (o instanceof BigDecimal) return "decimal:" + ((BigDecimal) o).unscaledValue() + "/" + ((BigDecimal) o).scale();
    if (o instanceof List) {
      StringBuilder b = new StringBuilder("[");
      for (Object e : (List<?>) o) b.append(value(e)).append(",");
      return b.append("]").toString();
    }
    if (o instanceof Map) {
      StringBuilder b = new StringBuilder("{");
      for (Map.Entry<?, ?> e : ((Map<?, ?>) o).entrySet()) b.append(value(e.getKey())).append("=").append(value(e.getValue())).append(",");
      return b.append("}").toString();
    }
    return o.getClass().getSimpleName() + ":" + o;
  }
}
