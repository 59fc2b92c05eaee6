"""Encodings, and texts that have a form: URLs, paths, versions, CSV, sizes in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.functions.bags import packed
from stepsight_collector.kql.functions.elements import bag_json
from stepsight_collector.kql.functions.strings import texts_as_json
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS"]

T = ScalarType
_URL: Final = r"^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://(?:([^:@/?#]*)(?::([^@/?#]*))?@)?(\[[^\]]*\]|[^:/?#]*)(?::([0-9]*))?)?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$"
_CSV_LINE: Final = r'^((?:"(?:[^"]|"")*"|[^"\r\n])*)'
_PATH: Final = r"^(?:([A-Za-z][A-Za-z0-9+.-]*)://)?(.*?)([^/\\]*)$"
_UNITS: Final = ("Bytes", "KB", "MB", "GB", "TB", "PB", "EB")


def _decoded(text: str) -> str:
    return f"decodeURLComponent(replaceAll({text}, '+', ' '))"


def _query(text: str) -> str:
    """The parameters of a URL's query as the JSON text of a bag."""
    split = f"splitByChar('&', {text})"
    named = f"arrayFilter(e -> e != '', {split})"
    key = "splitByChar('=', e)[1]"
    value = "arrayStringConcat(arraySlice(splitByChar('=', e), 2), '=')"
    pair = f"({_decoded(key)}, toJSONString({_decoded(value)}))"
    return bag_json(f"arrayMap(e -> {pair}, {named})")


def _parse_url(call: Invocation) -> Bound:
    groups = f"extractGroups({call.sql(0)}, {call.text(_URL)})"
    names = (
        ("Scheme", 1), ("Host", 4), ("Port", 5), ("Path", 6), ("Username", 2), ("Password", 3),
    )  # fmt: skip
    items = [
        (call.text(name), Bound(T.STRING, f"{groups}[{place}]", is_nullable=False))
        for name, place in names
    ]
    query = Bound(T.DYNAMIC, _query(f"{groups}[7]"), is_nullable=False)
    items.append((call.text("Query Parameters"), query))
    fragment = Bound(T.STRING, f"{groups}[8]", is_nullable=False)
    return packed([*items, (call.text("Fragment"), fragment)])


def _parse_query(call: Invocation) -> Bound:
    bare = f"trim(LEADING '?' FROM {call.sql(0)})"
    query = Bound(T.DYNAMIC, _query(bare), is_nullable=False)
    return packed([(call.text("Query Parameters"), query)])


def _parse_path(call: Invocation) -> Bound:
    groups = f"extractGroups({call.sql(0)}, {call.text(_PATH)})"
    folder = f"trim(TRAILING '/\\\\' FROM {groups}[2])"
    name = f"{groups}[3]"
    extension = f"if(position({name}, '.') > 0, arrayElement(splitByChar('.', {name}), -1), '')"
    parts = {
        "Scheme": f"{groups}[1]",
        "RootPath": f"regexpExtract({folder}, '^([A-Za-z]:|/)', 1)",
        "DirectoryPath": folder,
        "DirectoryName": f"arrayElement(splitByRegexp('[/\\\\\\\\]', {folder}), -1)",
        "Filename": name,
        "Extension": extension,
        "AlternateDataStreamName": "''",
    }
    return packed(
        (call.text(key), Bound(T.STRING, sql, is_nullable=False)) for key, sql in parts.items()
    )


def _parse_version(call: Invocation) -> Bound:
    """Up to four parts of up to eight digits, as one number that orders as versions do."""
    text = call.sql(0)
    parts = f"splitByChar('.', {text})"
    digits = " || ".join(
        f"leftPad(toString(toUInt32OrZero(arrayElement({parts}, {i}))), 8, '0')"
        for i in range(1, 5)
    )
    valid = f"match({text}, '^[0-9]{{1,8}}([.][0-9]{{1,8}}){{0,3}}$')"
    return Bound(T.DECIMAL, f"if({valid}, toDecimal128OrNull({digits}, 0), NULL)")


def _parse_csv(call: Invocation) -> Bound:
    """The first line of a text as CSV has it; quotes may hold commas, two of them are one."""
    text = call.sql(0)
    line = f"regexpExtract({text}, {call.text(_CSV_LINE)}, 1)"
    pattern = call.text('(?:^|,)((?:"(?:[^"]|"")*")|[^,]*)')
    fields = f"arrayMap(m -> m[1], extractAllGroupsVertical({line}, {pattern}))"
    bare = "if(startsWith(e, '\"'), replaceAll(substring(e, 2, length(e) - 2), '\"\"', '\"'), e)"
    return Bound(T.DYNAMIC, texts_as_json(f"arrayMap(e -> {bare}, {fields})"), is_nullable=False)


def _format_bytes(call: Invocation) -> Bound:
    """In the unit that leaves at least 1, or in the one given; 1024 of one are the next."""
    value = f"toFloat64({call.sql(0)})"
    places = f"toInt8({call.sql(1)})" if call.has(1) else "0"
    if call.has(2):
        unit = str(call.constant(2))
        known = [each.lower() for each in _UNITS]
        if unit.lower() not in known:
            message = f'format_bytes knows no unit "{unit}"'
            return call.fail("bad_value", message, f"It is one of {', '.join(_UNITS)}.", 2)
        power = str(known.index(unit.lower()))
        name = f"'{_UNITS[known.index(unit.lower())]}'"
    else:
        power = f"toUInt8(least(6, greatest(0, floor(log2(greatest(abs({value}), 1)) / 10))))"
        listed = ", ".join(f"'{each}'" for each in _UNITS)
        name = f"arrayElement([{listed}], {power} + 1)"
    return call.made(
        T.STRING, f"concat(toString(round({value} / pow(1024, {power}), {places})), ' ', {name})"
    )


FUNCTIONS: Final = (
    Function(
        "url_encode", "text:string", T.STRING, "replaceAll(encodeURLComponent({0}), '%20', '+')",
        "The text as it stands in a URL's query.", 'print url_encode("a b/c")', 2,
    ),
    Function(
        "url_encode_component", "text:string", T.STRING, "encodeURLComponent({0})",
        "The text as it stands in a part of a URL.", 'print url_encode_component("a b/c")', 3,
    ),
    Function(
        "url_decode", "text:string", T.STRING, "decodeURLComponent(replaceAll({0}, '+', ' '))",
        "The text that stands in a URL.", 'print url_decode("a%20b")', 2,
    ),
    *alias(
        Function(
            "base64_encode_tostring", "text:string", T.STRING, "base64Encode({0})",
            "The text in base64.", 'print base64_encode_tostring("Kusto")', 2,
        ),
        "base64_encodestring",
    ),
    *alias(
        Function(
            "base64_decode_tostring", "text:string", T.STRING,
            "if(isValidUTF8(tryBase64Decode({0})), tryBase64Decode({0}), '')",
            "The text that base64 holds; empty if it holds none.",
            'print base64_decode_tostring("S3VzdG8=")', 2,
        ),
        "base64_decodestring",
    ),
    *alias(
        Function(
            "parse_url", "url:string", None, _parse_url,
            "The parts of a URL as a bag: Scheme, Host, Port, Path and so on.",
            'print parse_url("https://host:80/a?b=c").Host', 3,
        ),
        "parseurl",
    ),
    *alias(
        Function(
            "parse_urlquery", "query:string", None, _parse_query,
            "The parameters of a URL's query, in a bag under Query Parameters.",
            'print parse_urlquery("a=1&b=2")', 3,
        ),
        "parseurlquery",
    ),
    Function(
        "parse_path", "path:string", None, _parse_path,
        "The parts of a file's path as a bag: DirectoryPath, Filename and so on.",
        'print parse_path("/data/run/log.txt").Filename', 3,
    ),
    Function(
        "parse_version", "version:string", None, _parse_version,
        "A version of up to four numbers as a decimal that orders as versions do.",
        'print parse_version("1.2.3") < parse_version("1.10")', 3,
    ),
    Function(
        "parse_csv", "text:string", None, _parse_csv,
        "The fields of a line of CSV, as an array.",
        "print parse_csv('a,\"b,c\"')", 3, "first",
    ),
    Function(
        "format_bytes", "bytes:number, places?:long, unit?:=string", None, _format_bytes,
        "A number of bytes in a unit that people read.",
        "print format_bytes(1048576)", 3, "first",
    ),
)  # fmt: skip
