"""A plan as text: the stages from the result down to the tables, in the query's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.plan import HIDDEN, Concat, Join, Scan, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight_collector.kql.emit import Reads
    from stepsight_collector.kql.plan import Node, Relation

__all__ = ["explain"]


def explain(relation: Relation, reads: Reads) -> str:
    """The stages, each below and right of what it feeds; a table with the columns it reads."""
    return "\n".join(_lines(relation.node, reads, 0))


def _lines(node: Node, reads: Reads, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(node, Scan):
        names = sorted({name.removeprefix(HIDDEN) for name in reads.get(id(node), ())})
        yield f"{indent}{node.label} [{', '.join(names)}]"
        return
    below = depth + 1 if node.label else depth
    if node.label:
        yield indent + node.label
    if isinstance(node, Unit):
        return
    if isinstance(node, Join):
        yield from _lines(node.left, reads, below)
        yield from _lines(node.right, reads, below)
    elif isinstance(node, Concat):
        for each in node.inputs:
            yield from _lines(each, reads, below)
    else:
        if node.label and getattr(node.input, "label", "") == node.label:
            yield from list(_lines(node.input, reads, depth))[1:]
            return
        yield from _lines(node.input, reads, below)
