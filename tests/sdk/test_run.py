"""The run object: what run.log and its relatives send."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from stepsight import _state
from stepsight._run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._client import Client

    MakeClient = Callable[..., Client]


@pytest.fixture
def run(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose process is recorded by a client of its own."""
    monkeypatch.setattr(_state, "client", make_client())
    return Run()


def points(receiver: Any, *keys: str) -> list[tuple[Any, ...]]:
    """Name, value and chosen attributes of every metric point that arrived."""
    assert _state.client is not None
    assert _state.client.flush(20)
    found = []
    for path, _, request in receiver.requests:
        if path != "/v1/metrics":
            continue
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.gauge.data_points:
                kept = {item.key.rpartition(".")[2]: item.value for item in point.attributes}
                values = [getattr(kept[key], kept[key].WhichOneof("value")) for key in keys]
                found.append((metric.name, point.as_double, *values))
    return found


def test_a_logged_value_has_its_position_in_the_series(run: Run, receiver: Any) -> None:
    for value in (3, 2.5, True):
        run.log("loss", value)

    assert points(receiver, "index", "kind") == [
        ("loss", 3.0, 0, "scalar"),
        ("loss", 2.5, 1, "scalar"),
        ("loss", 1.0, 2, "scalar"),
    ]


def test_nan_and_infinity_are_values(run: Run, receiver: Any) -> None:
    run.log("loss", math.nan)
    run.log("loss", -math.inf)

    assert [repr(value) for _, value in points(receiver)] == ["nan", "-inf"]


def test_a_text_is_kept_as_text(run: Run, receiver: Any) -> None:
    run.log("best model", "forest")

    assert points(receiver, "text") == [("best model", 0.0, "forest")]


def test_a_step_of_ones_own_counts_on_from_there(run: Run, receiver: Any) -> None:
    run.log("loss", 1.0, step=10)
    run.log("loss", 0.5)

    assert points(receiver, "index") == [("loss", 1.0, 10), ("loss", 0.5, 11)]


def test_a_list_is_a_series(run: Run, receiver: Any) -> None:
    run.log_list("recall", [0.1, 0.2])

    assert points(receiver, "index", "kind") == [
        ("recall", 0.1, 0, "list"),
        ("recall", 0.2, 1, "list"),
    ]


def test_a_row_has_one_position_for_all_its_columns(run: Run, receiver: Any) -> None:
    run.log_row("curve", epoch=1, loss=0.5)
    run.log_row("curve", epoch=2, loss=0.25)

    assert points(receiver, "column", "index") == [
        ("curve", 1.0, "epoch", 0),
        ("curve", 0.5, "loss", 0),
        ("curve", 2.0, "epoch", 1),
        ("curve", 0.25, "loss", 1),
    ]


def test_a_table_has_columns_of_any_length(run: Run, receiver: Any) -> None:
    run.log_table("confusion", {"0": [5, 1], "1": 7})

    assert points(receiver, "column", "index") == [
        ("confusion", 5.0, "0", 0),
        ("confusion", 1.0, "0", 1),
        ("confusion", 7.0, "1", 0),
    ]


def test_a_childs_metrics_carry_its_name(run: Run, receiver: Any) -> None:
    run.child_run("fold 1").log("loss", 1.0)
    run.log("loss", 2.0)

    assert points(receiver)[1] == ("loss", 2.0)
    assert points(receiver, "index")[0] == ("loss", 1.0, 0)
    assert run.child_run("fold 1").id == f"{run.id}.fold 1"


def test_a_tag_is_an_event(run: Run, receiver: Any) -> None:
    run.set_tags({"model": "forest", "depth": 3})
    assert _state.client is not None
    _state.client.flush(20)

    assert run.tags == {"model": "forest", "depth": "3"}
    assert [record.event_name for record in receiver.records()] == ["stepsight.run.tag"] * 2


def test_metrics_can_be_read_back(run: Run) -> None:
    run.log("loss", 1)
    run.log("accuracy", 0.5)
    run.log("accuracy", 0.75)

    assert run.get_metrics() == {"loss": 1.0, "accuracy": [0.5, 0.75]}


def test_a_numpy_scalar_is_a_number(run: Run, receiver: Any) -> None:
    numpy = pytest.importorskip("numpy")
    run.log("loss", numpy.float32(0.5))

    assert points(receiver) == [("loss", 0.5)]
