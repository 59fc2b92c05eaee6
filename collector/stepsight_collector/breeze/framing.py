"""The framings of a body: a JSON array, one object, or one object a line.

Bytes in, JSON values out. Which framing it is shows in the first byte that is not blank, not in the
content type. Source: what the clients send, see docs/reference/breeze-mapping.md.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from stepsight_collector.breeze.errors import ItemError
from stepsight_collector.errors import MalformedError, TooLargeError

__all__ = ["split_items"]

_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
# An empty object takes 3 bytes of a body and 72 of memory. A real envelope has 4 brackets and 700
# bytes, so only a body that wants to be expensive has this many.
_MAX_BRACKETS = 500_000
_COUNTED_FROM_BYTES = 1 << 20
# Clients send up to 500. Each bad item costs an error of 200 bytes in memory and in the reply.
_MAX_ITEMS = 100_000
_MAX_DIGITS = 4_300  # of a whole number, Python's own limit


def split_items(body: bytes) -> list[Any]:
    """Return the items of a body in order; an `ItemError` stands for a line that is no JSON.

    Raises `MalformedError` for a body that cannot be split.
    """
    body = body.removeprefix(_BOM).strip(_BLANK)
    if not body:
        return []
    if len(body) > _COUNTED_FROM_BYTES and body.count(b"{") + body.count(b"[") > _MAX_BRACKETS:
        raise TooLargeError(
            f"The body has more than {_MAX_BRACKETS} objects and lists. Send it in smaller parts."
        )
    if body[0] == ord("["):
        items: list[Any] = _load(body)
        if len(items) > _MAX_ITEMS:
            raise _too_many()
        return items
    if body[0] != ord("{"):
        raise MalformedError(
            "The body must be a JSON array of envelopes, one envelope, or one envelope a line; "
            f"it begins with {body[:20]!r}."
        )
    if b"\n" not in body:
        return [_load(body)]
    return _lines(body)


def _lines(body: bytes) -> list[Any]:
    """Split one object a line; an object over several lines is one item."""
    if body.count(b"\n") > _MAX_ITEMS:
        raise _too_many()
    lines = [line for line in body.split(b"\n") if line.strip(_BLANK)]
    items = [_load_line(line) for line in lines]
    if all(isinstance(item, ItemError) for item in items):
        return [_load(body)]
    return items


def _too_many() -> TooLargeError:
    return TooLargeError(
        f"The body has more than {_MAX_ITEMS} items. Send them in smaller requests."
    )


def _load_line(line: bytes) -> Any:
    try:
        return _load(line)
    except MalformedError as exc:
        return ItemError(str(exc))


def _load(data: bytes) -> Any:
    """Read JSON, and what clients take for JSON: NaN, infinities, halves of surrogate pairs."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data.decode("utf-8", "replace"), parse_int=_whole)
    except json.JSONDecodeError as exc:
        raise MalformedError(
            f"The body is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}."
        ) from exc
    except RecursionError as exc:
        raise MalformedError("The JSON body is nested too deeply.") from exc


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)
