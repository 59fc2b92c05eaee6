"""The exception that ended a Python command, read from what it printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["find_exception"]

_HEAD = "Traceback (most recent call last):"
_LAST = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*))?\Z", re.DOTALL)


def find_exception(lines: Iterable[str]) -> dict[str, str]:
    """The last traceback in some lines as `exception.*` attributes; empty if there is none.

    >>> find_exception(["Traceback (most recent call last):", '  File "x.py"', "KeyError: 'a'"])[
    ...     "exception.message"
    ... ]
    "'a'"
    """
    kept = list(lines)
    starts = [index for index, line in enumerate(kept) if line.rstrip() == _HEAD]
    if not starts:
        return {}
    block = [kept[starts[-1]]]
    for line in kept[starts[-1] + 1 :]:
        block.append(line)
        match = _LAST.match(line)
        if match:
            return {
                "exception.type": match.group(1),
                "exception.message": match.group(2) or "",
                "exception.stacktrace": "\n".join(block),
            }
    return {}
