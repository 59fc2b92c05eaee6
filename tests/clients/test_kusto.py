"""Microsoft's own parser and ours agree on the golden queries: what is right, and its columns."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kql_store import load_cases
from stepsight_collector.kql.aggregate_table import AGGREGATES
from stepsight_collector.kql.compile import check
from stepsight_collector.kql.errors import KqlError
from stepsight_collector.kql.functions import FUNCTIONS
from stepsight_collector.kql.functions.table import formals_of
from stepsight_collector.kql.parser import parse
from stepsight_collector.query.catalog import SCHEMA

if TYPE_CHECKING:
    from kql_store import Case
    from stepsight_collector.kql.functions.table import Function

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent / "kusto"
CACHE = Path(__file__).parents[2] / ".cache" / "kusto-parser"
GOLDEN = Path(__file__).parents[1] / "golden" / "kql"
BAD = Path(__file__).parents[1] / "golden" / "kql_errors"


# Where we decided otherwise, by the golden query's claim, and why.
_NAME = "a name that no place of the grammar needs as a word may stand without brackets here"
_ARRAY = "a constant that is no array is refused there; here it gives null, as a column's would"
_REAL = "a number of unknown type is a real, so that 0.5 is not lost"
_VIEW = "that parser does not look for views by pattern; the documentation's examples do"
SYNTAX = {
    "in~ and !in take a query for their list": _NAME,
    "a null severity differs from every number": _NAME,
    "array_sort of several arrays in a dimension, where only some are named": (
        "one name may stand in parentheses here; there it takes two"
    ),
}
VERDICTS = {
    "make_timespan of hours and minutes, with seconds, with days": (
        "the documentation's own example has seconds with a fraction"
    ),
    "array_concat and array_reverse": _ARRAY,
    "array_sort puts nulls last, and numbers by their size": _ARRAY,
    "array_sum adds numbers up": _ARRAY,
    "array_index_of gives -1 for what is not there": _ARRAY,
    "functions on bags": "as with arrays: a constant that is no bag gives null here",
    "functions of one series": _ARRAY,
    "a dynamic compares with a text, a number, a bool and a time": (
        "what dimensions hold is compared without a conversion"
    ),
    "iff, case and coalesce of dimensions": "coalesce() takes a dynamic with a text here",
    "a dynamic may be a key": "the text of a dimension is the key; Kusto asks for tostring()",
    "a pattern takes views that match": _VIEW,
    "search finds views of let": _VIEW,
}
COLUMNS = {
    "sets have each element once": "jaccard_index is a real by its documentation",
    "a column that exists is replaced where it stands": (
        "that parser keeps a column of another type beside the new one"
    ),
    "a dynamic counts as a number": _REAL,
    "a dimension compares as a number where its partner is one": _REAL,
    "a path goes on into the JSON that a dimension holds": _REAL,
    "the whole bag as text and as JSON": _REAL,
    "measurements are numbers": _REAL,
    "kind=inner keeps what all have": "that parser does not look at the kind of a union",
    "a name that is taken gets a number": "that parser lists the columns in another order",
}
# Functions whose column has another name or type there, with arguments that are columns.
FUNCTIONS_APART = {
    "array_sort_asc": "a column of arrays that are sorted has no name of its own here",
    "array_sort_desc": "a column of arrays that are sorted has no name of its own here",
    "jaccard_index": "a real by its documentation",
    "make_datetime": "named after its argument there only if it has just one",
    "make_timespan": "named after its argument there only if it has just one",
}
# Bad queries that are told nothing there, and what we say no to. Those of what is not supported
# are apart: it is KQL, and not ours.
SILENT_THERE = {
    "constants are not looked into": {
        "traces | extend x = 99999999999999999999",
        "traces | extend x = 200000000d",
        "traces | where timestamp > datetime(2024-13-01)",
        "traces | where timestamp > datetime(yesterday)",
        "traces | extend x = int(severityLevel)",
        'traces | extend x = long("many")',
        "traces | extend x = bool(yes)",
        "traces | extend x = guid(123)",
        "traces | extend x = timespan(25:00:00)",
        "traces | summarize percentile(severityLevel, 150)",
    },
    "times that the engine cannot hold": {
        "traces | extend t = coalesce(timestamp, datetime(9999-12-31))",
        "range t from datetime(2262-04-01) to datetime(2262-05-01) step 1d",
        "datatable(t:datetime)[datetime(0001-01-01)]",
        "let old = datetime(1600-01-01); print startofday(old)",
    },
    "several results of one call are columns of extend, project and print": {
        'traces | where array_sort_asc(customDimensions.a, customDimensions.b) == ""',
        "print x = strlen(tostring(array_sort_asc(dynamic([2, 1]), dynamic([1, 2]))))",
        "print array_sort_asc(dynamic([2, 1]), now() > now(1h) or rand() > 1)",
    },
    "nothing is asked for": {
        "",
        "   // only a comment",
        "let x = 5",
        "let x = 5;",
        "traces | project",
        "traces | parse message with",
        '"traces" | take 5',
        "5 | take 5",
    },
    "several results of one text": {"traces | take 5; exceptions | take 5"},
    "two times have no sum": {"traces | extend x = timestamp + timestamp"},
    "like is an operator that is not documented": {'traces | where message like "%failed%"'},
    "not supported": {
        "traces | count as n",
        'traces | evaluate python(typeof(*), "result = df")',
        "declare pattern app; traces",
        'alias database d = cluster("c").database("d"); traces',
        "restrict access to (traces); traces",
    },
}
ROW = (
    "datatable(s:string, n:long, r:real, t:datetime, p:timespan, d:dynamic, b:bool, g:guid) "
    '["x", 1, 1.5, datetime(2024-01-01), 1h, dynamic([1]), true, guid(null)] | serialize'
)
# A column, and a constant, for each kind of formal argument.
ARGUMENTS = {
    "string": ("s", '"a"'), "text": ("s", '"a"'), "long": ("n", "1"), "int": ("n", "1"),
    "real": ("r", "1.5"), "number": ("n", "1"), "datetime": ("t", "now()"),
    "timespan": ("p", "1h"), "dynamic": ("d", "dynamic([1])"), "bag": ("d", "dynamic({})"),
    "bool": ("b", "true"), "any": ("n", "1"), "guid": ("g", "guid(null)"),
    "decimal": ("decimal(1)", "decimal(1)"), "type": ("typeof(long)", "typeof(long)"),
}  # fmt: skip


def analyze(queries: list[str]) -> list[dict[str, Any]]:
    """What Microsoft's parser says, installed once into a cache beside the tests."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Microsoft's parser needs node and npm, which are not installed here")
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    installed = CACHE / "installed.json"
    if not installed.exists() or installed.read_text() != wanted:
        (CACHE / "package.json").write_text(wanted)
        subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--silent"],
            cwd=CACHE, check=True, timeout=150,
        )  # fmt: skip
        installed.write_text(wanted)
    shutil.copy(HERE / "analyze.js", CACHE / "analyze.js")
    tables = {
        name: "(" + ", ".join(f"['{c.name}']:{c.type.value}" for c in table.columns) + ")"
        for name, table in SCHEMA.tables.items()
    }
    done = subprocess.run(
        [node, str(CACHE / "analyze.js")], input=json.dumps({"tables": tables, "queries": queries}),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]  # the script is one line
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def answers() -> list[tuple[Case, dict[str, Any]]]:
    """Each golden case with what Microsoft's parser says of it."""
    cases = [case for path in sorted(GOLDEN.glob("*.kql")) for case in load_cases(path)]
    return list(zip(cases, analyze([case.query for case in cases]), strict=True))


def is_syntax(query: str) -> bool:
    try:
        parse(query)
    except KqlError:
        return False
    return True


def result_columns(query: str) -> list[list[str]] | None:
    """The names and types that our compiler gives; None for an error."""
    _, columns = check(query, SCHEMA)
    return None if columns is None else [[each.name, each.type] for each in columns]


def test_both_take_the_same_texts_for_kql(answers: list[tuple[Case, dict[str, Any]]]) -> None:
    different = {
        case.claim for case, theirs in answers if is_syntax(case.query) == bool(theirs["syntax"])
    }

    assert different == set(SYNTAX)


def test_both_find_the_same_queries_right(answers: list[tuple[Case, dict[str, Any]]]) -> None:
    different = {
        case.claim
        for case, theirs in answers
        if (result_columns(case.query) is None) != bool(theirs["errors"])
    }

    assert different - set(SYNTAX) == set(VERDICTS)


def test_what_is_wrong_here_is_wrong_there_but_for_what_is_listed() -> None:
    queries = [
        query
        for path in sorted(BAD.glob("*.txt"))
        if path.stem != "unsupported"
        for query in bad_queries(path)
    ]

    silent = {
        query
        for query, theirs in zip(queries, analyze(queries), strict=True)
        if not theirs["errors"]
    }

    assert silent == set().union(*SILENT_THERE.values())


def bad_queries(path: Path) -> list[str]:
    blocks = path.read_text(encoding="utf-8").split("\n" + "-" * 40 + "\n")
    return [block.partition("\n=>\n")[0] for block in blocks if "\n=>\n" in block]


def test_functions_name_and_type_their_columns_alike() -> None:
    queries = {
        function.name: f"{ROW} | {operator} {call_of(function)}"
        for operator, table in (("project", FUNCTIONS), ("summarize", AGGREGATES))
        for function in table.values()
    }
    compared = [
        (name, result_columns(query), theirs["columns"])
        for (name, query), theirs in zip(
            queries.items(), analyze(list(queries.values())), strict=True
        )
        if not theirs["errors"]
    ]
    both = [row for row in compared if row[1] is not None]

    assert len(both) > 200
    assert {name for name, mine, theirs in both if mine != theirs} == set(FUNCTIONS_APART)


def call_of(function: Function) -> str:
    """A call with the arguments that must be given; those that must be constant are."""
    arguments = [
        ARGUMENTS[formal.kind][formal.is_constant]
        for formal in formals_of(function.signature)
        if not formal.is_optional
    ]
    return f"{function.name}({', '.join(arguments)})"


def test_results_have_the_same_columns(answers: list[tuple[Case, dict[str, Any]]]) -> None:
    different = {
        case.claim
        for case, theirs in answers
        if not theirs["errors"] and result_columns(case.query) != theirs["columns"]
    }

    assert different == set(COLUMNS)
