"""The script of the Azure docs' article on debugging pipelines, and what of it is found by query.

tests/golden/seed/script.py is the article's Python block, byte for byte. The block uses `args`,
which the article does not show: a prologue before it makes them.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli._collector import Collector

GOLDEN = Path(__file__).parent.parent / "golden" / "seed" / "script.py"
BLOCK = GOLDEN.read_bytes()
PROLOGUE = b"""import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--log_level", default="DEBUG")
args = parser.parse_args()
"""
COMMAND = (sys.executable, "-m", "stepsight._cli.main")
PLACEHOLDER = b"'<connection string>'"
LINES = [
    ("", "I am a python print statement, I will be sent to the driver logs."),
    ("DEBUG", "I am a plain debug statement, I will be sent to the driver logs."),
    ("ERROR", "I am an OpenCensus error statement with custom dimensions"),
    ("INFO", "I am a plain info statement, I will be sent to the driver logs."),
    ("WARNING", "I am an OpenCensus warning statement, find me in Application Insights!"),
]


def run_script(
    collector: Collector, folder: Path, run: str, script: bytes, python: str
) -> subprocess.CompletedProcess[str]:
    path = folder / "train.py"
    path.write_bytes(script)
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    done = subprocess.run(
        [*COMMAND, "run", "--pipeline-run", run, "--step", "train", "--", python, str(path)],
        env={
            **kept,
            "STEPSIGHT_ENDPOINT": collector.addresses["otlp_http"],
            "STEPSIGHT_SPOOL": str(folder / "spool"),
            "MLFLOW_TRACKING_URI": f"file://{folder}/mlruns",
            "MLFLOW_ALLOW_FILE_STORE": "true",
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    collector.wait_until_stored()
    return done


def query(collector: Collector, sql: str) -> list[list[Any]]:
    done = subprocess.run(
        [*COMMAND, "query", "--sql", sql, "--format", "json", "--api", collector.addresses["ui"]],
        capture_output=True,
        text=True,
        check=True,
    )
    return [list(row.values()) for row in json.loads(done.stdout)]


def log_rows(collector: Collector, run: str) -> list[list[Any]]:
    return query(
        collector,
        "SELECT if(ScopeName = 'stepsight.stdio', '', SeverityText) AS level, Body AS message, "
        f"StepId, LogAttributes['step_id'] AS own FROM otel_logs WHERE RunId = '{run}' "
        "AND EventName = '' AND Body LIKE 'I am%' ORDER BY level, message",
    )


def check_seed_rows(collector: Collector, run: str) -> None:
    found = log_rows(collector, run)
    [[step_id]] = query(collector, f"SELECT StepId FROM steps WHERE RunId = '{run}'")
    metrics = f"SELECT Name, Value, StepId FROM run_metrics WHERE RunId = '{run}'"
    levels = "SELECT LogAttributes['level'], count() FROM otel_logs WHERE LogAttributes['level'] "

    assert [(level, message) for level, message, _, _ in found] == LINES
    assert {row[2] for row in found} == {step_id}
    # The error carries the id that the script itself gave, as run.id.
    assert [row[3] for row in found if row[0] == "ERROR"] == [step_id]
    assert query(collector, metrics) == [["scalar_value", 0.95, step_id]]
    assert query(collector, f"{levels} != '' AND RunId = '{run}' GROUP BY 1 ORDER BY 1") == [
        ["ERROR", 1],
        ["WARNING", 1],
    ]


def test_the_script_is_the_articles_block_byte_for_byte() -> None:
    assert hashlib.sha256(BLOCK).hexdigest() == (
        "df3ee1149a1230bfdde4eee432677e4bccb6704c92c3200a4d403ac9be8134f8"
    )


def test_it_runs_with_neither_azureml_nor_a_connection(
    seed_collector: Collector, tmp_path: Path, bare_python: str
) -> None:
    done = run_script(seed_collector, tmp_path, "seed-1", PROLOGUE + BLOCK, bare_python)

    assert (done.returncode, done.stdout) == (0, LINES[0][1] + "\n")
    check_seed_rows(seed_collector, "seed-1")


@pytest.mark.clients
@pytest.mark.timeout(900)
def test_it_runs_with_real_azureml_and_real_opencensus(
    seed_collector: Collector, tmp_path: Path, clients_python: str
) -> None:
    # OpenCensus refuses the article's placeholder, as it would anywhere: a real one stands there.
    endpoint = seed_collector.addresses["otlp_http"]
    key = "InstrumentationKey=00000000-0000-4000-8000-000000000000"
    script = PROLOGUE + BLOCK.replace(
        PLACEHOLDER, f"'{key};IngestionEndpoint={endpoint}/'".encode()
    )
    done = run_script(seed_collector, tmp_path, "seed-2", script, clients_python)

    assert (done.returncode, done.stderr) == (0, "")
    # Theirs is done as ever: azureml says on the console what it would log.
    assert "Attempted to log scalar metric scalar_value:\n0.95\n" in done.stdout
    check_seed_rows(seed_collector, "seed-2")


AZUREML = b"""
from azureml.core import Run
run = Run.get_context()
run.log("loss", 0.5, "a loss")
run.log_list("recall", iter([0.25, 0.5]))
run.log_row("curve", x=1, y=2)
run.log_table("table", {"x": [1, 2]})
run.log_confusion_matrix("cm", {"schema_type": "confusion_matrix", "data": {"matrix": [[1]]}})
run.tag("team", "vision")
run.set_tags({"stage": "night"})
run.add_properties({"build": "7"})
run.upload_file("outputs/me", __file__)
with run.child_run("fold") as child:
    child.log("loss", 0.75)
run.fail("too few rows", "E7")
"""


@pytest.mark.clients
@pytest.mark.timeout(900)
def test_what_azureml_is_told_is_recorded_too(
    seed_collector: Collector, tmp_path: Path, clients_python: str
) -> None:
    done = run_script(seed_collector, tmp_path, "aml-1", AZUREML, clients_python)
    metrics = query(
        seed_collector,
        "SELECT MetricName, Attributes['stepsight.metric.column'] AS c, Value, "
        "Attributes['child_run'] FROM otel_metrics_gauge WHERE RunId = 'aml-1' "
        "AND ScopeName = 'stepsight.run' ORDER BY MetricName, c, Value",
    )
    events = query(
        seed_collector,
        "SELECT EventName, Body FROM otel_logs WHERE RunId = 'aml-1' "
        "AND EventName LIKE 'stepsight.run.%' AND EventName != 'stepsight.run.part' ORDER BY 1, 2",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "Attempted to add tag team with value vision" in done.stdout
    assert metrics == [
        ["curve", "x", 1, ""],
        ["curve", "y", 2, ""],
        ["loss", "", 0.5, ""],
        ["loss", "", 0.75, "fold"],
        ["recall", "", 0.25, ""],
        ["recall", "", 0.5, ""],
        ["table", "x", 1, ""],
        ["table", "x", 2, ""],
    ]
    assert events == [
        ["stepsight.run.artifact", "confusion matrix cm, 62 bytes"],
        ["stepsight.run.artifact", f"file outputs/me, {len(AZUREML)} bytes"],
        ["stepsight.run.property", "property build = 7"],
        ["stepsight.run.tag", "tag stage = night"],
        ["stepsight.run.tag", "tag team = vision"],
    ]


SUBMITTED = b"""
import logging, os
from azureml.core.run import Run, _SubmittedRun

class Service:
    '''Stands for the client of a service that is not there.'''
    run_dto = {"data_container_id": "c"}
    def __getattr__(self, name):
        return lambda *args, **kwargs: print(name, args)

def make(kind, run_id):
    run = object.__new__(kind)
    run.__dict__.update(_run_id=run_id, _client=Service(), _logger=logging.getLogger())
    return run

own = make(_SubmittedRun, os.environ["STEPSIGHT_STEP_RUN_ID"])
own.log("loss", 0.5, step=3)
own.tag("team", "vision")
own.log_residuals("r", {"data": 1})
make(Run, "child-7").log("loss", 0.75)
"""


@pytest.mark.clients
@pytest.mark.timeout(900)
def test_a_submitted_run_is_this_step_and_another_one_its_child(
    seed_collector: Collector, tmp_path: Path, clients_python: str
) -> None:
    done = run_script(seed_collector, tmp_path, "aml-2", SUBMITTED, clients_python)
    points = query(
        seed_collector,
        "SELECT MetricName, Value, Attributes['stepsight.metric.index'], Attributes['child_run'] "
        "FROM otel_metrics_gauge WHERE RunId = 'aml-2' AND ScopeName = 'stepsight.run' ORDER BY 2",
    )
    events = query(
        seed_collector,
        "SELECT Body FROM otel_logs WHERE RunId = 'aml-2' AND EventName IN "
        "('stepsight.run.artifact', 'stepsight.run.tag') ORDER BY 1",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "log_scalar ('loss', 0.5)",
        "set_tags ({'team': 'vision'},)",
        "log_residuals ('r', {'data': 1})",
        "log_scalar ('loss', 0.75)",
    ]
    assert points == [["loss", 0.5, "3", ""], ["loss", 0.75, "0", "child-7"]]
    assert events == [["residuals r, 11 bytes"], ["tag team = vision"]]


MLFLOW = b"""
import mlflow
import numpy
from sklearn.linear_model import LogisticRegression

mlflow.set_experiment("exp")
mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run(run_name="r") as run:
    mlflow.log_param("lr", 0.001)
    mlflow.log_params({"x": 1, "y": "z"})
    mlflow.set_tag("team", "vision")
    mlflow.set_tags({"stage": "night"})
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"a": 1.0, "b": 2.0}, step=4)
    mlflow.log_metric("later", 7, synchronous=False).wait()
    LogisticRegression(C=0.5).fit(numpy.arange(40).reshape(20, 2), numpy.array([0, 1] * 10))
theirs = mlflow.MlflowClient().get_run(run.info.run_id).data
print(theirs.metrics["loss"], theirs.params["C"], theirs.tags["team"])
"""


@pytest.mark.clients
@pytest.mark.timeout(900)
def test_what_mlflow_is_told_is_recorded_too_by_autolog_as_well(
    seed_collector: Collector, tmp_path: Path, clients_python: str
) -> None:
    done = run_script(seed_collector, tmp_path, "mlf-1", MLFLOW, clients_python)
    metrics = query(
        seed_collector,
        "SELECT Name, groupArray(Value), groupArray(SeriesIndex) FROM (SELECT * FROM run_metrics "
        "WHERE RunId = 'mlf-1' ORDER BY Timestamp) GROUP BY Name ORDER BY Name",
    )
    events = query(
        seed_collector,
        "SELECT EventName, Body FROM otel_logs WHERE RunId = 'mlf-1' AND EventName IN "
        "('stepsight.run.parameter', 'stepsight.run.tag') ORDER BY 1, 2",
    )
    lines = query(
        seed_collector,
        "SELECT Body, count() AS n FROM otel_logs WHERE RunId = 'mlf-1' AND EventName = '' "
        "AND Body LIKE '%does not exist. Creating%' GROUP BY Body",
    )
    by_name = {name: (values, indexes) for name, values, indexes in metrics}
    said = {(event.rpartition(".")[2], body) for event, body in events}

    assert (done.returncode, done.stdout) == (0, "0.3333333333333333 0.5 vision\n")
    assert by_name["loss"] == ([1, 0.5, 1 / 3], [0, 1, 2])
    assert (by_name["a"], by_name["b"], by_name["later"]) == (([1], [4]), ([2], [4]), ([7], [0]))
    # By autologging, which sends in batches from a thread of its own.
    assert {"training_accuracy_score", "training_log_loss", "training_roc_auc"} <= set(by_name)
    assert ("parameter", "parameter C = 0.5") in said
    assert {("parameter", f"parameter {each}") for each in ("lr = 0.001", "x = 1", "y = z")} <= said
    assert {("tag", "tag team = vision"), ("tag", "tag stage = night")} <= said
    # mlflow's own log record is recorded once, though it is on the console as well.
    assert lines == [["Experiment with name 'exp' does not exist. Creating a new experiment.", 1]]


IMAGE = b"""
from azureml.core import Run
run = Run.get_context()
png = b"\\x89PNG\\r\\n\\x1a\\n" + bytes(range(256)) * 2000
open("roc.png", "wb").write(png)
run.log_image("roc", "roc.png")
"""


def test_an_image_can_be_read_back_by_the_query_in_the_docs(
    seed_collector: Collector, tmp_path: Path, bare_python: str
) -> None:
    done = run_script(seed_collector, tmp_path, "img-1", IMAGE, bare_python)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "telemetry.md").read_text()
    documented = page[page.index("    SELECT base64Decode(") :].partition("\n\n")[0]
    [[key, parts]] = query(
        seed_collector,
        "SELECT LogAttributes['stepsight.artifact.id'], LogAttributes['stepsight.artifact.parts'] "
        "FROM otel_logs WHERE RunId = 'img-1' AND EventName = 'stepsight.run.artifact'",
    )
    sql = documented.replace("'RUN'", "'img-1'").replace("'ID'", f"'{key}'")
    sql = sql.replace("AS content", "AS content, hex(SHA256(content)) AS digest")
    [[digest]] = query(seed_collector, f"SELECT digest FROM ({sql})")
    shown = subprocess.run(
        [*COMMAND, "logs", "img-1", "--api", seed_collector.addresses["ui"]],
        capture_output=True,
        text=True,
        check=True,
    )

    content = (tmp_path / "roc.png").read_bytes()
    assert (done.returncode, done.stderr) == (0, "")
    assert (parts, digest.lower()) == ("3", hashlib.sha256(content).hexdigest())
    assert "image roc, 512008 bytes" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) < 300
