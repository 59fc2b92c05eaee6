"""One sentence and one example for each operator inside of expressions, and what differs.

For the reference page; the operators of pipelines are in `operator_usage.py`, functions and
aggregates describe themselves in their tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepsight_collector.kql.operator_usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIFFERENCES", "EXPRESSIONS", "FORMS"]

# By the operator as the syntax tree spells it; a key with spaces is a form of its own.
EXPRESSIONS: Mapping[str, Usage] = {
    "==": Usage("Equal; texts with their case.", 'name == "train"'),
    "!=": Usage("Not equal; true if one side is null.", "severityLevel != 1"),
    "=~": Usage("Equal, in any case.", 'name =~ "TRAIN"'),
    "!~": Usage("Not equal, in any case.", 'name !~ "train"'),
    "<": Usage("Less than.", "duration < 100"),
    "<=": Usage("At most.", "duration <= 100"),
    ">": Usage("More than.", "timestamp > ago(1h)"),
    ">=": Usage("At least.", "severityLevel >= 3"),
    "+": Usage("Adds numbers, timespans, or a timespan to a time.", "timestamp + 1h"),
    "-": Usage("Subtracts; two times give a timespan.", "now() - timestamp"),
    "*": Usage("Multiplies numbers, or a timespan by a number.", "2 * 30s"),
    "/": Usage("Divides; whole numbers are cut off, timespans give a real.", "7 / 2"),
    "%": Usage("The rest of a division, never negative.", "-7 % 3"),
    "and": Usage("Both.", "a and b"),
    "or": Usage("One or both.", "a or b"),
    "has": Usage("Has a word, in any case; the word index serves it.", 'message has "error"'),
    "!has": Usage("Has not a word.", 'message !has "error"'),
    "has_cs": Usage("Has a word, with its case.", 'message has_cs "Error"'),
    "!has_cs": Usage("Has not a word, with its case.", 'message !has_cs "Error"'),
    "hasprefix": Usage("Has a word that begins so.", 'message hasprefix "err"'),
    "!hasprefix": Usage("Has no word that begins so.", 'message !hasprefix "err"'),
    "hasprefix_cs": Usage("hasprefix, with case.", 'message hasprefix_cs "Err"'),
    "!hasprefix_cs": Usage("!hasprefix, with case.", 'message !hasprefix_cs "Err"'),
    "hassuffix": Usage("Has a word that ends so.", 'message hassuffix "ror"'),
    "!hassuffix": Usage("Has no word that ends so.", 'message !hassuffix "ror"'),
    "hassuffix_cs": Usage("hassuffix, with case.", 'message hassuffix_cs "ror"'),
    "!hassuffix_cs": Usage("!hassuffix, with case.", 'message !hassuffix_cs "ror"'),
    "contains": Usage("Has the text anywhere, in any case.", 'message contains "rro"'),
    "!contains": Usage("Has the text nowhere, in any case.", 'message !contains "rro"'),
    "contains_cs": Usage("contains, with case.", 'message contains_cs "rro"'),
    "!contains_cs": Usage("!contains, with case.", 'message !contains_cs "rro"'),
    "startswith": Usage("Begins with the text, in any case.", 'name startswith "tr"'),
    "!startswith": Usage("Does not begin so, in any case.", 'name !startswith "tr"'),
    "startswith_cs": Usage("startswith, with case.", 'name startswith_cs "tr"'),
    "!startswith_cs": Usage("!startswith, with case.", 'name !startswith_cs "tr"'),
    "endswith": Usage("Ends with the text, in any case.", 'name endswith "in"'),
    "!endswith": Usage("Does not end so, in any case.", 'name !endswith "in"'),
    "endswith_cs": Usage("endswith, with case.", 'name endswith_cs "in"'),
    "!endswith_cs": Usage("!endswith, with case.", 'name !endswith_cs "in"'),
    "matches regex": Usage("Matches an RE2 pattern.", 'message matches regex @"\\d+ rows"'),
    "in": Usage("Is one of these, or in a column or array.", 'name in ("train", "score")'),
    "!in": Usage("Is none of these.", 'name !in ("train", "score")'),
    "in~": Usage("Is one of these, in any case.", 'name in~ ("Train", "Score")'),
    "!in~": Usage("Is none of these, in any case.", 'name !in~ ("Train", "Score")'),
    "has_any": Usage("Has one of these words.", 'message has_any ("error", "failed")'),
    "has_all": Usage("Has all of these words.", 'message has_all ("row", "missing")'),
    "between": Usage("From one value to another, both included.", "duration between (1 .. 100)"),
    "!between": Usage("Outside of a range.", "duration !between (1 .. 100)"),
}
# What is called like a function, but binds its arguments in a way of its own.
FORMS: Mapping[str, Usage] = {
    "column_ifexists": Usage(
        "A column if there is one of that name, else the second value.",
        'traces | project x = column_ifexists("nope", "")',
    ),
    "columnifexists": Usage(
        "The same as column_ifexists.", 'traces | project x = columnifexists("nope", "")'
    ),
    "materialize": Usage(
        "A query that is used more than once.", "let t = materialize(traces | take 5); t | count"
    ),
    "not": Usage("True where the condition is false; null stays null.", "traces | where not(true)"),
    "pack_all": Usage("All columns as one bag.", "traces | take 1 | project row = pack_all()"),
    "toscalar": Usage(
        "The first value of a query.", "print newest = toscalar(traces | summarize max(timestamp))"
    ),
}
# What a person who comes from Azure should know, besides what is said of single operators.
DIFFERENCES = (
    (
        "There is one store. `app(…)`, `workspace(…)` and `resource(…)` may name the own project "
        "only; `cluster`, `database`, `externaldata` and management commands are refused."
    ),
    (
        "A value of `customDimensions` that is JSON text of an object or array can be walked "
        "further: `customDimensions.config.lr`. Azure needs `parse_json(tostring(…))`, which works "
        "here too."
    ),
    (
        '`success == false` and `success == "False"` are both true of a failed row, in the classic '
        "and in the workspace tables."
    ),
    (
        "A time is held in nanoseconds, from 1678-01-01 to 2262-04-11: what is computed beyond is "
        "null. A literal beyond, such as `datetime(9999-12-31)`, can be compared and subtracted, "
        "and is an error elsewhere."
    ),
    (
        "`dcount` is exact up to a size and then within about 1 %; its accuracy argument changes "
        "nothing. `percentile` is the nearest rank, on very many rows within 0.01 % of the ranks."
    ),
    (
        "A word, for `has`, is a run of ASCII letters and digits and of any characters outside of "
        'ASCII: "Loading…" has not "loading".'
    ),
    "Bins of several days or weeks are counted from 1970-01-01; `bin_at` says where from.",
    "Exact halves round to even; `tostring(1.0)` is `1`; arithmetic on dynamic values is real.",
    "`avg` over nothing is null.",
)
