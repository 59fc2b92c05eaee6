"""What the catalog says of tables and columns, and what the store's views are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import pytest

from stepsight_collector.breeze import fields
from stepsight_collector.breeze.dimensions import property_key
from stepsight_collector.kql.scope import quote_identifier
from stepsight_collector.kql.types import ScalarType
from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.query.catalog_columns import ESCAPE, ESCAPED, HIDDEN, HIDDEN_NAMES

if TYPE_CHECKING:
    from stepsight_collector.kql.schema import Column, Table
    from stepsight_collector.store import Store

ENGINE_TYPES = {
    ScalarType.BOOL: "Bool",
    ScalarType.INT: "Int32",
    ScalarType.LONG: "Int64",
    ScalarType.REAL: "Float64",
    ScalarType.STRING: "String",
    ScalarType.DATETIME: "DateTime64(9, 'UTC')",
    ScalarType.TIMESPAN: "Int64",
    ScalarType.DYNAMIC: "String",
}
TABLES = list(SCHEMA.tables.values())


def engine_type(column: Column) -> str:
    if column.bag is not None:
        return "Map(String, String)"
    name = ENGINE_TYPES[column.type]
    return f"Nullable({name})" if column.is_nullable else name


def plain(name: str) -> str:
    """An engine type without LowCardinality, which is how a value is kept, not what it is."""
    return re.sub(r"LowCardinality\((\w+|Nullable\(\w+\))\)", r"\1", name)


def described(store: Store, table: Table) -> dict[str, str]:
    rows = store.query(f"DESCRIBE {table.source}").rows
    return {row[0]: plain(row[1]) for row in rows}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_of_the_catalog_is_in_its_view_with_that_type(
    store: Store, table: Table
) -> None:
    expressions = [column.sql or quote_identifier(column.name) for column in table.columns]

    answer = store.query(f"SELECT {', '.join(expressions)} FROM {table.source} LIMIT 0")

    found = [plain(kind) for _, kind in answer.columns]
    assert dict(zip((c.name for c in table.columns), found, strict=True)) == {
        column.name: engine_type(column) for column in table.columns
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_the_compiler_filters_by_is_in_the_view(store: Store, table: Table) -> None:
    columns = described(store, table)

    wanted = {table.project_column: "String"}
    for column in table.columns:
        if column.bag is not None:
            wanted |= dict.fromkeys(column.bag.keys.values(), "String")
            wanted[column.bag.rest] = "Map(String, String)"
    if table.time_column:
        wanted[table.time_column] = "DateTime64(9, 'UTC')"
    assert {name: columns.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_descriptions_are_sentences(table: Table) -> None:
    texts = [table.description, *(column.description for column in table.columns)]

    assert [text for text in texts if not re.fullmatch(r"[A-Z0-9].*\.", text)] == []


def test_attributes_that_columns_show_are_no_dimensions() -> None:
    """What the mapping of Breeze writes, and how it stores a property of such a name."""
    targets = [
        part
        for rows in (fields.TAGS, *fields.BASES.values(), fields.METRIC_POINT)
        for row in rows
        for part in re.findall(
            r"(?<!resource )\b(?:ai|stepsight|microsoft|exception)\.[\w.]+", row.target
        )
    ]
    assert len(set(targets)) > 30

    hidden = [*HIDDEN, *HIDDEN_NAMES]
    assert [name for name in targets if not name.startswith(tuple(hidden))] == []
    assert [key for key in (*hidden, *ESCAPED) if property_key(key) != ESCAPE + key] == []


def test_the_whole_map_and_a_key_hide_the_same(store: Store) -> None:
    prefixes = [key + "x" if key.endswith(".") else key for key in (*HIDDEN, "stepsight.breeze.")]
    keys = [*prefixes, *HIDDEN_NAMES]
    writer = cast("Any", store)._writers["logs"]
    pairs = ", ".join(f"'{key}', 'v'" for key in keys)
    writer.command(
        "INSERT INTO otel_logs (ProjectId, Timestamp, LogAttributes) "
        f"SELECT 'hidden', now64(9), map({pairs})"
    )

    [[shown]] = store.query(
        "SELECT mapKeys(customDimensions) FROM "
        "(SELECT customDimensions, ProjectId FROM traces UNION ALL "
        "SELECT customDimensions, ProjectId FROM exceptions UNION ALL "
        "SELECT customDimensions, ProjectId FROM availabilityResults) "
        "WHERE ProjectId = 'hidden'"
    ).rows

    assert shown == [key for key in prefixes if not key.startswith(HIDDEN)]
