#!/usr/bin/env python3
"""Makes odd.*.jsonl: records that no worker writes, or only an interrupted one, or that compaction left over."""
import base64, json

def b64(s):
    return None if s is None else base64.b64encode(s if isinstance(s, bytes) else s.encode()).decode()

def save(name, records):
    with open(f"odd.{name}.jsonl", "w") as f:
        for i, (k, v) in enumerate(records):
            f.write(json.dumps({"partition": 0, "offset": i, "key": b64(k), "value": b64(v)}) + "\n")

def props(**kw):
    return json.dumps({"properties": kw})

save("config", [
    ("commit-early", '{"tasks":1}'),                         # before any connector of this name
    ("task-early-0", props(a="0")),
    ("commit-early", '{"tasks":1}'),
    ("connector-early", props(a="b")),
    ("task-early-1", props(a="1")),
    ("commit-early", '{"tasks":2}'),                         # 0 was dropped: inconsistent
    ("connector-two", props(a="b")),
    ("task-two-0", props(a="0")), ("task-two-1", props(a="1")), ("commit-two", '{"tasks":2}'),
    ("task-two-0", props(a="00")), ("commit-two", '{"tasks":1}'),
    ("task-two-0", props(a="000")),                          # not committed
    ("connector-left", props(a="b")),                        # more tasks than the commit says
    ("task-left-5", props(a="5")), ("task-left-0", props(a="0")), ("commit-left", '{"tasks":1}'),
    ("connector-hole", props(a="b")),
    ("task-hole-0", props(a="0")), ("task-hole-2", props(a="2")), ("commit-hole", '{"tasks":2}'),
    ("connector-mended", props(a="b")),
    ("commit-mended", '{"tasks":2}'),
    ("task-mended-0", props(a="0")), ("task-mended-1", props(a="1")), ("commit-mended", '{"tasks":2}'),
    ("connector-broke", props(a="b")),                       # was good, then a lone commit
    ("task-broke-0", props(a="0")), ("commit-broke", '{"tasks":1}'), ("commit-broke", '{"tasks":3}'),
    ("connector-none", props(a="b")), ("commit-none", '{"tasks":0}'),
    ("connector-changed", props(a="b")), ("task-changed-0", props()), ("commit-changed", '{"tasks":1}'), ("connector-changed", props(a="c")),
    ("connector-gone", props(a="b")), ("task-gone-0", props(a="0")), ("commit-gone", '{"tasks":1}'), ("tasks-fencing-gone", '{"task-count":1}'),
    ("task-gone-0", props(a="1")), ("target-state-gone", '{"state":"PAUSED","state.v2":"STOPPED"}'), ("connector-gone", None), ("target-state-gone", None),
    ("connector-half-gone", props(a="b")), ("target-state-half-gone", '{"state":"PAUSED"}'), ("connector-half-gone", None),
    ("connector-back", props(a="b")), ("target-state-back", '{"state":"PAUSED"}'), ("target-state-back", None),
    ("target-state-before", '{"state":"PAUSED","state.v2":"STOPPED"}'), ("connector-before", props(a="b")),
    ("target-state-alone", '{"state":"PAUSED"}'),
    ("connector-v0", props(a="b")), ("target-state-v0", '{"state":"PAUSED"}'),
    ("connector-v2", props(a="b")), ("target-state-v2", '{"state":"STARTED","state.v2":5}'),
    ("connector-v2null", props(a="b")), ("target-state-v2null", '{"state":"PAUSED","state.v2":null}'),
    ("connector-badstate", props(a="b")), ("target-state-badstate", '{"state":"PAUSED"}'),
    ("target-state-badstate", '{"state":"PAUSED","state.v2":"NAPPING"}'), ("target-state-badstate", '{"state":5}'), ("target-state-badstate", '["PAUSED"]'),
    ("target-state-badstate", '{"state":"paused"}'),
    ("connector-wrong", "[]"), ("connector-wrong2", '{"properties":[]}'), ("connector-wrong3", "{}"), ("connector-json", "{not json"),
    ("connector-empty", ""), ("connector-nul", props(a=None, b="c")), ("connector-trail", props(a="b") + " trailing"),
    ("connector-extra", '{"properties":{"a":"b"},"more":{"x":[1,2]}}'),
    ("connector-", props(a="b")),
    ("task-null-0", None), ("task-two-x", props(a="x")), ("task-1", props(a="x")), ("task--0", props(a="x")), ("task-two-00", "[]"),
    ("connector-a-b-1", props(a="b")), ("task-a-b-1-007", props(a="7")), ("task-a-b-1-0-", props(a="0")), ("commit-a-b-1", '{"tasks":1}'),
    ("connector-plus", props(a="b")), ("task-plus-+0", props(a="plus")), ("commit-plus", '{"tasks":1}'),
    ("commit-two", None), ("commit-two", '"x"'),
    ("connector-long", props(a="b")), ("commit-long", '{"tasks":4294967296}'),
    ("tasks-fencing-two", '{"task-count":4}'), ("tasks-fencing-none", "[]"), ("tasks-fencing-only", '{"task-count":2}'),
    ("session-key", '{"key":"AAECAw==","algorithm":"HmacSHA1","creation-timestamp":7}'),
    ("session-key", '{"key":5,"algorithm":"HmacSHA1","creation-timestamp":8}'),
    ("session-key", '{"key":"AAECAw==","algorithm":null,"creation-timestamp":8}'),
    ("session-key", '{"key":"AAECAw==","algorithm":"HmacSHA1","creation-timestamp":8.5}'),
    ("session-key", None), ("session-key", "[]"), ("session-key-2", '{}'),
    ("restart-connector-two", '{"include-tasks":true,"only-failed":true}'), ("restart-connector-two", '[]'), ("restart-connector-two", None),
    ("logger-cluster-x", '{"level":"DEBUG"}'), ("logger-cluster-x", '{"level":5}'), ("logger-cluster-x", None),
    ("unknown", '{"a":1}'), ("unknown", "{broken"),
])

def status(state, worker="w:1", generation=1, **kw):
    return json.dumps(dict(state=state, trace=None, worker_id=worker, generation=generation, **kw))

def topic(name, connector, task=0, at=1700000000123):
    return json.dumps({"topic": {"name": name, "connector": connector, "task": task, "discoverTimestamp": at}})

save("status", [
    ("status-connector-a", status("RUNNING")), ("status-connector-a", status("PAUSED", version="1")),
    ("status-connector-a", status("NAPPING")), ("status-connector-a", "{broken"), ("status-connector-a", "[]"), ("status-connector-a", '{"state":5}'),
    ("status-connector-a", '{"state":"FAILED","trace":"t","worker_id":"w:2","generation":"5"}'),
    ("status-connector-a", '{"state":"FAILED","trace":"t","worker_id":"w:2"}'),
    ("status-connector-a", '{"state":"FAILED","trace":7,"worker_id":"w:2","generation":5}'),
    ("status-connector-b", '{"state":"FAILED","trace":"t\\n\\tat","worker_id":"w:2","generation":4294967301}'),
    ("status-connector-c", '{"state":"RUNNING","worker_id":null,"generation":2}'),
    ("status-connector-d", '{"state":"RUNNING","generation":2}'),
    ("status-connector-gone", status("RUNNING")), ("status-task-gone-0", status("RUNNING")), ("status-connector-gone", None),
    ("status-connector-late", status("RUNNING")), ("status-task-late-0", status("RUNNING")), ("status-connector-late", None), ("status-task-late-0", status("UNASSIGNED", generation=9)),
    ("status-task-a-0", status("RUNNING", generation=5)), ("status-task-a-0", status("UNASSIGNED", "w:2", 5)),
    ("status-task-a-1", status("RUNNING", generation=5)), ("status-task-a-1", status("UNASSIGNED", "w:2", 6)),
    ("status-task-a-2", status("FAILED", generation=5)), ("status-task-a-2", status("UNASSIGNED", "w:2", 1)),
    ("status-task-a-3", status("RUNNING")), ("status-task-a-3", None),
    ("status-task-a-b-c-4", status("RUNNING")), ("status-task-a-x", status("RUNNING")), ("status-task-7", status("RUNNING")), ("status-task--8", status("RUNNING")),
    ("status-task-a-9", status("DESTROYED")), ("status-connector-destroyed", status("DESTROYED")),
    ("status-task-a-10-", status("STOPPED")),
    ("status-connector-", status("RUNNING")),
    ("status-connector-own", status("UNASSIGNED", generation=1)),
    ("status-topic-t:connector-a", topic("t", "a")), ("status-topic-u:connector-a", topic("u", "a", 3)), ("status-topic-u:connector-a", None),
    ("status-topic-v:connector-a:connector-b", topic("v", "a:connector-b")),
    ("status-topic-other:connector-a", topic("name", "someone", 9, 5)),
    ("status-topic-:connector-a", topic("", "a")), ("status-topic-t:connector-", topic("t", "")), ("status-topic-t", topic("t", "a")), ("status-topic-t:x", topic("t", "a")),
    ("status-topic-w:connector-a", '{"topic":[]}'), ("status-topic-x:connector-a", '{}'), ("status-topic-y:connector-a", '{"topic":{"name":"y","connector":"a","task":"0","discoverTimestamp":1}}'),
    ("status-topic-z:connector-a", '{"topic":{"task":0,"discoverTimestamp":1}}'),
    ("status-topic-none:connector-zz", None),
    ("status-other", "{}"),
])

save("offset", [
    ('["a",{"p":1}]', '{"n":1}'), ('["a",{"p":1}]', '{"n":2}'), ('["a",{"p":2}]', '{"n":1}'), ('["a",{"p":2}]', None),
    ('["a",null]', '{"n":1}'), ("not json", '{"n":1}'), ('["a"]', "x"), ('{"a":1}', "{}"), ('["a",{"p":3}]', ""), ('[5,{}]', "{}"),
    ('["a",{"x":1,"y":2}]', '{"n":1}'), ('["a",{"y":2,"x":1}]', '{"n":2}'),
])
