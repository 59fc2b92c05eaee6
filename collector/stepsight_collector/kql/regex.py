"""Regular expressions: the check of a constant one when compiling, and the engine's switches.

KQL's expressions are RE2's, and so are the engine's; what RE2 lacks (looking around, back
references) is named. In the engine `.` takes line breaks unless told otherwise, in KQL it does not.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["count_groups", "describe_fault", "for_engine"]

_TOKEN: Final = re.compile(
    r"\\(?P<escape>[pP]\{\^?\w+\}|[pP]\w|x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|Q.*?(?:\\E|$)|.)"
    r"|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*(?P<closed>\])?"
    r"|\((?P<group>\?(?P<kind>P?<[A-Za-z_]\w*>|[imsU-]*:|[imsU-]+\)|[^)]{0,2}))?"
    r"|(?P<repeat>[*+?]\??|\{\d+(?:,\d*)?\}\??)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_LOOKS: Final = {"=": "ahead", "!": "ahead", "<=": "behind", "<!": "behind"}
_ESCAPES: Final = frozenset("AbBaCdDfnrsStvwWzpPxQE0123456789")


def for_engine(pattern: str) -> str:
    """The pattern with KQL's meaning of `.`."""
    return "(?-s)" + pattern


def count_groups(pattern: str) -> int:
    """How many groups a valid pattern captures."""
    return sum(
        1
        for token in _TOKEN.finditer(pattern)
        if token[0].startswith("(") and (token["group"] is None or token["kind"][-1:] == ">")
    )


def describe_fault(pattern: str) -> str:
    """What is wrong with a pattern; empty when nothing is.

    >>> describe_fault("a(b")
    'a "(" is not closed'
    >>> describe_fault("(?<=a)b")
    'looking behind, "(?<=", is not in RE2'
    """
    depth, can_repeat = 0, False
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if text.startswith("\\"):
            fault = _escape_fault(text)
            can_repeat = True
        elif text.startswith("["):
            fault = "" if token["closed"] else 'a "[" is not closed'
            can_repeat = True
        elif text.startswith("("):
            fault = _group_fault(token)
            depth += not text.endswith(")")
            can_repeat = False
        elif token["repeat"]:
            fault = "" if can_repeat else f'"{text}" has nothing to repeat'
            can_repeat = False
        else:
            fault, depth = (
                ('a ")" closes nothing', depth) if text == ")" and not depth else ("", depth)
            )
            depth -= text == ")" and not fault
            can_repeat = text not in "|^"
        if fault:
            return fault
    return 'a "(" is not closed' if depth else ""


def _escape_fault(text: str) -> str:
    if len(text) == 1:
        return 'it ends in a single "\\"'
    if text[1] in "123456789":
        return f'the back reference "{text}" is not in RE2'
    if text[1].isalnum() and text[1] not in _ESCAPES:
        return f'"{text}" is not an escape'
    return ""


def _group_fault(token: re.Match[str]) -> str:
    kind = token["kind"]
    if token["group"] is None or kind.endswith((">", ":", ")")):
        return ""
    look = next((each for each in ("<=", "<!", "=", "!") if kind.startswith(each)), None)
    if look:
        return f'looking {_LOOKS[look]}, "(?{look}", is not in RE2'
    return f'"(?{kind}" begins no group'
