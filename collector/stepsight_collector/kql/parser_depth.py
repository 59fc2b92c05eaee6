"""How deep a tree may be, so that nobody who walks it runs out of stack."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from stepsight_collector.kql.errors import Diagnostic, KqlError
from stepsight_collector.kql.syntax import Script, Span

__all__ = ["MAX_DEPTH", "check_depth"]

# `a + b + c + …` is as deep as it has signs. Python's stack has 1,000 frames, of which a walk
# takes three or four a node.
MAX_DEPTH = 150


def check_depth(script: Script) -> None:
    """Raise KqlError for a tree of more than MAX_DEPTH nodes above each other. Does not recurse."""
    todo: list[tuple[Any, int, Span]] = [(script, 0, script.span)]
    while todo:
        node, depth, span = todo.pop()
        if isinstance(node, tuple) and not isinstance(node, Span):
            todo += [(each, depth, span) for each in node]
        elif is_dataclass(node):
            if depth > MAX_DEPTH:
                raise _too_deep(span)
            place = getattr(node, "span", span)
            kind: Any = type(node)
            todo += [(getattr(node, each), depth + 1, place) for each in _parts(kind)]


@cache
def _parts(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.compare)


def _too_deep(span: Span) -> KqlError:
    message = f"the query is more than {MAX_DEPTH} levels deep here"
    hint = (
        'For many values write in ("a", "b", …) or has_any (…), for many texts strcat(a, b, …); '
        "or name a part with let."
    )
    return KqlError([Diagnostic("limit", message, span, hint)])
