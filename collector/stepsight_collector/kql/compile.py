"""KQL to SQL: the whole way, from text to what the store can run.

Pure: reads no clock and no store; the schema, the project and the time are arguments.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from stepsight_collector.kql import emit, parser, syntax
from stepsight_collector.kql.context import Context
from stepsight_collector.kql.errors import Diagnostic, KqlError
from stepsight_collector.kql.explain import explain
from stepsight_collector.kql.lambda_names import rename_variables
from stepsight_collector.kql.pipeline import bind_operators, bind_query
from stepsight_collector.kql.plan import Compiled, Relation, ResultColumn
from stepsight_collector.kql.schema import Schema
from stepsight_collector.kql.scope import Scope, Statement
from stepsight_collector.kql.statements import bind_statements
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepsight_collector.kql.scope import Bound

__all__ = ["check", "columns_at", "compile_query"]

MAX_SQL_LENGTH = 240_000  # the engine's parser stops at 262,144 bytes
MAX_SQL_DEPTH = 80  # and some 95 deep
# Brackets, and what may hold some that do not count.
_BRACKETS = re.compile(r"""\(SELECT|[()]|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`""")


def compile_query(
    text: str,
    schema: Schema,
    *,
    project: str,
    now_ticks: int,
    timespan: tuple[int | None, int | None] | None = None,
    parameters: Mapping[str, object] | None = None,
    max_rows: int | None = None,
) -> Compiled:
    """Compile a query for one project.

    `timespan` is (start, end) in ticks, the end not included, None for open: every table that has
    a time column is read within it. `parameters` are the values of `declare query_parameters`. With
    `max_rows` the SQL gives one row more at most, so that the caller sees that there were more.
    Raises KqlError with everything that is wrong.
    """
    script = parser.parse(text)

    def compiled_for(tables: Schema) -> Compiled:
        context = _context(text, tables, project, now_ticks)
        context.timespan = timespan or (None, None)
        relation = _bind(context, script, parameters or {})
        return _compiled(context, relation, None if max_rows is None else max_rows + 1)

    compiled = compiled_for(schema)
    if _excess(compiled.sql):
        compiled = compiled_for(_with_named_sources(schema))
        excess = _excess(compiled.sql)
        if excess:
            raise KqlError([Diagnostic("limit", excess[0], script.query.span, excess[1])])
    return compiled


def _compiled(context: Context, relation: Relation, limit: int | None) -> Compiled:
    reads: emit.Reads = {}
    sql = emit.query(relation, list(relation.columns), limit=limit, reads=reads)
    return Compiled(
        sql=rename_variables(sql),
        parameters=context.statement.parameters.values,
        columns=tuple(_result_column(name, bound) for name, bound in relation.columns.items()),
        rendering=context.rendering,
        plan=explain(relation, reads),
        warnings=tuple(context.warnings),
        tables=tuple(context.scans),
    )


def _with_named_sources(schema: Schema) -> Schema:
    """The schema with every table's source under its name, which is the shortest SQL there is."""
    return Schema({name: replace(table, select=None) for name, table in schema.tables.items()})


def _excess(sql: str) -> tuple[str, str] | None:
    """What of some SQL the engine's parser would not read, and what helps."""
    if len(sql) > MAX_SQL_LENGTH:
        text = f"the query becomes {len(sql)} characters of SQL, at most {MAX_SQL_LENGTH} can run"
        return text, "Each use of a let name is written out. Use fewer of them."
    if sql.count("(SELECT") > MAX_SQL_DEPTH and _depth(sql) > MAX_SQL_DEPTH:
        text = f"the query has more than {MAX_SQL_DEPTH} stages that stand on each other"
        return text, "Compute more in each of them."
    return None


def _depth(sql: str) -> int:
    """How deep SELECTs stand inside of each other."""
    deepest = depth = 0
    opened: list[bool] = []
    for bracket in _BRACKETS.findall(sql):
        if bracket == ")":
            depth -= opened.pop() if opened else 0
        elif bracket[0] == "(":
            opened.append(len(bracket) > 1)
            depth += opened[-1]
            deepest = max(deepest, depth)
    return deepest


def check(
    text: str, schema: Schema
) -> tuple[tuple[Diagnostic, ...], tuple[ResultColumn, ...] | None]:
    """What is wrong with a query, and the columns of its result if nothing is."""
    try:
        compiled = compile_query(text, schema, project="", now_ticks=0)
    except KqlError as error:
        return error.diagnostics, None
    return compiled.warnings, compiled.columns


def columns_at(
    statements: Iterable[syntax.Statement],
    source: syntax.Expression,
    operators: Iterable[syntax.Operator],
    schema: Schema,
) -> Mapping[str, ScalarType]:
    """The columns after some stages of a query that is being written; none if it is wrong."""
    context = _context("", schema, "", 0)
    scope = Scope(context.statement)
    try:
        inside = bind_statements(context, statements, scope, {})
        relation = bind_query(context, source, inside)
        relation = bind_operators(context, relation, operators, inside)
    except KqlError:
        return {}
    return {name: bound.type for name, bound in {**relation.outer, **relation.columns}.items()}


def _context(text: str, schema: Schema, project: str, now_ticks: int) -> Context:
    def bind(query: syntax.Expression, scope: Scope) -> Relation:
        return bind_query(context, query, scope)

    context = Context(Statement(schema, now_ticks, bind), text, project)
    context.bind_operators = partial(bind_operators, context)
    return context


def _bind(context: Context, script: syntax.Script, values: Mapping[str, object]) -> Relation:
    """Bind everything, and raise all that is wrong at once."""
    diagnostics = context.statement.diagnostics
    relation: Relation | None = None
    try:
        scope = bind_statements(context, script.statements, Scope(context.statement), values)
        relation = bind_query(context, script.query, scope)
    except KqlError as error:
        diagnostics.extend(error.diagnostics)
    if diagnostics or relation is None:
        seen = dict.fromkeys(sorted(diagnostics, key=lambda each: each.span))
        raise KqlError(seen)
    return relation


def _result_column(name: str, bound: Bound) -> ResultColumn:
    is_dynamic = bound.type is ScalarType.DYNAMIC
    return ResultColumn(name, bound.type.value, bound.form.name.lower() if is_dynamic else "")
