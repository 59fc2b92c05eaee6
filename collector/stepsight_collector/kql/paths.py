"""Into a dynamic: `d.key`, `d["key"]`, `d[0]`, `d.a.b[-1]`.

A path is bound whole, so that one key of a bag is read without the bag, and a JSON text is parsed
once. What is missing is null; nothing here is an error but a value that is not dynamic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from stepsight_collector.kql.conversions import path_sql, text_sql
from stepsight_collector.kql.failing import fail, has_failed
from stepsight_collector.kql.literals import bind_constant, bind_text, is_constant, null
from stepsight_collector.kql.scope import Bound, Form, quote_identifier
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from stepsight_collector.kql.schema import Bag
    from stepsight_collector.kql.scope import Scope
    from stepsight_collector.kql.syntax import Span

__all__ = ["walk"]

T = ScalarType


def walk(root: Bound, steps: list[Bound], scope: Scope, span: Span, name: str) -> Bound:
    """The value at a path below `root`; `name` is the root's, for the diagnostic.

    A step is a string (a key) or a number (a place in an array).
    """
    failed = next((each for each in (root, *steps) if has_failed(each)), None)
    if failed:
        return failed
    if root.type is not T.DYNAMIC:
        return _refuse(root, steps, scope, span, name)
    if is_constant(root) and all(is_constant(step) for step in steps):
        return bind_constant(scope, T.DYNAMIC, _walk_constant(root.constant, steps))
    if root.form is Form.MAP:
        return _walk_map(root, steps, scope)
    return _walk_json(text_sql(root) if root.form is Form.TEXT else root.plain or root.sql, steps)


def _refuse(root: Bound, steps: list[Bound], scope: Scope, span: Span, name: str) -> Bound:
    what = f'"{name}" is' if name else "this is"
    hint = ""
    if root.type is T.STRING:
        key = steps[0].constant if is_constant(steps[0]) else "key"
        path = f".{key}" if isinstance(key, str) else f"[{key}]"
        hint = f"If it holds JSON, write parse_json({name or '…'}){path}."
    article = "an" if root.type is T.INT else "a"
    return fail(
        scope,
        "wrong_type",
        f"{what} {article} {root.type.value}; only a dynamic has members",
        span,
        hint,
    )


def _walk_constant(value: object, steps: list[Bound]) -> object:
    for step in steps:
        key = step.constant
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int):
            value = value[key] if -len(value) <= key < len(value) else None
        else:
            return None
    return value


def _walk_map(root: Bound, steps: list[Bound], scope: Scope) -> Bound:
    first, rest = steps[0], steps[1:]
    if first.type is not T.STRING and first.type is not T.DYNAMIC:
        return null(T.DYNAMIC)
    if root.bag is not None and isinstance(first.constant, str):
        value = _bag_key(root.bag, first.constant, scope)
    else:
        value = _map_key(root.sql, text_sql(first))
    return _walk_json(value.plain, rest) if rest and value.plain else value


def _bag_key(bag: Bag, key: str, scope: Scope) -> Bound:
    column = bag.keys.get(key)
    if column is not None:
        sql = quote_identifier(column)
        return Bound(T.DYNAMIC, f"nullIf({sql}, '')", form=Form.TEXT, plain=sql)
    rest = quote_identifier(bag.rest)
    if _is_hidden(bag, key):
        return _map_key(rest, bind_text(scope, bag.escape + key)) if bag.escape else null(T.DYNAMIC)
    plain = bind_text(scope, key)
    if not key.startswith(bag.escaped):
        return _map_key(rest, plain)
    escaped = bind_text(scope, bag.escape + key)
    return _map_key(rest, f"if(mapContains({rest}, {escaped}), {escaped}, {plain})")


def _is_hidden(bag: Bag, key: str) -> bool:
    """Whether `rest` has other things under the key, or another property whose name it escapes."""
    if key.startswith(bag.hidden) or key in bag.hidden_names:
        return True
    inner = key.removeprefix(bag.escape)
    return inner != key and (inner.startswith(bag.escaped) or _is_hidden(bag, inner))


def _map_key(sql: str, key: str) -> Bound:
    value = f"{sql}[{key}]"
    whole = f"if(mapContains({sql}, {key}), {value}, NULL)"
    return Bound(T.DYNAMIC, whole, form=Form.TEXT, plain=value)


def _walk_json(text: str, steps: list[Bound]) -> Bound:
    path = [_step(step) for step in steps]
    sql = path_sql(text, ", ".join(path))
    # The engine counts a bag's values too, but a bag has no places.
    arrays = [
        f"JSONType({', '.join((text, *path[:place]))}) = 'Array'"
        for place, step in enumerate(steps)
        if step.type is not T.STRING and step.type is not T.DYNAMIC
    ]
    return Bound(T.DYNAMIC, f"if({' AND '.join(arrays)}, {sql}, NULL)" if arrays else sql)


def _step(step: Bound) -> str:
    """A key, or a place counted from 1, or from the end when negative, as the engine does."""
    if step.type is T.STRING or step.type is T.DYNAMIC:
        return text_sql(step)
    if is_constant(step):
        place = int(cast("int", step.constant))
        return str(place + 1 if place >= 0 else place)
    return f"({step.sql} + ({step.sql} >= 0))"
