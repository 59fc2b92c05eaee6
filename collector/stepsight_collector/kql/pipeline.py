"""A query: its source, and its operators one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import syntax
from stepsight_collector.kql.context import refuse
from stepsight_collector.kql.operators.columns import (
    bind_extend,
    bind_project,
    bind_project_away,
    bind_project_keep,
    bind_project_rename,
    bind_project_reorder,
)
from stepsight_collector.kql.operators.expand import bind_mv_apply, bind_mv_expand
from stepsight_collector.kql.operators.filter import bind_where
from stepsight_collector.kql.operators.invoke import bind_invoke
from stepsight_collector.kql.operators.join import bind_join, bind_lookup
from stepsight_collector.kql.operators.nested import bind_partition, bind_top_nested
from stepsight_collector.kql.operators.order import (
    bind_order,
    bind_sample,
    bind_serialize,
    bind_take,
    bind_top,
)
from stepsight_collector.kql.operators.output import (
    REFUSED,
    bind_getschema,
    bind_refused,
    bind_render,
)
from stepsight_collector.kql.operators.parse import bind_parse
from stepsight_collector.kql.operators.parse_kv import bind_parse_kv
from stepsight_collector.kql.operators.plugins import bind_evaluate
from stepsight_collector.kql.operators.search import bind_search
from stepsight_collector.kql.operators.series import bind_make_series
from stepsight_collector.kql.operators.summarize import (
    bind_count,
    bind_distinct,
    bind_sample_distinct,
    bind_summarize,
)
from stepsight_collector.kql.operators.union import bind_union
from stepsight_collector.kql.sources import bind_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.scope import Scope

__all__ = ["OPERATORS", "bind_operators", "bind_query"]

MAX_OPERATORS = 200  # of one query; each may be a SELECT of its own around the one before


def bind_query(context: Context, node: syntax.Expression, scope: Scope) -> Relation:
    """Bind a query, or what stands for one. Raises KqlError if nothing can be made of it."""
    if not isinstance(node, syntax.Query):
        return bind_source(context, node, scope)
    relation = bind_source(context, node.source, scope)
    return bind_operators(context, relation, node.operators, scope)


def bind_operators(
    context: Context, relation: Relation, operators: Iterable[syntax.Operator], scope: Scope
) -> Relation:
    """Bind operators on a relation; what `as` names can be used by those after it."""
    for place, operator in enumerate(operators):
        if place >= MAX_OPERATORS:
            text = f"a query has at most {MAX_OPERATORS} operators"
            refuse("limit", text, operator.span, "Split it with let.")
        if relation.partition and isinstance(operator, _WHOLE):
            text = "this operator cannot stand inside of mv-apply or partition"
            refuse("unsupported", text, operator.span, "Put it behind, or into a let.")
        if isinstance(operator, syntax.As):
            relation = replace(relation, name=operator.name)
            scope = replace(scope, variables={**scope.variables, operator.name: relation})
            continue
        before = relation.columns
        relation = OPERATORS[type(operator)](context, relation, operator, scope)
        if isinstance(operator, _WHOLE) or not before.keys() <= relation.columns.keys():
            relation = replace(relation, stage=context.word(operator.span))
        context.check_size(relation.node, operator.span)
    return relation


# Operators that read other tables, which a part of the rows cannot be matched with.
_WHOLE = (syntax.Join, syntax.Lookup, syntax.Union, syntax.Search, syntax.Evaluate, syntax.Invoke)

OPERATORS: dict[type, Callable[..., Relation]] = {
    syntax.Count: bind_count,
    syntax.Distinct: bind_distinct,
    syntax.Evaluate: bind_evaluate,
    syntax.Extend: bind_extend,
    syntax.GetSchema: bind_getschema,
    syntax.Invoke: bind_invoke,
    syntax.Join: bind_join,
    syntax.Lookup: bind_lookup,
    syntax.MakeSeries: bind_make_series,
    syntax.MvApply: bind_mv_apply,
    syntax.MvExpand: bind_mv_expand,
    syntax.Order: bind_order,
    syntax.Parse: bind_parse,
    syntax.ParseKv: bind_parse_kv,
    syntax.Partition: bind_partition,
    syntax.Project: bind_project,
    syntax.ProjectAway: bind_project_away,
    syntax.ProjectKeep: bind_project_keep,
    syntax.ProjectRename: bind_project_rename,
    syntax.ProjectReorder: bind_project_reorder,
    syntax.Render: bind_render,
    syntax.Sample: bind_sample,
    syntax.SampleDistinct: bind_sample_distinct,
    syntax.Search: bind_search,
    syntax.Serialize: bind_serialize,
    syntax.Summarize: bind_summarize,
    syntax.Take: bind_take,
    syntax.Top: bind_top,
    syntax.TopNested: bind_top_nested,
    syntax.Union: bind_union,
    syntax.Where: bind_where,
    **dict.fromkeys(REFUSED, bind_refused),
}
