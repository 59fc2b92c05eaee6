"""The run object beyond metrics: what azureml.core's Run has, and what of it is sent."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from stepsight import _artifacts, _state
from stepsight._run import Run
from stepsight.errors import NotOfferedError, RunEnvironmentError, RunFailedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stepsight._client import Client

    MakeClient = Callable[..., Client]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


@pytest.fixture
def run(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose process is recorded by a client of its own."""
    monkeypatch.setattr(_state, "client", make_client())
    return Run()


def sent(receiver: Any, event: str) -> list[dict[str, Any]]:
    """The attributes of every event of a name, without the dotted prefix of ours."""
    assert _state.client is not None
    assert _state.client.flush(20)
    found = []
    for record in receiver.records():
        if record.event_name == event:
            values = {item.key: item.value for item in record.attributes}
            found.append(
                {
                    key.removeprefix("stepsight."): getattr(value, value.WhichOneof("value"))
                    for key, value in values.items()
                }
            )
    return found


def content(receiver: Any, artifact: dict[str, Any]) -> bytes:
    """An artifact put together from its parts, as docs/reference/telemetry.md says."""
    parts = [
        part
        for part in sent(receiver, "stepsight.run.part")
        if part["artifact.id"] == artifact["artifact.id"]
    ]
    parts.sort(key=lambda part: part["part.index"])
    data = "".join(part["part.data"] for part in parts)
    is_text = artifact["artifact.encoding"] == "utf-8"
    assert len(parts) == artifact["artifact.parts"]
    return data.encode() if is_text else base64.b64decode(data)


class Figure:
    """Has of a matplotlib figure what log_image uses."""

    def savefig(self, stream: Any, format: str) -> None:  # noqa: A002 - matplotlib's own name
        assert format == "png"
        stream.write(PNG)


@pytest.mark.parametrize("given", ["path", "bytes", "stream", "plot"])
def test_an_image_arrives_whole(run: Run, receiver: Any, tmp_path: Path, given: str) -> None:
    (tmp_path / "roc.png").write_bytes(PNG)
    arguments: dict[str, Any] = {
        "path": {"path": str(tmp_path / "roc.png")},
        "bytes": {"path": PNG},
        "stream": {"path": io.BytesIO(PNG)},
        "plot": {"plot": Figure()},
    }
    run.log_image("roc", **arguments[given], description="of fold 1")

    [image] = sent(receiver, "stepsight.run.artifact")
    assert content(receiver, image) == PNG
    assert {key: image[f"artifact.{key}"] for key in ("kind", "name", "media_type", "size")} == {
        "kind": "image",
        "name": "roc",
        "media_type": "image/png",
        "size": len(PNG),
    }
    assert image["artifact.sha256"] == hashlib.sha256(PNG).hexdigest()
    assert image["artifact.description"] == "of fold 1"


def test_a_large_image_comes_in_parts(
    run: Run, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_artifacts, "PART_CHARS", 100)
    run.log_image("a", PNG)
    run.log_image("b", PNG + b"more")

    first, second = sent(receiver, "stepsight.run.artifact")
    assert first["artifact.parts"] == 14
    assert (content(receiver, first), content(receiver, second)) == (PNG, PNG + b"more")


def test_an_image_over_the_limit_is_described_and_counted(
    run: Run, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_artifacts, "MAX_CONTENT_BYTES", len(PNG) - 1)
    run.log_image("roc", PNG)

    [image] = sent(receiver, "stepsight.run.artifact")
    assert (image["artifact.omitted"], image["artifact.parts"]) == ("too_large", 0)
    assert _state.client is not None
    assert _state.client.worker.dropped == {"too_large": 1}


@pytest.mark.parametrize(
    "arguments", [{}, {"path": PNG, "plot": Figure()}, {"path": b"no image at all"}]
)
def test_what_is_no_image_is_an_error_of_the_caller(run: Run, arguments: Any) -> None:
    with pytest.raises(ValueError, match=r"log_image takes|no image that is known"):
        run.log_image("roc", **arguments)


@pytest.mark.parametrize("kind", ["confusion_matrix", "accuracy_table", "residuals", "predictions"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a_document_is_kept_as_it_is(run: Run, receiver: Any, kind: str, as_text: bool) -> None:
    value = {"schema_type": kind, "schema_version": "1.0.0", "data": {"é": [[3, 0], [0, 1.5]]}}
    getattr(run, f"log_{kind}")("m", json.dumps(value) if as_text else value)

    [document] = sent(receiver, "stepsight.run.artifact")
    assert document["artifact.kind"] == kind
    assert json.loads(content(receiver, document)) == value
    assert run.get_metrics() == {"m": "stepsight://artifact/m"}


def test_a_document_may_hold_numpy_arrays(run: Run, receiver: Any) -> None:
    numpy = pytest.importorskip("numpy")
    run.log_confusion_matrix("m", {"data": {"matrix": numpy.eye(2), "n": numpy.int64(3)}})

    [document] = sent(receiver, "stepsight.run.artifact")
    expected = {"data": {"matrix": [[1.0, 0.0], [0.0, 1.0]], "n": 3}}
    assert json.loads(content(receiver, document)) == expected


def test_an_uploaded_file_is_described_not_sent(run: Run, receiver: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    run.upload_file("outputs/model.bin", str(path))
    stream = io.BytesIO(b"abc")
    run.upload_files(["outputs/a"], [stream])

    described = {"artifact.kind": "file", "artifact.name": "outputs/model.bin", "artifact.size": 7}
    digests = [hashlib.sha256(data).hexdigest() for data in (b"weights", b"abc")]
    assert sent(receiver, "stepsight.run.artifact") == [
        {**described, "artifact.sha256": digests[0], "artifact.path": str(path)},
        {
            "artifact.kind": "file",
            "artifact.name": "outputs/a",
            "artifact.size": 3,
            "artifact.sha256": digests[1],
        },
    ]
    assert sent(receiver, "stepsight.run.part") == []
    assert (stream.tell(), run.get_file_names()) == (0, ["outputs/model.bin", "outputs/a"])


def test_a_folder_is_described_file_by_file(
    run: Run, receiver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_artifacts, "MAX_FOLDER_FILES", 2)
    (tmp_path / "deep").mkdir()
    for name in ("a", "b", "deep/c"):
        (tmp_path / name).write_text(name)
    run.upload_folder("out", tmp_path)

    *files, folder = sent(receiver, "stepsight.run.artifact")
    assert [file["artifact.name"] for file in files] == ["out/a", "out/b"]
    assert (folder["artifact.files"], folder["artifact.size"]) == (3, 8)


def test_properties_cannot_be_changed(run: Run, receiver: Any) -> None:
    run.add_properties({"build": 7})
    run.add_properties({"build": 8, "by": "CI"})

    assert run.properties == {"build": "7", "by": "CI"}
    assert sent(receiver, "stepsight.run.property") == [
        {"property.key": "build", "property.value": "7"},
        {"property.key": "by", "property.value": "CI"},
    ]


def test_a_tag_needs_no_value_and_can_be_removed(run: Run, receiver: Any) -> None:
    run.set_tags("candidate")
    run.tag("by", "CI")
    run.remove_tags(["by"])

    assert run.get_tags() == {"candidate": None}
    assert [tag["tag.value"] for tag in sent(receiver, "stepsight.run.tag")] == ["", "CI", ""]


def test_rows_and_tables_read_back_by_column(run: Run) -> None:
    run.log_row("fruit", kind="lime", size=3)
    run.log_row("fruit", kind="lemon", size=7)
    run.log_table("once", {"x": [1], "y": [2]})

    assert run.get_metrics() == {
        "fruit": {"kind": ["lime", "lemon"], "size": [3.0, 7.0]},
        "once": {"x": 1.0, "y": 2.0},
    }
    assert run.get_metrics("once") == {"once": {"x": 1.0, "y": 2.0}}
    assert run.get_metrics("none") == {}


def test_a_list_given_to_log_is_a_series(run: Run) -> None:
    run.log("recall", [0.25, 0.5])

    assert run.get_metrics() == {"recall": [0.25, 0.5]}


def test_children_have_ids_metrics_and_an_end_of_their_own(run: Run, receiver: Any) -> None:
    with run.child_run("fold") as fold:
        fold.log("loss", 1)
        inner = fold.child_run()
        inner.log("loss", 2)
    with pytest.raises(KeyError), run.child_run("bad"):
        raise KeyError("x")

    assert [child.id for child in run.get_children(recursive=True)] == [
        f"{run.id}.bad",
        f"{run.id}.fold",
        f"{run.id}.fold.0",
    ]
    assert run.get_metrics(recursive=True) == {
        run.id: {},
        fold.id: {"loss": 1.0},
        inner.id: {"loss": 2.0},
        f"{run.id}.bad": {},
    }
    assert [child.name for child in run.get_children(status="Completed")] == ["fold"]
    assert inner.parent is fold
    assert sent(receiver, "stepsight.run.child") == [
        {"status": "Completed", "child_run": "fold"},
        {"status": "Failed", "exception.message": "KeyError: 'x'", "child_run": "bad"},
    ]


def test_many_children_are_made_by_number_or_by_tag(run: Run) -> None:
    by_number = run.create_children(2)
    by_tag = run.create_children(tag_key="seed", tag_values=[7, 8])

    assert [child.tags for child in by_number + by_tag] == [
        {"azureml.batch_child_number": "0"},
        {"azureml.batch_child_number": "1"},
        {"seed": "7"},
        {"seed": "8"},
    ]
    assert run.get_children(tags={"seed": 8}) == [by_tag[1]]
    assert run.get_children(tags="seed") == by_tag[::-1]
    for wrong in ({}, {"count": 1, "tag_key": "a"}, {"tag_key": "a"}, {"count": 101}):
        with pytest.raises(ValueError, match="create_children"):
            run.create_children(**wrong)


def test_the_pipeline_run_is_the_parent(run: Run, receiver: Any) -> None:
    assert _state.client is not None
    parent = run.parent
    assert parent is not None
    parent.tag("stage", "nightly")

    assert (parent.id, parent.parent) == (_state.client.identity.parent_run_id, None)
    assert sent(receiver, "stepsight.run.tag") == [
        {"tag.key": "stage", "tag.value": "nightly", "run.scope": "pipeline run"}
    ]


def test_details_are_under_the_keys_of_azureml(run: Run) -> None:
    before = run.get_details()
    run.fail(ValueError("no rows"), error_code="E7")
    after = run.get_details()

    assert (before["status"], "endTimeUtc" in before) == ("Running", False)
    assert (after["runId"], after["status"]) == (run.id, "Failed")
    assert after["error"] == {"message": "E7: ValueError: no rows"}
    assert after["startTimeUtc"] < after["endTimeUtc"]
    with pytest.raises(RunFailedError, match="E7: ValueError: no rows"):
        run.wait_for_completion()
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_the_portal_is_the_dimension_or_the_collector(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _state.client is not None
    identity = _state.client.identity

    assert run.get_portal_url() == f"http://127.0.0.1:8050/runs/{identity.parent_run_id}"

    monkeypatch.setitem(identity.dimensions, "run_url", "https://ml.example/run/7")
    assert run.get_portal_url() == "https://ml.example/run/7"


def test_no_offline_run_when_the_script_will_not_have_one(run: Run) -> None:
    assert Run.get_context().id == run.id
    with pytest.raises(RunEnvironmentError, match="stepsight run"):
        Run.get_context(allow_offline=False)


def test_what_only_azure_ml_can_do_says_so(run: Run) -> None:
    with pytest.raises(NotOfferedError, match="install azureml-core"):
        run.register_model("m")
    assert not hasattr(run, "input_datasets")


def test_a_parameter_is_an_event(run: Run, receiver: Any) -> None:
    run.log_parameter("lr", 0.1)

    assert sent(receiver, "stepsight.run.parameter") == [
        {"parameter.key": "lr", "parameter.value": "0.1"}
    ]


def test_memory_for_reading_back_is_bounded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepsight._series.MAX_KEPT", 3)
    for value in range(5):
        run.log("loss", value)

    assert run.get_metrics() == {"loss": [2.0, 3.0, 4.0]}
