from __future__ import annotations

import csv
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._cli.text import printable

if TYPE_CHECKING:
    from tests.cli._collector import Collector


def messages(result: Any) -> list[str]:
    return [json.loads(row)["message"] for row in result.stdout.splitlines()]


def test_a_log_is_printed_oldest_first_without_heartbeats(stepsight: Any) -> None:
    result = stepsight("logs", "nightly-good-1", "--step", "train")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "2026-01-05T08:00:12.000Z  event     train  step started",
        "2026-01-05T08:00:18.000Z  stdout    train  epoch 1",
        "2026-01-05T08:00:19.000Z  WARNING   train  slow disk",
        "2026-01-05T08:00:20.000Z  event     train",
        "2026-01-05T08:01:12.000Z  event     train  step completed",
    ]


def test_an_exception_is_printed_below_its_message(stepsight: Any) -> None:
    result = stepsight("logs", "@last-failed", "--level", "error")

    head = "2026-01-05T09:00:02.000Z  ERROR     train  "
    below = " " * len(head)
    assert result.stdout == (
        f"{head}cannot predict\n{below}Traceback:\n{below}  File train.py\n{below}ValueError: 56\n"
    )


def test_the_end_of_a_failed_step_names_the_cause(stepsight: Any) -> None:
    last = stepsight("logs", "@last-failed").stdout.splitlines()[-1]

    assert last.endswith("step failed: ValueError: 56 features, expected 64")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--level", "warning"), ["slow disk"]),
        (("--grep", "EPOCH"), ["epoch 1"]),
        (("--stream", "stdout", "--step", "prepare"), ["loaded 1797 rows"]),
        (("--stream", "stderr"), []),
        (("--since", "2026-01-05T08:01:13Z"), ["run completed"]),
        (("--since", "1h"), []),
        (("--limit", "1"), ["run completed"]),
    ],
)
def test_rows_are_chosen(stepsight: Any, arguments: tuple[str, ...], expected: list[str]) -> None:
    result = stepsight("logs", "nightly-good-1", "--format", "jsonl", *arguments)

    assert (result.exit_code, messages(result)) == (0, expected)


def test_nothing_that_fits_is_said_on_stderr(stepsight: Any) -> None:
    result = stepsight("logs", "nightly-good-1", "--grep", "zzz", "--level", "error")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No log row of run nightly-good-1 fits --level --grep.\n"


@pytest.mark.parametrize("text", ["yesterday", "10", "-1h", "h"])
def test_a_since_that_cannot_be_read_is_wrong_usage(stepsight: Any, text: str) -> None:
    result = stepsight("logs", "@last", "--since", text)

    assert result.exit_code == 2
    assert f'got "{text}"' in result.stderr


def test_a_log_line_cannot_steer_the_terminal(stepsight: Any) -> None:
    shown = stepsight("logs", "hostile/run-1").stdout

    assert {c for c in shown if not c.isprintable()} <= {"\n", "\u200d"}
    assert r"\x1b]0;owned\x07\x1b[2Jred \u202egnp.exe \x9b5n\rover" in shown


def test_every_format_keeps_the_message_as_it_came(stepsight: Any) -> None:
    arguments = ("logs", "hostile/run-1", "--format")
    lines = messages(stepsight(*arguments, "jsonl"))

    assert [row["message"] for row in json.loads(stepsight(*arguments, "json").stdout)] == lines
    csv.field_size_limit(1 << 21)
    table = csv.DictReader(io.StringIO(stepsight(*arguments, "csv").stdout, newline=""))
    assert [row["message"] for row in table] == lines
    assert lines[3] == "first\nsecond\n\tthird"


def test_a_line_of_a_megabyte_is_whole_in_a_pipe(stepsight: Any) -> None:
    lines = stepsight("logs", "hostile/run-1").stdout.splitlines()

    assert any(line.endswith("  " + "x" * (1 << 20)) for line in lines)


def test_lines_of_a_message_stand_below_each_other(stepsight: Any) -> None:
    shown = stepsight("logs", "hostile/run-1", "--grep", "second").stdout.splitlines()

    column = shown[0].index("first")
    assert [line[column:].rstrip() for line in shown[:1]] == ["first"]
    assert [line.strip() for line in shown[1:]] == ["second", "third"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[31", "\\x1b[31"),
        ("\x1b[10;10H", "\\x1b[10;10H"),
        ("a\r\nb", "a\nb"),
        ("\ud800", "\\ud800"),
        ("é 日本", "é 日本"),
    ],
)
def test_control_characters_are_shown_not_obeyed(text: str, expected: str) -> None:
    assert printable(text) == expected


@pytest.mark.parametrize(("status", "code"), [("Completed", 0), ("Failed", 1), ("Canceled", 1)])
def test_following_ends_with_the_run_and_says_how(
    *, stepsight: Any, live_collector: Collector, otlp: Any, live_run: str, status: str, code: int
) -> None:
    who = otlp.identity(live_run, "train")
    now = time.time_ns()
    records = (otlp.line(now, "last words"), otlp.end(now, status))
    live_collector.send("logs", otlp.log_request(who, *records))

    api = live_collector.addresses["ui"]
    result = stepsight("logs", live_run, "--follow", "--format", "jsonl", "--api", api)

    assert result.exit_code == code
    assert "last words" in messages(result)
    assert f"Run {live_run} ended: {status}" in result.stderr


def test_following_cannot_make_one_json_document(stepsight: Any) -> None:
    result = stepsight("logs", "@last", "--follow", "--format", "json")

    assert result.exit_code == 2
    assert "use --format jsonl" in result.stderr
