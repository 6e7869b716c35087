"""The AvroSerializer and AvroDeserializer of confluent-kafka, for the tests of the AvroConverter.

confluent_avro.py URL write         prints a line per case: {"name", "topic", "wire": [base64…]}
confluent_avro.py URL read          takes such lines and checks that each value is the case's
confluent_avro.py URL evolve LEVEL  prints values of two schemas, the second registered under LEVEL
confluent_avro.py URL evolved LEVEL takes such a line; prints what a reader with each schema makes of it
"""
import base64
import datetime
import decimal
import json
import sys

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

UTC = datetime.timezone.utc
NODE = {"type": "record", "name": "Node", "namespace": "n", "fields": [
    {"name": "v", "type": "int"}, {"name": "next", "type": ["null", "Node"], "default": None}]}
CASES = {
    "scalars": ({"type": "record", "name": "S", "namespace": "a.b", "fields": [
        {"name": "b", "type": "boolean"}, {"name": "i", "type": "int"}, {"name": "l", "type": "long"},
        {"name": "f", "type": "float"}, {"name": "d", "type": "double"}, {"name": "s", "type": "string"}, {"name": "y", "type": "bytes"}]},
        [{"b": True, "i": -2147483648, "l": 9223372036854775807, "f": 1.5, "d": 1e300, "s": "é日😀", "y": b"\x00\xff"},
         {"b": False, "i": 0, "l": -1, "f": -0.25, "d": 0.0, "s": "", "y": b""}]),
    "logical": ({"type": "record", "name": "L", "fields": [
        {"name": "dec", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 3}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "time", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}}]},
        [{"dec": decimal.Decimal("-12345678901234.567"), "day": datetime.date(2026, 12, 1), "time": datetime.time(23, 59, 59, 999000),
          "ts": datetime.datetime(2026, 12, 1, 3, 4, 5, 678000, UTC)},
         {"dec": decimal.Decimal("0.000"), "day": datetime.date(1969, 12, 31), "time": datetime.time(0, 0),
          "ts": datetime.datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)}]),
    "unions": ({"type": "record", "name": "U", "fields": [
        {"name": "o", "type": ["null", "string"], "default": None}, {"name": "p", "type": ["long", "null"], "default": 7},
        {"name": "u", "type": ["null", "int", "string", {"type": "map", "values": "long"}], "default": None}]},
        [{"o": None, "p": None, "u": None}, {"o": "x", "p": 5, "u": 5}, {"o": "", "p": 7, "u": "s"}, {"o": "y", "p": 1, "u": {"k": 2}}]),
    "nesting": ({"type": "record", "name": "N", "namespace": "n", "fields": [
        {"name": "list", "type": {"type": "array", "items": {"type": "record", "name": "In", "fields": [{"name": "x", "type": ["null", "int"]}]}}},
        {"name": "map", "type": {"type": "map", "values": {"type": "array", "items": "In"}}},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
        {"name": "fix", "type": {"type": "fixed", "name": "F", "size": 3}}]},
        [{"list": [{"x": 1}, {"x": None}], "map": {"k": [{"x": 2}], "e": []}, "e": "B", "fix": b"abc"},
         {"list": [], "map": {}, "e": "A", "fix": b"\x00\x01\x02"}]),
    "recursive": (NODE, [{"v": 1, "next": {"v": 2, "next": {"v": 3, "next": None}}}, {"v": 4, "next": None}]),
    "string": ("string", ["x", "", "é日😀"]),
    "long": ("long", [0, -1, 1 << 62]),
}
REF = {"type": "record", "name": "Ref", "namespace": "r", "fields": [{"name": "q", "type": "int"}]}
USES = {"type": "record", "name": "Uses", "namespace": "r", "fields": [{"name": "r", "type": "Ref"}]}


def row(*fields):
    return {"type": "record", "name": "V", "fields": list(fields)}


# Two schemas per level, of which the second is compatible with the first by that level only.
EVOLVED = {
    "BACKWARD": (row({"name": "id", "type": "int"}, {"name": "gone", "type": "string"}),
                 row({"name": "id", "type": "long"}, {"name": "new", "type": "string", "default": "n"})),
    "FORWARD": (row({"name": "id", "type": "long"}, {"name": "gone", "type": "string", "default": "g"}),
                row({"name": "id", "type": "int"}, {"name": "new", "type": "string"})),
    "FULL": (row({"name": "id", "type": "long"}, {"name": "gone", "type": "string", "default": "g"}),
             row({"name": "id", "type": "long"}, {"name": "new", "type": "string", "default": "n"})),
}


def context(topic):
    return SerializationContext(topic, MessageField.VALUE)


def line(name, topic, wire):
    print(json.dumps({"name": name, "topic": topic, "wire": [base64.b64encode(w).decode() for w in wire]}))


def write(client):
    for name, (schema, values) in CASES.items():
        serialize = AvroSerializer(client, json.dumps(schema))
        topic = "py-" + name
        line(name, topic, [serialize(v, context(topic)) for v in values])
    client.register_schema("r.Ref", Schema(json.dumps(REF), "AVRO"))
    uses = Schema(json.dumps(USES), "AVRO", [SchemaReference("r.Ref", "r.Ref", 1)])
    line("references", "py-references", [AvroSerializer(client, uses)({"r": {"q": 5}}, context("py-references"))])


def read(client):
    deserialize = AvroDeserializer(client)
    checked = 0
    for text in sys.stdin:
        case = json.loads(text)
        wants = [{"r": {"q": 5}}] if case["name"] == "references" else CASES[case["name"]][1]
        assert len(wants) == len(case["wire"]), case["name"]
        for want, wire in zip(wants, case["wire"]):
            got = deserialize(base64.b64decode(wire), context(case["topic"]))
            assert got == want, "%s: want %r, got %r" % (case["name"], want, got)
            checked += 1
    print(checked)


def evolve(client):
    level = sys.argv[3]
    topic = "py-" + level.lower()
    before, after = EVOLVED[level]
    wire = [AvroSerializer(client, json.dumps(before))({"id": i, "gone": "x"}, context(topic)) for i in (1, 2)]
    client.set_compatibility(topic + "-value", level)
    wire.append(AvroSerializer(client, json.dumps(after))({"id": 3, "new": "y"}, context(topic)))
    line(level, topic, wire)


def evolved(client):
    case = json.loads(sys.stdin.read())
    out = []
    for reader in EVOLVED[sys.argv[3]]:
        deserialize = AvroDeserializer(client, json.dumps(reader))
        for wire in case["wire"]:
            try:
                value = deserialize(base64.b64decode(wire), context(case["topic"]))
                out.append(" ".join("%s=%s" % field for field in value.items()))
            except Exception:  # the reader's schema can't read the writer's
                out.append("no")
    print(json.dumps(out))


if __name__ == "__main__":
    {"write": write, "read": read, "evolve": evolve, "evolved": evolved}[sys.argv[2]](SchemaRegistryClient({"url": sys.argv[1]}))
