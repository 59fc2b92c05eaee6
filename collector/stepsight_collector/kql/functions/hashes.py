"""Hashes of a value's text, in small letters of hexadecimal, or as a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import datetime_ticks, text_sql
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.ticks import EPOCH
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType


def _hash(call: Invocation) -> Bound:
    number = f"xxHash64({_bytes(call.arguments[0])})"
    if call.has(1):
        modulus = f"toInt64(greatest({call.sql(1)}, 1))"
        return call.made(
            T.LONG, f"toInt64(positiveModulo(reinterpretAsInt64({number}), {modulus}))"
        )
    return call.made(T.LONG, f"reinterpretAsInt64({number})")


def _bytes(value: Bound) -> str:
    """What is hashed: a text's bytes, of a number, a time or a span its 64 bits."""
    if value.type is T.DATETIME:
        return f"reinterpretAsFixedString({datetime_ticks(value.sql)} + {EPOCH})"
    if value.type in {T.INT, T.LONG, T.TIMESPAN}:
        return f"reinterpretAsFixedString(toInt64({value.sql}))"
    if value.type is T.REAL:
        return f"reinterpretAsFixedString({value.sql})"
    return text_sql(value)


def _digest(name: str, engine: str) -> Function:
    return Function(
        f"hash_{name}", "value:text", T.STRING, f"lower(hex({engine}({{0}})))",
        f"The {engine} digest of the value's text.", f'print hash_{name}("World")', 3,
    )  # fmt: skip


FUNCTIONS: Final = (
    *alias(
        Function(
            "hash", "value:any, modulus?:long", None, _hash,
            "The xxHash64 of the value, as a long; with a modulus, below it.",
            'print hash("World")', 3,
        ),
        "hash_xxhash64",
    ),
    _digest("sha256", "SHA256"),
    _digest("sha1", "SHA1"),
    _digest("md5", "MD5"),
)  # fmt: skip
