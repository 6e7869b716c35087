"""Writes records with Confluent's Python serializers, and reads ours with its deserializers.

write FORMAT URL FOLDER   registers schemas and puts a record of each case into FOLDER/NAME.bin
read FORMAT URL FOLDER    prints one JSON object: what is read of each FOLDER/go-NAME.bin
evolve FORMAT URL FOLDER  has a schema evolve at each level of compatibility: a record of the older into FOLDER/LEVEL-1.bin,
                          of the newer into LEVEL-2.bin; a third that the level doesn't allow has to be refused
evolved FORMAT URL FOLDER prints as read does what is read of each FOLDER/go-LEVEL-N.bin
"""
import base64
import glob
import importlib
import json
import os
import re
import subprocess
import sys

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

HERE = os.path.dirname(os.path.abspath(__file__))
KNOWN = os.path.join(HERE, "..", "..", "codecs", "protobuf", "known")


def context(topic):
    return SerializationContext(topic, MessageField.VALUE)


def put(folder, name, payload):
    with open(os.path.join(folder, name + ".bin"), "wb") as f:
        f.write(payload)


DRAFT = {"$schema": "http://json-schema.org/draft-07/schema#"}
ORDER = {
    **DRAFT, "title": "Order", "type": "object", "additionalProperties": False,
    "properties": {
        "id": {"type": "integer"}, "price": {"type": "number"}, "name": {"type": "string"}, "paid": {"type": "boolean"},
        "note": {"oneOf": [{"type": "null"}, {"type": "string"}]}, "tags": {"type": "array", "items": {"type": "string"}},
        "to": {"type": "object", "title": "Place", "properties": {"city": {"type": "string"}}},
        "state": {"enum": ["NEW", "SENT"]}, "either": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    }, "required": ["id"],
}
RECORD = {"id": 7, "price": 19.99, "name": "Ada é 😀", "paid": True, "note": None, "tags": ["a", "b"], "to": {"city": "Bern"},
          "state": "SENT", "either": "x"}


def write_json(client, folder):
    later = json.loads(json.dumps(ORDER))
    later["properties"]["extra"] = {"type": "string", "default": "none"}
    for name, schema, value in (("order-1", ORDER, RECORD), ("order-2", later, dict(RECORD, extra="more")), ("number", dict(DRAFT, type="number"), 2.5),
                                ("list", dict(DRAFT, type="array", items={"type": "integer"}), [1, 2, 3])):
        topic = "py-json-" + name.split("-")[0]
        put(folder, name, JSONSerializer(json.dumps(schema), client)(value, context(topic)))
    place = {**DRAFT, "title": "Place", "type": "object", "properties": {"city": {"type": "string"}}}
    client.register_schema("py-place", Schema(json.dumps(place), "JSON"))
    house = {**DRAFT, "title": "House", "type": "object", "properties": {"at": {"$ref": "place.json"}}}
    schema = Schema(json.dumps(house), "JSON", [SchemaReference("place.json", "py-place", 1)])
    put(folder, "reference", JSONSerializer(schema, client)({"at": {"city": "Ulm"}}, context("py-json-reference")))


def read_json(client, folder):
    out = {}
    for path in sorted(glob.glob(os.path.join(folder, "go-*.bin"))):
        name = os.path.basename(path)[3:-4]
        with open(path, "rb") as f:
            out[name] = JSONDeserializer(None, schema_registry_client=client)(f.read(), context("go-json-" + name))
    return out


LEVELS = ("BACKWARD", "FORWARD", "FULL")


def refused(client, topic, schema):
    try:
        client.register_schema(topic + "-value", schema)
    except SchemaRegistryError as e:
        if e.http_status_code == 409:
            return
        raise
    raise SystemExit("what is not compatible was registered for " + topic)


def evolve_json(client, folder):
    def closed(**properties):
        return {**DRAFT, "title": "V", "type": "object", "additionalProperties": False, "properties": properties}
    small, large = closed(id={"type": "integer"}), closed(id={"type": "integer"}, more={"type": "string"})
    told = closed(id={"type": "integer", "description": "which"})
    for level, versions in zip(LEVELS, (((small, {"id": 1}), (large, {"id": 2, "more": "m"})), ((large, {"id": 1, "more": "m"}), (small, {"id": 2})),
                                        ((small, {"id": 1}), (told, {"id": 2})))):
        topic = "py-json-" + level.lower()
        for n, (schema, value) in enumerate(versions, 1):
            put(folder, "%s-%d" % (level, n), JSONSerializer(json.dumps(schema), client)(value, context(topic)))
            client.set_compatibility(topic + "-value", level)
        refused(client, topic, Schema(json.dumps(closed(id={"type": "boolean"})), "JSON"))


evolved_json = read_json

PROTO = {
    "py_common.proto": 'syntax = "proto3"; package common; message Place { string city = 1; }',
    "py_order.proto": """syntax = "proto3"; package shop; import "py_common.proto"; import "google/protobuf/timestamp.proto";
message Other { int32 x = 1; }
message Order { int64 id = 1; double price = 2; string name = 3; bool paid = 4; optional string note = 5; repeated string tags = 6;
  common.Place to = 7; State state = 8; oneof either { sint32 number = 9; string text = 10; } map<string, int32> counts = 11;
  google.protobuf.Timestamp at = 12; bytes raw = 13; uint32 u = 14; repeated fixed64 f = 15; Line line = 16;
  enum State { NEW = 0; SENT = 1; } message Line { float f = 1; } }""",
    "py_order2.proto": """syntax = "proto3"; package shop; message Order { int64 id = 1; string extra = 20; }""",
}


def compiled(folder, name, text):
    with open(os.path.join(folder, name), "w") as f:
        f.write(text)
    from grpc_tools import protoc
    import grpc_tools
    std = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    if protoc.main(["protoc", "-I" + folder, "-I" + std, "-I" + KNOWN, "--python_out=" + folder, name]) != 0:
        raise SystemExit("protoc refuses " + name)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name[:-6].replace("/", ".") + "_pb2")


def compile_known(folder, name):
    os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
    with open(os.path.join(KNOWN, name)) as f:
        compiled(folder, name, f.read())


def write_protobuf(client, folder):
    # Only here: it brings confluent/type/decimal.proto of its own.
    from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
    compiled(folder, "py_common.proto", PROTO["py_common.proto"])
    module = compiled(folder, "py_order.proto", PROTO["py_order.proto"])
    order = module.Order(id=7, price=19.99, name="Ada é 😀", paid=True, tags=["a", "b"], state=1, number=-5, raw=b"\x00\xff", u=4000000000,
                         f=[1, 2])
    order.to.city = "Bern"
    order.counts["k"] = 3
    order.at.seconds, order.at.nanos = 1700000000, 123000000
    order.line.f = 1.5
    put(folder, "order-1", ProtobufSerializer(module.Order, client)(order, context("py-protobuf-order")))
    put(folder, "nested", ProtobufSerializer(module.Order.Line, client)(module.Order.Line(f=0.5), context("py-protobuf-nested")))
    put(folder, "empty", ProtobufSerializer(module.Order, client)(module.Order(), context("py-protobuf-empty")))


def read_protobuf(client, folder):
    from google.protobuf.json_format import MessageToDict
    out = {}
    for path in sorted(glob.glob(os.path.join(folder, "go-*.bin"))):
        name = os.path.basename(path)[3:-4]
        topic = "go-protobuf-" + name
        text = client.get_latest_version(topic + "-value").schema.schema_str
        text = re.sub(r" \[\(confluent.field_meta\) = \{.*?\n  \}\]", "", text, flags=re.S)
        for known in ("confluent/type/decimal.proto", "google/type/date.proto", "google/type/timeofday.proto"):
            if known in text:
                compile_known(folder, known)
        module = compiled(folder, "go_%s.proto" % name, text)
        names = list(module.DESCRIPTOR.message_types_by_name)
        with open(path, "rb") as f:
            payload = f.read()
        # A registry that doesn't know ?format=serialized leaves the deserializer without a schema, so
        # the frame is taken off here: magic byte, id, message indexes as zigzag varints.
        index, at = 0, 6
        if payload[0] != 0 or payload[5] not in (0, 2):
            raise SystemExit("unknown frame: %r" % payload[:8])
        if payload[5] == 2:
            index, at = payload[6] // 2, 7
        message = getattr(module, names[index]).FromString(payload[at:])
        out[name] = MessageToDict(message, preserving_proto_field_name=True)
    return out


SMALL, LARGE = "message V { int64 id = 1; }", "message V { int64 id = 1; string more = 2; }"
EVOLVING = {"BACKWARD": (SMALL, LARGE), "FORWARD": (LARGE, SMALL), "FULL": (SMALL, 'option java_package = "told"; ' + SMALL)}


def evolve_protobuf(client, folder):
    for level in LEVELS:
        for n in (0, 1, 2):
            again("evolving", folder, level, n)


def evolving_protobuf(client, folder, level, n):
    from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
    n, topic, head = int(n), "py-protobuf-" + level.lower(), 'syntax = "proto3"; package evolving; '
    if n == 2:
        return refused(client, topic, Schema(head + "message V { string id = 1; }", "PROTOBUF"))
    text = EVOLVING[level][n]
    module = compiled(folder, "py_%s_%d.proto" % (level.lower(), n), head + text)
    value = module.V(id=n + 1, **({"more": "m"} if "more" in text else {}))
    put(folder, "%s-%d" % (level, n + 1), ProtobufSerializer(module.V, client)(value, context(topic)))
    client.set_compatibility(topic + "-value", level)


def evolved_protobuf(client, folder):
    out = {}
    for path in sorted(glob.glob(os.path.join(folder, "go-*.bin"))):
        name = os.path.basename(path)[3:-4]
        out[name] = json.loads(again("evolvedone", folder, name))
    return out


def evolvedone_protobuf(client, folder, name):
    from google.protobuf.json_format import MessageToDict
    with open(os.path.join(folder, "go-%s.bin" % name), "rb") as f:
        payload = f.read()
    text = client.get_schema(int.from_bytes(payload[1:5], "big")).schema_str
    module = compiled(folder, "go_evolved.proto", text)
    return MessageToDict(getattr(module, list(module.DESCRIPTOR.message_types_by_name)[0]).FromString(payload[6:]), preserving_proto_field_name=True)


def again(action, folder, *args):
    """In a process of its own: one process knows one message of a name."""
    command = [sys.executable, "-W", "ignore", os.path.abspath(__file__), action, "protobuf", sys.argv[3], folder, *map(str, args)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    action, form, url, folder, *more = sys.argv[1:]
    client = SchemaRegistryClient({"url": url})
    result = globals()[action + "_" + form](client, folder, *more)
    if result is not None:
        print(json.dumps(result, default=lambda b: base64.b64encode(b).decode(), sort_keys=True))


main()
