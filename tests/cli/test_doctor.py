"""`stepsight doctor` against a real collector, none, and one whose clock is wrong."""

from __future__ import annotations

import json
import os
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli._collector import Collector

HOUR_S = 3600


@pytest.fixture
def checks(
    stepsight: Any, collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, dict[str, dict[str, Any]]]]:
    """Run doctor with some variables; returns its exit code and its rows by section and name."""

    def run(**variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
        given = {
            "STEPSIGHT_ENDPOINT": collector.addresses["otlp_http"],
            "STEPSIGHT_SPOOL": str(tmp_path / "spool"),
            **variables,
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        result = stepsight("doctor", "--format", "json")
        rows = {f"{row['section']} {row['name']}": row for row in json.loads(result.stdout)}
        return result.exit_code, rows

    return run


def bad(rows: dict[str, dict[str, Any]]) -> list[str]:
    return [
        name for name, row in rows.items() if row["state"] in {"warning", "problem", "unreachable"}
    ]


def test_a_healthy_setup_has_no_finding(checks: Any) -> None:
    code, rows = checks()

    assert (code, bad(rows)) == (0, [])
    assert rows["collector clock"]["value"] == "agrees"
    assert rows["settings endpoint"]["source"] == "STEPSIGHT_ENDPOINT"


def test_who_started_the_step_is_shown_and_why(
    checks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)  # where the tests may run themselves
    _, rows = checks(
        AIRFLOW_CTX_DAG_ID="digits",
        AIRFLOW_CTX_DAG_RUN_ID="manual",
        AIRFLOW_CTX_TASK_ID="train",
        RANK="0",
        WORLD_SIZE="2",
    )

    shown = {
        name.removeprefix("identity "): (row["value"], row["source"])
        for name, row in rows.items()
        if name.startswith("identity ")
    }
    assert shown["orchestrator"] == ("Airflow", "AIRFLOW_CTX_DAG_RUN_ID")
    assert shown["step_name"] == ("train", "AIRFLOW_CTX_TASK_ID")
    assert shown["rank"] == ("0 of 2", "torchrun and PyTorch's env://")


def test_every_setting_of_the_sdk_is_shown(checks: Any) -> None:
    from stepsight._settings import SETTINGS

    _, rows = checks()

    assert {f"settings {row.name}" for row in SETTINGS} <= set(rows)


def test_a_secret_is_not_shown(checks: Any) -> None:
    _, rows = checks(STEPSIGHT_TOKEN="hunter2")

    assert "hunter2" not in json.dumps(rows)
    assert rows["settings token"]["value"] == "(set, not shown)"


def test_nobody_there_is_exit_code_3(checks: Any) -> None:
    code, rows = checks(STEPSIGHT_ENDPOINT="http://127.0.0.1:9")

    assert (code, bad(rows)[0]) == (3, "collector endpoint")
    assert "stepsight up" in rows["collector endpoint"]["advice"]


def test_a_bad_setting_is_a_problem(checks: Any) -> None:
    code, rows = checks(STEPSIGHT_QUEUE_SIZE="lots")

    assert (code, bad(rows)) == (1, ["settings queue_size"])
    assert 'at least 1, got "lots"' in rows["settings queue_size"]["advice"]


def test_steps_that_send_elsewhere_than_is_read_are_a_problem(
    checks: Any, empty_collector: Collector
) -> None:
    code, rows = checks(STEPSIGHT_ENDPOINT=empty_collector.addresses["otlp_http"])

    assert (code, bad(rows)) == (1, ["collector same"])
    assert rows["collector same"]["advice"].startswith("export STEPSIGHT_ENDPOINT=http://127.")


def test_what_waits_in_the_spool_for_long_is_a_warning(checks: Any, tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "spool"), 1 << 20)
    spool.add("logs", b"x" * 1000)
    spool.finish()
    code, rows = checks()
    assert (code, bad(rows)) == (0, [])
    assert rows["spool waiting"]["value"].startswith("1 file, ")

    [path] = (tmp_path / "spool").iterdir()
    os.utime(path, (0, 0))
    code, rows = checks()

    assert (code, bad(rows)) == (0, ["spool waiting"])


def test_a_spool_that_is_almost_full_is_a_problem(checks: Any, tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "spool"), 1 << 20)
    spool.add("logs", b"x" * 900)
    spool.finish()
    code, rows = checks(STEPSIGHT_SPOOL_MAX_BYTES="1000")

    assert (code, bad(rows)) == (1, ["spool space"])


class OtherClock(BaseHTTPRequestHandler):
    """Answers everything, an hour ahead."""

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Date", formatdate(time.time() + HOUR_S, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def other_clock() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), OtherClock)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_clock_that_is_off_is_a_problem(checks: Any, other_clock: str) -> None:
    code, rows = checks(STEPSIGHT_ENDPOINT=other_clock)

    assert code == 1
    assert rows["collector clock"]["state"] == "problem"
    assert rows["collector clock"]["value"] == "1 h 00 min ahead of this machine"


def test_findings_are_said_with_what_to_do(stepsight: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPSIGHT_ENDPOINT", "http://127.0.0.1:9")
    result = stepsight("doctor")

    summary = result.stdout.partition("\n\n")[2]
    assert result.exit_code == 3
    assert summary.startswith("2 findings\n  ✗ collector endpoint: Connection refused\n")
    assert "stepsight up starts a collector" in summary


def test_a_low_disk_is_said_with_what_is_shed(
    checks: Any, otlp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPSIGHT_DISK_LOW_BYTES", str(1 << 60))  # more than any disk has
    with otlp.running(tmp_path) as low:
        debug = {"at": 1, "body": "x", "severity": 5, "level": "DEBUG"}
        low.send("logs", otlp.log_request(otlp.identity("r", "train"), debug))
        addresses = low.addresses
        code, rows = checks(
            STEPSIGHT_ENDPOINT=addresses["otlp_http"], STEPSIGHT_API=addresses["ui"]
        )

    assert (code, bad(rows)) == (0, ["collector disk"])
    assert rows["collector disk"]["value"].endswith(" free, 1 DEBUG record shed")
    assert "DEBUG" in rows["collector disk"]["advice"]


def test_a_collector_without_its_library_says_what_that_costs(
    checks: Any, otlp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPSIGHT_NO_NATIVE_LIBRARY", "1")
    with otlp.running(tmp_path) as slow:
        addresses = slow.addresses
        code, rows = checks(
            STEPSIGHT_ENDPOINT=addresses["otlp_http"], STEPSIGHT_API=addresses["ui"]
        )

    assert (code, bad(rows)) == (0, [])
    assert rows["collector native library"]["value"].startswith("not built or not used")
