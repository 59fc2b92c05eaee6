from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from stepsight._cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = [
    {
        "name": "traces",
        "description": "Log lines.",
        "columns": [
            {"name": "timestamp", "type": "datetime", "description": "When it happened."},
            {"name": "message", "type": "string", "description": "The text."},
        ],
    },
    {"name": "customEvents", "description": "Events.", "columns": []},
]


@pytest.fixture
def schema(kql_server: Any, clean: Any, tmp_path: Path) -> Iterator[Any]:
    with kql_server.serving() as server:
        server.answer("/api/schema", {"tables": TABLES})
        clean(server.url, tmp_path)

        yield lambda *arguments: CliRunner().invoke(cli, ["schema", *arguments])


def test_tables_are_listed_with_what_they_hold(schema: Any) -> None:
    assert schema().stdout == (
        "TABLE         COLUMNS  HOLDS\n"
        "traces              2  Log lines.\n"
        "customEvents        0  Events.\n"
    )
    assert json.loads(schema("--format", "json").stdout)[0] == {
        "table": "traces",
        "columns": 2,
        "description": "Log lines.",
    }


def test_the_columns_of_a_table_are_listed_with_their_types(schema: Any) -> None:
    assert schema("traces").stdout == (
        "COLUMN     TYPE      HOLDS\n"
        "timestamp  datetime  When it happened.\n"
        "message    string    The text.\n"
    )
    assert schema("traces", "--format", "csv").stdout == (
        "table,column,type,description\n"
        "traces,timestamp,datetime,When it happened.\n"
        "traces,message,string,The text.\n"
    )


def test_an_unknown_table_names_the_nearest(schema: Any) -> None:
    result = schema("customevent")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        'Error: There is no table "customevent".\n'
        "  Did you mean customEvents? stepsight schema lists them.\n"
    )
