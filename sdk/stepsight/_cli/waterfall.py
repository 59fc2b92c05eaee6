"""An operation's spans as a tree, and what of a large tree is shown.

A small tree is shown whole. In a large one, brothers of one name but for digits are folded to the
failed and the slowest of them and one line that stands for the rest.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepsight._cli.text import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Fold", "Node", "build_tree", "rows_of", "walk"]

# Spans that fit on two screens are not folded.
MAX_WHOLE = 60
MIN_ALIKE = 5
KEPT_SLOWEST = 2
KEPT_FAILED = 5
_DIGITS = re.compile(r"\d+")

Span = dict[str, Any]


@dataclass
class Node:
    """A span with its children in order of start; `start_ms` counts from the operation's start."""

    span: Span
    start_ms: float
    depth: int = 0
    log_rows: int = 0
    children: list[Node] = field(default_factory=list)

    @property
    def end_ms(self) -> float:
        """When it ended."""
        return self.start_ms + float(self.span["duration_ms"])

    @property
    def is_failed(self) -> bool:
        """Whether the span says that it failed."""
        return str(self.span["status"]).upper().endswith("ERROR")


@dataclass(frozen=True)
class Fold:
    """Stands for spans that are not shown: alike brothers, or everything below `--depth`."""

    name: str
    nodes: tuple[Node, ...]
    depth: int

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(node.is_failed for node in self.nodes)

    @property
    def median_ms(self) -> float:
        """Their median duration."""
        return statistics.median(float(node.span["duration_ms"]) for node in self.nodes)


def build_tree(spans: list[Span], logs: list[dict[str, Any]]) -> list[Node]:
    """The roots. A span whose parent has not arrived is a root, so a live operation is shown too.

    Spans that name each other as parents, which no tree can hold, become roots one by one.
    """
    if not spans:
        return []
    start = min(parse_time(span["started_at"]) for span in spans)
    rows = Counter(row["span_id"] for row in logs if not row["event"])
    nodes = {
        span["span_id"]: Node(
            span,
            (parse_time(span["started_at"]) - start).total_seconds() * 1000,
            log_rows=rows[span["span_id"]],
        )
        for span in spans
    }
    roots = []
    for node in nodes.values():
        parent = nodes.get(node.span["parent_span_id"] or "")
        if parent is None or parent is node:
            roots.append(node)
        else:
            parent.children.append(node)
    reached = _set_depths(roots)
    for node in nodes.values():
        if id(node) not in reached:
            parent = nodes[node.span["parent_span_id"]]
            parent.children.remove(node)
            roots.append(node)
            reached |= _set_depths([node])
    return roots


def _set_depths(roots: list[Node]) -> set[int]:
    """Set every depth below; returns the nodes reached, by identity."""
    reached: set[int] = set()
    stack = [(root, 0) for root in roots]
    while stack:
        node, depth = stack.pop()
        node.depth = depth
        reached.add(id(node))
        stack += [(child, depth + 1) for child in node.children if id(child) not in reached]
    return reached


def walk(roots: list[Node]) -> Iterator[Node]:
    """Every node, parents before their children; no recursion, a tree may be deeper than Python."""
    stack = list(reversed(roots))
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.children)


def rows_of(
    roots: list[Node], max_depth: int | None = None, *, whole: bool = False
) -> list[Node | Fold]:
    """What to show, from top to bottom. `max_depth` counts levels from 1."""
    whole = whole or sum(1 for _ in walk(roots)) <= MAX_WHOLE
    shown: list[Node | Fold] = []
    stack: list[Node | Fold] = list(reversed(roots if whole else _folded(roots)))
    while stack:
        item = stack.pop()
        shown.append(item)
        if isinstance(item, Fold) or not item.children:
            continue
        if max_depth is not None and item.depth + 1 >= max_depth:
            below = tuple(walk(item.children))
            shown.append(Fold("", below, item.depth + 1))
            continue
        stack += reversed(item.children if whole else _folded(item.children))
    return shown


def _folded(brothers: list[Node]) -> list[Node | Fold]:
    """Brothers in order, the alike ones among them folded; a fold stands where its first stood."""
    alike: dict[str, list[Node]] = {}
    for node in brothers:
        alike.setdefault(_DIGITS.sub("#", node.span["name"]), []).append(node)
    kept: set[int] = set()
    for nodes in alike.values():
        kept |= {id(node) for node in (nodes if len(nodes) < MIN_ALIKE else _telling(nodes))}
    result: list[Node | Fold] = []
    for node in brothers:
        name = _DIGITS.sub("#", node.span["name"])
        if id(node) in kept:
            result.append(node)
        hidden = tuple(other for other in alike.pop(name, ()) if id(other) not in kept)
        if hidden:
            result.append(Fold(name, hidden, node.depth))
    return result


def _telling(nodes: list[Node]) -> list[Node]:
    """The first failed ones and the slowest ones."""
    failed = [node for node in nodes if node.is_failed][:KEPT_FAILED]
    slowest = sorted(nodes, key=lambda node: -float(node.span["duration_ms"]))[:KEPT_SLOWEST]
    return failed + slowest
