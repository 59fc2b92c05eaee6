"""A tree that is printed and parsed again is the same tree, whatever names and texts it has."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepsight_collector.kql import syntax
from stepsight_collector.kql.constants import MAX_DATETIME
from stepsight_collector.kql.errors import Diagnostic, KqlError
from stepsight_collector.kql.parser import parse
from stepsight_collector.kql.printer import print_script
from stepsight_collector.kql.syntax import (
    As,
    Between,
    Binary,
    Call,
    ColumnPattern,
    Count,
    DataTable,
    Declare,
    Distinct,
    Evaluate,
    Extend,
    Find,
    Function,
    GetSchema,
    In,
    Index,
    Invoke,
    Join,
    Let,
    Literal,
    Lookup,
    MakeSeries,
    Member,
    MvApply,
    MvExpand,
    MvExpandItem,
    Name,
    Named,
    Order,
    Parameter,
    Parse,
    ParseKv,
    ParsePattern,
    Partition,
    Print,
    Project,
    ProjectAway,
    ProjectKeep,
    ProjectRename,
    ProjectReorder,
    Query,
    Range,
    Render,
    Sample,
    SampleDistinct,
    Script,
    Search,
    Serialize,
    SetOption,
    SortKey,
    Star,
    Summarize,
    Take,
    Top,
    TopNested,
    TopNestedLevel,
    Typeof,
    Unary,
    Union,
    Where,
)
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Trees = Any  # strategies of unions of nodes
T = ScalarType

# Words of the language, ugly texts, and what people write.
WORDS = st.sampled_from(
    ["by", "kind", "limit", "on", "in", "has", "int", "dynamic", "print", "true", "null", "hint",
     "let", "view", "typeof", "range", "customDimensions", "x", "a b", "", "ä", "a-b", "$left",
     "1a", "12", "project-away", "with_itemindex", "a'b\"c\\", "\n", "h", "de", "e1", "desc"]
)  # fmt: skip
TEXT = st.text(st.characters(codec=None), max_size=8) | WORDS
NAMES = WORDS | TEXT
PLAIN = st.sampled_from(["bag_unpack", "pivot"])
FUNCTIONS = st.sampled_from(["strlen", "count", "bin", "iff", "f", "not", "take", "toscalar"])
LONGS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False)
GUIDS = st.uuids().map(str)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
VALUES: dict[ScalarType, SearchStrategy[Any]] = {
    T.BOOL: st.booleans(),
    T.INT: st.integers(-(2**31), 2**31 - 1),
    T.LONG: LONGS,
    T.REAL: FLOATS,
    T.DECIMAL: DECIMALS,
    T.DATETIME: st.integers(0, MAX_DATETIME),
    T.TIMESPAN: st.integers(-(2**62), 2**62),
    T.GUID: GUIDS,
}
TYPES = st.sampled_from(ScalarType)
LITERALS: Trees = st.one_of(
    [st.builds(Literal, st.just(kind), st.none() | values) for kind, values in VALUES.items()]
    + [st.builds(Literal, st.just(T.STRING), TEXT), st.builds(Literal, st.just(T.DYNAMIC), JSON)]
)
ORDERS = st.none() | st.sampled_from(["asc", "desc"])
OPERATORS = st.sampled_from(
    ["or", "and", "==", "!=", "<", ">=", "+", "-", "*", "/", "%", "=~", "!~", "has", "!has_cs",
     "contains", "!startswith", "matches regex", "hasprefix_cs"]
)  # fmt: skip
LISTS = st.sampled_from(["in", "!in", "in~", "!in~", "has_any", "has_all"])


def tuples(items: Trees, least: int = 1, most: int = 3) -> Trees:
    return st.lists(items, min_size=least, max_size=most).map(tuple)


def expressions_of(inner: Trees) -> Trees:
    """Expressions whose parts are `inner`."""
    named = st.builds(Named, st.tuples(st.from_regex(r"[a-z]{2}_", fullmatch=True)), inner)
    return st.one_of(
        st.builds(Member, inner, NAMES),
        st.builds(Index, inner, inner),
        st.builds(Call, FUNCTIONS, tuples(inner | named, 0)),
        st.builds(Unary, st.sampled_from(["-", "+"]), inner),
        st.builds(Binary, OPERATORS, inner, inner),
        st.builds(In, LISTS, inner, tuples(inner)),
        st.builds(Between, inner, inner, inner, st.booleans()),
        st.builds(Typeof, tuples(TYPES, 0)),
    )


LEAVES: Trees = LITERALS | st.builds(Name, NAMES) | st.builds(Star)
SIMPLE: Trees = st.recursive(LEAVES, expressions_of, max_leaves=6)
NAME_NODES: Trees = st.builds(Name, NAMES)
PATTERNS: Trees = st.sampled_from(["*", "a*", "*b", "a*b", "x_*y*"]).map(ColumnPattern)
CHOSEN: Trees = NAME_NODES | PATTERNS


def columns_of(values: Trees) -> Trees:
    several = st.lists(NAMES, min_size=1, max_size=2).map(tuple)
    return values | st.builds(Named, several, values)


PARAMETERS: Trees = st.builds(Parameter, NAMES, TYPES)


def not_two_texts(parts: tuple[ParsePattern, ...]) -> bool:
    """Two texts in a row are one text."""
    return not any(a.text is not None and b.text is not None for a, b in pairwise(parts))


PARTS: Trees = tuples(
    st.builds(ParsePattern)
    | st.builds(ParsePattern, text=TEXT)
    | st.builds(ParsePattern, column=NAMES, type=st.none() | TYPES),
    most=4,
).filter(not_two_texts)
PROPERTIES: Trees = tuples(
    st.tuples(
        st.sampled_from(["title", "ymin"]),
        TEXT | st.booleans() | st.integers(-1000, 1000) | st.just(1.5),
    )
    | st.tuples(st.just("ycolumns"), tuples(NAMES)),
    0,
)
KV_OPTIONS: Trees = tuples(
    st.builds(
        Named,
        st.tuples(st.sampled_from(["quote", "pair_delimiter", "greedy"])),
        st.builds(Literal, st.just(T.STRING), TEXT)
        | st.builds(Literal, st.just(T.BOOL), st.booleans()),
    ),
    0,
)
SORT_KEYS: Trees = st.builds(
    SortKey, columns_of(SIMPLE), ORDERS, st.none() | st.sampled_from(["first", "last"])
)


def is_condition(node: Any) -> bool:
    """`and` and `or` separate conditions, or need parentheses that `on` reads as such."""
    return not (isinstance(node, Binary) and node.operator == "and")


def series(values: Trees) -> Trees:
    """make-series, with as many defaults as aggregates."""

    def build(
        pairs: list[tuple[Any, Any]], axis: Any, extent: tuple[Any, ...], keys: Any, kind: Any
    ) -> MakeSeries:
        start, stop, step, is_range = extent
        aggregates, defaults = zip(*pairs, strict=True)
        return MakeSeries(aggregates, defaults, axis, step, start, stop, keys, kind, is_range)

    extent = st.tuples(values, values, values, st.booleans()) | st.tuples(
        st.none() | values, st.none() | values, values, st.just(False)
    )
    pair = st.tuples(columns_of(values), st.none() | values)
    return st.builds(
        build,
        st.lists(pair, min_size=1, max_size=2),
        values,
        extent,
        tuples(columns_of(values), 0),
        st.none() | st.just("nonempty"),
    )


def rows(columns: tuple[Parameter, ...], values: list[Any]) -> DataTable:
    whole = len(values) - len(values) % len(columns)
    return DataTable(columns, tuple(values[:whole]))


def sources_of(tables: Trees) -> Trees:
    """What begins with a word of its own."""
    column = st.none() | NAMES
    return st.one_of(
        st.builds(Range, NAMES, SIMPLE, SIMPLE, SIMPLE),
        st.builds(rows, tuples(PARAMETERS), st.lists(SIMPLE, max_size=4)),
        st.builds(Print, tuples(columns_of(SIMPLE))),
        st.builds(
            Union, tuples(tables), st.sampled_from(["outer", "inner"]), column, st.booleans()
        ),
        st.builds(
            Search,
            SIMPLE,
            tuples(tables, 0),
            st.sampled_from(["case_sensitive", "case_insensitive"]),
        ),
        st.builds(Find, SIMPLE, tuples(tables, 0), tuples(columns_of(SIMPLE), 0), column),
        st.builds(Find, SIMPLE, tuples(tables, 0), st.just(()), column, st.just(value=True)),
    )


def operators_of(queries: Trees, pipes: Trees) -> Trees:
    """Every operator, with other queries inside."""
    columns = tuples(columns_of(SIMPLE))
    items = tuples(st.builds(MvExpandItem, SIMPLE, st.none() | NAMES, st.none() | TYPES))
    right = queries.map(as_query)
    conditions = tuples(SIMPLE.filter(is_condition))
    kinds = st.none() | st.sampled_from(["inner", "leftouter"])
    limit = st.none() | SIMPLE
    column = st.none() | NAMES
    plugin = st.builds(Call, PLAIN, tuples(SIMPLE, 0))
    rename = st.builds(Named, st.tuples(NAMES), NAME_NODES)
    reordered = NAME_NODES | PATTERNS.filter(lambda each: each.pattern != "*") | st.builds(Star)
    granny = st.sampled_from(["asc", "desc", "granny-asc", "granny-desc"])
    path = st.recursive(NAME_NODES, lambda inner: st.builds(Member, inner, NAMES), max_leaves=3)
    level = st.builds(TopNestedLevel, columns_of(SIMPLE), columns_of(SIMPLE), limit, limit, ORDERS)
    return st.one_of(
        st.builds(Where, SIMPLE),
        st.builds(Project, columns),
        st.builds(ProjectAway, tuples(CHOSEN)),
        st.builds(ProjectKeep, tuples(CHOSEN)),
        st.builds(ProjectRename, tuples(rename)),
        st.builds(ProjectReorder, tuples(reordered | st.builds(SortKey, reordered, granny))),
        st.builds(Extend, columns),
        st.builds(Summarize, columns, tuples(columns_of(SIMPLE), 0)),
        st.builds(Summarize, st.just(()), columns),
        st.builds(Distinct, columns),
        st.builds(Order, tuples(SORT_KEYS)),
        st.builds(Take, SIMPLE),
        st.builds(Top, SIMPLE, st.tuples(SORT_KEYS)),
        st.builds(Count),
        st.builds(Join, right, conditions, kinds),
        st.builds(Lookup, right, conditions, kinds),
        st.builds(Union, tuples(queries), st.just("outer"), column, st.booleans()),
        st.builds(Search, SIMPLE),
        st.builds(
            Parse,
            SIMPLE,
            PARTS,
            st.sampled_from(["simple", "regex", "relaxed"]),
            st.sampled_from(["", "U", "is"]),
            st.booleans(),
        ),
        st.builds(ParseKv, SIMPLE, tuples(PARAMETERS), KV_OPTIONS),
        st.builds(MvExpand, items, limit, st.sampled_from(["bag", "array"]), column),
        st.builds(MvApply, items, pipes, limit, column),
        series(SIMPLE),
        st.builds(Render, st.sampled_from(["timechart", "3Dchart"]), PROPERTIES),
        st.builds(Serialize, tuples(columns_of(SIMPLE), 0)),
        st.builds(Sample, SIMPLE),
        st.builds(SampleDistinct, SIMPLE, columns_of(SIMPLE)),
        st.builds(GetSchema),
        st.builds(As, NAMES),
        st.builds(Evaluate, plugin, tuples(PARAMETERS, 0), keeps_input=st.booleans()),
        st.builds(TopNested, tuples(level, most=2)),
        st.builds(Partition, path, pipes),
        st.builds(Invoke, st.builds(Call, FUNCTIONS, tuples(SIMPLE, 0))),
    )


def as_query(node: Any) -> Query:
    return node if isinstance(node, Query) else Query(node, ())


TABLES: Trees = (
    NAME_NODES
    | st.builds(Call, FUNCTIONS, tuples(SIMPLE, 0))
    | st.builds(Member, st.builds(Call, st.just("app"), tuples(SIMPLE)), NAMES)
)


def queries_of(tables: Trees, begins: Trees) -> Trees:
    """Queries that begin with `begins`, and unions and the like over `tables`.

    A source alone is no Query where an expression stands.
    """
    simple_pipes = tuples(st.builds(Take, SIMPLE) | st.builds(Count) | st.builds(Where, SIMPLE))
    sources = sources_of(tables)
    pipes = tuples(operators_of(begins, simple_pipes))
    return sources | st.builds(Query, begins | sources, pipes)


TABULAR: Trees = NAME_NODES | queries_of(TABLES | PATTERNS, TABLES)
TABULAR = TABLES | queries_of(TABLES | PATTERNS | TABULAR, TABLES | TABULAR)
CALLS: Trees = st.builds(
    lambda name, first, others: Call(name, (first, *others)),
    FUNCTIONS,
    TABULAR,
    tuples(SIMPLE, 0, 1),
)
DEFAULTS: Trees = st.builds(Parameter, NAMES, TYPES, st.none() | SIMPLE)
ARGUMENTS: Trees = DEFAULTS | st.builds(
    Parameter, NAMES, st.none(), st.none(), tuples(PARAMETERS, 0)
)
BODIES: Trees = SIMPLE | CALLS | TABULAR
STATEMENTS: Trees = st.one_of(
    st.builds(Let, NAMES, BODIES),
    st.builds(SetOption, NAMES, st.none() | SIMPLE),
    st.builds(Declare, tuples(DEFAULTS)),
)
FUNCTION: Trees = st.builds(
    Function, tuples(ARGUMENTS, 0), tuples(STATEMENTS, 0, 2), BODIES, is_view=st.booleans()
)
LETS: Trees = tuples(STATEMENTS | st.builds(Let, NAMES, FUNCTION), 0)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    return Script(draw(LETS), as_query(draw(TABULAR)))


@given(scripts())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_printed_is_read_as_the_same_tree(script: Script) -> None:
    text = print_script(script)

    assert parse(text) == script, text


@given(st.text(st.sampled_from("|;()[]{}=!\"'@.,*- \nabh1<>~:`&") | st.characters(), max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_tree_or_diagnostics_inside_of_it(text: str) -> None:
    parsed(text)


def parsed(text: str) -> Script | None:
    """The tree, or None where there are diagnostics; their spans are checked."""
    diagnostics: tuple[Diagnostic, ...] = ()
    try:
        return parse(text)
    except KqlError as error:
        diagnostics = error.diagnostics
    assert diagnostics
    for each in diagnostics:
        assert 0 <= each.span.start <= each.span.end <= len(text)
    return None


PIECES = st.sampled_from(
    ["traces", "|", "where", "x", "==", "1", "and", "(", ")", "[", "]", "{", "}", ",", ";", ".",
     "..", "=", '"a"', "'b", "by", "summarize", "count()", "join", "on", "let", "f", "datetime(",
     "dynamic(", "between", "in", "!in", "has", "5", "1d", "project-away", "extend", "union",
     "range", "print", "-", "*", "/", "as"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map(" ".join))
@settings(max_examples=500, deadline=None)
def test_any_order_of_words_is_a_tree_or_diagnostics(text: str) -> None:
    script = parsed(text)

    assert script is None or parse(print_script(script)) == script


def test_every_node_of_the_tree_is_tried() -> None:
    refused = {"Consume", "Facet", "Fork", "ReduceBy", "Scan"}  # the parser refuses their words
    aliases = {"Expression", "Operator", "Source", "Statement", "Span"}
    tried = {name for name in globals() if name in syntax.__all__}

    assert set(syntax.__all__) - refused - aliases - tried == set()


def test_a_decimal_keeps_its_digits() -> None:
    query = Query(Print((Literal(T.DECIMAL, Decimal("1.10")),)), ())

    assert print_script(Script((), query)) == "print decimal(1.10)"
