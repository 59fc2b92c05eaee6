"""The binder of scalars: what reaches the engine's indexes, what is refused, and how quickly."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kql_store import compile_kql
from stepsight_collector.kql import scalars, syntax
from stepsight_collector.kql.aggregate_table import AGGREGATES
from stepsight_collector.kql.aggregates import bind_aggregate
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.functions import FUNCTIONS
from stepsight_collector.kql.functions.refused import REFUSED
from stepsight_collector.kql.functions.table import formals_of
from stepsight_collector.kql.parser import parse
from stepsight_collector.kql.regex import count_groups, describe_fault
from stepsight_collector.kql.schema import Bag, Schema
from stepsight_collector.kql.scope import Bound, Form, Scope, Statement
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.store import Store

GOLDEN = Path(__file__).parent.parent / "golden" / "kql"
T = ScalarType
BAG = Bag("rest", {"parent_run_id": "RunId"}, ("secret.",), "own:")
COLUMNS = {
    "timestamp": Bound(T.DATETIME, "`timestamp`", is_nullable=False),
    "message": Bound(T.STRING, "`message`", is_nullable=False),
    "n": Bound(T.LONG, "`n`"),
    "bag": Bound(T.DYNAMIC, "`bag`", is_nullable=False, form=Form.MAP, bag=BAG),
    "json": Bound(T.DYNAMIC, "`json`"),
}


def new_scope() -> Scope:
    def bind_query(query: syntax.Expression, scope: Scope) -> Relation:
        raise AssertionError(f"no query is bound here: {query}, {scope}")

    return Scope(Statement(Schema({}), 0, bind_query), COLUMNS)


def node_of(expression: str) -> syntax.Expression:
    operator = parse(f"T | where {expression}").query.operators[0]
    assert isinstance(operator, syntax.Where)
    return operator.predicate


def sql_of(expression: str) -> str:
    """The SQL of a filter's condition, with the values in the placeholders' places."""
    scope = new_scope()
    bound = scalars.bind_predicate(node_of(expression), scope)
    assert scope.statement.diagnostics == []
    values = scope.statement.parameters.values
    return re.sub(r"\{(p\d+):[^}]*\}", lambda match: repr(values[match[1]]), bound.sql)


# ------------------------------------------------------------------------- keys and indexes


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        ("timestamp > ago(1d)", "(`timestamp` > '{yesterday}')"),
        ("timestamp > now() - 24h", "(`timestamp` > '{yesterday}')"),
        (
            "timestamp between (datetime(2026-01-01) .. 1d)",
            (
                "((`timestamp` >= '2026-01-01 00:00:00.000000000') AND "
                "(`timestamp` <= '2026-01-02 00:00:00.000000000'))"
            ),
        ),
        ('bag.parent_run_id == "x"', "(`RunId` = 'x')"),
        ('bag["parent_run_id"] in ("x", "y")', "(`RunId` IN ('x', 'y'))"),
        ('tostring(bag.parent_run_id) != "x"', "(`RunId` != 'x')"),
        ('bag.other == "x"', "(`rest`['other'] = 'x')"),
        ("isnotempty(bag.other)", "(`rest`['other'] != '')"),
        ("isnotnull(bag.parent_run_id)", "isNotNull(nullIf(`RunId`, ''))"),
        ('bag["secret.a"] == "x"', "(`rest`['own:secret.a'] = 'x')"),
        ('message has "Word"', "hasToken(lower(`message`), 'word')"),
        ('message !has "word"', "(NOT hasToken(lower(`message`), 'word'))"),
        (
            'message has_cs "Word"',
            "(hasToken(lower(`message`), 'word') AND hasToken(`message`, 'Word'))",
        ),
        ("n == 5", "(`n` = 5)"),
        ("n == 5 and n in (1, 2)", "((`n` = 5) AND (`n` IN (1, 2)))"),
        ('json.a.b == "x"', "(ifNull(JSONExtractString(`json`, 'a', 'b'), '') = 'x')"),
    ],
)
def test_a_condition_is_as_plain_as_the_engine_needs_it(expression: str, sql: str) -> None:
    # The statement of these tests began at tick 0, when there was no day before.
    scope = new_scope()
    scope.statement.now_ticks = 639_312_048_000_000_000
    bound = scalars.bind_predicate(node_of(expression), scope)
    values = scope.statement.parameters.values

    shown = re.sub(r"\{(p\d+):[^}]*\}", lambda match: repr(values[match[1]]), bound.sql)

    assert shown == sql.replace("{yesterday}", "2026-11-24 12:00:00.000000000")


def test_a_phrase_asks_the_word_index_for_its_longest_word() -> None:
    sql = sql_of('message has "connection reset by"')

    assert sql.startswith("(hasToken(lower(`message`), 'connection') AND match(`message`, ")


def test_a_null_is_kept_from_a_comparison_only_where_it_matters() -> None:
    assert sql_of("n != 5") == "ifNull((`n` != 5), 1)"
    assert sql_of("not(n == 5)") == "(NOT ifNull((`n` = 5), 0))"
    assert sql_of('message != "x"') == "(`message` != 'x')"


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("timestamp > ago(1d)", "Partition"),
        ('customDimensions.parent_run_id == "no such run"', "idx_run_id"),
        ('operation_Id == "00000000000000000000000000000001"', "idx_operation_id"),
        ('message has "word"', "idx_body"),
        ('message has "no such phrase"', "idx_body"),
        ('message has_any ("one", "two")', "idx_body"),
    ],
)
def test_the_engine_uses_its_index(condition: str, index: str, kql_store: Store) -> None:
    compiled = compile_kql(f"traces | where {condition} | count")

    answer = kql_store.query(f"EXPLAIN indexes = 1 {compiled.sql}", compiled.parameters)

    assert any(index in row[0] for row in answer.rows), answer.rows


def test_a_users_text_is_never_in_the_sql() -> None:
    evil = "'); DROP TABLE x; --`"
    query = f'traces | where message has "{evil}" or customDimensions["{evil}"] == "{evil}"'

    compiled = compile_kql(query + f' | extend a = strcat("{evil}", 5, 7h)')

    assert "DROP" not in compiled.sql
    assert re.sub(r"\{p\d+:[^}]*\}", "", compiled.sql).count("5") == 0


# ---------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("expression", "code", "message", "hint"),
    [
        ("nn > 5", "unknown_column", 'unknown column "nn"', ""),
        ("Message == 5", "unknown_column", 'unknown column "Message"', 'Did you mean "message"?'),
        ("message.key == 5", "wrong_type", '"message" is a string', "parse_json(message).key"),
        ("message > 5", "wrong_type", "cannot compare a string with a long", "todouble"),
        ('timestamp > "2026-01-01"', "wrong_type", "cannot compare a datetime", "datetime(2026"),
        ("timestamp > 1h", "wrong_type", "cannot compare a datetime with a timespan", "ago(1h)"),
        ('message < "b"', "wrong_type", "cannot compare a string with a string", "strcmp"),
        ("message + 1 == 2", "wrong_type", '"+" does not take a string and a long', "strcat"),
        ("timestamp + 1 > now()", "wrong_type", "a datetime and a long", "timespan"),
        ("n", "wrong_type", "a condition is true or false, found a long", "tobool"),
        ("message", "wrong_type", "found a string", "isnotempty"),
        ('n has "5"', "wrong_type", '"has" looks into a text, found a long', "tostring"),
        ('message matches regex "a("', "bad_value", 'a "(" is not closed', ""),
        ("strlen() > 1", "wrong_arguments", "strlen takes 1 argument, found 0", "strlen(text)"),
        ("strlen(message, 1) > 1", "wrong_arguments", "found 2", "strlen(text)"),
        ("startofday(message) > now()", "wrong_type", "wants a datetime", "todatetime"),
        ("array_length(message) > 1", "wrong_type", "wants a dynamic", "parse_json"),
        ("strln(message) > 1", "unknown_function", 'there is no function "strln"', "strlen"),
        ("count() > 1", "wrong_arguments", "count is an aggregate", "summarize count"),
        ("ingestion_time() > now()", "unsupported", "ingestion_time is not supported", "timestamp"),
        ("prev(n) > 1", "unsupported", "prev needs rows in order", "order by"),
        ("n in ('a', timestamp)", "wrong_type", "cannot compare a long with a datetime", ""),
        ('datetime_part("eon", timestamp) > 1', "bad_value", 'no part "eon"', "hour"),
        ('format_datetime(timestamp, "Q") == ""', "bad_value", '"Q" in a format', "yMdhHmsfFt"),
        ('extract("a(b)", 2, message) == ""', "bad_value", "none of number 2", "parentheses"),
        ("iff(true, n, timestamp) > 1", "wrong_type", "values of one type", "Convert"),
        ("bin(timestamp, 5) > now()", "wrong_type", "round a datetime to a long", "1h"),
        ("case(true, 1, n, 2) > 1", "wrong_arguments", "pairs and a last value", "otherwise"),
        ('toscalar(5) == "a" or nn', "unknown_column", 'unknown column "nn"', ""),
    ],
)
def test_a_mistake_is_explained_with_its_place(
    expression: str, code: str, message: str, hint: str
) -> None:
    scope = new_scope()

    scalars.bind_predicate(node_of(expression), scope)

    first = scope.statement.diagnostics[0]
    assert first.code == code
    assert message in first.message
    assert hint in first.hint
    assert first.span.end > first.span.start >= len("T | where ") - 1


def test_one_mistake_is_reported_once_and_two_are_both() -> None:
    scope = new_scope()

    scalars.bind_predicate(node_of("strlen(one + 1) > 5 and tolower(two) has 'x'"), scope)

    assert [each.message for each in scope.statement.diagnostics] == [
        'unknown column "one"',
        'unknown column "two"',
    ]


def test_an_aggregate_refuses_a_column_beside_it() -> None:
    with pytest.raises(KqlError, match="neither aggregated nor a group key"):
        compile_kql("traces | summarize count() + severityLevel")


def test_an_aggregate_of_several_columns_stands_alone() -> None:
    with pytest.raises(KqlError, match="gives 2 columns"):
        compile_kql("traces | summarize percentiles(severityLevel, 50, 95) + 1")


# --------------------------------------------------------------------- regular expressions


@pytest.mark.parametrize(
    "pattern",
    [
        "", "abc", "a|b", "^a.*?b$", r"\d+\.\d*", "[a-z]+", "[^]]", "[]a]", "[[:alpha:]_]", r"[\]]",
        "(?i)abc", "(?i:abc)", "(?P<name>a)", "(?<name>a)", "(?:a|b){2,3}", r"\p{Greek}", r"\pL",
        r"\x41\x{1F600}", r"\bword\b", r"\Qa(b\E", "a{2}", "{", r"\(", r"[\w-]+@[\w.]+",
    ],
)  # fmt: skip
def test_a_good_pattern_is_taken(pattern: str, kql_store: Store) -> None:
    assert describe_fault(pattern) == ""
    kql_store.query("SELECT match('x', {p:String})", {"p": pattern})


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("a(b", 'a "(" is not closed'),
        ("a)b", 'a ")" closes nothing'),
        ("[a", 'a "[" is not closed'),
        ("*a", '"*" has nothing to repeat'),
        ("a|+", '"+" has nothing to repeat'),
        ("(?=a)", 'looking ahead, "(?=", is not in RE2'),
        ("(?<!a)b", 'looking behind, "(?<!", is not in RE2'),
        (r"(a)\1", r'the back reference "\1" is not in RE2'),
        ("a\\", 'it ends in a single "\\"'),
        (r"\y", r'"\y" is not an escape'),
    ],
)
def test_a_bad_pattern_is_described(pattern: str, fault: str) -> None:
    assert describe_fault(pattern) == fault


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        ("a", 0),
        ("(a)(b)", 2),
        ("(?:a)(b)", 1),
        ("(?P<n>a(b))", 2),
        (r"\((a)[(]", 1),
        ("(?i)(a)", 1),
    ],
)
def test_groups_of_a_pattern_are_counted(pattern: str, groups: int) -> None:
    assert count_groups(pattern) == groups


# ------------------------------------------------------------------------------- the tables


def test_every_function_and_aggregate_stands_in_a_golden_query() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.kql"))
    called = set(re.findall(r"\b(\w+)\(", text))

    assert {*FUNCTIONS, *AGGREGATES} - called == set()


def test_every_row_says_what_it_does_and_shows_it() -> None:
    for function in (*FUNCTIONS.values(), *AGGREGATES.values()):
        assert function.doc.endswith("."), function.name
        assert f"{function.name}(" in function.example, function.name
        assert function.tier in {1, 2, 3}, function.name
        compile_kql(function.example)


def test_a_signature_names_types_that_there_are() -> None:
    kinds = {each.value for each in ScalarType} | {"any", "text", "number", "bag", "type"}
    for function in (*FUNCTIONS.values(), *AGGREGATES.values()):
        formals = formals_of(function.signature)
        assert len(formals) == len([each for each in function.signature.split(",") if each])
        assert {each.kind for each in formals} <= kinds, function.name


def test_a_refused_function_is_not_in_the_table_too() -> None:
    assert REFUSED.keys() & (FUNCTIONS.keys() | AGGREGATES.keys()) == set()


def test_an_aggregate_gives_its_columns_with_their_names() -> None:
    scope = new_scope()
    node = node_of("percentiles(n, 50, 99.9) == 1")
    assert isinstance(node, syntax.Binary)

    columns = bind_aggregate(node.left, scope)

    assert [(name, bound.type) for name, bound in columns] == [
        ("percentile_n_50", T.LONG),
        ("percentile_n_99_9", T.LONG),
    ]


# ------------------------------------------------------------------------------------- speed


def test_binding_takes_little_time_a_node() -> None:
    node = node_of(
        'timestamp > ago(1d) and bag.parent_run_id == "x" and message has "failed" and '
        'tolong(json.a.b) + 1 > 5 and iff(n > 5, strcat(message, "a"), tolower(message)) != ""'
    )
    nodes = 34
    best = min(_timed(node) for _ in range(20))

    # Measured 3 µs a node on one core of a laptop; the bar leaves room for a busy machine.
    assert best / nodes < 30e-6


def _timed(node: syntax.Expression) -> float:
    scope = new_scope()
    start = time.process_time()
    for _ in range(20):
        scalars.bind_predicate(node, scope)
    return (time.process_time() - start) / 20
