"""Custom dimensions: unfold those that a client sent as a Python repr, keep our names free.

Dicts in, dicts out.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import Any

__all__ = ["property_key", "unfold"]

_FOLDED = "custom_dimensions"
# The exporter that folds cuts values at 8,192 characters: a longer text is not its repr.
_MAX_CHARS = 8_192
# Outside of its strings a repr of plain data has nothing but these. The check comes before the
# parser, which would warn about some other texts, and wants megabytes for deeply nested ones.
_STRING = re.compile(
    r"""'(?:[^'\\\n]|\\[\\'"nrtxuU])*'|"(?:[^"\\\n]|\\[\\'"nrtxuU])*"|"""
    r"""b'(?:[^'\\\n]|\\[\\'"nrtx])*'|b"(?:[^"\\\n]|\\[\\'"nrtx])*\""""
)
_PLAIN = re.compile(r"(?:None|True|False|[-+\s{}\[\](),:.0-9eEjJ])*", re.ASCII)
_NOT_FINITE = re.compile(r"-?\b(?:nan|inf)\b")
_MAX_DEPTH = 20

_OURS = ("stepsight.", "ai.", "microsoft.custom_measurements", "microsoft.availability.")
_EXCEPTION = frozenset(("exception.type", "exception.message", "exception.stacktrace"))
_ESCAPED = "stepsight.property."


def property_key(name: str) -> str:
    """Return the attribute key of a property: its name, unless the mapping uses that itself.

    >>> property_key("step_id"), property_key("ai.user.id")
    ('step_id', 'stepsight.property.ai.user.id')
    """
    return _ESCAPED + name if name.startswith(_OURS) or name in _EXCEPTION else name


def unfold(properties: dict[str, Any]) -> dict[str, Any]:
    """Lift the dimensions that stand as a Python repr in the property `custom_dimensions`.

    `extra={"custom_dimensions": {...}}` through OpenTelemetry's logging handler arrives so. A
    property of the same name as a dimension wins, and the repr stays beside them. Whatever is no
    repr of a plain dict is left as it is.

    >>> unfold({"custom_dimensions": "{'step_id': 's-1', 'loss': nan}", "logger_name": "train"})
    {'logger_name': 'train', 'step_id': 's-1', 'loss': 'nan'}
    """
    folded = properties.get(_FOLDED)
    lifted = folded if isinstance(folded, dict) else None
    if isinstance(folded, str) and folded.startswith("{") and len(folded) <= _MAX_CHARS:
        lifted = _read_repr(folded)
    if lifted is None:
        return properties
    rest = {key: value for key, value in properties.items() if key != _FOLDED}
    named = {key if isinstance(key, str) else str(key): value for key, value in lifted.items()}
    if len(named) < len(lifted) or named.keys() & rest.keys():
        rest[_FOLDED] = folded
    return named | rest if _FOLDED in rest else rest | named


# Reading one takes 25 µs, and a step's records mostly have the same. What is kept is not changed.
@lru_cache(maxsize=256)
def _read_repr(text: str) -> dict[Any, Any] | None:
    bare = _STRING.sub("", text)
    if not _PLAIN.fullmatch(_NOT_FINITE.sub("", bare)) or _depth(bare) > _MAX_DEPTH:
        return None
    try:
        value = ast.literal_eval(_quote_not_finite(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else None


def _depth(bare: str) -> int:
    depth = deepest = 0
    for char in bare:
        if char in "{[(":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "}])":
            depth -= 1
    return deepest


def _quote_not_finite(text: str) -> str:
    """Put quotes around `nan` and `inf`: no literals, but what repr writes for such floats."""
    parts, at = [], 0
    for match in _STRING.finditer(text):
        parts += [_NOT_FINITE.sub(_quoted, text[at : match.start()]), match.group()]
        at = match.end()
    return "".join((*parts, _NOT_FINITE.sub(_quoted, text[at:])))


def _quoted(match: re.Match[str]) -> str:
    return f"'{match.group()}'"


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it knows."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, set):
        return sorted((_plain(each) for each in value), key=repr)
    return repr(value) if isinstance(value, bytes | complex) else value
