"""Where an operator does not do what Kusto does, or where Kusto's documents leave it open.

For the reference page, by the operator's name.
"""

from __future__ import annotations

__all__ = ["DIFFERENCES"]

DIFFERENCES: dict[str, str] = {
    "distinct": "A dynamic may be a key; Kusto refuses it.",
    "evaluate": (
        "bag_unpack and pivot need their output schema, `: (*, name:type)`, since columns must be "
        "known before the query runs; dcount_intersect is refused."
    ),
    "find": "`project-smart` is what happens anyway; packed columns are in `pack_`.",
    "join": "Which row innerunique keeps of a left key is the first if the left side is ordered.",
    "lookup": "The right side may be of any size.",
    "make-series": "A series has at most 1,000,000 bins.",
    "materialize": "The query is written out where it is used, not kept.",
    "mv-apply": "Tables cannot be joined inside.",
    "parse": (
        "What stands behind the pattern's last text is not looked at; a column at the end takes "
        "the rest and must convert as a whole."
    ),
    "parse-kv": "`greedy` goes without quotes.",
    "partition": "Any number of parts; the query inside has no source of its own.",
    "range": "At most 10,000,000 rows.",
    "search": "Searches columns of type string, dynamic and guid.",
    "set": "Known options are accepted with a warning and change nothing.",
    "summarize": "A dynamic may be a key; Kusto refuses it.",
    "top-nested": "With `others`, the levels below go on inside of the rest.",
    "union": (
        "`union *` reads each kind of row once: the workspace's tables (App…) show the same rows "
        "and are left out."
    ),
}
