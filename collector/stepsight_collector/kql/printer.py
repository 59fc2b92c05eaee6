"""A syntax tree as KQL, one statement or operator a line.

The inverse of the parser: what is printed parses to an equal tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.printer_operators import query_lines
from stepsight_collector.kql.printer_text import name, schema, show
from stepsight_collector.kql.syntax import Declare, Function, Let, SetOption

if TYPE_CHECKING:
    from stepsight_collector.kql.syntax import Script

__all__ = ["print_script", "show"]


def print_script(script: Script) -> str:
    """Statements and the query; no line feed at the end."""
    lines = [show(each) + ";" for each in script.statements]
    return "\n".join([*lines, *query_lines(script.query)])


@show.register(Let)
def _let(node: Let) -> str:
    return f"let {name(node.name)} = {show(node.value)}"


@show.register(SetOption)
def _set(node: SetOption) -> str:
    given = "" if node.value is None else f" = {show(node.value)}"
    return f"set {name(node.name)}{given}"


@show.register(Declare)
def _declare(node: Declare) -> str:
    return f"declare query_parameters{schema(node.parameters)}"


@show.register(Function)
def _function(node: Function) -> str:
    statements = "".join(f"{show(each)}; " for each in node.statements)
    view = "view " if node.is_view else ""
    return f"{view}{schema(node.parameters)} {{ {statements}{show(node.body)} }}"
