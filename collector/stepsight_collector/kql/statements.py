"""The statements before the query: `let`, `set`, `declare query_parameters`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql import parser, scalars, syntax
from stepsight_collector.kql.conversions import convert
from stepsight_collector.kql.errors import Diagnostic, KqlError
from stepsight_collector.kql.failing import FAILED, fail, has_failed
from stepsight_collector.kql.functions_of_let import bind_let
from stepsight_collector.kql.literals import bind_constant, is_constant
from stepsight_collector.kql.suggest import did_you_mean
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepsight_collector.kql.context import Context
    from stepsight_collector.kql.scope import Bound, Scope

__all__ = ["OPTIONS", "bind_statements"]

# Options of `set` that Microsoft's service knows and that mean nothing here.
OPTIONS = frozenset(
    {
        "best_effort", "client_max_redirect_count", "deferpartialqueryfailures",
        "materialized_view_shuffle", "maxmemoryconsumptionperiterator",
        "maxmemoryconsumptionperquerypernode", "maxoutputcolumns", "norequesttimeout",
        "notruncation", "push_selection_through_aggregation", "query_bin_auto_at",
        "query_bin_auto_size", "query_cursor_after_default",
        "query_cursor_allow_referencing_stream_ingestion_tables",
        "query_cursor_before_or_at_default", "query_cursor_current", "query_cursor_disabled",
        "query_cursor_scoped_tables", "query_datascope", "query_datetimescope_column",
        "query_datetimescope_from", "query_datetimescope_to",
        "query_distribution_nodes_span", "query_fanout_nodes_percent",
        "query_fanout_threads_percent", "query_force_row_level_security", "query_language",
        "query_log_query_parameters", "query_max_entities_in_union", "query_now",
        "query_optimize_fts_at_relop", "query_python_debug", "query_results_apply_getschema",
        "query_results_cache_force_refresh", "query_results_cache_max_age",
        "query_results_cache_per_shard", "query_results_progressive_row_count",
        "query_results_progressive_update_period", "query_take_max_records", "queryconsistency",
        "request_app_name", "request_block_row_level_security", "request_callout_disabled",
        "request_description", "request_external_data_disabled", "request_external_table_disabled",
        "request_impersonation_disabled", "request_readonly", "request_remote_entities_disabled",
        "request_sandboxed_execution_disabled", "request_user", "results_progressive_enabled",
        "servertimeout", "truncation_max_records", "truncation_max_size",
        "truncationmaxrecords", "truncationmaxsize", "validate_permissions",
    }
)  # fmt: skip


def bind_statements(
    context: Context,
    statements: Iterable[syntax.Statement],
    scope: Scope,
    values: Mapping[str, object],
) -> Scope:
    """The scope of the query: what its statements declare.

    A statement that is wrong is noted, and what it names gives no further diagnostics. `values`
    are those of the query's parameters. Raises KqlError for a value that no statement declares.
    """
    declared: set[str] = set()
    for statement in statements:
        if isinstance(statement, syntax.SetOption):
            _set(context, statement)
            continue
        made: dict[str, object] = {}
        if isinstance(statement, syntax.Declare):
            for parameter in statement.parameters:
                declared.add(parameter.name)
                made[parameter.name] = _parameter(parameter, scope, values)
        else:
            if statement.name in scope.variables:
                message = f'"{statement.name}" is declared twice'
                fail(scope, "ambiguous", message, statement.name_span, "Use another name.")
            try:
                made[statement.name] = bind_let(context, statement, scope)
            except KqlError as error:
                scope.statement.diagnostics.extend(error.diagnostics)
                made[statement.name] = FAILED
        scope = replace(scope, variables={**scope.variables, **made})  # type: ignore[dict-item]
    unknown = sorted(set(values) - declared)
    if unknown:
        fail(
            scope,
            "bad_value",
            f'a value is given for "{unknown[0]}", which the query does not declare',
            syntax.Span(0, 0),
            f"Begin it with: declare query_parameters({unknown[0]}:string);",
        )
    return scope


def _set(context: Context, node: syntax.SetOption) -> None:
    """Known options are noted and do nothing; others are refused."""
    if node.name.lower() in OPTIONS:
        message = f'the option "{node.name}" has no meaning here and is ignored'
        context.warnings.append(Diagnostic("unsupported", message, node.span))
        return
    context.statement.diagnostics.append(
        Diagnostic(
            "bad_value",
            f'unknown option "{node.name}"',
            node.span,
            did_you_mean(node.name, OPTIONS) or "No option changes what a query gives.",
        )
    )


def _parameter(parameter: syntax.Parameter, scope: Scope, values: Mapping[str, object]) -> Bound:
    """The value of a query parameter: the given one, else its default."""
    kind = parameter.type or ScalarType.DYNAMIC
    if parameter.name in values:
        return _given(parameter, kind, values[parameter.name], scope)
    if parameter.default is None:
        message = f'the query parameter "{parameter.name}" has no value'
        hint = "Give one with the query, or declare a default: (name:type = value)."
        return fail(scope, "wrong_arguments", message, parameter.span, hint)
    return convert(scalars.bind_named(parameter.default, scope), kind, scope)


def _given(parameter: syntax.Parameter, kind: ScalarType, value: object, scope: Scope) -> Bound:
    """A value as JSON has it, or as a KQL literal in a text."""
    if kind is ScalarType.DYNAMIC:
        return bind_constant(scope, kind, value)
    bound = _literal(value, kind, scope)
    if (
        has_failed(bound)
        or not is_constant(bound)
        or (bound.constant is None and value is not None)
    ):
        message = f'the value of "{parameter.name}" is no {kind.value}: {str(value)[:40]!r}'
        return fail(scope, "bad_value", message, parameter.span)
    return bound


def _literal(value: object, kind: ScalarType, scope: Scope) -> Bound:
    if value is None or (isinstance(value, str) and kind is ScalarType.STRING):
        return bind_constant(scope, kind, value)
    given = _JSON_TYPES.get(type(value))
    if given is None:
        return FAILED
    literal = None
    if isinstance(value, str):
        literal = _kql_literal(value) or _kql_literal(f"{kind.value}({value})")
    bound = scalars.bind_named(literal, scope) if literal else bind_constant(scope, given, value)
    return convert(bound, kind, scope)


_JSON_TYPES = {
    bool: ScalarType.BOOL,
    int: ScalarType.LONG,
    float: ScalarType.REAL,
    str: ScalarType.STRING,
}


def _kql_literal(text: str) -> syntax.Literal | None:
    """A value written as a query writes it, like `datetime(2025-03-10)`; None if it is not."""
    try:
        source = parser.parse(f"print {text}").query.source
    except KqlError:
        return None
    first = source.expressions[0] if isinstance(source, syntax.Print) else None
    return first if isinstance(first, syntax.Literal) else None
