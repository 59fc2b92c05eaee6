"""The fixed data that KQL is tested on: what arrives as OTLP, as tables to read by eye.

Project `golden`, three days from Monday 2025-03-10, all times UTC. Runs and their steps:

| run | experiment | run_type | step (its id is run-step) | when | ends |
|---|---|---|---|---|---|
| `run-a` | `mnist` | `training` | `prep`, `train` | 10 March, 08:00, 09:00 | both Completed |
| `run-b` | `mnist` | `scoring` | `score` | 11 March, 12:00 | Failed |
| `Run-C` | `größe "q"` | (none) | `prep` | 12 March, 00:00 | Completed |

Resource attributes of a step: `service.name` (step), `service.instance.id` (`host-1/RUN`),
`host.name` (`host-1`), the run's identity, `run_url` (`https://runs.example/RUN`), and for run-a
`build_version` (`1.2`). Library: `stepsight` `0.1`. Trace id of run-a 32 times `a`, of run-b `b`,
of Run-C `c`; span id of a step 16 times the same letter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["EVENTS", "LOGS", "METRICS", "RUNS", "SPANS", "Log", "Point", "Span"]

RUNS: dict[str, dict[str, str]] = {
    "run-a": {
        "experiment_name": "mnist",
        "run_type": "training",
        "build_version": "1.2",
        "letter": "a",
    },
    "run-b": {"experiment_name": "mnist", "run_type": "scoring", "letter": "b"},
    "Run-C": {"experiment_name": 'größe "q"', "letter": "c"},
    "": {"letter": "0"},
}


class Log(NamedTuple):
    """A log record. `step` is `run/step`, empty for one of no run."""

    time: str
    level: str
    body: str
    step: str
    attributes: dict[str, Any] = {}  # noqa: RUF012 - never changed
    event: str = ""


PREP, TRAIN, SCORE, ODD, NONE = "run-a/prep", "run-a/train", "run-b/score", "Run-C/prep", ""
NESTED = {"a": {"b": [1, 2, {"c": "deep"}]}, "n": None}

LOGS = (
    Log("2025-03-10T08:00:00Z", "INFO", "run started", PREP),
    Log("2025-03-10T08:00:01.5Z", "DEBUG", "read 100 rows from disk", PREP,
        {"rows": 100, "source": "blob"}),
    Log("2025-03-10T08:00:02Z", "INFO", "Read 200 rows from DISK", PREP,
        {"rows": 200, "source": "Blob"}),
    Log("2025-03-10T08:00:03.25Z", "WARNING", "slow disk: error_rate=0.5", PREP,
        {"rows": "n/a", "latency_ms": 12.5}),
    Log("2025-03-10T08:59:59.999999999Z", "INFO", "heartbeat ok", PREP),
    # Equal in all but the row itself.
    Log("2025-03-10T09:00:00Z", "INFO", "twice", TRAIN),
    Log("2025-03-10T09:00:00Z", "INFO", "twice", TRAIN),
    Log("2025-03-10T09:30:00Z", "INFO", "epoch 1 loss=0.9", TRAIN,
        {"epoch": 1, "loss": 0.9, "ok": True}),
    Log("2025-03-10T10:00:00Z", "INFO", "epoch 2 loss=0.5", TRAIN,
        {"epoch": 2, "loss": 0.5, "ok": False}),
    Log("2025-03-10T10:30:00Z", "INFO", "epoch 10 loss=0.25", TRAIN,
        {"epoch": 10, "loss": 0.25, "ok": True}),
    Log("2025-03-10T23:59:59.9999999Z", "INFO", "last of the day", TRAIN),
    Log("2025-03-11T00:00:00Z", "INFO", "first of the day", NONE),
    Log("2025-03-11T12:00:00Z", "ERROR", "disk full", SCORE, {"code": 507, "nested": NESTED}),
    Log("2025-03-11T12:00:01Z", "ERROR", "Größe 你好 🙂 is ÄRGER", SCORE, {"unit": "µs"}),
    Log("2025-03-11T12:00:02Z", "INFO", "quotes: \"double\" and 'single' and \\ backslash", SCORE,
        {"quote": 'He said "hi"', "path": "C:\\tmp\\x"}),
    Log("2025-03-11T12:00:03Z", "INFO", "", SCORE, {"empty": ""}),
    Log("2025-03-11T12:00:04Z", "", "100%_sure, no level", SCORE, {"level": "custom"}),
    Log("2025-03-11T12:00:05Z", "INFO", "line one\nline two\ttab", SCORE,
        {"odd key": "space", "dotted.key": "dot", "quo'te": "single", "list": [1, "two", None]}),
    Log("2025-03-11T12:00:06Z", "CRITICAL", "out of memory", SCORE, {"Level": "FATAL"}),
    Log("2025-03-12T00:00:00Z", "INFO", "orphan line", NONE),
    Log("2025-03-12T00:00:01Z", "INFO", "heartbeats and beat", ODD,
        {"step_name": "renamed", "run_type": "Training"}),
    Log("2025-03-12T06:00:00Z", "TRACE", "trace level", ODD, {"json": '{"k": [1, {"x": "y"}]}'}),
    Log("2025-03-12T11:59:59Z", "WARN", "error error Error", ODD, {"rows": -7}),
)  # fmt: skip

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/src/score.py", line 7, in main\n    load(path)\n'
    '  File "/src/data.py", line 3, in load\n    raise ValueError("bad row 7")\n'
    "ValueError: bad row 7"
)
CHAIN = (
    '[{"id":1,"outerId":0,"typeName":"RuntimeError","message":"cannot score","hasFullStack":true,'
    '"parsedStack":[{"level":0,"method":"main","fileName":"/src/score.py","line":9}]},'
    '{"id":2,"outerId":1,"typeName":"KeyError","message":"\'x\'","hasFullStack":true,'
    '"parsedStack":[{"level":0,"method":"lookup","assembly":"data","fileName":"/src/data.py",'
    '"line":5}]}]'
)
EVENTS = (
    # Exceptions: with a traceback only, with a chain, without a body, and the end of a step.
    Log("2025-03-11T12:01:00Z", "ERROR", "could not load", SCORE,
        {"exception.type": "ValueError", "exception.message": "bad row 7",
         "exception.stacktrace": TRACEBACK, "row": 7}),
    Log("2025-03-11T12:01:01Z", "ERROR", "cannot score", SCORE,
        {"exception.type": "RuntimeError", "exception.message": "cannot score",
         "exception.stacktrace": "", "stepsight.exception.details": CHAIN}),
    Log("2025-03-10T10:45:00Z", "WARNING", "", TRAIN,
        {"exception.type": "OSError", "exception.message": "gone"}),
    # Events that a program names itself.
    Log("2025-03-10T09:45:00Z", "INFO", "an epoch ended", TRAIN, {"epoch": 1}, "epoch.end"),
    Log("2025-03-10T10:15:00Z", "INFO", "an epoch ended", TRAIN, {"epoch": 2}, "epoch.end"),
    Log("2025-03-11T12:00:30Z", "INFO", "", SCORE,
        {"microsoft.custom_event.name": "checkout", "microsoft.custom_measurements":
         '{"items": 3, "total": 9.5}'}),
    Log("2025-03-12T06:30:00Z", "INFO", "answered", ODD,
        {"microsoft.availability.id": "t1", "microsoft.availability.name": "ping",
         "microsoft.availability.success": "False", "microsoft.availability.runLocation": "here",
         "microsoft.availability.duration": "00:00:01.5000000"}),
    # What runs say of themselves.
    *(
        Log(time, "INFO", f"step {name}", step, {"stepsight.witness": "process", **more},
            f"stepsight.step.{name}")
        for step, time, name, more in (
            (PREP, "2025-03-10T08:00:00Z", "start", {"stepsight.heartbeat.interval_s": 5.0}),
            (PREP, "2025-03-10T08:30:00Z", "heartbeat",
             {"process.memory.usage": 1048576, "process.cpu.time": 1.5, "process.thread.count": 3}),
            (PREP, "2025-03-10T09:00:00Z", "end",
             {"stepsight.status": "Completed", "process.exit.code": 0}),
            (TRAIN, "2025-03-10T09:00:00Z", "start", {"stepsight.heartbeat.interval_s": 5.0}),
            (TRAIN, "2025-03-10T11:00:00Z", "end",
             {"stepsight.status": "Completed", "process.exit.code": 0}),
            (SCORE, "2025-03-11T12:00:00Z", "start", {"stepsight.heartbeat.interval_s": 5.0}),
            (SCORE, "2025-03-11T12:02:00Z", "end",
             {"stepsight.status": "Failed", "process.exit.code": 1,
              "exception.type": "RuntimeError", "exception.message": "cannot score",
              "stepsight.exception.details": CHAIN}),
            (ODD, "2025-03-12T00:00:00Z", "start", {"stepsight.heartbeat.interval_s": 5.0}),
            (ODD, "2025-03-12T12:00:00Z", "end",
             {"stepsight.status": "Completed", "process.exit.code": 0}),
        )
    ),
    Log("2025-03-10T08:00:00.5Z", "INFO", "tag", PREP,
        {"stepsight.tag.key": "team", "stepsight.tag.value": "blue"}, "stepsight.run.tag"),
)  # fmt: skip


class Span(NamedTuple):
    """A span of one of `step`'s processes; `id` is its last hex digits, as is `parent`."""

    time: str
    ms: float
    kind: str
    name: str
    step: str
    id: str
    parent: str = ""
    status: str = ""
    attributes: dict[str, Any] = {}  # noqa: RUF012 - never changed
    exception: tuple[str, str] | None = None


SPANS = (
    Span("2025-03-10T08:00:00Z", 3_600_000, "SERVER", "prep", PREP, "aa"),
    Span("2025-03-10T08:00:01Z", 249.9, "CLIENT", "GET", PREP, "a1", "aa",
         attributes={"http.request.method": "GET", "url.full": "https://store.example/data?x=1",
                     "url.scheme": "https", "server.address": "store.example", "server.port": 443,
                     "http.response.status_code": 200}),
    Span("2025-03-10T08:00:02Z", 250, "CLIENT", "GET", PREP, "a2", "aa", "ERROR",
         {"http.method": "GET", "http.url": "http://store.example:8080/none",
          "http.status_code": 503, "net.peer.name": "store.example"}),
    Span("2025-03-10T08:00:03Z", 500, "CLIENT", "SELECT rows", PREP, "a3", "aa",
         attributes={"db.system.name": "postgresql", "db.query.text": "SELECT 1",
                     "db.namespace": "shop", "server.address": "db.example", "server.port": 5432}),
    Span("2025-03-10T08:00:04Z", 1_000, "CLIENT", "query", PREP, "a4", "aa",
         attributes={"db.system": "mssql", "db.statement": "SELECT 2", "db.name": "old",
                     "net.peer.name": "sql.example", "net.peer.port": 1434}),
    Span("2025-03-10T08:00:05Z", 3_000, "CLIENT", "Score/Do", PREP, "a5", "aa",
         attributes={"rpc.system": "grpc", "peer.service": "scorer"}),
    Span("2025-03-10T08:00:06Z", 7_000, "PRODUCER", "send", PREP, "a6", "aa",
         attributes={"messaging.system": "kafka", "messaging.destination.name": "lines"}),
    Span("2025-03-10T08:00:07Z", 15_000, "INTERNAL", "load data", PREP, "a7", "aa",
         attributes={"rows": 12}),
    Span("2025-03-10T09:00:00Z", 7_200_000, "SERVER", "train", TRAIN, "ab"),
    Span("2025-03-11T12:00:00Z", 120_000, "SERVER", "score", SCORE, "bb", "", "ERROR",
         exception=("RuntimeError", "cannot score")),
    Span("2025-03-11T12:00:10Z", 30_000, "INTERNAL", "mini-batch 1", SCORE, "b1", "bb"),
    Span("2025-03-11T12:00:40Z", 60_000, "INTERNAL", "mini-batch 2", SCORE, "b2", "bb", "ERROR",
         {"items": 5}, ("TimeoutError", "took too long")),
    Span("2025-03-12T00:00:10Z", 20, "SERVER", "GET /items/{id}", ODD, "c1",
         attributes={"http.request.method": "GET", "http.route": "/items/{id}",
                     "url.scheme": "https", "server.address": "api.example",
                     "url.path": "/items/7", "url.query": "full=1", "client.address": "10.0.0.9",
                     "http.response.status_code": 200, "enduser.id": "ann"}),
    Span("2025-03-12T00:00:11Z", 300_000, "SERVER", "POST", ODD, "c2",
         attributes={"http.method": "POST", "http.scheme": "http", "http.host": "api.example:81",
                     "http.target": "/items", "http.status_code": 404}),
    Span("2025-03-12T00:00:12Z", 1, "CONSUMER", "process", ODD, "c3",
         attributes={"messaging.system": "kafka", "messaging.destination.name": "lines",
                     "net.peer.name": "broker.example"}),
)  # fmt: skip


class Point(NamedTuple):
    """A data point. `values` are the fields of OTLP's data point."""

    time: str
    kind: str
    name: str
    step: str
    values: dict[str, Any]
    attributes: dict[str, Any] = {}  # noqa: RUF012 - never changed


METRICS = (
    Point("2025-03-10T09:30:00Z", "run", "loss", TRAIN, {"as_double": 0.9},
          {"stepsight.metric.index": 0, "stepsight.metric.kind": "scalar"}),
    Point("2025-03-10T10:00:00Z", "run", "loss", TRAIN, {"as_double": 0.5},
          {"stepsight.metric.index": 1, "stepsight.metric.kind": "scalar"}),
    Point("2025-03-10T10:30:00Z", "run", "loss", TRAIN, {"as_double": float("nan")},
          {"stepsight.metric.index": 2, "stepsight.metric.kind": "scalar"}),
    Point("2025-03-10T10:30:01Z", "run", "note", TRAIN, {"flags": 1},
          {"stepsight.metric.index": 0, "stepsight.metric.kind": "scalar",
           "stepsight.metric.text": "good"}),
    Point("2025-03-10T08:10:00Z", "gauge", "queue.size", PREP, {"as_int": 3}, {"queue": "in"}),
    Point("2025-03-10T08:20:00Z", "gauge", "queue.size", PREP, {"as_double": 4.5}),
    Point("2025-03-10T08:10:00Z", "gauge", "process.cpu.utilization", PREP, {"as_double": 0.25}),
    Point("2025-03-10T08:10:00Z", "sum", "rows.read", PREP, {"as_int": 300}),
    Point("2025-03-11T12:01:00Z", "histogram", "score.duration", SCORE,
          {"count": 4, "sum": 10.0, "min": 1.0, "max": 4.0, "bucket_counts": [2, 2],
           "explicit_bounds": [2.0]}),
    Point("2025-03-11T12:01:00Z", "histogram", "no.extremes", SCORE, {"count": 2, "sum": 5.0}),
    Point("2025-03-11T12:01:00Z", "exponential_histogram", "score.size", SCORE,
          {"count": 3, "sum": 6.0, "min": 1.0, "max": 3.0}),
    Point("2025-03-11T12:01:00Z", "summary", "score.wait", SCORE,
          {"count": 5, "sum": 15.0, "quantiles": {0.0: 1.0, 0.5: 3.0, 1.0: 5.0}}),
)  # fmt: skip
