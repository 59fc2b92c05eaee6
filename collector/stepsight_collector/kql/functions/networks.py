"""Functions on IPv4 addresses. A text that is no address gives null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.functions.table import Function
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType
_PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def _bare(text: str) -> str:
    return f"arrayElement(splitByChar('/', {text}), 1)"


def _bits(text: str) -> str:
    """How many bits of an address with a mask count: 32 without one."""
    mask = f"arrayElement(splitByChar('/', {text}), 2)"
    return f"least(if({mask} = '', 32, ifNull(toUInt8OrNull({mask}), 32)), 32)"


def _number(text: str) -> str:
    return f"toUInt32OrNull(toString(IPv4StringToNumOrNull({_bare(text)})))"


def _masked(number: str, bits: str) -> str:
    return f"bitAnd({number}, bitShiftLeft(toUInt64(4294967295), 32 - toUInt64({bits})))"


def _parse(call: Invocation) -> Bound:
    text = call.sql(0)
    bits = (
        f"least(toUInt64(greatest({call.sql(1)}, 0)), {_bits(text)})"
        if call.has(1)
        else _bits(text)
    )
    return Bound(T.LONG, f"toInt64(bitAnd({_masked(_number(text), bits)}, 4294967295))")


def _compared(call: Invocation) -> tuple[str, str]:
    one, other = call.sql(0), call.sql(1)
    bits = f"least({_bits(one)}, {_bits(other)}"
    bits += f", toUInt64(greatest({call.sql(2)}, 0)))" if call.has(2) else ")"
    return (
        f"toInt64(bitAnd({_masked(_number(one), bits)}, 4294967295))",
        f"toInt64(bitAnd({_masked(_number(other), bits)}, 4294967295))",
    )


def _compare(call: Invocation) -> Bound:
    one, other = _compared(call)
    return Bound(T.LONG, f"toInt64(sign({one} - {other}))")


def _match(call: Invocation) -> Bound:
    one, other = _compared(call)
    return Bound(T.BOOL, f"({one} = {other})")


def _in_range(call: Invocation) -> Bound:
    return Bound(T.BOOL, _contained(call.sql(0), call.sql(1)))


def _in_any_range(call: Invocation) -> Bound:
    tests = [_contained(call.sql(0), each.sql) for each in call.arguments[1:]]
    return Bound(T.BOOL, f"({' OR '.join(tests)})")


def _contained(text: str, network: str) -> str:
    bits = _bits(network)
    return f"({_masked(_number(text), bits)} = {_masked(_number(network), bits)})"


def _is_private(call: Invocation) -> Bound:
    ranges = (call.text(each) for each in _PRIVATE)
    return Bound(T.BOOL, f"({' OR '.join(_contained(call.sql(0), each) for each in ranges)})")


def _suffix(call: Invocation) -> Bound:
    return Bound(T.LONG, f"if(isNull({_number(call.sql(0))}), NULL, toInt64({_bits(call.sql(0))}))")


def _format(call: Invocation) -> Bound:
    text = call.sql(0)
    number = f"ifNull({_number(text)}, toUInt32OrNull({text}))"
    bits = f"greatest({call.sql(1)}, 0)" if call.has(1) else "32"
    shown = (
        f"IPv4NumToString(toUInt32(bitAnd({_masked(number, f'least({bits}, 32)')}, 4294967295)))"
    )
    return Bound(T.STRING, f"ifNull({shown}, '')", is_nullable=False)


def _has_ipv4(call: Invocation) -> Bound:
    """Whether an address stands in a text, with no digit or dot beside it that would prolong it."""
    before, behind = "'(?:^|[^0-9A-Za-z.])'", "'(?:$|[^0-9A-Za-z.]|[.](?:$|[^0-9]))'"
    pattern = f"concat({before}, regexpQuoteMeta({call.sql(1)}), {behind})"
    sql = f"(isNotNull({_number(call.sql(1))}) AND match({call.sql(0)}, {pattern}))"
    return Bound(T.BOOL, sql, is_nullable=False)


FUNCTIONS: Final = (
    Function(
        "parse_ipv4", "address:string", None, _parse,
        "An IPv4 address as a number; with a mask behind a slash, the network's.",
        'print parse_ipv4("127.0.0.1")', 3,
    ),
    Function(
        "parse_ipv4_mask", "address:string, bits:long", None, _parse,
        "The first bits of an IPv4 address as a number.",
        'print parse_ipv4_mask("127.0.0.1", 24)', 3,
    ),
    Function(
        "ipv4_compare", "one:string, other:string, bits?:long", None, _compare,
        "-1, 0 or 1: how two addresses are ordered, by their first bits.",
        'print ipv4_compare("10.0.0.1", "10.0.0.2")', 3,
    ),
    Function(
        "ipv4_is_match", "one:string, other:string, bits?:long", None, _match,
        "Whether two addresses are the same in the bits that both masks keep.",
        'print ipv4_is_match("192.168.1.1/24", "192.168.1.255")', 3,
    ),
    Function(
        "ipv4_is_in_range", "address:string, network:string", None, _in_range,
        "Whether an address is in a network.",
        'print ipv4_is_in_range("192.168.1.6", "192.168.1.0/24")', 3,
    ),
    Function(
        "ipv4_is_in_any_range", "address:string, network:string*", None, _in_any_range,
        "Whether an address is in one of the networks.",
        'print ipv4_is_in_any_range("10.1.1.1", "10.0.0.0/8", "192.168.0.0/16")', 3,
    ),
    Function(
        "ipv4_is_private", "address:string", None, _is_private,
        "Whether an address is of a private network.",
        'print ipv4_is_private("10.1.2.3")', 3,
    ),
    Function(
        "ipv4_netmask_suffix", "address:string", None, _suffix,
        "How many bits the mask behind an address keeps; 32 without one.",
        'print ipv4_netmask_suffix("10.1.2.3/24")', 3,
    ),
    Function(
        "format_ipv4", "address:text, bits?:long", None, _format,
        "A number or a text as an IPv4 address, cut to its first bits.",
        'print format_ipv4("192.168.1.255", 24)', 3,
    ),
    Function(
        "has_ipv4", "text:string, address:string", None, _has_ipv4,
        "Whether an IPv4 address stands in the text.",
        'print has_ipv4("from 127.0.0.1: ok", "127.0.0.1")', 3,
    ),
)  # fmt: skip
