"""`where`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql import scalars
from stepsight_collector.kql.context import inner_scope, relation_on
from stepsight_collector.kql.failing import has_failed
from stepsight_collector.kql.operators.empty import or_absent
from stepsight_collector.kql.plan import Filter

if TYPE_CHECKING:
    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Bound, Scope

__all__ = ["bind_where", "filtered"]


def bind_where(context: Context, relation: Relation, node: syntax.Where, scope: Scope) -> Relation:
    """The rows for which the predicate is true: null is not."""
    inside = inner_scope(relation, scope)
    return filtered(context, relation, scalars.bind_predicate(node.predicate, inside), node)


def filtered(
    context: Context,
    relation: Relation,
    predicate: Bound,
    node: syntax.Where | syntax.Search | syntax.Find,
) -> Relation:
    """The rows for which a bound predicate is true."""
    if has_failed(predicate):
        return relation
    label = context.label(node.span)
    condition = or_absent(relation, predicate.sql)
    return relation_on(relation, Filter(relation.node, condition, label), relation.columns)
