"""Plan to SQL: nested SELECTs, as few as the engine's rules on names allow.

Columns are asked for from above, so that a table is read only where something needs it. A stage
joins the SELECT of the one below where that cannot change its meaning, else it wraps it. No value
is in the text: values are placeholders. Names in the text are quoted, which is how the references
of an expression are found.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from stepsight_collector.kql.plan import (
    HIDDEN,
    Aggregate,
    Compute,
    Concat,
    Expand,
    Filter,
    Join,
    Limit,
    Scan,
    Sort,
    Unit,
)
from stepsight_collector.kql.scope import quote_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stepsight_collector.kql.plan import Node, Relation, SortColumn

__all__ = ["Reads", "list_sql", "order_sql", "query", "references", "scalar_sql"]

# A quoted name. One that stands after a dot belongs to a side of a join: it names no column here.
_NAME = re.compile(r"(?<!\.)`(?:[^`\\]|\\.)+`")
_ATOM = re.compile(r"(?:[a-z]\.)?`(?:[^`\\]|\\.)+`")
_UNQUOTE = re.compile(r"\\(.)")


def references(sql: str) -> set[str]:
    """The names of the columns that an expression reads; those of a query inside it too."""
    return {_unquote(name) for name in _NAME.findall(sql)}


def _unquote(quoted: str) -> str:
    name = quoted[1:-1]
    return _UNQUOTE.sub(r"\1", name) if "\\" in name else name


def order_sql(order: Iterable[SortColumn], names: Mapping[str, str] | None = None) -> str:
    """The keys of an ORDER BY; NaN stands beside null, as KQL wants it.

    `names` are expressions to write instead of a name.
    """
    return ", ".join(
        f"{(names or {}).get(key.name) or quote_identifier(key.name)} "
        f"{'DESC' if key.is_descending else 'ASC'} NULLS {'FIRST' if key.nulls_first else 'LAST'}"
        for key in order
    )


def scalar_sql(relation: Relation) -> str:
    """A query as one value: the first column of its first row, NULL if there is none."""
    return f"({query(relation, list(relation.columns)[:1], limit=1)})"


def list_sql(relation: Relation) -> str:
    """A query as what stands after `IN`: its first column."""
    return f"({query(relation, list(relation.columns)[:1], ordered=False)})"


class Select:
    """A SELECT that is being made; `columns` are what it gives, by name."""

    __slots__ = ("by", "columns", "grouped", "keys", "limit", "order", "source", "value", "where")

    def __init__(self, columns: dict[str, str], source: str) -> None:
        self.columns = columns
        self.source = source
        self.where: list[str] = []
        self.grouped = False
        self.keys: list[str] = []
        self.order: tuple[SortColumn, ...] = ()
        self.by: tuple[str, ...] = ()
        self.limit = ""
        self.value: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether rows may still be taken away or put together in this SELECT."""
        if self.grouped or self.limit or self.order:
            return False
        return not any(" OVER (" in sql for sql in self.columns.values())

    def inline(self, sql: str) -> str | None:
        """An expression over this SELECT's columns as one over its source's; None: it cannot be."""
        if sql[0] == "`" and _ATOM.fullmatch(sql):
            return self.columns.get(_unquote(sql), sql)
        replaced: dict[str, str] = {}
        for name in set(_NAME.findall(sql)):
            below = self.columns.get(_unquote(name))
            if below is None or below == name:
                continue
            if not _ATOM.fullmatch(below) or "SELECT" in sql:
                return None
            replaced[name] = below
        if not replaced:
            return sql
        return _NAME.sub(lambda match: replaced.get(match[0], match[0]), sql)

    def own_names(self) -> tuple[str, ...]:
        """The columns that ORDER BY, LIMIT BY and GROUP BY name."""
        return (*(key.name for key in self.order), *self.by, *self.keys)

    def text(self, order_names: Mapping[str, str] | None = None) -> str:
        """The SQL; `order_names` are expressions for columns to order by that are not given."""
        captured = self._captured()
        if not captured:
            return self._text(order_names)
        # An alias would stand in the way of the source's column of that name that another
        # expression reads, so here it gets another name.
        names = {name: f"{HIDDEN}{name}" if name in captured else name for name in self.columns}
        inner = Select({names[name]: sql for name, sql in self.columns.items()}, self.source)
        inner.where, inner.grouped = self.where, self.grouped
        inner.keys = [names[name] for name in self.keys]
        inner.by = tuple(names[name] for name in self.by)
        inner.order = tuple(replace(key, name=names.get(key.name, key.name)) for key in self.order)
        inner.limit = self.limit
        outer = ", ".join(
            f"{quote_identifier(names[name])} AS {quote_identifier(name)}"
            if name in captured
            else quote_identifier(name)
            for name in self.columns
        )
        return f"SELECT {outer} FROM ({inner._text(order_names)})"

    def _text(self, order_names: Mapping[str, str] | None) -> str:
        parts = [f"SELECT {', '.join(_aliased(self.columns)) or '1'}"]
        if self.source:
            parts.append(f"FROM {self.source}")
        if self.where:
            parts.append(f"WHERE {' AND '.join(f'({each})' for each in self.where)}")
        if self.keys:
            parts.append(f"GROUP BY {', '.join(quote_identifier(key) for key in self.keys)}")
        if self.order:
            parts.append(f"ORDER BY {order_sql(self.order, order_names)}")
        if self.by:
            names = ", ".join(quote_identifier(name) for name in self.by)
            parts.append(f"LIMIT {self.limit} BY {names}")
        elif self.limit:
            parts.append(f"LIMIT {self.limit}")
        return " ".join(parts)

    def _captured(self) -> set[str]:
        """Aliases that hide a column of the source that something else here reads."""
        computed = {
            name: sql for name, sql in self.columns.items() if sql != quote_identifier(name)
        }
        if not computed:
            return set()
        read: set[str] = set()
        for each in self.where:
            read |= references(each)
        for name, sql in computed.items():
            read |= references(sql) - {name}
        return read & computed.keys()


def _aliased(columns: Mapping[str, str]) -> Iterator[str]:
    for name, sql in columns.items():
        quoted = quote_identifier(name)
        yield quoted if sql == quoted else f"{sql} AS {quoted}"


Names = dict[str, None]  # an ordered set


Reads = dict[int, list[str]]  # by the id of a scan, the columns that it was asked for


def query(
    relation: Relation,
    names: list[str],
    *,
    limit: int | None = None,
    ordered: bool = True,
    reads: Reads | None = None,
) -> str:
    """A whole SELECT of `names`, in that order; the rows as the relation has them ordered."""
    reads = {} if reads is None else reads
    order = (relation.order or ()) if ordered else ()
    select = build(relation.node, dict.fromkeys([*names, *(key.name for key in order)]), reads)
    is_done = bool(select.limit) and not select.by and (not ordered or select.order == order)
    if limit is not None and not (is_done and select.value and select.value <= limit):
        is_done = False
    if not is_done and (order or limit is not None):
        if select.limit:
            select = _wrapped(select)
        select.order = order
        select.limit = "" if limit is None else str(limit)
    return _trimmed(select, names)


def build(node: Node, needed: Names, reads: Reads) -> Select:
    """A SELECT that gives those of the needed names that the node has."""
    return _BUILDERS[type(node)](node, needed, reads)


def _unit(_: Unit, __: Names, ___: Reads) -> Select:
    return Select({}, "")


def _scan(node: Scan, needed: Names, reads: Reads) -> Select:
    names = {name: node.columns[name] for name in needed if name in node.columns}
    read = reads.setdefault(id(node), [])
    read.extend(name for name in names if name not in read)
    source = node.source
    if node.select is not None:
        expressions = (*names.values(), *node.conditions)
        source = f"({node.select(frozenset().union(*map(references, expressions)))})"
    select = Select(names, source)
    select.where = list(node.conditions)
    return select


def _filter(node: Filter, needed: Names, reads: Reads) -> Select:
    wanted = needed | dict.fromkeys(references(node.condition))
    select = build(node.input, wanted, reads)
    condition = select.inline(node.condition) if select.is_open else None
    if condition is None:
        select, condition = _wrapped(select), node.condition
    select.where.append(condition)
    select.columns = {name: sql for name, sql in select.columns.items() if name in needed}
    return select


def _compute(node: Compute, needed: Names, reads: Reads) -> Select:
    wanted: Names = {}
    for name in needed:
        sql = node.columns.get(name)
        if sql is not None:
            wanted |= dict.fromkeys(references(sql))
        elif node.keeps_all or name.startswith(HIDDEN):
            wanted[name] = None
    select = build(node.input, wanted, reads)
    columns = _computed(node, needed, select)
    if columns is None:
        select = _wrapped(select)
        columns = {
            name: node.columns.get(name, quote_identifier(name))
            for name in needed
            if name in node.columns or name in select.columns
        }
    _keep_order(select, columns)
    select.columns = columns
    return select


def _aggregate(node: Aggregate, needed: Names, reads: Reads) -> Select:
    aggregates = {name: node.aggregates[name] for name in needed if name in node.aggregates}
    if not aggregates and not node.keys:
        aggregates = {f"{HIDDEN}n": "count()"}  # one row, whatever is read of it
    parts = [name for name in needed if name not in node.aggregates and name not in node.keys]
    wanted = dict.fromkeys(name for name in parts if name.startswith(HIDDEN))
    for sql in (*node.keys.values(), *aggregates.values()):
        wanted |= dict.fromkeys(references(sql))
    select = build(node.input, wanted, reads)
    columns = {**node.keys, **aggregates}
    # Of a row outside of a part, which all rows of the part share.
    columns |= {
        name: f"any({quote_identifier(name)})"
        for name in parts
        if name in wanted and name in select.columns
    }
    inlined = _inlined(select, columns) if select.is_open else None
    if inlined is None:
        select, inlined = _wrapped(select), columns
    select.columns = inlined
    select.grouped, select.keys = True, list(node.keys)
    return select


def _limit(node: Limit, needed: Names, reads: Reads) -> Select:
    own = (*(key.name for key in node.order), *node.by)
    select = build(node.input, needed | dict.fromkeys(own), reads)
    if select.limit:
        select = _wrapped(select)
    select.order, select.by = node.order, node.by
    select.limit, select.value = node.count, node.value
    return select


def _sort(node: Sort, needed: Names, reads: Reads) -> Select:
    keys = dict.fromkeys(key.name for key in node.order)
    select = build(node.input, needed | keys, reads)
    if select.limit or select.order:
        select = _wrapped(select)
    select.order = node.order
    return select


def _expand(node: Expand, needed: Names, reads: Reads) -> Select:
    wanted = dict.fromkeys(name for name in needed if name not in node.items)
    for sql in node.items.values():
        wanted |= dict.fromkeys(references(sql))
    select = build(node.input, wanted, reads)
    items = ", ".join(f"{sql} AS {quote_identifier(name)}" for name, sql in node.items.items())
    names = [*(name for name in select.columns if name in needed), *node.items]
    source = f"({select.text()})"
    return Select(_identity(names), f"{source} ARRAY JOIN {items}")


def _concat(node: Concat, needed: Names, reads: Reads) -> Select:
    names = [name for name in needed if name in node.columns[0]]
    legs = (
        _trimmed(build(Compute(leg, columns, ""), dict.fromkeys(names), reads), names)
        for leg, columns in zip(node.inputs, node.columns, strict=True)
    )
    return Select(_identity(names), f"({' UNION ALL '.join(f'({leg})' for leg in legs)})")


def _join(node: Join, needed: Names, reads: Reads) -> Select:
    right_out = {name: node.right_names[name] for name in needed if name in node.right_names}
    left_needed = dict.fromkeys(name for name in needed if name not in node.right_names)
    left = build(node.left, left_needed | dict.fromkeys(name for name, _ in node.on), reads)
    right_needed = dict.fromkeys((*right_out.values(), *(name for _, name in node.on)))
    right = build(node.right, right_needed, reads)
    columns = {name: f"l.{quote_identifier(name)}" for name in left_needed if name in left.columns}
    for name, inner in right_out.items():
        if inner in right.columns:
            columns[name] = f"r.{quote_identifier(inner)}"
    on = " AND ".join(
        f"l.{quote_identifier(one)} = r.{quote_identifier(other)}" for one, other in node.on
    )
    source = f"({left.text()}) AS l {node.kind} JOIN ({right.text()}) AS r ON {on}"
    return Select({name: columns[name] for name in needed if name in columns}, source)


def _trimmed(select: Select, names: list[str]) -> str:
    """The SQL of a SELECT that gives exactly `names`, in that order."""
    if list(select.columns) == names:
        return select.text()
    extra = [name for name in select.own_names() if name not in names]
    order_names = {name: select.columns[name] for name in extra}
    is_plain = all(_stands_for_itself(select, names, sql) for sql in order_names.values())
    if not (is_plain and all(name not in select.by and name not in select.keys for name in extra)):
        columns = ", ".join(quote_identifier(name) for name in names) or "1"
        return f"SELECT {columns} FROM ({select.text()})"
    select.columns = {name: select.columns[name] for name in names}
    return select.text(order_names)


def _stands_for_itself(select: Select, names: list[str], sql: str) -> bool:
    """Whether a column of the source means the same in an ORDER BY, where aliases come first."""
    name = _unquote(sql) if _ATOM.fullmatch(sql) and sql[0] == "`" else None
    return name is not None and (name not in names or select.columns[name] == sql)


def _computed(node: Compute, needed: Names, select: Select) -> dict[str, str] | None:
    """The columns of a stage over the source of the SELECT below; None: it must be wrapped."""
    columns: dict[str, str] = {}
    for name in needed:
        sql = node.columns.get(name)
        if sql is None:
            if name in select.columns:
                columns[name] = select.columns[name]
            continue
        if select.limit and " OVER (" in sql:
            return None
        is_name = sql[0] == "`" and _ATOM.fullmatch(sql)
        if select.grouped and not is_name:
            return None
        inlined = select.inline(sql)
        if inlined is None:
            return None
        columns[name] = inlined
    return columns


def _inlined(select: Select, columns: Mapping[str, str]) -> dict[str, str] | None:
    inlined: dict[str, str] = {}
    for name, sql in columns.items():
        below = select.inline(sql)
        if below is None:
            return None
        inlined[name] = below
    return inlined


def _keep_order(select: Select, columns: dict[str, str]) -> None:
    """What an ORDER BY or GROUP BY of this SELECT names must stay among its columns."""
    for name in select.own_names():
        columns.setdefault(name, select.columns[name])


def _identity(names: Iterable[str]) -> dict[str, str]:
    return {name: quote_identifier(name) for name in names}


def _wrapped(select: Select) -> Select:
    return Select(_identity(select.columns), f"({select.text()})")


_BUILDERS: dict[type, Callable[..., Select]] = {
    Unit: _unit,
    Scan: _scan,
    Filter: _filter,
    Compute: _compute,
    Aggregate: _aggregate,
    Limit: _limit,
    Sort: _sort,
    Expand: _expand,
    Concat: _concat,
    Join: _join,
}
