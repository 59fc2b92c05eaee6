"""The answer of a query on its way out: rows for programs, a table or records for people.

An answer is what the query API gives: `columns` with name and type, `rows`, `statistics`. Its types
are KQL's, or ClickHouse's where the question was SQL.
"""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.output import is_terminal, print_rows
from stepsight._cli.records import print_records
from stepsight._cli.table import GAP, Column, print_table, terminal_width
from stepsight._cli.text import count, duration, number, one_line, size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["cell_text", "print_answer", "print_statistics", "unique_names", "write_file", "writer"]

Answer = dict[str, Any]

NUMBERS = ("Int", "UInt", "Float", "Decimal", "Nullable(Int", "Nullable(UInt", "Nullable(Float")
KQL_NUMBERS = frozenset({"int", "long", "real", "decimal"})
KQL_FIXED = KQL_NUMBERS | {"datetime", "timespan", "bool"}
# A text column can be read down to two thirds of its width, or of so much; else each row becomes a
# block of lines.
TEXT_WIDTH, MIN_TEXT_WIDTH = 48, 12
MAX_LINES = 3
SHOWN_DIGITS = 3


def writer(answer: Answer, form: str) -> Callable[[Any], None]:
    """What writes the rows to a stream: text, or bytes for parquet."""
    names = unique_names(answer)
    if form == "parquet":
        from stepsight._cli.parquet import write_parquet

        types = [column["type"] for column in answer["columns"]]
        rows = answer["rows"]
        return lambda stream: write_parquet(names, types, rows, getattr(stream, "buffer", stream))
    if form == "table":
        return lambda stream: print_answer(answer, stream)
    return lambda stream: print_rows(
        (dict(zip(names, row, strict=True)) for row in answer["rows"]), form, names, stream
    )


def write_file(output: Path, write: Callable[[Any], None], form: str) -> None:
    """Write an answer to a file; click.FileError says why that cannot be."""
    try:
        if form == "parquet":
            with output.open("wb") as stream:
                write(stream)
        else:
            with output.open("w", encoding="utf-8") as text_stream:
                write(text_stream)
    except OSError as exc:
        raise click.FileError(str(output), exc.strerror or "cannot be written") from exc


def unique_names(answer: Answer) -> list[str]:
    """Column names as keys: a second `count()` is called `count()_2`, so that none gets lost."""
    names = [column["name"] for column in answer["columns"]]
    taken = set(names)
    seen: set[str] = set()
    for n, name in enumerate(names):
        key, number_ = name, 1
        while key in seen or (number_ > 1 and key in taken):
            number_ += 1
            key = f"{name}_{number_}"
        names[n] = key
        seen.add(key)
    return names


def print_answer(answer: Answer, stream: Any = None) -> None:
    """Print the rows as a table; on a terminal that is too narrow, each row as a block of lines.

    On a terminal, columns that are empty in every row are left out, and named.
    """
    names, rows = unique_names(answer), answer["rows"]
    on_terminal = stream in {None, sys.stdout} and is_terminal()
    kinds = [column["type"] for column in answer["columns"]]
    texts = [_texts(kind, [row[n] for row in rows], on_terminal) for n, kind in enumerate(kinds)]
    if not rows:
        click.echo(GAP.join(map(one_line, names)), file=stream)
        return
    shown = list(range(len(names)))
    if on_terminal:
        shown = [n for n in shown if any(texts[n])] or shown[:1]
    lines = list(zip(*(texts[n] for n in shown), strict=True))
    titles, types = [names[n] for n in shown], [kinds[n] for n in shown]
    if on_terminal and not _fits(titles, types, lines):
        print_records(titles, lines)
    else:
        last = len(titles) - 1
        columns = [_column(n, title, types[n], n == last) for n, title in enumerate(titles)]
        print_table(lines, columns, keep_empty=True, stream=stream)
    if on_terminal and len(shown) < len(names):
        hidden = [one_line(name) for n, name in enumerate(names) if n not in shown]
        _say_hidden(hidden)


def _say_hidden(names: list[str]) -> None:
    from stepsight._cli.table import fit

    text = f"Empty in every row: {', '.join(names)}"
    click.echo(fit(text, terminal_width()), err=True)


def print_statistics(answer: Answer) -> None:
    """Say on stderr what the answer cost."""
    statistics = answer["statistics"]
    click.echo(
        f"{count(len(answer['rows']), 'row')} in {duration(statistics['elapsed_s'])}, "
        f"{count(statistics['rows_read'], 'row')} and {size(statistics['bytes_read'])} read",
        err=True,
    )


def _column(n: int, title: str, kind: str, is_last: bool) -> Column:
    return Column(
        title,
        lambda row: row[n],
        right=_is_number(kind),
        shrinks=not _is_fixed(kind),
        wraps=MAX_LINES if is_last else 1,
    )


def _is_number(kind: str) -> bool:
    return kind in KQL_NUMBERS or kind.startswith(NUMBERS)


def _is_fixed(kind: str) -> bool:
    """Whether a value that is cut is worth nothing."""
    return kind in KQL_FIXED or kind.startswith((*NUMBERS, "Date", "Bool"))


def _fits(titles: list[str], kinds: list[str], lines: list[tuple[str, ...]]) -> bool:
    """Whether a table fits the terminal with text columns that are still readable."""
    needed = -len(GAP)
    for n, title in enumerate(titles):
        widest = max(len(title), *(len(line[n]) for line in lines))
        readable = max(min(widest, TEXT_WIDTH) * 2 // 3, min(widest, MIN_TEXT_WIDTH))
        needed += len(GAP) + (widest if _is_fixed(kinds[n]) else readable)
    return needed <= terminal_width()


def _texts(kind: str, values: list[Any], on_terminal: bool) -> list[str]:
    """The cells of a column; on a terminal times and numbers are cut to what people read."""
    if kind == "datetime" and on_terminal:
        digits = max((_digits(value) for value in values if value), default=0)
        return [_time(value, min(digits, SHOWN_DIGITS)) if value else "" for value in values]
    if kind == "real" and on_terminal:
        return [number(value) for value in values]
    return [cell_text(value, kind) for value in values]


def _digits(time: str) -> int:
    """Digits behind the second that are not zeros at the end."""
    return len(time.rstrip("Z").partition(".")[2].rstrip("0"))


def _time(time: str, digits: int) -> str:
    head, _, fraction = time.rstrip("Z").partition(".")
    return head.replace("T", " ") + (f".{fraction:0<7}"[: digits + 1] if digits else "") + "Z"


def cell_text(value: object, kind: str) -> str:
    """A value as a table shows it. SQL's NULL is named: there a text can be one too."""
    if value is None:
        return "" if kind.islower() else "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return f"{value:.0f}" if abs(value) < 1e15 else repr(value)  # noqa: PLR2004 - exact as an integer
    return str(value)
