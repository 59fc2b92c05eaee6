from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from pathlib import Path

SQL = "SELECT 1 AS n, 'a,\"b' AS t, NULL AS nothing, [1, 2] AS list, 0.5 AS f"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "json",
            '[\n{"n": 1, "t": "a,\\"b", "nothing": null, "list": [1, 2], "f": 0.5}\n]\n',
        ),
        ("jsonl", '{"n": 1, "t": "a,\\"b", "nothing": null, "list": [1, 2], "f": 0.5}\n'),
        ("csv", 'n,t,nothing,list,f\n1,"a,""b",,"[1, 2]",0.5\n'),
        ("table", 'n  t     nothing  list      f\n1  a,"b  NULL     [1, 2]  0.5\n'),
    ],
)
def test_an_answer_in_each_format(stepsight: Any, form: str, expected: str) -> None:
    result = stepsight("query", "--sql", SQL, "--format", form)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == expected


def test_a_query_comes_from_a_file_or_from_stdin(stepsight: Any, tmp_path: Path) -> None:
    file = tmp_path / "q.sql"
    file.write_text("SELECT 7 AS n")

    assert stepsight("query", "--sql", "-f", str(file)).stdout == "n\n7\n"
    assert stepsight("query", "--sql", stdin="SELECT 8 AS n").stdout == "n\n8\n"
    assert stepsight("query", "--sql", "-f", "-", stdin="SELECT 9 AS n").stdout == "n\n9\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sql", ""), "the query is empty."),
        (("--sql", "SELECT 1", "-f", "-"), "not both."),
        (("--sql", "-f", "/no/such/file"), "No such file"),
    ],
)
def test_wrong_usage_is_said(stepsight: Any, arguments: tuple[str, ...], message: str) -> None:
    result = stepsight("query", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("sql", ["SELECT * FROM nowhere", "DROP TABLE otel_logs", "SELECT ("])
def test_a_query_that_fails_is_exit_code_1_with_advice(stepsight: Any, sql: str) -> None:
    result = stepsight("query", "--sql", sql)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr


def test_a_cut_answer_is_said(stepsight: Any) -> None:
    result = stepsight("query", "--sql", "SELECT number FROM numbers(9)", "--max-rows", "3")

    assert len(result.stdout.splitlines()) == 4
    assert result.stderr == "Only the first 3 rows were fetched; --max-rows N fetches more.\n"


def test_an_empty_answer_keeps_its_columns(stepsight: Any) -> None:
    sql = "SELECT 1 AS a, 2 AS b WHERE 0"

    assert stepsight("query", "--sql", sql).stdout == "a  b\n"
    assert stepsight("query", "--sql", sql, "--format", "csv").stdout == "a,b\n"
    assert stepsight("query", "--sql", sql, "--format", "json").stdout == "[]\n"


def test_columns_of_one_name_are_both_there(stepsight: Any) -> None:
    result = stepsight("query", "--sql", "SELECT 1 AS a, 1 AS a", "--format", "jsonl")

    assert json.loads(result.stdout) == {"a": 1, "a_2": 1}


def test_parquet_keeps_types_and_nanoseconds(stepsight: Any, tmp_path: Path) -> None:
    file = tmp_path / "answer.parquet"
    time = "toDateTime64('2026-01-05 08:00:00.123456789', 9, 'UTC') AS at"

    result = stepsight(
        "query", "--sql", f"{SQL}, {time}, nan AS x", "--format", "parquet", "-o", str(file)
    )

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    table = pq.read_table(file)
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "n": "uint8",
        "t": "string",
        "nothing": "string",
        "list": "string",
        "f": "double",
        "at": "timestamp[ns, tz=UTC]",
        "x": "double",
    }
    assert table.column("at")[0].value == 1767600000123456789


def test_parquet_goes_through_a_pipe(stepsight: Any) -> None:
    result = stepsight("query", "--sql", "SELECT 5 AS n", "--format", "parquet")

    assert pq.read_table(io.BytesIO(result.stdout_bytes)).to_pylist() == [{"n": 5}]


def test_without_pyarrow_parquet_says_what_to_install(
    stepsight: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name)
    )

    result = stepsight("query", "--sql", "SELECT 1", "--format", "parquet")

    assert result.exit_code == 1
    assert "pip install pyarrow" in result.stderr
