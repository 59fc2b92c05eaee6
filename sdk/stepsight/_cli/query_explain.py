"""`stepsight query --explain`: the plan, the SQL, its parameters and what was read."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.output import is_terminal, styled
from stepsight._cli.sql_layout import lay_out_sql
from stepsight._cli.table import terminal_width
from stepsight._cli.text import count, duration, printable, size

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["explain_writer"]


def explain_writer(answer: dict[str, Any], form: str) -> Callable[[Any], None]:
    """What writes the explanation to a stream, as text or as a JSON object."""
    if form == "json":
        names = ("plan", "sql", "parameters", "columns", "statistics", "warnings")
        document = {name: answer.get(name) for name in names} | {"rows": len(answer["rows"])}
        return lambda stream: click.echo(json.dumps(document, indent=2), file=stream)
    return lambda stream: click.echo("\n\n".join(_sections(answer)), file=stream)


def _sections(answer: dict[str, Any]) -> list[str]:
    statistics = answer["statistics"]
    rows, size_read = count(statistics["rows_read"], "row"), size(statistics["bytes_read"])
    took, compiled = duration(statistics["elapsed_s"]), duration(statistics["compile_s"])
    read = [f"{rows} and {size_read} for {count(len(answer['rows']), 'row')} of the answer"]
    read.append(f"{took} in all, {compiled} of it to compile")
    parameters = answer.get("parameters") or {}
    width = max((len(name) for name in parameters), default=0)
    bound = [f"{name:<{width}}  {_value(value)}" for name, value in parameters.items()]
    sections = {
        "Plan": answer["plan"].splitlines(),
        "SQL": lay_out_sql(answer["sql"], terminal_width() - 2),
    }
    sections |= {"Parameters": bound} if bound else {}
    sections |= {"Read": read}
    return [_section(title, lines) for title, lines in sections.items()]


def _section(title: str, lines: list[str]) -> str:
    shown = [part for line in lines for part in _wrapped(printable(line))]
    return "\n".join([styled(title, "bold"), *(f"  {line}" for line in shown)])


def _wrapped(line: str) -> list[str]:
    """On a terminal, a long line goes on below, further to the right."""
    if not is_terminal() or len(line) <= terminal_width() - 2:
        return [line]
    margin = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line,
        terminal_width() - 2,
        subsequent_indent=margin,
        break_on_hyphens=False,
    )


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
