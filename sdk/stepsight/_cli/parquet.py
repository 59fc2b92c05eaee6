"""An answer as parquet, with the types of the store where parquet has them; by pyarrow."""

from __future__ import annotations

import importlib.util
import json
from typing import IO, Any

from stepsight._cli.errors import CliError
from stepsight._cli.text import parse_time

__all__ = ["check_installed", "write_parquet"]

_KQL_KINDS = {"int": ("int32", int), "long": ("int64", int), "real": ("float64", float)}


def check_installed() -> None:
    """Raise CliError if pyarrow is missing."""
    if importlib.util.find_spec("pyarrow") is None:
        raise CliError(
            "--format parquet needs pyarrow, which is not installed.",
            "pip install pyarrow   (stepsight[collector] brings it along)",
        )


def write_parquet(
    names: list[str], types: list[str], rows: list[list[Any]], out: IO[bytes]
) -> None:
    """Write columns.

    Whole numbers, floats, booleans and times keep their kind; all else is text, nested values as
    JSON.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    arrays = []
    for kind, values in zip(types, columns, strict=True):
        arrow, convert = _conversion(pa, kind)
        arrays.append(pa.array([None if v is None else convert(v) for v in values], arrow))
    pq.write_table(pa.table(dict(zip(names, arrays, strict=True))), out)


def _conversion(pa: Any, kind: str) -> tuple[Any, Any]:
    """The arrow type of a type of KQL or ClickHouse, and what makes a value of the API one."""
    for wrapper in ("LowCardinality(", "Nullable("):
        kind = kind.removeprefix(wrapper).removesuffix(")") if kind.startswith(wrapper) else kind
    if kind in {"Bool", "bool"}:
        return pa.bool_(), bool
    if kind in _KQL_KINDS:
        name, convert = _KQL_KINDS[kind]
        return getattr(pa, name)(), convert
    if kind in {"Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"}:
        return getattr(pa, kind.lower())(), int
    if kind in {"Float32", "Float64"}:
        return getattr(pa, kind.lower())(), float
    if kind == "datetime" or kind.startswith("DateTime"):
        return pa.timestamp("ns", tz="UTC"), _nanoseconds
    return pa.string(), _text


def _nanoseconds(text: str) -> int:
    """Nanoseconds since 1970; Python's own times end at microseconds."""
    whole = parse_time(text.partition(".")[0].rstrip("Z"))
    fraction = text.rstrip("Z").partition(".")[2]
    return int(whole.timestamp()) * 1_000_000_000 + int(f"{fraction[:9]:0<9}")


def _text(value: object) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
