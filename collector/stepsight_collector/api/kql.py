"""Routes of questions in KQL: asking, checking, completing, and what may be asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from stepsight_collector.api.answers import raw_answer
from stepsight_collector.api.body import read_object
from stepsight_collector.api.errors import ApiError, bad_request
from stepsight_collector.api.guard import project_of, reader_of
from stepsight_collector.api.kql_errors import bad_query, diagnostic_documents
from stepsight_collector.api.presence import while_present
from stepsight_collector.kql.compile import check
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.report import format_diagnostics
from stepsight_collector.query.ask import Question, compile_question
from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.query.run import is_for_its_values
from stepsight_collector.query.times import now_ticks
from stepsight_collector.query.timespan import TimespanError, parse_timespan
from stepsight_collector.store import QueryError, QueryLimitError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from stepsight_collector.kql.plan import Compiled
    from stepsight_collector.kql.schema import Table
    from stepsight_collector.query.limits import Policy
    from stepsight_collector.query.run import Queries, Result

__all__ = ["kql_routes", "query_text"]

MAX_ROWS = 100_000
DEFAULT_ROWS = 10_000
_FIELDS = ("query", "timespan", "parameters", "max_rows", "explain")


@dataclass(frozen=True, slots=True)
class _Asked:
    question: Question
    max_rows: int
    explain: bool


def kql_routes(queries: Queries, policy: Policy) -> list[Route]:
    """Return the routes below /api that speak KQL."""

    async def answer_kql(request: Request) -> Response:
        asked = _asked(await read_object(request))
        return await while_present(request, _answer(request, asked, queries, policy))

    return [
        Route("/api/kql", answer_kql, methods=["POST"]),
        Route("/api/kql/check", _answer_check, methods=["POST"]),
        Route("/api/schema", _answer_schema),
    ]


async def _answer(request: Request, asked: _Asked, queries: Queries, policy: Policy) -> Response:
    limits = policy.limits(asked.max_rows)
    text = asked.question.text
    try:
        compiled, compile_s = await asyncio.to_thread(
            compile_question, asked.question, project_of(request.scope), limits
        )
    except KqlError as exc:
        raise bad_query(text, exc.diagnostics) from exc
    try:
        result = await queries.run(compiled, limits, "own", reader_of(request.scope).token)
    except QueryError as exc:
        raise _query_failed(exc) from exc
    return raw_answer(_document(text, compiled, result, compile_s, explain=asked.explain))


def _document(
    text: str, compiled: Compiled, result: Result, compile_s: float, *, explain: bool
) -> dict[str, Any]:
    drawn, stop = compiled.rendering, result.stop
    document = {
        "columns": [{"name": each.name, "type": each.type} for each in compiled.columns],
        "rows": orjson.Fragment(b"[" + result.rows + b"]"),
        "truncated": stop is not None,
        "partial": None if stop is None else {"reason": stop.reason, "message": stop.message},
        "render": None
        if drawn is None
        else {"chart": drawn.chart, "properties": dict(drawn.properties)},
        "warnings": diagnostic_documents(text, compiled.warnings),
        "statistics": {
            "elapsed_s": round(result.elapsed_s, 6),
            "compile_s": round(compile_s, 6),
            "rows_read": result.rows_read,
            "bytes_read": result.bytes_read,
        },
    }
    if explain:
        document |= {
            "plan": compiled.plan,
            "sql": compiled.sql,
            "parameters": dict(compiled.parameters),
        }
    return document


def _query_failed(exc: QueryError) -> ApiError:
    if isinstance(exc, QueryLimitError):
        hint = "Ask for less: a shorter time, one run, fewer columns, or summarize sooner."
        is_time = "longer than" in str(exc)
        return ApiError(408 if is_time else 400, "timeout" if is_time else "limit", str(exc), hint)
    if is_for_its_values(exc):
        return ApiError(400, "query_failed", f"the query cannot be computed: {exc}")
    return ApiError(
        500,
        "query_failed",
        f"the engine could not run the query: {exc}",
        "If the query is right, this is a fault of the compiler: please report it.",
    )


def _asked(body: dict[str, Any]) -> _Asked:
    unknown = sorted(body.keys() - set(_FIELDS))
    if unknown:
        raise bad_request(
            f'unknown field "{unknown[0]}" in the body', f"Known are {', '.join(_FIELDS)}."
        )
    max_rows, parameters = body.get("max_rows"), body.get("parameters")
    if max_rows is None:
        max_rows = DEFAULT_ROWS
    if not isinstance(max_rows, int) or isinstance(max_rows, bool) or not 0 < max_rows <= MAX_ROWS:
        raise bad_request(
            f'"max_rows" must be a whole number from 1 to {MAX_ROWS}, got {max_rows!r:.80}'
        )
    if not isinstance(parameters, dict | None):
        raise bad_request('"parameters" must be an object of names and values')
    if not isinstance(body.get("explain"), bool | None):
        raise bad_request('"explain" must be true or false')
    question = Question(query_text(body), _timespan(body.get("timespan")), parameters or {})
    return _Asked(question, max_rows, bool(body.get("explain")))


def query_text(body: dict[str, Any]) -> str:
    """Return the query of a body. Raises ApiError when it has none."""
    text = body.get("query")
    if not isinstance(text, str):
        raise bad_request(
            'the body must have "query" with the text of the query, '
            'for example {"query": "traces | take 10"}'
        )
    return text


def _timespan(given: Any) -> tuple[int, int | None] | None:
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        raise bad_request(f'"timespan" must be a text as in "P1D", got {given!r:.80}')
    try:
        return parse_timespan(given, now_ticks())
    except TimespanError as exc:
        raise bad_request(str(exc)) from exc


async def _answer_check(request: Request) -> Response:
    text = query_text(await read_object(request))
    diagnostics, columns = await asyncio.to_thread(check, text, SCHEMA)
    return raw_answer(
        {
            "diagnostics": diagnostic_documents(text, diagnostics),
            "report": format_diagnostics(text, diagnostics) if diagnostics else "",
            "columns": None
            if columns is None
            else [{"name": each.name, "type": each.type} for each in columns],
        }
    )


async def _answer_schema(_request: Request) -> Response:
    return raw_answer({"tables": [_table(table) for table in SCHEMA.tables.values()]})


def _table(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "description": table.description,
        "columns": [
            {"name": each.name, "type": each.type.value, "description": each.description}
            for each in table.columns
        ],
    }
