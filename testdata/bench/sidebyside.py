#!/usr/bin/env python3
"""Run the same Connect workloads on two workers, one after the other, on the same broker, and print ratios.

The reference is the JVM worker of Apache Kafka; the subject is this project's binary. Each workload starts a
fresh worker (--mode distributed or standalone) with the same properties, drives it only over REST and Kafka, and checks the result
(every record there, once) before its time counts. Needs: python3 with `confluent-kafka`, a running broker
(testdata/services/kafka), and the JVM worker's jars (`testdata/services/jvm-connect plugins` prints DIR/plugins: pass it as --plugins, and DIR/libs).

  sidebyside.py --bootstrap 127.0.0.1:9092 --libs DIR/libs --plugins DIR/plugins --subject './troupe distributed {props}' \
                [--workloads source,sink,chain,startup,fleet] [--rounds 3] [--scale 1.0] [--json out.json] [--mode standalone]

The workloads avro and avro-source also need a schema registry (testdata/services/schema-registry: pass its address up to the port as
--registry), python3 with `fastavro`, and in a folder of its own below --plugins what avro-converter.xml fetches: Apicurio's AvroConverter,
which is on Maven Central and writes Confluent's wire format. Both workers run it by that name with the same settings.

Figures per run: seconds, records/s, CPU seconds of the worker, peak resident MB. Times on a shared machine are
noisy: read the ratios, which come from runs that alternate reference and subject.
"""
import argparse, json, os, pathlib, shlex, shutil, signal, socket, statistics, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.request, uuid

TICK = os.sysconf("SC_CLK_TCK")
WORKER_EXTRA = {}  # worker properties from the command line, the same for both workers
MODE = "distributed"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Worker:
    """One worker process in distributed mode, with its CPU and memory sampled from /proc."""

    def __init__(self, command, bootstrap, extra=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sidebyside-"))
        self.port, self.tag = free_port(), uuid.uuid4().hex[:8]
        props = {
            "bootstrap.servers": bootstrap,
            "listeners": f"http://127.0.0.1:{self.port}", "rest.advertised.host.name": "127.0.0.1",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.flush.interval.ms": 5000, "plugin.discovery": "only_scan",
        }
        if MODE == "standalone":
            props["offset.storage.file.filename"] = self.dir / "offsets"
        else:
            props.update({
                "group.id": f"bench-{self.tag}",
                "config.storage.topic": f"bench-{self.tag}-configs", "config.storage.replication.factor": 1,
                "offset.storage.topic": f"bench-{self.tag}-offsets", "offset.storage.replication.factor": 1,
                "offset.storage.partitions": 5,
                "status.storage.topic": f"bench-{self.tag}-status", "status.storage.replication.factor": 1,
            })
        props.update(WORKER_EXTRA)
        props.update(extra or {})
        path = self.dir / "worker.properties"
        path.write_text("".join(f"{k}={v}\n" for k, v in props.items()))
        self.log = open(self.dir / "worker.log", "wb")
        self.peak_kb, self.cpu, self._stop = 0, 0.0, threading.Event()
        self.started = time.monotonic()
        self.proc = subprocess.Popen(shlex.split(command.format(props=path)), stdout=self.log, stderr=self.log, start_new_session=True)
        threading.Thread(target=self._sample, daemon=True).start()
        self.ready_after = self._wait_ready()

    def _sample(self):
        while not self._stop.is_set() and self.proc.poll() is None:
            self.sample()
            self._stop.wait(0.1)

    def sample(self):
        try:
            status = pathlib.Path(f"/proc/{self.proc.pid}/status").read_text()
            self.rss_kb = int(status.split("VmRSS:")[1].split()[0])
            self.peak_kb = max(self.peak_kb, self.rss_kb)
            fields = pathlib.Path(f"/proc/{self.proc.pid}/stat").read_text().rsplit(")", 1)[1].split()
            self.cpu = (int(fields[11]) + int(fields[12])) / TICK
        except (OSError, IndexError):
            pass

    def _wait_ready(self, limit=120):
        while time.monotonic() - self.started < limit:
            if self.proc.poll() is not None:
                break
            try:
                self.rest("GET", "/connectors")
                return time.monotonic() - self.started
            except OSError:
                time.sleep(0.02)
        self.close()
        sys.exit(f"worker did not answer; its log: {self.dir / 'worker.log'}")

    def rest(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(req, timeout=60) as r:
            text = r.read()
            return json.loads(text) if text else None

    def create(self, name, config):
        for _ in range(600):
            try:
                return self.rest("PUT", f"/connectors/{name}/config", config)
            except urllib.error.HTTPError as e:
                if e.code not in (409, 500, 503):
                    raise
                time.sleep(0.05)
        raise RuntimeError("the worker kept refusing the connector")

    def close(self):
        self._stop.set()
        self.sample()
        if self.proc.poll() is None:
            os.killpg(self.proc.pid, signal.SIGTERM)
            try:
                self.proc.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.proc.pid, signal.SIGKILL)
        self.log.close()


def kafka(bootstrap):
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic
    return Consumer, Producer, TopicPartition, AdminClient({"bootstrap.servers": bootstrap}), NewTopic


def make_topic(bootstrap, name, partitions=1):
    *_, admin, NewTopic = kafka(bootstrap)
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)


def drop_topic(bootstrap, name):
    *_, admin, _ = kafka(bootstrap)
    try:
        admin.delete_topics([name])[name].result(30)
    except Exception:
        pass


def wait_end_offset(bootstrap, topic, want, limit=600):
    """Block until the topic holds `want` records; returns the end offset seen (more than `want` means duplicates)."""
    Consumer, _, TopicPartition, *_ = kafka(bootstrap)
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-watch-" + uuid.uuid4().hex})
    end, t0 = 0, time.monotonic()
    while time.monotonic() - t0 < limit:
        end = c.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]
        if end >= want:
            break
        time.sleep(0.02)
    c.close()
    return end


def read_values(bootstrap, topic, count):
    Consumer, _, TopicPartition, *_ = kafka(bootstrap)
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-read-" + uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    c.assign([TopicPartition(topic, 0, 0)])
    got, t0 = [], time.monotonic()
    while len(got) < count and time.monotonic() - t0 < 120:
        got += [m.value() for m in c.consume(10000, 1.0) if not m.error()]
    c.close()
    return got


def lines(n, size):
    pad = "x" * size
    return [(f"{i:010d} " + pad)[:size] for i in range(n)]


def fill_topic(bootstrap, topic, values):
    _, Producer, *_ = kafka(bootstrap)
    p = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 2000000, "batch.size": 900000})
    for v in values:
        while True:
            try:
                p.produce(topic, v)
                break
            except BufferError:
                p.poll(0.1)
    p.flush()


def wait_lines(path, want, limit=600):
    seen, t0, pos = 0, time.monotonic(), 0
    while time.monotonic() - t0 < limit and seen < want:
        try:
            with open(path, "rb") as f:
                f.seek(pos)
                while chunk := f.read(1 << 20):
                    seen += chunk.count(b"\n")
                    pos += len(chunk)
        except FileNotFoundError:
            pass
        time.sleep(0.02)
    return seen


SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


def run_source(cmd, bootstrap, scale, extra_config=None, check=None, size=100, count=1_000_000):
    """A file of lines -> topic. The connector's batch.size is 2000."""
    n, w = int(count * scale), Worker(cmd, bootstrap)
    topic, path = f"bench-src-{w.tag}", w.dir / "in.txt"
    data = lines(n, size)
    path.write_text("\n".join(data) + "\n")
    make_topic(bootstrap, topic)
    cpu0, t0 = w.cpu, time.monotonic()
    w.create("src", {"connector.class": SOURCE, "file": str(path), "topic": topic, "batch.size": "2000", "tasks.max": "1", **(extra_config or {})})
    end = wait_end_offset(bootstrap, topic, n)
    seconds = time.monotonic() - t0
    w.sample()
    cpu = w.cpu - cpu0
    time.sleep(0.5)
    got = read_values(bootstrap, topic, n)
    ok = end == n and len(got) == n and (check(got, data) if check else [g.decode() for g in got] == data)
    w.close()
    drop_topic(bootstrap, topic)
    return dict(seconds=seconds, rate=n / seconds, cpu=cpu, peak_mb=w.peak_kb / 1024, ok=ok, dir=w.dir)


CHAIN = {
    "transforms": "hoist,stamp,static,mask,rename,route",
    "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value", "transforms.hoist.field": "line",
    "transforms.stamp.type": "org.apache.kafka.connect.transforms.InsertField$Value", "transforms.stamp.topic.field": "topic",
    "transforms.static.type": "org.apache.kafka.connect.transforms.InsertField$Value",
    "transforms.static.static.field": "origin", "transforms.static.static.value": "bench",
    "transforms.mask.type": "org.apache.kafka.connect.transforms.MaskField$Value", "transforms.mask.fields": "origin",
    "transforms.rename.type": "org.apache.kafka.connect.transforms.ReplaceField$Value", "transforms.rename.renames": "line:text",
    "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
    "transforms.route.regex": "(.*)", "transforms.route.replacement": "$1",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "true",
}


def run_chain(cmd, bootstrap, scale):
    """A file of lines -> six transforms -> JSON with schemas -> topic."""
    def check(got, data):
        for g, d in zip(got, data):
            p = json.loads(g)
            if p["payload"]["text"] != d or p["payload"]["origin"] != "" or p["schema"]["type"] != "struct":
                return False
        return True
    return run_source(cmd, bootstrap, scale, CHAIN, check, count=500_000)


def run_big(cmd, bootstrap, scale):
    """Lines of 1 KB -> topic."""
    return run_source(cmd, bootstrap, scale, size=1000, count=400_000)


def run_sink(cmd, bootstrap, scale, count=1_000_000, size=100):
    """A topic -> file of lines."""
    n, w = int(count * scale), Worker(cmd, bootstrap)
    topic, path = f"bench-sink-{w.tag}", w.dir / "out.txt"
    make_topic(bootstrap, topic)
    data = lines(n, size)
    fill_topic(bootstrap, topic, data)
    cpu0, t0 = w.cpu, time.monotonic()
    w.create("snk", {"connector.class": SINK, "file": str(path), "topics": topic, "tasks.max": "1"})
    seen = wait_lines(path, n)
    seconds = time.monotonic() - t0
    w.sample()
    cpu = w.cpu - cpu0
    time.sleep(0.5)
    ok = seen == n and path.read_text().split("\n")[:-1] == data
    w.close()
    drop_topic(bootstrap, topic)
    return dict(seconds=seconds, rate=n / seconds, cpu=cpu, peak_mb=w.peak_kb / 1024, ok=ok, dir=w.dir)


REGISTRY = None  # address of an Apicurio Registry


def avro_settings():
    p = "value.converter.apicurio.registry."
    return {"value.converter": "io.apicurio.registry.utils.converter.AvroConverter", p + "url": REGISTRY + "/apis/registry/v2",
            p + "auto-register": "true", p + "as-confluent": "true", p + "use-id": "contentId", p + "headers.enabled": "false"}


def registry_json(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    req = urllib.request.Request(f"{REGISTRY}/apis/ccompat/v7{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(req, timeout=60) as r:
        return json.loads(r.read())


TEN = {"type": "record", "name": "Order", "namespace": "bench", "fields": [
    {"name": "id", "type": "long"}, {"name": "count", "type": "int"}, {"name": "paid", "type": "boolean"}, {"name": "weight", "type": "float"},
    {"name": "price", "type": "double"}, {"name": "customer", "type": "string"}, {"name": "note", "type": ["null", "string"], "default": None},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "place", "type": {"type": "record", "name": "Place", "fields": [{"name": "city", "type": "string"}, {"name": "zip", "type": "int"}]}},
    {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID", "SENT"]}}]}


def ten(i):
    """One of n records of ten mixed fields, and the line that its struct's toString is."""
    note = f"note {i}" if i % 2 else None
    r = {"id": i << 20, "count": i % 1000, "paid": i % 3 == 0, "weight": i % 64 + 0.5, "price": i % 4096 + 0.25, "customer": f"customer {i % 5000}",
         "note": note, "tags": ["red", "big"][:i % 3], "place": {"city": "Bern", "zip": 3000 + i % 30}, "state": TEN["fields"][9]["type"]["symbols"][i % 3]}
    noted = "" if note is None else f"note={note},"
    line = (f"Struct{{id={r['id']},count={r['count']},paid={str(r['paid']).lower()},weight={r['weight']},price={r['price']},customer={r['customer']},"
            f"{noted}tags=[{', '.join(r['tags'])}],place=Struct{{city=Bern,zip={r['place']['zip']}}},state={r['state']}}}")
    return r, line


def run_avro(cmd, bootstrap, scale):
    """Avro records of ten mixed fields -> file of lines."""
    import fastavro, io
    n, w = int(1_000_000 * scale), Worker(cmd, bootstrap)
    topic, path = f"bench-avro-{w.tag}", w.dir / "out.txt"
    make_topic(bootstrap, topic)
    schema_id = registry_json(f"/subjects/{topic}-value/versions", {"schema": json.dumps(TEN)})["id"]
    head, schema = b"\x00" + schema_id.to_bytes(4, "big"), fastavro.parse_schema(json.loads(json.dumps(TEN)))

    def payloads():
        for i in range(n):
            b = io.BytesIO()
            b.write(head)
            fastavro.schemaless_writer(b, schema, ten(i)[0])
            yield b.getvalue()

    fill_topic(bootstrap, topic, payloads())
    cpu0, t0 = w.cpu, time.monotonic()
    w.create("snk", {"connector.class": SINK, "file": str(path), "topics": topic, "tasks.max": "1", **avro_settings()})
    seen = wait_lines(path, n)
    seconds = time.monotonic() - t0
    w.sample()
    cpu = w.cpu - cpu0
    time.sleep(0.5)
    with open(path) as f:
        ok = seen == n and all(line == ten(i)[1] + "\n" for i, line in enumerate(f))
    w.close()
    drop_topic(bootstrap, topic)
    return dict(seconds=seconds, rate=n / seconds, cpu=cpu, peak_mb=w.peak_kb / 1024, ok=ok, dir=w.dir)


def ten_fields():
    """Transforms that make a struct of ten fields of a line."""
    chain = {"transforms": "hoist", "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value", "transforms.hoist.field": "line"}
    for name, value in dict(a="7", b="1099511627776", c="true", d="0.5", e="0.25", f="text", g="-1").items():
        chain["transforms"] += "," + name
        chain[f"transforms.{name}.type"] = "org.apache.kafka.connect.transforms.InsertField$Value"
        chain[f"transforms.{name}.static.field"], chain[f"transforms.{name}.static.value"] = name, value
    chain |= {"transforms.a.topic.field": "topic", "transforms.a.timestamp.field": "at"}
    chain["transforms"] += ",cast"
    return chain | {"transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value",
                    "transforms.cast.spec": "a:int32,b:int64,c:boolean,d:float32,e:float64,g:int64"}


def run_avro_source(cmd, bootstrap, scale):
    """A file of lines -> nine transforms that make a struct of ten fields -> Avro -> topic."""
    def check(got, data):
        import fastavro, io
        schemas = {}
        for g, d in zip(got, data):
            if g[:5] not in schemas:
                schemas[g[:5]] = fastavro.parse_schema(json.loads(registry_json(f"/schemas/ids/{int.from_bytes(g[1:5], 'big')}")["schema"]))
            r = fastavro.schemaless_reader(io.BytesIO(g[5:]), schemas[g[:5]])
            want = dict(line=d, a=7, b=1 << 40, c=True, d=0.5, e=0.25, f="text", g=-1, topic=r["topic"], at=r["at"])
            if r != want or len(r) != 10:
                return False
        return True
    return run_source(cmd, bootstrap, scale, {**ten_fields(), **avro_settings()}, check, count=1_000_000)


def run_startup(cmd, bootstrap, scale):
    """Process start -> REST answers; memory after 5 idle seconds."""
    w = Worker(cmd, bootstrap)
    time.sleep(5)
    w.sample()
    out = dict(seconds=w.ready_after, rate=1 / w.ready_after, cpu=w.cpu, peak_mb=w.rss_kb / 1024, ok=True, dir=w.dir)
    w.close()
    return out


def run_fleet(cmd, bootstrap, scale):
    """Many connectors of one task each on one worker -> all RUNNING; memory after that."""
    n, w = max(int(200 * scale), 5), Worker(cmd, bootstrap)
    (w.dir / "empty.txt").write_text("")
    t0 = time.monotonic()
    for i in range(n):
        w.create(f"c{i}", {"connector.class": SOURCE, "file": str(w.dir / "empty.txt"), "topic": f"bench-fleet-{w.tag}", "tasks.max": "1"})
    while time.monotonic() - t0 < 600:
        all_status = w.rest("GET", "/connectors?expand=status")
        running = sum(1 for c in all_status.values() if [t["state"] for t in c["status"]["tasks"]] == ["RUNNING"])
        if running == n:
            break
        time.sleep(0.1)
    seconds = time.monotonic() - t0
    w.sample()
    out = dict(seconds=seconds, rate=n / seconds, cpu=w.cpu, peak_mb=w.rss_kb / 1024, ok=running == n, dir=w.dir)
    w.close()
    return out


WORKLOADS = {"source": run_source, "big": run_big, "chain": run_chain, "sink": run_sink, "startup": run_startup, "fleet": run_fleet,
             "avro": run_avro, "avro-source": run_avro_source}


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--bootstrap", default="127.0.0.1:9092")
    a.add_argument("--libs", required=True)
    a.add_argument("--subject", help="command of the worker under test; {props} is its properties file; omit to run the reference alone")
    a.add_argument("--workloads", default=",".join(w for w in WORKLOADS if not w.startswith("avro")))
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--scale", type=float, default=1.0)
    a.add_argument("--heap", default="-Xms256M -Xmx2G", help="the JVM worker's heap; the default is what its own start script sets")
    a.add_argument("--plugins", help="plugin.path of both workers, where the file connectors are not on the JVM's class path")
    a.add_argument("--registry", help="address of the schema registry, http://host:port")
    a.add_argument("--mode", choices=("distributed", "standalone"), default="distributed")
    a.add_argument("--json")
    o = a.parse_args()
    global MODE, REGISTRY
    MODE, REGISTRY = o.mode, o.registry
    if o.plugins:
        WORKER_EXTRA["plugin.path"] = o.plugins
    log = pathlib.Path(tempfile.mkdtemp()) / "log4j2.xml"
    log.write_text('<Configuration><Appenders><Console name="c"><PatternLayout pattern="[%d] %p %m (%c)%n"/></Console></Appenders>'
                   '<Loggers><Root level="INFO"><AppenderRef ref="c"/></Root></Loggers></Configuration>')
    systems = {"jvm": f"java {o.heap} -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -cp '{o.libs}/*' -Dlog4j2.configurationFile={log} "
                      f"org.apache.kafka.connect.cli.Connect{o.mode.capitalize()} {{props}}"}
    if o.subject:
        systems["subject"] = o.subject
    rows = {}
    for name in o.workloads.split(","):
        for r in range(o.rounds):
            for system, cmd in systems.items():
                result = WORKLOADS[name](cmd, o.bootstrap, o.scale)
                folder = result.pop("dir")
                if result["ok"]:
                    shutil.rmtree(folder, ignore_errors=True)
                else:
                    print(f"{name} {system}: wrong result, kept {folder}")
                rows.setdefault(name, {}).setdefault(system, []).append(result)
                print(f"{name:8} {system:8} round {r + 1}: {result['seconds']:8.2f} s {result['rate']:12,.1f}/s "
                      f"cpu {result['cpu']:7.2f} s  mem {result['peak_mb']:7.1f} MB  {'ok' if result['ok'] else 'WRONG'}", flush=True)
    print(f"\n{'workload':9}{'metric':10}{'jvm':>12}{'subject':>12}{'ratio':>8}   (ratio > 1: the subject is better)")
    bad = 0
    for name, by in rows.items():
        for metric, better_high in (("rate", True), ("cpu", False), ("peak_mb", False)):
            med = {s: statistics.median(x[metric] for x in rs) for s, rs in by.items()}
            ratio = ""
            if "subject" in med:
                q = med["subject"] / med["jvm"] if better_high else med["jvm"] / max(med["subject"], 1e-9)
                ratio = f"{q:8.2f}"
            print(f"{name:9}{metric:10}{med['jvm']:12,.1f}{med.get('subject', float('nan')):12,.1f}{ratio}")
        bad += sum(not x["ok"] for rs in by.values() for x in rs)
    if o.json:
        pathlib.Path(o.json).write_text(json.dumps(rows, indent=1, default=str))
    print("every result checked and right" if not bad else f"{bad} runs gave a WRONG result")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
