from __future__ import annotations

import os
from dataclasses import replace

import pytest

from stepsight._identity import detect_identity, new_run_id, outside_environment
from stepsight._settings import SETTINGS, load_settings
from stepsight.errors import ConfigError

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


def test_azure_ml_tells_who_the_step_is() -> None:
    identity = detect_identity(
        environ={
            "AZUREML_ROOT_RUN_ID": "pipeline-1",
            "AZUREML_RUN_ID": "step-7",
            "AZUREML_ARM_PROJECT_NAME": "digits",
            "BUILD_VERSION": "42",
        },
        default_name="train",
    )

    assert (
        identity.parent_run_id,
        identity.step_id,
        identity.step_name,
        identity.experiment_name,
        identity.dimensions,
    ) == ("pipeline-1", "step-7", "train", "digits", {"build_version": "42"})


def test_arguments_win_over_the_environment() -> None:
    identity = detect_identity(
        parent_run_id="a",
        step_id="b",
        step_name="c",
        experiment_name="d",
        dimensions={"run_type": "scoring"},
        environ={
            "STEPSIGHT_PIPELINE_RUN": "x",
            "STEPSIGHT_STEP_RUN_ID": "x",
            "STEPSIGHT_STEP": "x",
            "STEPSIGHT_EXPERIMENT": "x",
            "STEPSIGHT_RUN_TYPE": "x",
        },
    )

    assert (identity.parent_run_id, identity.step_id, identity.step_name) == ("a", "b", "c")
    assert (identity.experiment_name, identity.dimensions) == ("d", {"run_type": "scoring"})


def test_a_step_alone_is_its_own_pipeline_run() -> None:
    identity = detect_identity(environ={}, default_name="train")

    assert identity.parent_run_id == identity.step_id
    assert identity.step_id.startswith("train-")


def test_a_child_gets_the_same_step_and_dimensions_with_commas() -> None:
    step = detect_identity(
        environ={}, default_name="train", dimensions={"run_url": "http://x/?a=1,2%2C3"}
    )
    child = detect_identity(environ=step.environment())

    assert (child.parent_run_id, child.step_id, child.dimensions, child.trace_id) == (
        step.parent_run_id,
        step.step_id,
        step.dimensions,
        step.trace_id,
    )
    assert child.parent_span_id == step.span_id


def test_a_worker_speaks_inside_of_its_steps_span() -> None:
    step = detect_identity(environ={}, default_name="train")
    environ = {**step.environment(), "STEPSIGHT_MAIN": f"{step.step_id}:{os.getpid() + 1}"}
    worker = detect_identity(environ=environ)

    assert worker == replace(step, is_worker=True)


def test_a_supervised_step_speaks_inside_of_the_supervisors_span() -> None:
    step = detect_identity(environ={}, default_name="train")
    inside = detect_identity(environ={**step.environment(), "STEPSIGHT_SUPERVISED": "1"})

    assert inside == replace(step, is_supervised=True)


def test_a_step_started_inside_of_a_step_is_another_one() -> None:
    step = detect_identity(environ={}, default_name="train")
    environ = {**step.environment(), "STEPSIGHT_SUPERVISED": "1"}
    inner = detect_identity(environ=outside_environment(environ), default_name="inner")

    assert (inner.parent_run_id, inner.step_name, inner.trace_id) == (
        step.parent_run_id,
        "inner",
        step.trace_id,
    )
    assert inner.step_id != step.step_id


def test_the_environment_of_a_pipeline_driver_is_believed() -> None:
    environ = {"STEPSIGHT_STEP_RUN_ID": "p.train-1", "STEPSIGHT_MAIN": ""}

    assert outside_environment(environ) == environ


@pytest.mark.parametrize(
    "text", ["", "garbage", f"00-{'0' * 32}-{SPAN}-01", TRACEPARENT.upper(), TRACEPARENT + "x"]
)
def test_a_broken_traceparent_is_none(text: str) -> None:
    identity = detect_identity(environ={"TRACEPARENT": text})

    assert (len(identity.trace_id), identity.parent_span_id) == (16, b"")


def test_a_traceparent_is_joined() -> None:
    identity = detect_identity(environ={"TRACEPARENT": TRACEPARENT})

    assert (identity.trace_id.hex(), identity.parent_span_id.hex()) == (TRACE, SPAN)


def test_run_ids_are_readable_and_differ() -> None:
    ids = {new_run_id("Train the Model!") for _ in range(20)}

    assert len(ids) > 15
    assert all(each.startswith("train-the-model-20") for each in ids)


def test_settings_have_their_defaults() -> None:
    settings = load_settings({}, {})

    assert {row.name: getattr(settings, row.name) for row in SETTINGS if row.name != "spool"} == {
        row.name: row.default for row in SETTINGS if row.name != "spool"
    }


def test_argument_over_environment_over_the_otel_variable() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1", "STEPSIGHT_ENDPOINT": "http://b:1"}

    assert load_settings({"endpoint": "http://a:1"}, environ).endpoint == "http://a:1"
    assert load_settings({}, environ).endpoint == "http://b:1"
    del environ["STEPSIGHT_ENDPOINT"]
    assert load_settings({}, environ).endpoint == "http://c:1"


def test_every_bad_setting_is_named_with_what_to_do() -> None:
    environ = {
        "STEPSIGHT_QUEUE_SIZE": "lots",
        "STEPSIGHT_ENDPOINT": "collector:4318",
        "STEPSIGHT_DISABLED": "perhaps",
        "STEPSIGHT_COMPRESSION": "zip",
    }
    with pytest.raises(ConfigError) as caught:
        load_settings({"endpont": 1, "heartbeat_s": -1}, environ)

    message = str(caught.value)
    assert message.splitlines()[1:] == [
        (
            'STEPSIGHT_ENDPOINT must be an http:// or https:// address, got "collector:4318". '
            'Unset it to use "http://127.0.0.1:4318".'
        ),
        'STEPSIGHT_COMPRESSION must be one of none, gzip, got "zip". Unset it to use "none".',
        (
            'STEPSIGHT_QUEUE_SIZE must be a whole number of at least 1, got "lots". '
            'Unset it to use "131072".'
        ),
        'heartbeat_s must be a number of at least 0.1, got "-1". Unset it to use "5.0".',
        'STEPSIGHT_DISABLED must be yes or no, got "perhaps". Unset it to use "False".',
    ]
    assert message.startswith('init() has no setting "endpont". Known: endpoint, ')
