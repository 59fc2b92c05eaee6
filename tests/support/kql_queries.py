"""Random small tables and random queries of the first tier over them, as hypothesis strategies."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["queries"]

COLUMNS = {"a": "long", "b": "string", "c": "real", "t": "datetime", "ok": "bool"}
WORDS = ("", "alpha", "Alpha beta", "beta_gamma", "x-y", "100%", "e_r", "É t")
_LONGS = st.one_of(st.just("long(null)"), st.integers(-9, 9).map(str))
_STRINGS = st.sampled_from(WORDS).map(lambda word: f'"{word}"')
_REALS = st.one_of(st.just("real(null)"), st.integers(-20, 20).map(lambda n: str(n / 4)))
_TIMES = st.one_of(
    st.just("datetime(null)"),
    st.tuples(st.integers(1, 3), st.integers(0, 23), st.integers(0, 59)).map(
        lambda at: f"datetime(2025-03-{at[0]:02d} {at[1]:02d}:{at[2]:02d})"
    ),
)
_TRUTHS = st.sampled_from(("true", "false", "bool(null)"))
_VALUES = {"a": _LONGS, "b": _STRINGS, "c": _REALS, "t": _TIMES, "ok": _TRUTHS}


@st.composite
def _table(draw: st.DrawFn, columns: tuple[str, ...] = tuple(COLUMNS), most: int = 6) -> str:
    rows = draw(st.integers(1, most))
    values = [draw(_VALUES[name]) for _ in range(rows) for name in columns]
    schema = ", ".join(f"{name}:{COLUMNS[name]}" for name in columns)
    return f"datatable({schema})[{', '.join(values)}]"


_TEXT_OPERATORS = st.sampled_from(
    (
        "==", "!=", "=~", "!~", "contains", "!contains", "contains_cs", "startswith", "!startswith",
        "endswith", "has", "!has", "has_cs", "startswith_cs", "!endswith",
    )
)  # fmt: skip
_TEXTS = st.sampled_from(('"alpha"', '"beta"', '"ALPHA BETA"', '"x"', '"e_r"', '"%"'))
_SIMPLE = st.one_of(
    st.tuples(st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), st.integers(-9, 9)).map(
        lambda parts: f"a {parts[0]} {parts[1]}"
    ),
    st.tuples(st.sampled_from(("<", "<=", ">", ">=")), st.integers(-9, 9)).map(
        lambda parts: f"c {parts[0]} {parts[1]}.5"
    ),
    st.tuples(_TEXT_OPERATORS, _TEXTS).map(lambda parts: f"b {parts[0]} {parts[1]}"),
    st.sampled_from(
        (
            "t < datetime(2025-03-02 06:00)", "t >= datetime(2025-03-02 06:00)", "isnull(a)",
            "isnotnull(c)", "isempty(b)", "isnotempty(b)", "isnull(t)", "ok", "a in (1, 2, -3)",
            "a !in (1, 2, -3)", 'b in ("alpha", "x-y")',
        )
    ),
)  # fmt: skip
_CONDITION = st.one_of(
    _SIMPLE,
    _SIMPLE.map(lambda one: f"not({one})"),
    st.tuples(_SIMPLE, st.sampled_from(("and", "or")), _SIMPLE).map(
        lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
    ),
)
_ADDED = st.sampled_from(
    (
        "n = a + 1", "n = a * 2 - 1", "n = a % 4", "n = strlen(b)", "n = iff(a > 0, 1, 0)",
        "n = toint(c)", "n = bin(a, 4)", "a = a * 10", "s = strcat(b, '-', tostring(a))",
        "s = toupper(b)", "s = substring(b, 1, 3)", "d = bin(t, 6h)", "d = startofday(t)",
        "r = round(c, 0)", "r = todouble(a) / 4", "n = coalesce(a, 99)",
        "s = case(a > 2, 'big', a < 0, 'neg', 'mid')", "d = t + 90m",
        "s = replace_string(b, 'a', 'o')", "n = tolong(b)", "r = abs(c)",
    )
)  # fmt: skip
_AGGREGATES = st.sampled_from(
    (
        "count()", "sum(a)", "min(a)", "max(c)", "avg(c)", "countif(a > 0)", "dcount(b)",
        "max(t)", "sumif(a, ok)", "min(t)", "n = count(), m = max(a)", "stdev(a)",
    )
)  # fmt: skip
_KEYS = st.sampled_from(("b", "ok", "bin(t, 1d)", "a", "b, ok", "k = a % 3", "tolower(b)"))


@st.composite
def _stage(draw: st.DrawFn) -> str:
    """An operator that keeps all columns."""
    kind = draw(st.integers(0, 3))
    if kind <= 1:
        return f"where {draw(_CONDITION)}"
    if kind == 2:
        return f"extend {draw(_ADDED)}"
    return "project-rename a2 = c | project-rename c = a2"


_JOINS = st.sampled_from(
    ("inner", "leftouter", "rightouter", "fullouter", "leftsemi", "leftanti", "rightsemi")
)
_LAST = st.one_of(
    st.tuples(_AGGREGATES, _KEYS).map(lambda parts: f"summarize {parts[0]} by {parts[1]}"),
    _AGGREGATES.map(lambda each: f"summarize {each}"),
    _ADDED.map(lambda each: f"project b, {each}"),
    st.sampled_from(("count", "distinct b", "distinct b, ok", "project-away t, c")),
    st.tuples(_JOINS, _table(("b", "a"), 4)).map(
        lambda parts: f"join kind={parts[0]} ({parts[1]}) on b"
    ),
    st.sampled_from(("asc", "desc")).map(
        lambda way: f"order by a {way}, b {way}, c {way} | project a, b, c"
    ),
)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A query: a table, up to three operators that keep its columns, and one more."""
    stages = draw(st.lists(_stage(), max_size=3))
    return " | ".join((draw(_table()), *stages, draw(_LAST)))
