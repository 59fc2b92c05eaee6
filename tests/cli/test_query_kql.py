"""`stepsight query` in KQL, against a server that answers as the contract says."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from stepsight._cli.main import cli
from stepsight._cli.report import color_report
from stepsight._cli.sql_layout import lay_out_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli._kql_server import KqlServer

COLUMNS = {
    "timestamp": "datetime",
    "message": "string",
    "n": "long",
    "took": "timespan",
    "ok": "bool",
    "d": "dynamic",
    "x": "real",
}
ROWS = [
    ["2026-01-05T08:00:00.1230000Z", 'a,"b', 5, "00:00:01.5000000", True, {"k": [1]}, 0.5],
    ["2026-01-05T08:00:01.0000000Z", "", None, None, None, None, "NaN"],
]  # fmt: skip
REPORT = (
    'query:1:16  unknown column "nope" in table traces. Did you mean "name"?\n'
    "  1 | traces | where nope == 1\n    |                ~~~~"
)
DIAGNOSTIC = {"code": "unknown_column", "message": "unknown column", "hint": "", "start": 15}
DIAGNOSTIC |= {"end": 19, "line": 1, "column": 16}


@pytest.fixture
def server(kql_server: Any) -> Iterator[KqlServer]:
    with kql_server.serving() as running:
        running.answer("/api/kql", kql_server.kql_answer(COLUMNS, ROWS))
        yield running


@pytest.fixture
def query(server: KqlServer, clean: Any, tmp_path: Path) -> Any:
    clean(server.url, tmp_path)

    def run(*arguments: str, stdin: str | None = None) -> Any:
        return CliRunner().invoke(cli, ["query", *arguments], input=stdin, prog_name="stepsight")

    return run


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "table",
            (
                f"timestamp{'':21}message  n  took              ok    d             x\n"
                '2026-01-05T08:00:00.1230000Z  a,"b     5  00:00:01.5000000  true  '
                '{"k": [1]}  0.5\n'
                f"2026-01-05T08:00:01.0000000Z{'NaN':>53}\n"
            ),
        ),
        (
            "jsonl",
            (
                '{"timestamp": "2026-01-05T08:00:00.1230000Z", "message": "a,\\"b", "n": 5, '
                '"took": "00:00:01.5000000", "ok": true, "d": {"k": [1]}, "x": 0.5}\n'
                '{"timestamp": "2026-01-05T08:00:01.0000000Z", "message": "", "n": null, '
                '"took": null, "ok": null, "d": null, "x": "NaN"}\n'
            ),
        ),
        (
            "csv",
            (
                "timestamp,message,n,took,ok,d,x\n"
                '2026-01-05T08:00:00.1230000Z,"a,""b",5,00:00:01.5000000,true,"{""k"": [1]}",0.5\n'
                "2026-01-05T08:00:01.0000000Z,,,,,,NaN\n"
            ),
        ),
    ],
)
def test_an_answer_in_each_format(query: Any, form: str, expected: str) -> None:
    result = query("traces", "--format", form)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == expected


def test_parquet_keeps_the_types_of_kql(query: Any) -> None:
    result = query("traces", "--format", "parquet")

    table = pq.read_table(io.BytesIO(result.stdout_bytes))
    assert {field.name: str(field.type) for field in table.schema} == {
        "timestamp": "timestamp[ns, tz=UTC]",
        "message": "string",
        "n": "int64",
        "took": "string",
        "ok": "bool",
        "d": "string",
        "x": "double",
    }
    assert table.column("timestamp")[0].value == 1767600000123000000


def test_what_is_sent_is_what_was_asked(query: Any, server: KqlServer, tmp_path: Path) -> None:
    file = tmp_path / "q.kql"
    file.write_text("declare query_parameters(n:long, f:real, b:bool, s:string = 'x');\ntraces\n")

    result = query(
        "-f", str(file), "--timespan", "7d", "--max-rows", "50", "-p", "n=5", "-p", "f=1.5",
        "-p", "b=True", "-p", "s=a=b",
    )  # fmt: skip

    assert (result.exit_code, result.stderr) == (0, "")
    assert server.asked["/api/kql"] == [
        {
            "query": file.read_text(),
            "max_rows": 50,
            "timespan": "P7D",
            "parameters": {"n": 5, "f": 1.5, "b": True, "s": "a=b"},
        }
    ]


def test_a_run_is_sent_by_its_id(query: Any, server: KqlServer) -> None:
    server.answer("/api/runs/@last", {"run": {"run_id": "digits-1"}})
    server.answer("/api/runs/nightly", {"run": {"run_id": "nightly-7"}})
    text = 'declare query_parameters(run:string = "@last", base_run:string); steps'

    query(text, "-p", "base_run=nightly")

    assert server.asked["/api/kql"][0]["parameters"] == {"run": "digits-1", "base_run": "nightly-7"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("traces", "--timespan", "lately"), "expected 1h, 30m, 7d"),
        (("traces", "-p", "n"), '"n" must be NAME=VALUE'),
        (("traces", "-p", "n=1"), "begin it with declare query_parameters(n:string);"),
        (("declare query_parameters(name:string); traces",), "-p name=VALUE."),
        (("declare query_parameters(name:string); traces", "-p", "nam=1"), 'Did you mean "name"?'),
        (("declare query_parameters(n:long); traces", "-p", "n=x"), "a whole number (long)"),
        (("declare query_parameters(n:real); traces", "-p", "n=x"), "a number (real)"),
        (("declare query_parameters(n:bool); traces", "-p", "n=x"), "true or false"),
        (("--sql", "SELECT 1", "--timespan", "1h"), "cannot be joined with --sql"),
        (("--sql", "SELECT 1", "--explain"), "cannot be joined with --sql"),
        (("traces", "--chart", "--format", "json"), "cannot be joined with --format json"),
        (("traces", "--chart"), "it has no render"),
        (("traces", "--explain", "--format", "csv"), "text or --format json"),
        (("traces", "--save", "../x"), 'not "../x"'),
        (("--list", "--format", "parquet"), "--list is a table, json, jsonl or csv"),
        (("",), "the query is empty"),
    ],
)  # fmt: skip
def test_wrong_usage_is_said(
    query: Any, server: KqlServer, arguments: tuple[str, ...], message: str
) -> None:
    server.answer("/api/kql/check", {"diagnostics": [], "report": "", "columns": []})

    result = query(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_query_that_does_not_compile_is_wrong_usage_and_shown(
    query: Any, server: KqlServer, tmp_path: Path
) -> None:
    error = {"code": "bad_query", "message": "x", "hint": "", "report": REPORT}
    server.answer("/api/kql", {"error": error | {"diagnostics": [DIAGNOSTIC]}}, 400)
    file = tmp_path / "q.kql"
    file.write_text("traces | where nope == 1")

    by_text, by_file = query("traces | where nope == 1"), query("-f", str(file))

    assert (by_text.exit_code, by_text.stdout) == (2, "")
    assert by_text.stderr == REPORT + "\n"
    assert by_file.stderr == REPORT.replace("query:", f"{file}:") + "\n"


def test_a_report_is_coloured_and_harmless() -> None:
    shown = color_report(REPORT + "\n  1 | \x1b]0;x\x07", colors=True)

    assert shown.splitlines() == [
        ('\x1b[1mquery:1:16\x1b[0m  \x1b[31munknown column "nope" in table traces. '
        'Did you mean "name"?\x1b[0m'),
        "\x1b[2m  1 |\x1b[0m traces | where nope == 1",
        "\x1b[2m    |                \x1b[0m\x1b[31m\x1b[1m~~~~\x1b[0m",
        "\x1b[2m  1 |\x1b[0m \\x1b]0;x\\x07",
    ]  # fmt: skip


def test_warnings_and_a_cut_answer_are_said(query: Any, server: KqlServer, kql_server: Any) -> None:
    warning = {"message": "the table x is not there", "hint": "It was left out."}
    rows = [["a"], ["b"]]
    answer = kql_server.kql_answer({"m": "string"}, rows, truncated=True, warnings=[warning])
    server.answer("/api/kql", answer)
    cut = query("traces", "--max-rows", "2")
    server.answer("/api/kql", answer | {"partial": {"reason": "bytes", "message": "It is 9 MB."}})
    partial = query("traces", "--max-rows", "5")

    assert cut.stdout == partial.stdout == "m\na\nb\n"
    assert cut.stderr == (
        "Warning: the table x is not there. It was left out.\n"
        "Only the first 2 rows were fetched; --max-rows N fetches more.\n"
    )
    assert partial.stderr.splitlines()[1] == "The answer is not whole: It is 9 MB."


EXPLAINED = {
    "plan": "read traces\n  filter timestamp >= …",
    "sql": "SELECT message\nFROM traces\nWHERE x = {p0:String}",
    "parameters": {"p0": "a\x1bb", "long_name": 5},
}


def test_explain_shows_plan_sql_parameters_and_what_was_read(
    query: Any, server: KqlServer, kql_server: Any
) -> None:
    answer = kql_server.kql_answer({"m": "string"}, [["a"]], **EXPLAINED)
    server.answer("/api/kql", answer)

    text, document = query("traces", "--explain"), query("traces", "--explain", "--format", "json")

    assert text.stdout == (
        "Plan\n  read traces\n    filter timestamp >= …\n\n"
        "SQL\n  SELECT message\n  FROM traces\n  WHERE x = {p0:String}\n\n"
        'Parameters\n  p0         "a\\u001bb"\n  long_name  5\n\n'
        "Read\n  1,234 rows and 55.5 KiB for 1 row of the answer\n"
        "  12 ms in all, 1.0 ms of it to compile\n"
    )
    assert json.loads(document.stdout) == {
        **EXPLAINED,
        "columns": answer["columns"],
        "statistics": answer["statistics"],
        "warnings": [],
        "rows": 1,
    }
    assert server.asked["/api/kql"][0]["explain"] is True


def test_a_rendered_answer_is_rows_in_a_pipe_and_a_chart_when_asked(
    query: Any, server: KqlServer, kql_server: Any, tmp_path: Path
) -> None:
    rendering = {"chart": "barchart", "properties": {"title": "Steps"}}
    answer = kql_server.kql_answer({"step": "string", "n": "long"}, [["a", 2]], rendering)
    server.answer("/api/kql", answer)
    file = tmp_path / "chart.txt"

    rows, chart = query("traces"), query("traces", "--chart")
    query("traces", "--chart", "-o", str(file))

    assert rows.stdout == "step  n\na     2\n"
    assert chart.stdout == f"Steps  n\na  {'█' * 74}  2\n"
    assert file.read_text() == chart.stdout


def test_what_cannot_be_drawn_is_shown_as_rows(
    query: Any, server: KqlServer, kql_server: Any
) -> None:
    rendering = {"chart": "treemap", "properties": {}}
    server.answer("/api/kql", kql_server.kql_answer({"n": "long"}, [[2]], rendering))

    result = query("traces", "--chart")

    assert (result.exit_code, result.stdout) == (0, "n\n2\n")
    assert result.stderr == "These are the rows: a treemap cannot be drawn in a terminal.\n"


def test_a_saved_query_is_asked_by_name(query: Any, server: KqlServer) -> None:
    result = query("@failures")

    assert result.exit_code == 0
    assert server.asked["/api/kql"][0]["query"].startswith("// Step runs that failed")


def test_a_saved_query_that_is_not_there_names_the_nearest(query: Any) -> None:
    result = query("@failure")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: There is no saved query @failure.\n"
        "  Did you mean @failures? stepsight query --list names them.\n"
    )


def test_a_query_of_ones_own_goes_before_ours(
    query: Any, server: KqlServer, tmp_path: Path
) -> None:
    server.answer("/api/kql/check", {"diagnostics": [], "report": "", "columns": []})
    mine = "// Mine.\ndeclare query_parameters(n:long = 5);\ntraces | take n"

    saved = query(mine, "--save", "failures")
    again = query("traces", "--save", "@failures")
    replaced = query(mine + "\n", "--save", "failures", "--replace")
    listed = json.loads(query("--list", "--format", "json").stdout)
    query("@failures")

    path = tmp_path / "config" / "stepsight" / "queries" / "failures.kql"
    assert saved.stdout == replaced.stdout == f"saved as @failures: {path}\n"
    assert (again.exit_code, again.stderr) == (
        1,
        f"Error: You have a query @failures already: {path}.\n  --replace overwrites it.\n",
    )
    assert path.read_text() == mine + "\n"
    assert [row for row in listed if row["name"] == "failures"] == [
        {
            "name": "failures",
            "description": "Mine.",
            "parameters": "n=5",
            "source": "you, instead of ours",
            "path": str(path),
        }
    ]
    assert server.asked["/api/kql"][0]["query"] == mine + "\n"


def test_a_query_that_does_not_compile_is_not_saved(
    query: Any, server: KqlServer, tmp_path: Path
) -> None:
    found = {"diagnostics": [DIAGNOSTIC], "report": REPORT, "columns": None}
    server.answer("/api/kql/check", found)

    result = query("traces | where nope == 1", "--save", "mine")

    assert (result.exit_code, result.stderr) == (2, REPORT + "\n")
    assert not (tmp_path / "config" / "stepsight").exists()


def test_a_query_can_be_saved_where_no_collector_answers(query: Any) -> None:
    result = query("traces", "--save", "mine", "--api", "http://127.0.0.1:9")

    assert result.exit_code == 0
    assert "The query is not checked." in result.stderr


def test_every_query_of_ours_says_what_it_answers(query: Any) -> None:
    rows = json.loads(query("--list", "--format", "json").stdout)

    assert len(rows) >= 15
    assert [
        row["name"] for row in rows if not row["description"].endswith((".", "=loss.", "=ID."))
    ] == []


def test_stdin_is_asked_when_there_is_no_text(query: Any, server: KqlServer) -> None:
    query(stdin="traces | take 1")
    query("-f", "-", stdin="traces | take 2")

    assert [body["query"] for body in server.asked["/api/kql"]] == [
        "traces | take 1",
        "traces | take 2",
    ]


@given(
    st.lists(
        st.sampled_from(
            [
                "SELECT",
                " FROM ",
                "(SELECT ",
                "(",
                ")",
                ",",
                " `a``b`",
                " ')('",
                "{p0:String}",
                " x ",
            ]
        )
    ).map("".join),
    st.sampled_from([20, 80]),
)
def test_sql_that_is_laid_out_is_the_same_sql(sql: str, width: int) -> None:
    laid_out = "".join(lay_out_sql(sql, width))

    assert re.sub(r"\s+", "", laid_out) == re.sub(r"\s+", "", sql)


def test_sql_is_laid_out_clause_by_clause() -> None:
    sql = "SELECT a, b FROM (SELECT c AS a FROM t WHERE d = ' FROM ' GROUP BY c) AS q LIMIT 5"

    assert lay_out_sql(sql, 80) == [
        "SELECT a, b",
        "FROM (",
        "  SELECT c AS a",
        "  FROM t",
        "  WHERE d = ' FROM '",
        "  GROUP BY c",
        ") AS q",
        "LIMIT 5",
    ]
