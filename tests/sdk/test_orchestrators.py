"""Each row of the table: an environment as the orchestrator makes it, and who the step is."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from types import SimpleNamespace as Fake
from typing import Any

import pytest

from stepsight._explain import explain_identity
from stepsight._identity import detect_identity, operation_id, shared_span_id
from stepsight._orchestrators import ORCHESTRATORS, PARTS
from stepsight._ranks import RANKS
from stepsight._recognise import recognise
from stepsight._templates import _FIELD, FILTERS, Facts

ARGO_TEMPLATE = json.dumps({"name": "train", "container": {"image": "registry/train:7"}})
PIPES = {"data": {"run_id": "d-1", "job_name": "nightly", "retry_number": 1}}


def packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


# Environment, then run, step, step name, experiment, attempt as they are found; "…" is made up.
CASES: dict[str, tuple[dict[str, str], tuple[str, str, str, str, str]]] = {
    "Metaflow": (
        {"MF_PATHSPEC": "Digits/1700/train/3", "MF_ATTEMPT": "1", "METAFLOW_RUN_ID": "1700"},
        ("Digits.1700", "Digits.1700.train.3.2", "train", "Digits", "2"),
    ),
    "Prefect": (
        {"PREFECT__FLOW_RUN_ID": "7c1f"},
        ("7c1f", "7c1f.script-…", "script", "default", ""),
    ),
    "Dagster": (
        {"DAGSTER_PIPES_CONTEXT": packed(PIPES), "DAGSTER_RUN_STEP_KEY": "train"},
        ("d-1", "d-1.train-…", "train", "nightly", "2"),
    ),
    "Airflow": (
        {
            "AIRFLOW_CTX_DAG_ID": "digits",
            "AIRFLOW_CTX_DAG_RUN_ID": "manual__2026",
            "AIRFLOW_CTX_TASK_ID": "train",
            "AIRFLOW_CTX_TRY_NUMBER": "2",
        },
        ("digits.manual__2026", "digits.manual__2026.train.2", "train", "digits", "2"),
    ),
    "Kubeflow Pipelines": (
        {"KFP_POD_NAME": "p-abc-impl-9", "ARGO_NODE_ID": "p-abc-123", "KFP_RETRY_INDEX": "0"},
        ("p-abc", "p-abc-impl-9", "script", "default", "1"),
    ),
    "Argo Workflows": (
        {"ARGO_NODE_ID": "digits-x7k-991", "ARGO_TEMPLATE": ARGO_TEMPLATE},
        ("digits-x7k", "digits-x7k-991", "train", "default", ""),
    ),
    "Azure ML": (
        {
            "AZUREML_RUN_ID": "step-7",
            "AZUREML_ROOT_RUN_ID": "pipeline-1",
            "AZUREML_ARM_PROJECT_NAME": "digits",
            "MLFLOW_RUN_ID": "step-7",  # Azure ML sets MLflow's variables too
        },
        ("pipeline-1", "step-7", "script", "digits", ""),
    ),
    "SageMaker": (
        {"TRAINING_JOB_NAME": "job-3", "SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1"},
        ("job-3", "job-3", "script", "default", ""),
    ),
    "Vertex AI": ({"CLOUD_ML_JOB_ID": "55"}, ("55", "55", "script", "default", "")),
    "Databricks": (
        {"DATABRICKS_RUNTIME_VERSION": "16.4"},
        ("script-…", "script-…", "script", "default", ""),
    ),
    "MLflow": (
        {"MLFLOW_RUN_ID": "ab12", "MLFLOW_EXPERIMENT_ID": "3"},
        ("ab12", "ab12.script-…", "script", "3", ""),
    ),
    "SLURM": (
        {
            "SLURM_JOB_ID": "812",
            "SLURM_ARRAY_JOB_ID": "800",
            "SLURM_ARRAY_TASK_ID": "4",
            "SLURM_STEP_ID": "0",
            "SLURM_JOB_NAME": "train",
            "SLURM_RESTART_COUNT": "1",
        },
        ("slurm-800", "slurm-800_4.0.2", "train", "default", "2"),
    ),
    "GitHub Actions": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "me/digits",
            "GITHUB_RUN_ID": "99",
            "GITHUB_JOB": "train",
            "GITHUB_WORKFLOW": "nightly",
            "GITHUB_RUN_ATTEMPT": "3",
        },
        ("me.digits.99", "me.digits.99.train-…", "train", "nightly", "3"),
    ),
    "torchrun": (
        {"TORCHELASTIC_RUN_ID": "j1", "TORCHELASTIC_RESTART_COUNT": "0"},
        ("torchrun-j1", "torchrun-j1.1", "script", "default", "1"),
    ),
}


def test_every_row_has_a_case() -> None:
    assert list(CASES) == [row.name for row in ORCHESTRATORS]


@pytest.mark.parametrize("name", CASES)
def test_an_orchestrator_is_recognised_and_believed(name: str) -> None:
    environ, expected = CASES[name]

    identity = detect_identity(environ=environ, default_name="script")

    found = (
        identity.parent_run_id,
        identity.step_id,
        identity.step_name,
        identity.experiment_name,
        identity.attempt,
    )
    assert identity.orchestrator == name
    for value, wanted in zip(found, expected, strict=True):
        begin, made_up, _ = wanted.partition("…")
        assert value.startswith(begin) if made_up else value == wanted


@pytest.mark.parametrize("row", ORCHESTRATORS, ids=lambda row: row.name)
def test_a_row_says_where_its_names_come_from_and_uses_known_filters(row: Any) -> None:
    fields = [
        match for part in PARTS for text in getattr(row, part) for match in _FIELD.finditer(text)
    ]

    assert row.source
    assert {match.group(2) for match in fields} - {None} <= set(FILTERS)


def test_what_stepsight_is_told_wins_over_the_orchestrator() -> None:
    environ = {**CASES["Azure ML"][0], "STEPSIGHT_PIPELINE_RUN": "mine", "STEPSIGHT_STEP": "fit"}

    identity = detect_identity(environ=environ, experiment_name="given")

    assert (identity.parent_run_id, identity.step_id, identity.step_name) == (
        "mine",
        "step-7",
        "fit",
    )
    assert identity.experiment_name == "given"


def test_the_innermost_orchestrator_tells_the_run_and_an_outer_one_the_rest() -> None:
    environ = {**CASES["GitHub Actions"][0], "MLFLOW_RUN_ID": "ab12"}

    identity = detect_identity(environ=environ, default_name="script")

    assert (identity.orchestrator, identity.parent_run_id) == ("MLflow", "ab12")
    assert (identity.step_name, identity.experiment_name) == ("script", "nightly")


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        (
            {**CASES["GitHub Actions"][0], "GITHUB_SERVER_URL": "https://github.com"},
            "https://github.com/me/digits/actions/runs/99",
        ),
        (
            {
                **CASES["Azure ML"][0],
                "AZUREML_ARM_SUBSCRIPTION": "s",
                "AZUREML_ARM_RESOURCEGROUP": "g",
                "AZUREML_ARM_WORKSPACE_NAME": "w",
            },
            (
                "https://ml.azure.com/runs/pipeline-1"
                "?wsid=/subscriptions/s/resourcegroups/g/workspaces/w"
            ),
        ),
        (
            {"PREFECT__FLOW_RUN_ID": "7", "PREFECT_UI_URL": "http://p/"},
            "http://p/flow-runs/flow-run/7",
        ),
        ({**CASES["MLflow"][0], "MLFLOW_TRACKING_URI": "https://me:pw@host"}, None),
        ({**CASES["GitHub Actions"][0], "run_url": "http://mine"}, "http://mine"),
    ],
)
def test_the_run_has_the_address_of_its_own_portal(
    environ: dict[str, str], url: str | None
) -> None:
    assert detect_identity(environ=environ).dimensions.get("run_url") == url


def test_the_image_comes_from_the_pod() -> None:
    assert detect_identity(environ=CASES["Argo Workflows"][0]).image == "registry/train:7"
    placeholder = (
        '{"container": {"image": "gcr.io/ml-pipeline/should-be-overridden-during-runtime"}}'
    )
    kubeflow = {**CASES["Kubeflow Pipelines"][0], "ARGO_TEMPLATE": placeholder}
    assert detect_identity(environ=kubeflow).image == ""


class AbsentError(Exception):
    """What frameworks raise outside of a run."""


def raising() -> Any:
    raise AbsentError


def context(**values: Any) -> Any:
    return Fake(get=lambda: Fake(**values) if values else None)


FLOW = {"flow_run": Fake(id="f-1", run_count=1), "flow": Fake(name="digits")}
TASK = {"task_run": Fake(id="t-9", flow_run_id="f-1", run_count=2), "task": Fake(name="train")}
INSTANCE = Fake(
    dag_id="d", run_id="r", task_id="t", try_number=1, map_index=4, log_url="http://a/log"
)
OPERATION = {"run_id": "d-1", "job_name": "j", "op_handle": "train", "retry_number": 0}
METAFLOW = Fake(
    is_running_flow=True, flow_name="F", run_id="1", step_name="s", task_id="2", retry_count=0
)
RUNNING = Fake(info=Fake(run_id="m-1", experiment_id="e"))
CONTEXTS: dict[str, tuple[dict[str, Any], dict[str, str], str, str]] = {
    "airflow": (
        {"airflow.sdk": Fake(get_current_context=lambda: {"ti": INSTANCE})},
        {},
        "d.r",
        "d.r.t.4.1",
    ),
    "prefect flow": (
        {"prefect.context": Fake(FlowRunContext=context(**FLOW), TaskRunContext=context())},
        {},
        "f-1",
        "",
    ),
    "prefect task": (
        {"prefect.context": Fake(FlowRunContext=context(), TaskRunContext=context(**TASK))},
        {},
        "f-1",
        "t-9",
    ),
    "dagster": (
        {"dagster": Fake(OpExecutionContext=context(**OPERATION))},
        {},
        "d-1",
        "d-1.train.1",
    ),
    "metaflow": ({"metaflow.metaflow_current": Fake(current=METAFLOW)}, {}, "F.1", "F.1.s.2.1"),
    "mlflow": ({"mlflow.tracking.fluent": Fake(active_run=lambda: RUNNING)}, {}, "m-1", ""),
    "databricks": (
        {
            "dbruntime.databricks_repl_context": Fake(
                get_context=lambda: Fake(jobId="5", idInJob="77")
            )
        },
        {"DATABRICKS_RUNTIME_VERSION": "16.4"},
        "77",
        "",
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_framework_that_is_imported_is_asked(name: str) -> None:
    modules, environ, run, step = CONTEXTS[name]

    parts = recognise(Facts(environ, modules, [])).parts

    assert parts["run"].value == run
    assert (parts["step"].value if "step" in parts else "") == step


@pytest.mark.parametrize(
    "modules",
    [
        {"airflow.sdk": Fake(get_current_context=raising)},
        {"dagster": Fake(OpExecutionContext=Fake(get=raising))},
        {"prefect.context": Fake(FlowRunContext=context(), TaskRunContext=context())},
        {"mlflow.tracking.fluent": Fake(active_run=lambda: None)},
        {"metaflow.metaflow_current": Fake(current=Fake(is_running_flow=False))},
    ],
)
def test_a_framework_outside_of_a_run_tells_nothing(modules: dict[str, Any]) -> None:
    assert recognise(Facts({}, modules, [])).names == []


def test_kubeflows_function_is_the_steps_name() -> None:
    argv = ["executor_main.py", "--executor_input", "{}", "--function_to_execute", "train"]

    assert recognise(Facts(CASES["Kubeflow Pipelines"][0], {}, argv)).parts["step_name"].value == (
        "train"
    )


@pytest.mark.parametrize(
    "environ",
    [
        {"DAGSTER_PIPES_CONTEXT": "not base64"},
        {"ARGO_NODE_ID": "n-1", "ARGO_TEMPLATE": "{"},
        {"KFP_POD_NAME": "p", "KFP_RETRY_INDEX": "many"},
        {"SM_HOSTS": "{}", "SM_CURRENT_HOST": "x", "TRAINING_JOB_NAME": "j"},
        {"CLUSTER_SPEC": "[1]", "CLOUD_ML_JOB_ID": "1"},
        {"RANK": "x", "WORLD_SIZE": "2"},
        {"RANK": "5", "WORLD_SIZE": "2"},
    ],
)
def test_nonsense_in_a_variable_is_no_fact(environ: dict[str, str]) -> None:
    identity = detect_identity(environ=environ)

    assert (identity.attempt, identity.image, identity.rank) == ("", "", None)


TORCH = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "j1"}


def test_ranks_are_one_step_run_of_which_rank_0_speaks() -> None:
    ranks = [detect_identity(environ={**TORCH, "RANK": str(rank)}) for rank in range(4)]

    assert len({(each.step_id, each.span_id, each.trace_id) for each in ranks}) == 1
    assert [each.speaks for each in ranks] == [True, False, False, False]
    assert ranks[3].facts() == {
        "stepsight.orchestrator": "torchrun",
        "stepsight.rank": 3,
        "stepsight.local_rank": 1,
        "stepsight.world_size": 4,
    }


def test_ranks_whose_step_run_nobody_names_speak_for_themselves() -> None:
    environ = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}
    first, second = (detect_identity(environ=environ) for _ in range(2))

    assert first.step_id != second.step_id
    assert first.speaks
    assert first.facts() == {
        "stepsight.rank": 1,
        "stepsight.local_rank": 1,
        "stepsight.world_size": 2,
    }


def test_ranks_within_a_run_of_another_orchestrator_are_one_step_run() -> None:
    environ = {**TORCH, "TORCHELASTIC_RESTART_COUNT": "0", "MLFLOW_RUN_ID": "ab12"}
    first, other = (detect_identity(environ={**environ, "RANK": rank}) for rank in "03")

    assert first.parent_run_id == "ab12"
    assert first.step_id == other.step_id == "torchrun-j1.1"


def test_ranks_without_an_id_belong_to_whoever_started_them() -> None:
    environ = {**TORCH, "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_RESTART_COUNT": "0"}
    script = "from stepsight._identity import detect_identity as d\nprint(d().step_id)"
    ids = {
        subprocess.run(
            [sys.executable, "-c", script], env=environ, capture_output=True, check=True
        ).stdout
        for _ in range(2)
    }

    [only] = ids
    assert f"-{os.getpid()}-" in only.decode()


@pytest.mark.parametrize(
    ("environ", "rank"),
    [
        ({"RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "SLURM_PROCID": "0"}, (1, 0, 2)),
        (
            {
                "SLURM_PROCID": "5",
                "SLURM_LOCALID": "1",
                "SLURM_STEP_ID": "0",
                "SLURM_STEP_NUM_TASKS": "8",
            },
            (5, 1, 8),
        ),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, None),  # the batch script itself
        ({"SM_HOSTS": '["algo-2", "algo-1"]', "SM_CURRENT_HOST": "algo-2"}, (1, 0, 2)),
        (
            {
                "CLUSTER_SPEC": json.dumps(
                    {
                        "cluster": {"workerpool0": ["a"], "workerpool1": ["b", "c"]},
                        "task": {"type": "workerpool1", "index": 1},
                    }
                )
            },
            (2, 0, 3),
        ),
    ],
)
def test_ranks_are_numbered_by(environ: dict[str, str], rank: tuple[int, int, int] | None) -> None:
    assert detect_identity(environ=environ).rank == rank


def test_every_source_of_ranks_is_cited() -> None:
    assert all(row.source and row.variables for row in RANKS)


def test_steps_of_a_run_share_an_operation_without_talking() -> None:
    steps = [detect_identity(parent_run_id="nightly-7", environ={}) for _ in range(2)]

    assert [each.trace_id for each in steps] == [operation_id("nightly-7")] * 2
    assert steps[0].span_id != steps[1].span_id
    assert operation_id("nightly-7").hex() == "765cbd8fa7c6ea896a0d44996b86f2a3"
    assert len(shared_span_id("x")) == 8


def test_a_traceparent_wins_over_the_derived_operation_and_its_state_goes_on() -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    environ = {"TRACEPARENT": f"00-{trace}-{span}-01", "TRACESTATE": "vendor=1"}
    step = detect_identity(parent_run_id="p", environ=environ)

    assert (step.trace_id.hex(), step.parent_span_id.hex()) == (trace, span)
    assert step.environment()["TRACESTATE"] == "vendor=1"
    assert step.environment()["TRACEPARENT"] == f"00-{trace}-{step.span_id.hex()}-01"


def test_a_state_without_its_parent_is_dropped() -> None:
    assert detect_identity(environ={"TRACESTATE": "vendor=1"}).tracestate == ""


def test_a_step_started_inside_of_an_orchestrators_step_is_another_one() -> None:
    from stepsight._identity import outside_environment

    outer = detect_identity(environ=CASES["Azure ML"][0])
    environ = {**CASES["Azure ML"][0], **outer.environment(), "STEPSIGHT_MAIN": "step-7:1"}
    inner = detect_identity(environ=outside_environment(environ), default_name="inner")

    assert (inner.parent_run_id, inner.step_name) == ("pipeline-1", "inner")
    assert inner.step_id.startswith("pipeline-1.inner-")


def test_the_explanation_says_what_was_recognised_and_why() -> None:
    explained = explain_identity({**CASES["Airflow"][0], "RANK": "0", "WORLD_SIZE": "2"})

    rows = {part: (value, source) for part, value, source in explained}
    assert rows["orchestrator"] == ("Airflow", "AIRFLOW_CTX_DAG_RUN_ID")
    assert rows["step_name"] == ("train", "AIRFLOW_CTX_TASK_ID")
    assert rows["parent_run_id"] == (
        "digits.manual__2026",
        "{AIRFLOW_CTX_DAG_ID|dots}.{AIRFLOW_CTX_DAG_RUN_ID|dots}",
    )
    assert rows["rank"] == ("0 of 2", "torchrun and PyTorch's env://")
    assert rows["operation"] == (operation_id("digits.manual__2026").hex(), "parent_run_id")


def test_the_explanation_of_a_plain_process_says_that_nobody_was_recognised() -> None:
    assert explain_identity({})[0] == ("orchestrator", "none recognised", "")
