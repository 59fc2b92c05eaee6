"""One query's failure is nobody else's; a query that is ended ends in the engine."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from stepsight_collector.store import QueryError, QueryLimitError
from stepsight_collector.store.streams import read_progress_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight_collector.store import Store

ENDLESS = "SELECT sum(sipHash64(number, {salt:Int64})) FROM numbers(1000000000000)"


def rows(pieces: Iterator[bytes]) -> list[Any]:
    return [json.loads(line) for piece in pieces for line in piece.splitlines()]


def nothing(_rows: int, _bytes: int) -> None:
    """Take no figures."""


def running(store: Store) -> list[str]:
    sql = "SELECT query FROM system.processes WHERE Settings['log_comment'] LIKE 'stepsight %'"
    return [row[0] for row in store.query(sql).rows]


def test_rows_of_a_query_that_failed_are_in_no_other_answer(store: Store) -> None:
    """chDB keeps what a failed query had written, and puts it before the next answer."""
    secret = "SELECT 'secret' AS a, throwIf(number > 100000) AS b FROM numbers(1000000000)"

    for _ in range(6):
        with pytest.raises(QueryError):
            store.query(secret)
        assert [store.query("SELECT 2 AS two").rows for _ in range(6)] == [[[2]]] * 6


def test_a_stream_gives_rows_with_parameters_and_figures(store: Store) -> None:
    seen: list[tuple[int, int]] = []
    texts = ["a'b", 'a"b', "back\\slash", "tab\there", "new\nline", "\\N", "é😀", "{p1:String}", ""]
    sql = "SELECT arrayJoin({texts:Array(String)}), {n:Nullable(Int64)}, count() FROM numbers(1000)"

    with store.stream(
        sql, {"texts": texts, "n": None}, "q1", lambda *now: seen.append(now)
    ) as pieces:
        found = rows(pieces)

    assert sorted(found) == sorted([text, None, 1000] for text in texts)
    assert max(seen) == (1000, 8000)


def test_a_stream_that_is_left_early_leaves_nothing_running(store: Store) -> None:
    with store.stream("SELECT number FROM numbers(1000000000000)", {}, "q2", nothing) as pieces:
        first = next(pieces)

    assert json.loads(first.splitlines()[3]) == [3]
    assert running(store) == []


def test_a_stream_that_is_killed_ends_in_the_engine(store: Store) -> None:
    failures: list[QueryError] = []

    def ask() -> None:
        try:
            with store.stream(ENDLESS, {"salt": 1}, "q3", nothing) as pieces:
                rows(pieces)
        except QueryError as exc:
            failures.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive():
        store.kill("another")
        store.kill("q3")
        thread.join(0.02)

    assert [(type(each), each.code) for each in failures] == [(QueryLimitError, 394)]
    assert running(store) == []


def test_a_stream_that_fails_between_its_rows_says_so_after_them(store: Store) -> None:
    sql = "SELECT number, throwIf(number > 3000000) FROM numbers(100000000)"
    pieces: list[bytes] = []

    with (
        pytest.raises(QueryError) as caught,
        store.stream(sql, {}, "q4", nothing) as stream,
    ):
        pieces.extend(stream)

    assert caught.value.code == 395
    assert pieces[0].splitlines()[:2] == [b"[0, 0]", b"[1, 0]"]
    with store.stream("SELECT 1 AS one", {}, "q5", nothing) as stream:
        assert rows(stream) == [[1]]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DROP TABLE otel_logs", "not supported"),
        ("SELECT 1 SETTINGS max_memory_usage = 0", "Cannot modify 'max_memory_usage'"),
        ("SELECT * FROM file('/etc/hostname', 'LineAsString')", "readonly"),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", "readonly"),
    ],
)
def test_a_stream_only_reads(store: Store, statement: str, why: str) -> None:
    with (
        pytest.raises(QueryError, match=why),
        store.stream(statement, {}, "q6", nothing) as pieces,
    ):
        rows(pieces)


def test_a_servers_lines_are_rows_progress_and_exceptions() -> None:
    """The format that a server is asked in; its progress is text, as of all 64-bit numbers."""
    lines = (
        b'{"progress":{"read_rows":"7","read_bytes":"56"}}\n{"meta":[{"name":"a","type":"UInt8"}]}\n'
        b'{"row":[1, "a\\nb"]}\n{"row":[2, "{"]}\n'
        b'{"progress":{"read_rows":"9","read_bytes":"72"}}\n'
    )
    failed = b'{"exception":"Code: 241. DB::Exception: Query memory limit exceeded"}\n'
    seen: list[tuple[int, int]] = []

    def read(answer: bytes, size: int) -> list[Any]:
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        return rows(read_progress_lines(pieces, lambda *now: seen.append(now)))

    assert [read(lines, size) for size in (1, 7, 64, 4096)] == [[[1, "a\nb"], [2, "{"]]] * 4
    assert (min(seen), max(seen)) == ((7, 56), (9, 72))
    with pytest.raises(QueryLimitError, match="memory limit exceeded") as caught:
        read(lines + failed, 64)
    assert caught.value.code == 241
    with pytest.raises(QueryError, match="the answer breaks off with: __exception__"):
        read(lines + b"__exception__\r\n", 64)
    with pytest.raises(QueryError, match="breaks off"):
        read(lines + b'{"row":[3', 64)
