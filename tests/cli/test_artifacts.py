"""Images and files of a run, logged by the SDK itself, listed and fetched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from stepsight._cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result
    from tests.cli._collector import Collector

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2000  # half a megabyte: several parts
STEP = """
import sys
from pathlib import Path
from stepsight import run
folder = Path(sys.argv[1])
run.log_image("plots/roc.png", path=str(folder / "roc.png"))
run.log_confusion_matrix("confusion", {"schema_type": "confusion_matrix", "data": {"a": 1}})
run.upload_file("model.bin", str(folder / "model.bin"))
"""


@pytest.fixture(scope="module")
def own_collector(otlp: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector with one run, whose step logged an image, a document and a file."""
    folder = tmp_path_factory.mktemp("artifacts")
    (folder / "roc.png").write_bytes(PNG)
    (folder / "model.bin").write_bytes(b"weights")
    with otlp.running(folder) as running:
        kept = {key: value for key, value in os.environ.items() if "STEPSIGHT" not in key}
        subprocess.run(
            [sys.executable, "-c", STEP, str(folder)],
            env={
                **kept,
                "STEPSIGHT_ENDPOINT": running.addresses["otlp_http"],
                "STEPSIGHT_SPOOL": str(folder / "spool"),
                "STEPSIGHT_PIPELINE_RUN": "r-1",
                "STEPSIGHT_STEP": "train",
            },
            check=True,
        )
        running.wait_until_stored()
        yield running


@pytest.fixture
def artifacts(
    own_collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Result]:
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEPSIGHT_API", own_collector.addresses["ui"])

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ("artifacts", "r-1", *arguments))

    return run


def test_images_documents_and_files_are_listed(artifacts: Any) -> None:
    rows = json.loads(artifacts("--format", "json").stdout)

    assert [(row["name"], row["kind"], row["size_bytes"]) for row in rows] == [
        ("plots/roc.png", "image", len(PNG)),
        ("confusion", "confusion_matrix", rows[1]["size_bytes"]),
        ("model.bin", "file", 7),
    ]
    assert [row["artifact_id"] is not None for row in rows] == [True, True, False]
    shown = CliRunner().invoke(cli, ("show", "r-1")).stdout
    assert "3: stepsight artifacts r-1" in shown
    table = artifacts().stdout
    assert "plots/roc.png  image" in table
    assert "model.bin" in table


def test_an_image_comes_back_byte_for_byte(artifacts: Any, tmp_path: Path) -> None:
    done = artifacts("plots/roc.png")

    assert (done.exit_code, done.stdout) == (0, "wrote roc.png, 500.0 KiB\n")
    assert (tmp_path / "roc.png").read_bytes() == PNG


def test_a_file_that_is_there_is_not_written_over(artifacts: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_text("mine")
    done = artifacts("plots/roc.png", "-o", "mine.png")

    assert done.exit_code == 1
    assert "The file mine.png exists already." in done.stderr
    assert (tmp_path / "mine.png").read_text() == "mine"


def test_a_document_goes_to_standard_output(artifacts: Any) -> None:
    document = json.loads(artifacts("confusion", "-o", "-").stdout_bytes)

    assert document == {"schema_type": "confusion_matrix", "data": {"a": 1}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", 'has nothing named "nothing"'),
        ("model.bin", "only name, size and digest are kept"),
    ],
)
def test_what_cannot_be_fetched_is_said(artifacts: Any, name: str, said: str) -> None:
    done = artifacts(name)

    assert done.exit_code == 1
    assert said in done.stderr


def test_a_browser_does_not_run_what_a_step_logged(own_collector: Collector) -> None:
    api = own_collector.addresses["ui"]
    with urllib.request.urlopen(f"{api}/api/runs/r-1/artifacts") as answer:
        first = json.load(answer)["artifacts"][0]
    url = f"{api}/api/runs/r-1/artifacts/{first['artifact_id']}/content"
    with urllib.request.urlopen(url) as answer:
        headers, data = answer.headers, answer.read()

    assert (headers["Content-Type"], data) == ("image/png", PNG)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")


def test_an_id_of_nothing_is_not_found(own_collector: Collector) -> None:
    url = f"{own_collector.addresses['ui']}/api/runs/r-1/artifacts/nothing/content"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)

    with caught.value as answer:
        assert json.load(answer)["error"]["code"] == "not_found"
