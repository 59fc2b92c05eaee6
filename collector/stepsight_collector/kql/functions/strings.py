"""Functions on texts. Places count characters from 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepsight_collector.kql.conversions import json_sql, text_sql
from stepsight_collector.kql.functions.table import Function, alias
from stepsight_collector.kql.literals import is_constant
from stepsight_collector.kql.matching import has_word
from stepsight_collector.kql.membership import array_texts
from stepsight_collector.kql.scope import Bound
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.functions.table import Invocation

__all__ = ["FUNCTIONS", "texts_as_json"]

T = ScalarType


def texts_as_json(array_sql: str) -> str:
    """An Array(String) as the JSON text of an array of strings."""
    return f"concat('[', arrayStringConcat(arrayMap(e -> toJSONString(e), {array_sql}), ','), ']')"


def _strcat(call: Invocation) -> Bound:
    parts = [text_sql(each) for each in call.arguments]
    sql = f"concat({', '.join(parts)})" if len(parts) > 1 else parts[0]
    return Bound(T.STRING, sql, is_nullable=False)


def _strcat_delim(call: Invocation) -> Bound:
    delimiter, *parts = (text_sql(each) for each in call.arguments)
    sql = f"arrayStringConcat([{', '.join(parts)}], {delimiter})"
    if not is_constant(call.arguments[0]):
        sql = f"concat({f', {delimiter}, '.join(parts)})" if len(parts) > 1 else parts[0]
    return Bound(T.STRING, sql, is_nullable=False)


def _strcat_array(call: Invocation) -> Bound:
    return Bound(
        T.STRING,
        f"arrayStringConcat({array_texts(call.arguments[0])}, {call.sql(1)})",
        is_nullable=False,
    )


def _substring(call: Invocation) -> Bound:
    """A negative start counts from the end; beyond the ends there is nothing."""
    text, start = call.sql(0), call.sql(1)
    known = call.constant(1)
    if isinstance(known, int) and known >= 0:
        place = f"{start} + 1"
    else:
        place = (
            f"if({start} >= 0, {start} + 1, greatest(toInt64(lengthUTF8({text})) + {start} + 1, 1))"
        )
    if not call.has(2):
        return call.made(T.STRING, f"substringUTF8({text}, {place})")
    return call.made(T.STRING, f"substringUTF8({text}, {place}, greatest({call.sql(2)}, 0))")


def _indexof(call: Invocation) -> Bound:
    """`indexof(text, needle, start, length, occurrence)`."""
    text, needle = call.sql(0), call.sql(1)
    if not call.has(2):
        return call.made(T.LONG, f"(toInt64(positionUTF8({text}, {needle})) - 1)")
    size = f"toInt64(lengthUTF8({text}))"
    start = f"if({call.sql(2)} >= 0, {call.sql(2)}, greatest({size} + {call.sql(2)}, 0))"
    window = f"substringUTF8({text}, {start} + 1)"
    if call.has(3):
        short = f"substringUTF8({text}, {start} + 1, greatest({call.sql(3)}, 0))"
        window = f"if({call.sql(3)} < 0, {window}, {short})"
    if not call.has(4):
        found = f"toInt64(positionUTF8({window}, {needle}))"
        return call.made(T.LONG, f"if({found} = 0, -1, {found} - 1 + {start})")
    places = (
        f"arrayFilter(i -> substringUTF8({window}, i, lengthUTF8({needle})) = {needle}, "
        f"range(1, toUInt64(lengthUTF8({window}) + 1)))"
    )
    found = f"toInt64(arrayElement({places}, {call.sql(4)}))"
    return call.made(T.LONG, f"if({found} = 0, -1, {found} - 1 + {start})")


def _split(call: Invocation) -> Bound:
    text, delimiter = call.sql(0), call.sql(1)
    parts = f"splitByString({delimiter}, {text})"
    if not call.has(2):
        return Bound(T.DYNAMIC, texts_as_json(parts), is_nullable=False)
    place = call.sql(2)
    one = f"arraySlice({parts}, if({place} >= 0, {place} + 1, {place}), 1)"
    return call.made(T.DYNAMIC, texts_as_json(one))


def _replace_strings(call: Invocation) -> Bound:
    lookups, rewrites = call.arguments[1].constant, call.arguments[2].constant
    if (
        not isinstance(lookups, list)
        or not isinstance(rewrites, list)
        or len(lookups) != len(rewrites)
    ):
        message = "replace_strings wants two constant arrays of the same length"
        return call.fail("wrong_arguments", message, 'Write dynamic(["a", "b"]).')
    sql = call.sql(0)
    for lookup, rewrite in zip(lookups, rewrites, strict=True):
        sql = f"replaceAll({sql}, {call.text(str(lookup))}, {call.text(str(rewrite))})"
    return Bound(T.STRING, sql, is_nullable=False)


def _translate(call: Invocation) -> Bound:
    search, replacement = str(call.constant(0)), str(call.constant(1))
    pairs = {
        char: replacement[min(i, len(replacement) - 1)] if replacement else ""
        for i, char in reversed(list(enumerate(search)))
    }
    if not pairs:
        return call.arguments[2]
    keys = call.scope.statement.parameters.add(list(pairs), "Array(String)")
    values = call.scope.statement.parameters.add(list(pairs.values()), "Array(String)")
    text = call.sql(2)
    places = f"range(1, toUInt64(lengthUTF8({text}) + 1))"
    chars = f"arrayMap(i -> substringUTF8({text}, i, 1), {places})"
    return Bound(
        T.STRING,
        f"arrayStringConcat(arrayMap(c -> transform(c, {keys}, {values}, c), {chars}))",
        is_nullable=False,
    )


def _strrep(call: Invocation) -> Bound:
    text, times = call.sql(0), f"toUInt64(ifNull(greatest({call.sql(1)}, 0), 0))"
    if call.has(2):
        return call.made(
            T.STRING, f"arrayStringConcat(arrayWithConstant({times}, {text}), {call.sql(2)})"
        )
    return call.made(T.STRING, f"repeat({text}, {times})")


def _has_any_index(call: Invocation) -> Bound:
    """The words are looked for as `has` does."""
    word = Bound(T.STRING, "w", is_nullable=False)
    found = has_word(call.sql(0), word, call.scope, False)
    place = f"arrayFirstIndex(w -> {found}, {array_texts(call.arguments[1])})"
    return Bound(T.LONG, f"(toInt64({place}) - 1)", is_nullable=False)


def _unicode(call: Invocation) -> Bound:
    numbers = [f"toUInt32(greatest({each.sql}, 0))" for each in call.arguments]
    parts = ", ".join(f"char({each})" for each in numbers)
    return call.made(T.STRING, f"concat({parts})" if len(numbers) > 1 else parts)


def _to_json_text(call: Invocation) -> Bound:
    return call.made(T.STRING, json_sql(call.arguments[0]))


FUNCTIONS: Final = (
    Function(
        "strcat", "value:any*", None, _strcat,
        "The values as texts, one behind the other.",
        'print strcat("step ", 5)', 1,
    ),
    Function(
        "strcat_delim", "delimiter:text, value:any*", None, _strcat_delim,
        "The values as texts, with the delimiter between them.",
        'print strcat_delim("-", "a", 1)', 2,
    ),
    *alias(
        Function(
            "strcat_array", "array:dynamic, delimiter:=text", None, _strcat_array,
            "The elements of an array as texts, with the delimiter between them.",
            'print strcat_array(dynamic([1, 2]), "-")', 2,
        ),
        "array_strcat",
    ),
    Function(
        "strlen", "text:text", T.LONG, "toInt64(lengthUTF8({0}))",
        "How many characters the text has.",
        'print strlen("épée")', 1, "strlen",
    ),
    Function(
        "string_size", "text:text", T.LONG, "toInt64(length({0}))",
        "How many bytes the text has in UTF-8.",
        'print string_size("é")', 3, "string_size",
    ),
    Function(
        "substring", "text:text, start:long, length?:long", None, _substring,
        "A part of the text, from a place; a negative place counts from the end.",
        'print substring("abcd", 1, 2)', 1,
    ),
    Function(
        "split", "text:text, delimiter:=string, index?:long", None, _split,
        "The parts of the text between delimiters, as an array; with an index, only that one.",
        'print split("a/b/c", "/")', 1, "first",
    ),
    Function(
        "tolower", "text:text", T.STRING, "lowerUTF8({0})",
        "The text in lower case.",
        'print tolower("ÄB")', 1,
    ),
    Function(
        "toupper", "text:text", T.STRING, "upperUTF8({0})",
        "The text in upper case.",
        'print toupper("äb")', 1,
    ),
    Function(
        "replace_string", "text:text, lookup:string, rewrite:string", T.STRING,
        "if({1} = '', {0}, replaceAll({0}, {1}, {2}))",
        "The text with every `lookup` replaced, as plain text.",
        'print replace_string("a.b.c", ".", "-")', 1,
    ),
    Function(
        "replace_strings", "text:text, lookups:dynamic, rewrites:dynamic", None, _replace_strings,
        "The text with each of several texts replaced by its partner, in order.",
        'print replace_strings("ab", dynamic(["a", "b"]), dynamic(["x", "y"]))', 3,
    ),
    Function(
        "indexof", "text:text, needle:text, start?:long, length?:long, occurrence?:long", None,
        _indexof,
        "The place where `needle` first stands, or -1.",
        'print indexof("abcabc", "c", 3)', 1,
    ),
    Function(
        "reverse", "text:text", T.STRING, "reverseUTF8({0})",
        "The text from its end to its start.",
        'print reverse("abc")', 2,
    ),
    Function(
        "strrep", "text:text, times:long, delimiter?:=text", None, _strrep,
        "The text several times over, with an optional delimiter between.",
        'print strrep("ab", 3, "-")', 2,
    ),
    Function(
        "strcmp", "one:text, other:text", T.LONG,
        "toInt64(multiIf({0} < {1}, -1, {0} > {1}, 1, 0))",
        "-1, 0 or 1: how two texts are ordered.",
        'print strcmp("a", "b")', 2,
    ),
    Function(
        "translate", "search:=string, replacement:=string, text:text", None, _translate,
        "The text with each character of `search` replaced by its partner in `replacement`.",
        'print translate("abc", "xyz", "aabb")', 2,
    ),
    Function(
        "has_any_index", "text:text, words:dynamic", None, _has_any_index,
        "The place in the array of the first word that the text has, or -1.",
        'print has_any_index("a step failed", dynamic(["ok", "failed"]))', 3,
    ),
    *alias(
        Function(
            "make_string", "codepoint:long*", None, _unicode,
            "The text of these code points, which must be ASCII.",
            "print make_string(75, 81)", 3, "",
            "Code points beyond 127 are taken as bytes.",
        ),
        "unicode_codepoints_to_string",
    ),
    Function(
        "isascii", "text:text", T.BOOL, "match({0}, '^[[:ascii:]]*$')",
        "Whether the text has ASCII characters only.",
        'print isascii("é")', 3,
    ),
    Function(
        "isutf8", "text:text", T.BOOL, "isValidUTF8({0})",
        "Whether the text is valid UTF-8.",
        'print isutf8("é")', 3,
    ),
)  # fmt: skip
