"""The prompt of `stepsight query` on a real pseudo-terminal."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli._kql_server import KqlServer
    from tests.cli._terminal import Terminal

TABLES = [
    {
        "name": "traces",
        "description": "Log lines.",
        "columns": [
            {"name": "timestamp", "type": "datetime", "description": "When it happened."},
            {"name": "message", "type": "string", "description": "The text."},
        ],
    },
    {"name": "requests", "description": "Work that was asked for.", "columns": []},
]


def check(body: dict[str, Any]) -> tuple[int, Any]:
    place = body["query"].find("nope")
    message = 'unknown column "nope" in table traces'
    found = {"code": "unknown_column", "message": message, "hint": ""}
    where = {"start": place, "end": place + 4, "line": 1, "column": place + 1}
    report = f"query:1:{place + 1}  {message}"
    wrong = [found | where] if place >= 0 else []
    return 200, {"diagnostics": wrong, "report": report, "columns": None}


@pytest.fixture
def server(kql_server: Any) -> Iterator[KqlServer]:
    items = [{"label": "where", "kind": "operator", "detail": "keeps rows", "insert": "where "}]
    with kql_server.serving() as running:
        running.answer("/api/schema", {"tables": TABLES})
        running.answer("/api/kql", kql_server.kql_answer({"message": "string"}, [["hello"]]))
        running.answers["/api/kql/check"] = check
        running.answer("/api/kql/complete", {"start": 9, "end": 11, "items": items})
        yield running


@pytest.fixture
def prompt(
    server: KqlServer, clean: Any, tmp_path: Path, terminal: Any
) -> Iterator[Callable[..., Terminal]]:
    """Open a prompt; returns once it waits for a question."""
    clean(server.url, tmp_path)
    opened: list[Terminal] = []

    def begin(*arguments: str, **more: Any) -> Terminal:
        opened.append(terminal.Terminal("query", *arguments, **more))
        opened[-1].wait_for("kql>")
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def asked(server: KqlServer) -> list[str]:
    return [body["query"] for body in server.asked.get("/api/kql", [])]


def test_questions_are_answered_until_ctrl_d(prompt: Any, server: KqlServer) -> None:
    term = prompt()

    term.say("traces\r")
    term.wait_for("1 row in 12 ms")
    term.say("traces | take 2\r")
    term.wait_for(lambda each: each.text().count("1 row in") == 2)
    term.say("\x04")

    assert term.end() == 0
    assert asked(server) == ["traces", "traces | take 2"]
    assert term.text().splitlines()[2:6] == [
        "kql> traces",
        "message",
        "hello",
        "1 row in 12 ms, 1,234 rows and 55.5 KiB read",
    ]


def test_enter_adds_a_line_to_what_is_not_complete(prompt: Any, server: KqlServer) -> None:
    term = prompt()

    term.say("traces |\r")
    term.wait_for("···>")
    term.type("where message ==\r")
    term.wait_for(lambda each: each.text().count("···>") == 2)
    term.type("'x'\r")
    term.wait_for("1 row in")

    assert asked(server) == ["traces |\nwhere message ==\n'x'"]


def test_alt_enter_adds_a_line_and_a_paste_keeps_its_lines(prompt: Any, server: KqlServer) -> None:
    term = prompt()

    term.say("traces\x1b\r| take 1")
    term.wait_for("···> | take 1")
    term.type("\r")
    term.wait_for("1 row in")
    term.say("\x1b[200~let n = 5;\ntraces\n| take n\x1b[201~\r")
    term.wait_for(lambda each: each.text().count("1 row in") == 2)

    assert asked(server) == ["traces\n| take 1", "let n = 5;\ntraces\n| take n"]


def test_tab_completes_from_the_collector(prompt: Any, server: KqlServer) -> None:
    term = prompt()

    term.say("traces | wh")
    term.wait_for("operator  keeps rows")
    term.type("\t\r")
    term.wait_for("traces | where")
    term.type("true\r")
    term.wait_for("1 row in")

    assert asked(server) == ["traces | where true"]
    assert {"query": "traces | wh", "position": 11} in server.asked["/api/kql/complete"]


def test_what_is_wrong_is_marked_while_it_is_typed(prompt: Any) -> None:
    term = prompt()

    term.say("traces | where nope == 1")
    term.wait_for('unknown column "nope" in table traces')

    row = next(n for n, line in enumerate(term.screen.display) if line.startswith("kql> traces"))
    marked = [n for n, cell in sorted(term.screen.buffer[row].items()) if cell.underscore]
    assert "".join(term.screen.display[row][n] for n in marked) == "nope"
    assert term.screen.buffer[row][5 + 9].fg == "cyan"


def test_ctrl_c_ends_the_query_and_not_the_prompt(prompt: Any, server: KqlServer) -> None:
    arrived, may_end = threading.Event(), threading.Event()
    respond = server.answers["/api/kql"]

    def hang(body: Any) -> tuple[int, Any]:
        if body["query"] == "slow":
            arrived.set()
            may_end.wait(30)
        return respond(body)

    server.answers["/api/kql"] = hang
    term = prompt()

    term.say("slow\r")
    term.wait_for(lambda _: arrived.is_set())
    term.type("\x03")
    term.wait_for("Canceled.")
    may_end.set()
    term.say("traces\r")
    term.wait_for("1 row in")

    assert asked(server) == ["slow", "traces"]


def test_ctrl_c_drops_what_is_typed(prompt: Any, server: KqlServer) -> None:
    term = prompt()

    term.say("garbage")
    term.wait_for("kql> garbage")
    term.type("\x03")
    term.wait_for(lambda each: each.text().count("kql>") == 2)
    term.say("traces\r")
    term.wait_for("1 row in")

    assert asked(server) == ["traces"]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (".tables", ["TABLE     COLUMNS  HOLDS", "traces          2  Log lines."]),
        (".schema traces", ["COLUMN     TYPE      HOLDS", "message    string    The text."]),
        (".schema trace", ['Error: There is no table "trace".', "Did you mean traces?"]),
        (".schema", ["Error: .schema needs the name of a table"]),
        (".format csv", ["format csv"]),
        (".format xml", ['not "xml".']),
        (".timespan 7d", ["timespan P7D"]),
        (".timespan lately", ['Error: "lately" is no span of time']),
        (".rows 5", ["at most 5 rows"]),
        (".rows 0", ['not "0".']),
        (".param n=5", ["n=5"]),
        (".explain", ["Error: .explain needs a query"]),
        (".save x", ["Error: there is nothing to save yet: ask first."]),
        (".list", ["@failures"]),
        (".help", [".timespan [SPAN|all]", "Tab completes"]),
        (".tabels", ["Did you mean .tables?"]),
        ("@nothing-like-it", ["Error: There is no saved query @nothing-like-it."]),
    ],
)
def test_a_line_with_a_dot_is_a_command(prompt: Any, typed: str, shown: list[str]) -> None:
    term = prompt(columns=120)

    term.say(typed + "\r")
    for text in shown:
        term.wait_for(text)
    term.say(".quit\r")

    assert term.end() == 0


def test_format_timespan_and_parameters_hold_for_what_is_asked_next(
    prompt: Any, server: KqlServer
) -> None:
    term = prompt()

    for line in (".format jsonl", ".timespan 7d", ".param n=5", ".param other=1"):
        term.say(line + "\r")
        term.wait_for(line.partition(" ")[2].replace("7d", "P7D"))
    term.say("declare query_parameters(n:long); traces\r")
    term.wait_for('{"message": "hello"}')

    sent = server.asked["/api/kql"][0]
    assert (sent["timespan"], sent["parameters"], sent["max_rows"]) == ("P7D", {"n": 5}, 100)


def test_the_last_query_is_explained_and_saved(
    prompt: Any, server: KqlServer, kql_server: Any, tmp_path: Path
) -> None:
    more = {"plan": "read traces", "sql": "SELECT 1", "parameters": {}}
    server.answer("/api/kql", kql_server.kql_answer({"m": "string"}, [["hello"]], **more))
    term = prompt()

    term.say("traces\r")
    term.wait_for("1 row in")
    term.say(".explain\r")
    term.wait_for("read traces")
    term.say(".save mine\r")
    term.wait_for("saved as @mine")
    term.say("@mine\r")
    term.wait_for(lambda each: each.text().count("1 row in") == 2)

    assert [body.get("explain", False) for body in server.asked["/api/kql"]] == [False, True, False]
    saved = tmp_path / "config" / "stepsight" / "queries" / "mine.kql"
    assert saved.read_text() == "traces\n"


def test_history_is_kept_from_prompt_to_prompt_and_private(
    prompt: Any, server: KqlServer, tmp_path: Path
) -> None:
    term = prompt()
    term.say("traces |\rtake 7\r")
    term.wait_for("1 row in")
    term.say("\x04")
    assert term.end() == 0

    term = prompt()
    term.say("\x1b[A")
    term.wait_for("take 7")
    term.type("\r")
    term.wait_for("1 row in")

    assert asked(server) == ["traces |\ntake 7"] * 2
    history = tmp_path / "state" / "stepsight" / "history.kql"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.parent.stat().st_mode) == 0o700


def test_an_error_of_the_collector_is_told_and_the_prompt_stays(
    prompt: Any, server: KqlServer
) -> None:
    error = {"code": "bad_query", "message": "x", "hint": "", "report": "query:1:1  no such table"}
    server.answer("/api/kql", {"error": error | {"diagnostics": []}}, 400)
    term = prompt()

    term.say("nope\r")
    term.wait_for("query:1:1  no such table")
    server.answer("/api/kql", {"error": {"code": "timeout", "message": "It took 30 s"}}, 408)
    term.say("traces\r")
    term.wait_for("Error: It took 30 s.")
    term.say("\x04")

    assert term.end() == 0


def test_colours_can_be_switched_off(prompt: Any) -> None:
    term = prompt(NO_COLOR="1")

    term.say("traces | where message == 'x'\r")
    term.wait_for("1 row in")

    codes = re.findall(rb"\x1b\[([\d;]*)m", term.raw)
    styles = {code for each in codes for code in each.split(b";")}
    assert {code for code in styles if len(code) > 1} == set()


def test_without_a_collector_there_is_no_prompt(terminal: Any, clean: Any, tmp_path: Path) -> None:
    clean("http://127.0.0.1:9", tmp_path)
    term = terminal.Terminal("query")

    assert term.end() == 3
    assert "No collector answers at http://127.0.0.1:9" in term.text()
    term.close()


def test_only_the_prompt_loads_prompt_toolkit() -> None:
    code = (
        "import sys, stepsight, stepsight._cli.main, stepsight._cli.query, stepsight._cli.run;"
        "print([m for m in sys.modules if m.startswith(('prompt_toolkit', 'rich.', 'pyarrow'))])"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout == "[]\n"


def test_a_real_collector_completes_checks_and_answers(
    collector: Any, terminal: Any, clean: Any, tmp_path: Path
) -> None:
    clean(collector.addresses["ui"], tmp_path)
    term = terminal.Terminal("query", columns=120)
    try:
        term.wait_for("kql>")
        term.say("trac")
        term.wait_for("table  Log lines")
        term.type("\t\r| where customDimensions.step")
        term.wait_for("step_name  key")
        term.type("\x15traces | where mesage has 'disk'")
        term.wait_for('Did you mean "message"?')
        term.type("\x15traces | where message has 'disk' | project message, severityLevel\r")
        term.wait_for("1 row in")
        term.say(".schema runs\r")
        term.wait_for("When the run began.")
        term.say("\x04")

        assert term.end() == 0
        assert "slow disk              2" in term.text()
    finally:
        term.close()
