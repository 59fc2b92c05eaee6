"""What the parser makes of KQL, on whole trees."""

from __future__ import annotations

import pytest

from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.parser import parse
from stepsight_collector.kql.printer import print_script, show
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
    Operator,
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
    Statement,
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


def string(value: str) -> Literal:
    return Literal(ScalarType.STRING, value)


def long(value: int) -> Literal:
    return Literal(ScalarType.LONG, value)


def operators(text: str) -> tuple[Operator, ...]:
    return parse("T | " + text).query.operators


def test_a_query_of_the_azure_article_is_read_as_a_whole() -> None:
    text = """
    traces
    | where timestamp > ago(7d)
    | where customDimensions.run_type == "training" and customDimensions["limit"] >= 2
    | summarize n = count() by bin(timestamp, 1h)
    | order by n desc, timestamp asc nulls first
    | limit 10
    """
    week, hour = 7 * 24 * 36_000_000_000, 36_000_000_000

    assert parse(text) == Script(
        (),
        Query(
            Name("traces"),
            (
                Where(
                    Binary(
                        ">",
                        Name("timestamp"),
                        Call("ago", (Literal(ScalarType.TIMESPAN, week),)),
                    )
                ),
                Where(
                    Binary(
                        "and",
                        Binary(
                            "==", Member(Name("customDimensions"), "run_type"), string("training")
                        ),
                        Binary(">=", Index(Name("customDimensions"), string("limit")), long(2)),
                    )
                ),
                Summarize(
                    (Named(("n",), Call("count", ())),),
                    (Call("bin", (Name("timestamp"), Literal(ScalarType.TIMESPAN, hour))),),
                ),
                Order((SortKey(Name("n"), "desc"), SortKey(Name("timestamp"), "asc", "first"))),
                Take(long(10)),
            ),
        ),
    )


X, Y = Name("x"), Name("y")
ROWS: list[tuple[str, object]] = [
    ("where x", Where(X)),
    ("filter x", Where(X)),
    ("project x, n = y, (a, ['b c']) = f(x)",
     Project((X, Named(("n",), Y), Named(("a", "b c"), Call("f", (X,)))))),
    ("project ['a b'] = x", Project((Named(("a b",), X),))),
    ("project-away x, a*, ['b c'], *d*",
     ProjectAway((X, ColumnPattern("a*"), Name("b c"), ColumnPattern("*d*")))),
    ("project-keep *", ProjectKeep((ColumnPattern("*"),))),
    ("project-rename n = x, ['m m'] = ['y y']",
     ProjectRename((Named(("n",), X), Named(("m m",), Name("y y"))))),
    ("project-reorder x, a* desc, * granny-asc",
     ProjectReorder((X, SortKey(ColumnPattern("a*"), "desc"), SortKey(Star(), "granny-asc")))),
    ("extend n = x", Extend((Named(("n",), X),))),
    ("summarize by x", Summarize((), (X,))),
    ("summarize hint.strategy=shuffle count() by x", Summarize((Call("count", ()),), (X,))),
    ("distinct *", Distinct((Star(),))),
    ("sort by x, y asc nulls last", Order((SortKey(X), SortKey(Y, "asc", "last")))),
    ("top 2 + 3 by n = x desc",
     Top(Binary("+", long(2), long(3)), (SortKey(Named(("n",), X), "desc"),))),
    ("take 5", Take(long(5))),
    ("count", Count()),
    ("join (R) on x", Join(Query(Name("R"), ()), (X,))),
    ("join kind=leftouter hint.remote=left R on x and $left.a == $right.b",
     Join(Query(Name("R"), ()),
          (X, Binary("==", Member(Name("$left"), "a"), Member(Name("$right"), "b"))),
          "leftouter")),
    ("join (R | take 5) on x, y", Join(Query(Name("R"), (Take(long(5)),)), (X, Y))),
    ("lookup kind=inner R on x", Lookup(Query(Name("R"), ()), (X,), "inner")),
    ("union R, (S | count)", Union((Name("R"), Query(Name("S"), (Count(),))))),
    ("union kind=inner withsource='a b' isfuzzy=true R, T*",
     Union((Name("R"), ColumnPattern("T*")), "inner", "a b", is_fuzzy=True)),
    ("search kind=case_sensitive x:'a' or * has 'b'",
     Search(Binary("or", Binary("has", X, string("a")), Binary("has", Star(), string("b"))),
            (), "case_sensitive")),
    ("parse x with 'a' n:int * ['b b'] 'c'",
     Parse(X, (ParsePattern(text="a"), ParsePattern(column="n", type=ScalarType.INT),
               ParsePattern(), ParsePattern(column="b b"), ParsePattern(text="c")))),
    ("parse-where kind=regex flags=Ui x with * y",
     Parse(X, (ParsePattern(), ParsePattern(column="y")), "regex", "Ui", drops_others=True)),
    ("parse-kv x as (a:string, b:long) with (quote='\"', greedy=true)",
     ParseKv(X, (Parameter("a", ScalarType.STRING), Parameter("b", ScalarType.LONG)),
             (Named(("quote",), string('"')),
              Named(("greedy",), Literal(ScalarType.BOOL, value=True))))),
    ("parse-kv x as (a:string)", ParseKv(X, (Parameter("a", ScalarType.STRING),))),
    ("parse-kv x as (a:string,) with ()", ParseKv(X, (Parameter("a", ScalarType.STRING),))),
    ("mv-expand x", MvExpand((MvExpandItem(X),))),
    ("mvexpand bagexpansion=array with_itemindex=i n = x to typeof(long), y limit 5",
     MvExpand((MvExpandItem(X, "n", ScalarType.LONG), MvExpandItem(Y)), long(5), "array", "i")),
    ("mv-expand kind=array x", MvExpand((MvExpandItem(X),), None, "array")),
    ("mv-apply with_itemindex=i x to typeof(string) limit 3 on (where x | count)",
     MvApply((MvExpandItem(X, None, ScalarType.STRING),), (Where(X), Count()), long(3), "i")),
    ("make-series n = count() default=0, max(x) on y from 1 to 2 step 3 by x",
     MakeSeries((Named(("n",), Call("count", ())), Call("max", (X,))), (long(0), None), Y,
                long(3), long(1), long(2), (X,))),
    ("make-series kind=nonempty count() on y step 3",
     MakeSeries((Call("count", ()),), (None,), Y, long(3), kind="nonempty")),
    ("make-series count() on y in range(1, 2, 3)",
     MakeSeries((Call("count", ()),), (None,), Y, long(3), long(1), long(2), is_range=True)),
    ("render timechart with (title='a b', ymin=-1, ymax=2.5, ycolumns=x, y, legend=hidden, z=true)",
     Render("timechart", (("title", "a b"), ("ymin", -1), ("ymax", 2.5), ("ycolumns", ("x", "y")),
                          ("legend", "hidden"), ("z", True)))),
    ("render card with ()", Render("card")),
    ("render piechart title='a' kind=stacked",
     Render("piechart", (("title", "a"), ("kind", "stacked")))),
    ("render table with (a=1h, b=int(5), c=+3)",
     Render("table", (("a", 36_000_000_000), ("b", 5), ("c", 3)))),
    ("serialize", Serialize()),
    ("serialize n = row_number()", Serialize((Named(("n",), Call("row_number", ())),))),
    ("sample 5", Sample(long(5))),
    ("sample-distinct 5 of x", SampleDistinct(long(5), X)),
    ("getschema", GetSchema()),
    ("as hint.materialized=true R", As("R")),
    ("evaluate pivot(x, count())", Evaluate(Call("pivot", (X, Call("count", ()))))),
    ("evaluate narrow() : (a:string)",
     Evaluate(Call("narrow", ()), (Parameter("a", ScalarType.STRING),))),
    ("evaluate bag_unpack(x) : (*, a:string)",
     Evaluate(Call("bag_unpack", (X,)), (Parameter("a", ScalarType.STRING),), keeps_input=True)),
    ("evaluate bag_unpack(x) : (*)", Evaluate(Call("bag_unpack", (X,)), keeps_input=True)),
    ("invoke f(x)", Invoke(Call("f", (X,)))),
    ("top-nested 3 of x with others='rest' by n = count() desc, top-nested of y by max(x)",
     TopNested((TopNestedLevel(X, Named(("n",), Call("count", ())), long(3), string("rest"),
                               "desc"),
                TopNestedLevel(Y, Call("max", (X,)))))),
    ("partition hint.strategy=native by x.y (top 1 by x)",
     Partition(Member(X, "y"), (Top(long(1), (SortKey(X),)),))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "node"), ROWS, ids=[text for text, _ in ROWS])
def test_an_operator_is_read_and_printed(text: str, node: Operator) -> None:
    script = parse("T | " + text)

    assert script.query.operators == (node,)
    assert parse(print_script(script)) == script


EXPRESSIONS: list[tuple[str, object]] = [
    ("x or y and x == y", Binary("or", X, Binary("and", Y, Binary("==", X, Y)))),
    ("x == y < 1 + 2 * 3",
     Binary("==", X, Binary("<", Y, Binary("+", long(1), Binary("*", long(2), long(3)))))),
    ("1 - 2 - 3", Binary("-", Binary("-", long(1), long(2)), long(3))),
    ("1 - (2 - 3)", Binary("-", long(1), Binary("-", long(2), long(3)))),
    ("1 + x has 'a'", Binary("+", long(1), Binary("has", X, string("a")))),
    ("-x.y", Unary("-", Member(X, "y"))),
    ("(-x).y", Member(Unary("-", X), "y")),
    ("-(-x)", Unary("-", Unary("-", X))),
    ("+x has 'a'", Binary("has", Unary("+", X), string("a"))),
    ("x <> y", Binary("!=", X, Y)),
    ("x notcontains 'a'", Binary("!contains", X, string("a"))),
    ("x matches regex 'a'", Binary("matches regex", X, string("a"))),
    ("x in (1, 'a')", In("in", X, (long(1), string("a")))),
    ("x !in~ (R | project y)", In("!in~", X, (Query(Name("R"), (Project((Y,)),)),))),
    ("x has_any (y)", In("has_any", X, (Y,))),
    ("x in ()", In("in", X, ())),
    ("x between (1 .. 2)", Between(X, long(1), long(2), is_negated=False)),
    ("x !between (1..y + 2)", Between(X, long(1), Binary("+", Y, long(2)), is_negated=True)),
    ("x.limit.['a b'][0]['k']",
     Index(Index(Member(Member(X, "limit"), "a b"), long(0)), string("k"))),
    ("['a b'].c", Member(Name("a b"), "c")),
    ("f()", Call("f", ())),
    ("f(x, a = 1, *)", Call("f", (X, Named(("a",), long(1)), Star()))),
    ("toscalar(R | count)", Call("toscalar", (Query(Name("R"), (Count(),)),))),
    ("toscalar(print 1)", Call("toscalar", (Print((long(1),)),))),
    ("f((R | count), x)", Call("f", (Query(Name("R"), (Count(),)), X))),
    ("f(range(1, 2), print(1))", Call("f", (Call("range", (long(1), long(2))),
                                            Print((long(1),))))),
    ("typeof(string)", Typeof((ScalarType.STRING,))),
    ("typeof(*)", Typeof(())),
    ("typeof(string, long)", Typeof((ScalarType.STRING, ScalarType.LONG))),
    ("((x))", X),
    ("kind + limit + count", Binary("+", Binary("+", Name("kind"), Name("limit")), Name("count"))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "node"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_an_expression_is_read_and_printed(text: str, node: object) -> None:
    script = parse(f"T | where {text}")

    assert script.query.operators == (Where(node),)  # type: ignore[arg-type] # any expression
    assert parse(print_script(script)) == script


ONE = Print((long(1),))
SOURCES: list[tuple[str, object]] = [
    ("T", Query(Name("T"), ())),
    ("['a b']", Query(Name("a b"), ())),
    ("((T))", Query(Name("T"), ())),
    ("(T | count)", Query(Name("T"), (Count(),))),
    ("(T | count) | take 1", Query(Query(Name("T"), (Count(),)), (Take(long(1)),))),
    ("f(1) | count", Query(Call("f", (long(1),)), (Count(),))),
    ("app('a').T", Query(Member(Call("app", (string("a"),)), "T"), ())),
    ("print 1", Query(ONE, ())),
    ("range x from 1 to 5 step 2 | count",
     Query(Range("x", long(1), long(5), long(2)), (Count(),))),
    ("datatable (a:string, b:long) ['x', 1,]",
     Query(DataTable((Parameter("a", ScalarType.STRING), Parameter("b", ScalarType.LONG)),
                     (string("x"), long(1))), ())),
    ("union T, (print 1), (union R, S)",
     Query(Union((Name("T"), ONE, Union((Name("R"), Name("S"))))), ())),
    ("union *", Query(Union((ColumnPattern("*"),)), ())),
    ("search in (T, R*) 'a'", Query(Search(string("a"), (Name("T"), ColumnPattern("R*"))), ())),
    ("find withsource=S in (T) where x project y",
     Query(Find(X, (Name("T"),), (Y,), "S"), ())),
    ("find x", Query(Find(X), ())),
    ("find in (T) where x project-smart", Query(Find(X, (Name("T"),), is_project_smart=True), ())),
]  # fmt: skip


@pytest.mark.parametrize(("text", "query"), SOURCES, ids=[text for text, _ in SOURCES])
def test_a_source_is_read_and_printed(text: str, query: object) -> None:
    script = parse(text)

    assert script.query == query
    assert parse(print_script(script)) == script


STATEMENTS: list[tuple[str, object]] = [
    ("let a = 5", Let("a", long(5))),
    ("let ['a b'] = T | count", Let("a b", Query(Name("T"), (Count(),)))),
    ("let a = range x from 1 to 2 step 1", Let("a", Range("x", long(1), long(2), long(1)))),
    ("let a = ['range'] + range", Let("a", Binary("+", Name("range"), Name("range")))),
    ("let a = (union (R), S)", Let("a", Union((Name("R"), Name("S"))))),
    ("let a = (externaldata)", Let("a", Name("externaldata"))),
    ("let a = (x)", Let("a", X)),
    ("let f = () { 1 }", Let("f", Function((), (), long(1)))),
    ("let f = view () { T }", Let("f", Function((), (), Name("T"), is_view=True))),
    ("let f = (a:string, b:long = 5) { let c = a; T | where x; }",
     Let("f", Function((Parameter("a", ScalarType.STRING),
                        Parameter("b", ScalarType.LONG, long(5))),
                       (Let("c", Name("a")),), Query(Name("T"), (Where(X),))))),
    ("let f = (['a b']:(x:int), c:(*)) { 1 }",
     Let("f", Function((Parameter("a b", None, None, (Parameter("x", ScalarType.INT),)),
                        Parameter("c", None)), (), long(1)))),
    ("set notruncation", SetOption("notruncation")),
    ("set query_now = datetime(null)",
     SetOption("query_now", Literal(ScalarType.DATETIME, None))),
    ("declare query_parameters(a:string = 'x', b:long)",
     Declare((Parameter("a", ScalarType.STRING, string("x")),
              Parameter("b", ScalarType.LONG)))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "node"), STATEMENTS, ids=[text for text, _ in STATEMENTS])
def test_a_statement_is_read_and_printed(text: str, node: Statement) -> None:
    script = parse(f"{text};\nT")

    assert script == Script((node,), Query(Name("T"), ()))
    assert parse(print_script(script)) == script


def diagnostics(text: str, **options: int) -> list[tuple[str, str]]:
    """Code and marked text of all that is wrong."""
    with pytest.raises(KqlError) as caught:
        parse(text, **options)
    return [(each.code, text[each.span.start : each.span.end]) for each in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("T | where a = 1 | tke 5 | take", [("syntax", "="), ("unknown_operator", "tke"),
                                            ("syntax", "")]),
        ("T | join (R | where a = 1 | tke 5) on x | take ,",
         [("syntax", "="), ("unknown_operator", "tke"), ("syntax", ",")]),
        ("let a = 1 +; let b = ); T | tke 5", [("syntax", ";"), ("syntax", ")"),
                                               ("unknown_operator", "tke")]),
        ("T | where f(a = 1, (b ! c) | take 5", [("syntax", "!")]),
        ("T | where x[1 | take ,", [("syntax", "|"), ("syntax", ",")]),
        ("T where x | tke 5", [("syntax", "where"), ("unknown_operator", "tke")]),
        ("T | where x) | tke 5", [("syntax", ")"), ("unknown_operator", "tke")]),
        ("T | join (R | where (x = 1", [("syntax", "=")]),
        ("T | fork (take 5) | facet by x", [("unsupported", "fork"), ("unsupported", "facet")]),
        ('T | where x == "a\n| take "b', [("syntax", '"a'), ("syntax", '"b')]),
        ("T | parse kind=simple flags=1 x with y | render table with (a)", [("syntax", ")")]),
        ("T | mv-expand (a, b) = x", [("syntax", "")]),
        ("T | parse-kv x as (a:string) with (quotes='x')", [("syntax", "quotes")]),
        ("T | parse-kv x as (a:string) with quote='x'", [("syntax", "quote")]),
        ("T | parse-kv x as (a:string) with (quote=5)", [("syntax", "5")]),
        ("T | mv-expand x to typeof long", [("syntax", "long")]),
        ("T | mv-apply x on take 5", [("syntax", "take")]),
        ("T | make-series count() on x in range 1", [("syntax", "1")]),
        ("T | top-nested 3 of x by y, take 5", [("syntax", "take")]),
        ("T | partition by x take 5", [("syntax", "take")]),
        ("T | evaluate typeof(long)", [("syntax", ")")]),
        ("T | evaluate 5", [("syntax", "5")]),
        ("T | project-away 5", [("syntax", "5")]),
        ("T | union kind=inner", [("syntax", "")]),
        ("T | as hint.x y R", [("syntax", "y")]),
        ("find in T where x", [("syntax", "T")]),
        ("datatable a:string ['x']", [("syntax", "a")]),
        ("T | project ['a'].b = x", [("syntax", "=")]),
        ("datatable () []", [("syntax", "[]")]),
        ("datatable (*, a:string) ['x']", [("unsupported", "*")]),
        ("print typeof(5)", [("syntax", "5")]),
        ("T | where x matches 'a'", [("syntax", "'a'")]),
        ("T | where x not like 'a'", [("syntax", "not like")]),
        ("T | where x not y", [("syntax", "not")]),
        ("T | where x is here", [("syntax", "is")]),
        ("T | where x starts 'a'", [("syntax", "starts")]),
        ("T | where x & y", [("syntax", "&")]),
    ],
)  # fmt: skip
def test_several_errors_are_found_each_at_its_place(
    text: str, found: list[tuple[str, str]]
) -> None:
    assert diagnostics(text) == found


def test_so_many_errors_are_reported_and_no_more() -> None:
    assert len(diagnostics("T" + "| tke 5" * 100)) == 20


def test_a_query_may_be_so_long() -> None:
    text = "T | take 5"

    assert parse(text, max_chars=len(text))
    assert diagnostics(text, max_chars=len(text) - 1) == [("limit", "5")]


@pytest.mark.parametrize(
    ("deep", "code"),
    [
        ("T | where " + "(" * 5000 + "x" + ")" * 5000, "limit"),
        ("T | where " + " or ".join(["x"] * 500), "limit"),
        ("T | where " + "f(" * 5000, "limit"),
        ("T | where x" + ".a" * 5000, "limit"),
        ("T | where x" + "[1" * 5000, "limit"),
        ("print dynamic(" + "[" * 5000, "limit"),
        ("print dynamic(" + '{"a":' * 5000, "limit"),
        ("(" * 5000 + "T", "limit"),
        ("T" + " | join (T" * 5000, "limit"),
        ("T" + " | mv-apply x on (mv-apply x on (" * 5000, "limit"),
        ("let f = " + "() { let f = " * 5000, "limit"),
        ("T | where x in " + "(x in " * 5000, "limit"),
        ("T | where x between " + "(x between " * 5000, "limit"),
        ("print " + "-" * 5000 + "1", "syntax"),
    ],
)
def test_a_deep_query_gets_a_clear_error(deep: str, code: str) -> None:
    assert {each for each, _ in diagnostics(deep)} >= {code}


def test_a_query_as_deep_as_it_may_be_is_read_and_printed() -> None:
    brackets = parse("T | where " + "f(" * 59 + "x" + ")" * 59)
    chain = parse("T | where " + " or ".join(["x == 1"] * 140))

    for script in (brackets, chain):
        assert parse(print_script(script)) == script


def test_spans_cover_what_they_stand_for() -> None:
    text = "T | where  strlen( x ) >= 5 | take 3"
    where, take = parse(text).query.operators
    assert isinstance(where, Where)
    comparison = where.predicate
    assert isinstance(comparison, Binary)
    assert isinstance(comparison.left, Call)

    places = [where.span, take.span, comparison.span, comparison.operator_span,
              comparison.left.span, comparison.left.name_span]  # fmt: skip
    assert [text[place.start : place.end] for place in places] == [
        "where  strlen( x ) >= 5", "take 3", "strlen( x ) >= 5", ">=", "strlen( x )", "strlen",
    ]  # fmt: skip


def test_nothing_but_a_node_is_printed() -> None:
    with pytest.raises(TypeError, match="int is not a node of the syntax tree"):
        show(5)
