"""One sentence and one example for each operator: for completion, for errors, for the docs."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SOURCES", "STATEMENTS", "USAGES", "Usage"]


class Usage(NamedTuple):
    """What an operator does, and how it is written, without the pipe."""

    sentence: str
    example: str


# By the operator's name; old spellings are not offered.
USAGES: dict[str, Usage] = {
    "where": Usage("Keeps the rows for which a condition is true.", "where severityLevel >= 3"),
    "project": Usage(
        "Chooses columns, in this order, and computes new ones.",
        "project timestamp, step = customDimensions.step_name",
    ),
    "project-away": Usage("Removes columns.", "project-away itemId, client*"),
    "project-keep": Usage("Keeps only these columns, in their order.", "project-keep time*, name"),
    "project-rename": Usage("Renames columns.", "project-rename text = message"),
    "project-reorder": Usage("Puts columns first.", "project-reorder timestamp, *Id asc"),
    "extend": Usage("Adds computed columns.", "extend seconds = duration / 1000"),
    "summarize": Usage(
        "Groups rows and aggregates each group.",
        "summarize n = count() by bin(timestamp, 1h)",
    ),
    "distinct": Usage("Gives each combination of values once.", "distinct cloud_RoleName"),
    "order": Usage("Sorts the rows; desc unless asc is said.", "order by timestamp desc"),
    "sort": Usage("Sorts the rows; desc unless asc is said.", "sort by timestamp desc"),
    "take": Usage("Gives so many rows, no matter which.", "take 10"),
    "limit": Usage("Gives so many rows, no matter which.", "limit 10"),
    "top": Usage("Sorts by a key and gives the first rows.", "top 10 by timestamp desc"),
    "count": Usage(
        "Counts the rows; to count by a column use summarize.",
        "summarize count() by cloud_RoleName",
    ),
    "join": Usage(
        "Pairs rows with those of another table that have the same keys.",
        "join kind=inner (exceptions) on operation_Id",
    ),
    "lookup": Usage(
        "Adds the columns of a small table by key.", "lookup (names) on operation_Name"
    ),
    "union": Usage("Adds the rows of other tables.", "union exceptions, requests"),
    "search": Usage("Keeps the rows in which any column has a word.", 'search "timeout"'),
    "parse": Usage(
        "Takes a text apart by a pattern into new columns.",
        'parse message with "step " step " took " seconds:real "s"',
    ),
    "parse-where": Usage(
        "Takes a text apart as parse does, and drops the rows that do not match.",
        'parse-where message with "step " step " took " seconds:real "s"',
    ),
    "parse-kv": Usage(
        "Takes keys and values out of a text.",
        'parse-kv message as (step:string, n:long) with (pair_delimiter=",", kv_delimiter="=")',
    ),
    "mv-expand": Usage(
        "Makes a row of each element of an array or bag.",
        "mv-expand item = customDimensions.items to typeof(string)",
    ),
    "mv-apply": Usage(
        "Runs operators on the elements of an array, for each row.",
        "mv-apply item = items to typeof(long) on (summarize max(item))",
    ),
    "make-series": Usage(
        "Aggregates along an axis into arrays, with a value for each bin.",
        "make-series n = count() default=0 on timestamp from ago(1d) to now() step 1h",
    ),
    "render": Usage("Says how the result is to be drawn.", "render timechart"),
    "serialize": Usage("Fixes the order of rows for prev and next.", "serialize n = row_number()"),
    "sample": Usage("Gives so many rows, at random.", "sample 10"),
    "sample-distinct": Usage(
        "Gives so many different values.", "sample-distinct 10 of operation_Name"
    ),
    "getschema": Usage("Gives the columns and their types.", "getschema"),
    "as": Usage("Names the result so far.", "as Errors"),
    "evaluate": Usage("Runs a plugin.", "evaluate bag_unpack(customDimensions)"),
    "invoke": Usage("Calls a function with the rows as its first parameter.", "invoke f(5)"),
    "top-nested": Usage(
        "Gives the largest groups, and the largest inside of each.",
        "top-nested 3 of cloud_RoleName by count()",
    ),
    "partition": Usage(
        "Runs operators on each part of the rows that has the same key.",
        "partition by cloud_RoleName (top 3 by timestamp)",
    ),
}
# What a query may begin with besides a table.
SOURCES: dict[str, Usage] = {
    "union": Usage("Gives the rows of several tables.", "union traces, exceptions"),
    "search": Usage(
        "Gives the rows of all tables, or some, that have a word.", 'search in (traces) "timeout"'
    ),
    "find": Usage(
        "Gives the rows of several tables for which a condition is true.",
        'find in (traces, exceptions) where operation_Id == "a" project timestamp, message',
    ),
    "print": Usage("Gives one row of values.", "print now()"),
    "range": Usage("Gives a row for each value of a range.", "range x from 1 to 10 step 1"),
    "datatable": Usage(
        "Gives rows that are written in the query.", 'datatable (name:string, n:long) ["a", 1]'
    ),
}
STATEMENTS: dict[str, Usage] = {
    "let": Usage("Names a value, a table or a function.", "let since = ago(1d);"),
    "set": Usage("Sets an option of the query.", "set notruncation;"),
    "declare": Usage("Declares parameters of the query.", "declare query_parameters(n:long = 5);"),
}
