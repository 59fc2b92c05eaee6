"""`-p name=value`: values for a query's `declare query_parameters`, checked before they are sent.

A parameter named `run`, or whose name ends in `_run`, is a RUN: an id, the beginning of one, a
name, @last or @last-failed, as in every command; the query gets the id.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from stepsight._cli.kql_tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepsight._cli.api import Api
    from stepsight._cli.kql_tokens import Token

__all__ = ["Declared", "declared_parameters", "parse_pairs", "resolve_parameters"]

Value = str | int | float | bool
_WHOLE = frozenset({"int", "int32", "long", "int64"})
_REAL = frozenset({"real", "double", "decimal"})


@dataclass(frozen=True)
class Declared:
    """A parameter as the query declares it; `default` is its text, None if it has to be given."""

    name: str
    type: str
    default: str | None = None


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """`name=value` texts as a mapping; a value may hold `=`."""
    found = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name.strip():
            raise click.BadParameter(f'"{pair}" must be NAME=VALUE.', param_hint="--param")
        found[name.strip()] = value
    return found


def declared_parameters(text: str) -> list[Declared]:
    """What the text declares; the rest of it is not looked at.

    >>> declared_parameters('declare query_parameters(run:string = "@last", n:long); traces')
    [Declared(name='run', type='string', default='@last'), Declared(name='n', type='long', \
default=None)]
    """
    found = [token for token in tokens(text) if token.kind not in {"space", "comment"}]
    words = [token.text for token in found]
    declared = []
    for n in range(len(words) - 2):
        if words[n : n + 3] == ["declare", "query_parameters", "("]:
            declared += [_declared(part) for part in _split(found[n + 3 :])]
    return [each for each in declared if each is not None]


def _split(found: list[Token]) -> list[list[Token]]:
    """The tokens up to the closing parenthesis, cut at the commas that are not inside of others."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        depth += (token.kind == "open") - (token.kind == "close")
        if depth < 0:
            break
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _declared(part: list[Token]) -> Declared | None:
    if len(part) < 3 or part[1].text != ":":  # noqa: PLR2004 - name, colon, type
        return None
    default = "".join(token.text for token in part[4:]) if len(part) > 4 else None  # noqa: PLR2004 - and =
    if default is not None and re.fullmatch(r"([\"']).*\1", default, re.DOTALL):
        default = default[1:-1]
    return Declared(part[0].text, part[2].text, default)


def resolve_parameters(text: str, given: Mapping[str, str], api: Api) -> dict[str, Value]:
    """The values to send, each of its declared type; RUNs become ids.

    Raises click.UsageError for a name that the query does not declare, for one that is missing and
    for a value of another type.
    """
    declared = {each.name: each for each in declared_parameters(text)}
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise click.UsageError(_unknown(unknown[0], list(declared)))
    missing = [n for n, each in declared.items() if each.default is None and n not in given]
    if missing:
        raise click.UsageError(
            f'the query needs a value for "{missing[0]}": -p {missing[0]}=VALUE.'
        )
    values: dict[str, Value] = {
        name: _typed(declared[name], value) for name, value in given.items()
    }
    for name, each in declared.items():
        run = given.get(name, each.default)
        if _is_run(each) and run:
            values[name] = api.get("runs", run)["run"]["run_id"]
    return values


def _is_run(parameter: Declared) -> bool:
    is_named = parameter.name == "run" or parameter.name.endswith("_run")
    return is_named and parameter.type == "string"


def _unknown(name: str, declared: list[str]) -> str:
    if not declared:
        return (
            f'the query declares no parameter "{name}": '
            f"begin it with declare query_parameters({name}:string);"
        )
    nearest = difflib.get_close_matches(name, declared, 1)
    hint = f' Did you mean "{nearest[0]}"?' if nearest else f" It declares {', '.join(declared)}."
    return f'the query declares no parameter "{name}".{hint}'


def _typed(parameter: Declared, text: str) -> Value:
    kind = parameter.type
    try:
        if kind in _WHOLE:
            return int(text)
        if kind in _REAL:
            return float(text)
    except ValueError as exc:
        what = "a whole number" if kind in _WHOLE else "a number"
        raise click.UsageError(
            f'the parameter "{parameter.name}" must be {what} ({kind}), got "{text}".'
        ) from exc
    if kind in {"bool", "boolean"}:
        if text.lower() not in {"true", "false"}:
            raise click.UsageError(
                f'the parameter "{parameter.name}" must be true or false, got "{text}".'
            )
        return text.lower() == "true"
    return text
