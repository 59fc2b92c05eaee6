"""Compiled queries on a real engine: values, limits, and how a query ends."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from stepsight_collector.errors import BusyError
from stepsight_collector.kql.plan import Compiled, ResultColumn
from stepsight_collector.query.lanes import LaneLimits
from stepsight_collector.query.run import Limits, Queries, Result
from stepsight_collector.store import QueryError, QueryLimitError, Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepsight_collector.query.values import Style

ENDLESS = "SELECT sum(sipHash64(number, number + 1)) AS n FROM numbers(1000000000000)"
N = (ResultColumn("n", "long"),)


@pytest.fixture
def queries(store: Store) -> Iterator[Queries]:
    made = Queries(store, LaneLimits(at_once=2, of_one=1, waiting_of_one=1, max_wait_s=60))
    yield made
    asyncio.run(made.stop())


def compiled(sql: str, columns: tuple[ResultColumn, ...] = N, **parameters: Any) -> Compiled:
    return Compiled(sql, parameters, columns, None, "")


def run(
    queries: Queries,
    query: Compiled,
    style: Style = "own",
    *,
    time_s: float = 60,
    max_rows: int = 1000,
    max_bytes: int = 1 << 20,
) -> Result:
    limits = Limits(time_s, max_rows, max_bytes)
    return asyncio.run(queries.run(query, limits, style, "me"))


def rows(result: Result) -> Any:
    return json.loads(b"[" + result.rows + b"]")


def running(store: Store) -> int:
    sql = "SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE 'stepsight %'"
    count: int = store.query(sql).rows[0][0]
    return count


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - it is so in the engine
            await asyncio.sleep(0.01)


GUID = "00000000-0000-0000-0000-00000000000a"
VALUES: list[tuple[str, str, str, Any, Any]] = [
    ("bool", "", "true", True, True),
    ("bool", "", "toUInt8(0)", False, False),
    ("bool", "", "CAST(NULL, 'Nullable(Bool)')", None, None),
    ("int", "", "toInt32(-5)", -5, -5),
    ("long", "", "toInt64(9223372036854775807)", 9223372036854775807, 9223372036854775807),
    ("long", "", "CAST(NULL, 'Nullable(Int64)')", None, None),
    ("real", "", "toFloat64(0.1)", 0.1, 0.1),
    ("real", "", "nan", "NaN", "NaN"),
    ("real", "", "-inf", "-Infinity", "-Infinity"),
    ("real", "", "inf", "Infinity", "Infinity"),
    ("real", "", "1e300", 1e300, 1e300),
    ("decimal", "", "toDecimal128('1.25', 17)", 1.25, "1.25"),
    ("string", "", "{text:String}", 'a"\\\t\n é😀', 'a"\\\t\n é😀'),
    ("string", "", "''", "", ""),
    (
        "datetime",
        "",
        "toDateTime64('2026-11-25 01:02:03.123456789', 9, 'UTC')",
        "2026-11-25T01:02:03.1234567Z",
        "2026-11-25T01:02:03.1234567Z",
    ),
    ("datetime", "", "CAST(NULL, 'Nullable(DateTime64(9))')", None, None),
    ("timespan", "", "toInt64(937845000000)", "1.02:03:04.5000000", "1.02:03:04.5000000"),
    ("timespan", "", "toInt64(-1)", "-00:00:00.0000001", "-00:00:00.0000001"),
    ("guid", "", f"'{GUID}'", GUID, GUID),
    ("dynamic", "json", """'{"b":[1,2.50,null],"a":"x"}'""", {"b": [1, 2.5, None], "a": "x"},
     '{"b":[1,2.50,null],"a":"x"}'),
    ("dynamic", "json", "'12345678901234567890123'", 12345678901234567890123,
     "12345678901234567890123"),
    ("dynamic", "json", "'\"text\"'", "text", "text"),
    ("dynamic", "json", "'null'", None, None),
    ("dynamic", "", "CAST(NULL, 'Nullable(String)')", None, None),
    ("dynamic", "json", "'no json'", "no json", "no json"),
    ("dynamic", "map", "map('k', '1', 'é', 'b\"')", {"k": "1", "é": 'b"'}, '{"k":"1","é":"b\\""}'),
    ("dynamic", "text", "CAST('1', 'Nullable(String)')", "1", "1"),
    ("dynamic", "text", "'\"quoted\"'", '"quoted"', '"quoted"'),
]  # fmt: skip


@pytest.mark.parametrize("style", ["own", "azure"])
def test_each_type_of_value_is_given_as_documented(queries: Queries, style: Style) -> None:
    expressions = ", ".join(f"{value[2]} AS c{i}" for i, value in enumerate(VALUES))
    columns = tuple(ResultColumn(f"c{i}", v[0], v[1]) for i, v in enumerate(VALUES))
    query = compiled(f"SELECT {expressions}", columns, text='a"\\\t\n é😀')

    (found,) = rows(run(queries, query, style))

    assert found == [value[3 if style == "own" else 4] for value in VALUES]
    assert [type(each) for each in found] == [
        type(value[3 if style == "own" else 4]) for value in VALUES
    ]


def test_a_decimal_keeps_its_digits_as_a_number(queries: Queries) -> None:
    query = compiled(
        "SELECT toDecimal128('12345678901234567890.12345678901234567', 17) AS d",
        (ResultColumn("d", "decimal"),),
    )

    assert run(queries, query).rows == b"[12345678901234567890.12345678901234567]"


def test_an_answer_has_its_figures(queries: Queries) -> None:
    result = run(queries, compiled("SELECT count() AS n FROM numbers(1000000)"))

    assert (rows(result), result.row_count, result.stop) == ([[1000000]], 1, None)
    assert (result.rows_read, result.bytes_read) == (1000000, 8000000)
    assert 0 < result.elapsed_s < 60


def test_an_empty_answer_is_whole(queries: Queries) -> None:
    result = run(queries, compiled("SELECT number AS n FROM numbers(9) WHERE number > 9"))

    assert (result.rows, result.row_count, result.stop) == (b"", 0, None)


@pytest.mark.parametrize(("max_rows", "is_cut"), [(2999, True), (3000, False), (3001, False)])
def test_rows_over_the_limit_are_cut_and_said(
    queries: Queries, max_rows: int, is_cut: bool
) -> None:
    result = run(queries, compiled("SELECT number AS n FROM numbers(3000)"), max_rows=max_rows)

    assert rows(result) == [[n] for n in range(min(3000, max_rows))]
    assert result.row_count == min(3000, max_rows)
    assert (result.stop is not None, is_cut) == (is_cut, is_cut)
    if result.stop:
        assert (result.stop.reason, result.stop.message) == (
            "rows",
            "the answer has more than 2999 rows",
        )


def test_bytes_over_the_limit_end_the_query(store: Store, queries: Queries) -> None:
    query = compiled(
        "SELECT repeat('x', 100) AS s FROM numbers(100000000)", (ResultColumn("s", "string"),)
    )

    result = run(queries, query, max_rows=100_000_000, max_bytes=1 << 20)

    assert result.stop is not None
    assert (result.stop.reason, running(store)) == ("bytes", 0)
    assert 1 << 20 < len(result.rows) < 1.2 * (1 << 20)


def test_a_query_over_its_time_is_ended_in_the_engine(store: Store, queries: Queries) -> None:
    with pytest.raises(QueryLimitError, match=r"the query took longer than 0\.2 seconds"):
        run(queries, compiled(ENDLESS), time_s=0.2)

    assert running(store) == 0
    assert rows(run(queries, compiled("SELECT 1 AS n"))) == [[1]]


def test_rows_that_came_before_the_time_was_over_are_the_answer(
    store: Store, queries: Queries
) -> None:
    slow = "SELECT number AS n FROM numbers(1000000000) WHERE number < 5 OR sipHash64(number) = 7"

    result = run(queries, compiled(slow), time_s=0.5)

    assert rows(result) == [[n] for n in range(5)]
    assert result.stop is not None
    assert (result.stop.reason, running(store)) == ("time", 0)
    assert result.rows_read > 5


def test_a_query_over_its_memory_says_so(queries: Queries) -> None:
    with pytest.raises(QueryLimitError, match="more memory than it may take"):
        run(queries, compiled("SELECT range(200000000) AS n"))


def test_an_error_of_the_engine_is_a_query_error(queries: Queries) -> None:
    with pytest.raises(QueryError, match="nope") as caught:
        run(queries, compiled("SELECT nope AS n"))

    assert not isinstance(caught.value, QueryLimitError)


def test_a_query_whose_caller_goes_away_is_ended_in_the_engine(
    store: Store, queries: Queries
) -> None:
    async def go_away() -> None:
        limits = Limits(60, 10)
        task = asyncio.create_task(queries.run(compiled(ENDLESS), limits, "own", "me"))
        await until(lambda: running(store) == 1)
        task.cancel()
        task.cancel()  # and whoever waits for it goes away too
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go_away())

    assert running(store) == 0


def test_one_that_is_cancelled_before_it_began_never_runs(store: Store, queries: Queries) -> None:
    async def go_away() -> None:
        task = asyncio.create_task(queries.run(compiled(ENDLESS), Limits(60, 10), "own", "me"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go_away())

    assert running(store) == 0


def test_a_readers_queries_wait_in_line_and_the_line_has_an_end(
    store: Store, queries: Queries
) -> None:
    async def crowd() -> list[Any]:
        limits = Limits(60, 10)

        def ask(reader: str, sql: str) -> asyncio.Task[Result]:
            return asyncio.create_task(queries.run(compiled(sql), limits, "own", reader))

        first = ask("greedy", ENDLESS)
        await until(lambda: running(store) == 1)
        second = ask("greedy", "SELECT 2 AS n")
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="1 of this token's queries run and 1 wait") as caught:
            await ask("greedy", "SELECT 3 AS n")
        assert caught.value.retry_after_s > 0
        other = await ask("modest", "SELECT 4 AS n")  # there is room for another reader
        assert not second.done()
        first.cancel()
        return [rows(other), rows(await second)]

    assert asyncio.run(crowd()) == [[[4]], [[2]]]


def test_readers_take_turns(store: Store) -> None:
    queries = Queries(store, LaneLimits(at_once=1, of_one=1, waiting_of_one=9, max_wait_s=60))
    order: list[str] = []

    async def ask(reader: str, sql: str) -> None:
        await queries.run(compiled(sql), Limits(60, 10), "own", reader)
        order.append(reader)

    async def crowd() -> None:
        holder = asyncio.create_task(ask("greedy", ENDLESS))
        await until(lambda: running(store) == 1)
        names = ["greedy", "greedy", "greedy", "modest"]
        tasks = [asyncio.create_task(ask(name, "SELECT 1 AS n")) for name in names]
        await asyncio.sleep(0)
        holder.cancel()
        await asyncio.gather(*tasks)

    asyncio.run(crowd())
    asyncio.run(queries.stop())

    assert order == ["greedy", "modest", "greedy", "greedy"]


def test_one_that_waits_too_long_is_told_to_come_again(store: Store) -> None:
    queries = Queries(store, LaneLimits(at_once=1, of_one=1, waiting_of_one=9, max_wait_s=0.05))

    async def crowd() -> None:
        holder = asyncio.create_task(queries.run(compiled(ENDLESS), Limits(60, 9), "own", "a"))
        await until(lambda: running(store) == 1)
        with pytest.raises(BusyError, match="waited 0 seconds for its turn"):
            await queries.run(compiled("SELECT 1 AS n"), Limits(60, 9), "own", "b")
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder

    asyncio.run(crowd())
    asyncio.run(queries.stop())


def test_a_stop_ends_what_runs_and_refuses_what_waits_and_what_comes(store: Store) -> None:
    queries = Queries(store, LaneLimits(at_once=1, of_one=1, waiting_of_one=9, max_wait_s=60))

    async def ask(sql: str) -> Result:
        return await queries.run(compiled(sql), Limits(60, 9), "own", "me")

    async def stop() -> list[Any]:
        running_one = asyncio.create_task(ask(ENDLESS))
        await until(lambda: running(store) == 1)
        waiting_one = asyncio.create_task(ask("SELECT 1 AS n"))
        await asyncio.sleep(0)
        await queries.stop()
        late_one = asyncio.create_task(ask("SELECT 1 AS n"))
        tasks = (running_one, waiting_one, late_one)
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    found = asyncio.run(stop())

    assert [type(each) for each in found] == [StoreError] * 3
    assert {str(each) for each in found} == {"the collector is stopping"}
    assert running(store) == 0
