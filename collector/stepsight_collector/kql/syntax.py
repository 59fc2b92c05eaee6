"""The syntax tree of a KQL query: what the parser makes and the binder and the printer read.

Every node has a `span`, its place in the text; spans do not count when trees are compared, so that
a tree and the tree of its printed text are equal. Knows nothing of names, types of columns or SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from stepsight_collector.kql.types import ScalarType

__all__ = [
    "As",
    "Between",
    "Binary",
    "Call",
    "ColumnPattern",
    "Consume",
    "Count",
    "DataTable",
    "Declare",
    "Distinct",
    "Evaluate",
    "Expression",
    "Extend",
    "Facet",
    "Find",
    "Fork",
    "Function",
    "GetSchema",
    "In",
    "Index",
    "Invoke",
    "Join",
    "Let",
    "Literal",
    "Lookup",
    "MakeSeries",
    "Member",
    "MvApply",
    "MvExpand",
    "MvExpandItem",
    "Name",
    "Named",
    "Operator",
    "Order",
    "Parameter",
    "Parse",
    "ParseKv",
    "ParsePattern",
    "Partition",
    "Print",
    "Project",
    "ProjectAway",
    "ProjectKeep",
    "ProjectRename",
    "ProjectReorder",
    "Query",
    "Range",
    "ReduceBy",
    "Render",
    "Sample",
    "SampleDistinct",
    "Scan",
    "Script",
    "Search",
    "Serialize",
    "SetOption",
    "SortKey",
    "Source",
    "Span",
    "Star",
    "Statement",
    "Summarize",
    "Take",
    "Top",
    "TopNested",
    "TopNestedLevel",
    "Typeof",
    "Unary",
    "Union",
    "Where",
]


class Span(NamedTuple):
    """A place in the query's text: characters from `start` up to `end`, which is not included."""

    start: int
    end: int


NOWHERE = Span(0, 0)


def _span() -> Span:
    return field(default=NOWHERE, compare=False, repr=False)


# ---------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant.

    `value` by type: bool; int for int and long; float for real; Decimal; str for string and guid
    (lower case); int for datetime and timespan, in ticks of 100 ns, a datetime's from
    0001-01-01 UTC; a JSON value for dynamic. None is the type's null.
    """

    type: ScalarType
    value: object
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Name:
    """A column, a table, a variable or a function without parentheses: `x`, `['odd name']`."""

    name: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Star:
    """`*`: every column, or in `parse` whatever stands between."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Member:
    """`target.name` and `target.['name']`; of a call also a table: `app("x").traces`."""

    target: Expression
    name: str
    span: Span = _span()
    name_span: Span = _span()


@dataclass(frozen=True, slots=True)
class Index:
    """`target[index]`: a key of a bag or a place in an array."""

    target: Expression
    index: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)`: a function, an aggregate, a type's conversion, `toscalar(query)`."""

    name: str
    arguments: tuple[Expression, ...]
    span: Span = _span()
    name_span: Span = _span()


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x`, `+x`."""

    operator: str
    operand: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`: arithmetic, comparison, `and`, `or`, and the string operators.

    `operator` is spelled as in KQL, in its first spelling: `==` (not `=`), `!=` (not `<>`), `=~`,
    `has`, `!has_cs`, `matches regex`, …
    """

    operator: str
    left: Expression
    right: Expression
    span: Span = _span()
    operator_span: Span = _span()


@dataclass(frozen=True, slots=True)
class In:
    """`operand operator (items)`; `operator` is in, !in, in~, !in~, has_any or has_all.

    One item may be a query, whose first column is the list, or an expression that is an array.
    """

    operator: str
    operand: Expression
    items: tuple[Expression, ...]
    span: Span = _span()
    operator_span: Span = _span()


@dataclass(frozen=True, slots=True)
class Between:
    """`operand between (low .. high)`, and `!between`."""

    operand: Expression
    low: Expression
    high: Expression
    is_negated: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Named:
    """`name = expression`, or `(first, second) = expression`; also a named argument."""

    names: tuple[str, ...]
    expression: Expression
    span: Span = _span()
    names_span: Span = _span()


@dataclass(frozen=True, slots=True)
class Typeof:
    """`typeof(string)`, `typeof(*)` where types are arguments."""

    types: tuple[ScalarType, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ColumnPattern:
    """A name with `*` in it where columns or tables may be chosen by pattern: `custom*`."""

    pattern: str
    span: Span = _span()


# ------------------------------------------------------------------------------ queries, sources


@dataclass(frozen=True, slots=True)
class Query:
    """`source | operator | …`. Also an expression, where a query may stand: `toscalar(…)`."""

    source: Source
    operators: tuple[Operator, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Range:
    """`range name from start to stop step step`."""

    name: str
    start: Expression
    stop: Expression
    step: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class DataTable:
    """`datatable (name:type, …) [value, …]`: values row by row."""

    columns: tuple[Parameter, ...]
    values: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Print:
    """`print expression, …`: one row."""

    expressions: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Union:
    """`union kind=… withsource=… isfuzzy=… a, b`; a source, or an operator that adds its input."""

    tables: tuple[Expression, ...]
    kind: str = "outer"
    source_column: str | None = None
    is_fuzzy: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Search:
    """`search kind=… in (tables) predicate`; without tables all, or the piped input."""

    predicate: Expression
    tables: tuple[Expression, ...] = ()
    kind: str = "case_insensitive"
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Find:
    """`find withsource=… in (tables) where predicate project columns`."""

    predicate: Expression
    tables: tuple[Expression, ...] = ()
    columns: tuple[Expression, ...] = ()
    source_column: str | None = None
    is_project_smart: bool = False
    span: Span = _span()


# ------------------------------------------------------------------------------------ operators


@dataclass(frozen=True, slots=True)
class Where:
    """`where predicate`, also spelled `filter`."""

    predicate: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Project:
    """`project columns`."""

    columns: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ProjectAway:
    """`project-away columns`."""

    columns: tuple[Name | ColumnPattern, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ProjectKeep:
    """`project-keep columns`."""

    columns: tuple[Name | ColumnPattern, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ProjectRename:
    """`project-rename new = old, …`: each a Named with one name and a Name."""

    columns: tuple[Named, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ProjectReorder:
    """`project-reorder columns`; a SortKey where an order (also `granny-asc`) is given."""

    columns: tuple[Name | ColumnPattern | Star | SortKey, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Extend:
    """`extend columns`."""

    columns: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Summarize:
    """`summarize aggregates by keys`."""

    aggregates: tuple[Expression, ...]
    keys: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Distinct:
    """`distinct columns`; a Star alone for all."""

    columns: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class SortKey:
    """`expression asc|desc nulls first|last`; None where it is not said."""

    expression: Expression
    order: str | None = None
    nulls: str | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Order:
    """`order by keys`, also spelled `sort by`."""

    keys: tuple[SortKey, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Take:
    """`take count`, also spelled `limit`."""

    count: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Top:
    """`top count by key`."""

    count: Expression
    keys: tuple[SortKey, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Count:
    """`count`."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Join:
    """`join kind=… (right) on conditions`.

    A condition is a Name that both sides have, or a Binary `==` of `$left.a` and `$right.b`
    (Members of Names `$left`, `$right`). `kind` is None where it is not said.
    """

    right: Query
    conditions: tuple[Expression, ...]
    kind: str | None = None
    span: Span = _span()
    kind_span: Span = _span()


@dataclass(frozen=True, slots=True)
class Lookup:
    """`lookup kind=… (right) on conditions`."""

    right: Query
    conditions: tuple[Expression, ...]
    kind: str | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ParsePattern:
    """One part of a `parse` pattern: a text to match, a column to fill, or `*`.

    Exactly one of `text` and `column` is set, or neither for `*`.
    """

    text: str | None = None
    column: str | None = None
    type: ScalarType | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Parse:
    """`parse kind=… flags=… expression with pattern`; `parse-where` drops what does not match."""

    expression: Expression
    pattern: tuple[ParsePattern, ...]
    kind: str = "simple"
    flags: str = ""
    drops_others: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ParseKv:
    """`parse-kv expression as (name:type, …) with (options)`."""

    expression: Expression
    columns: tuple[Parameter, ...]
    options: tuple[Named, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class MvExpandItem:
    """`name = expression to typeof(type)`; name and type are None where not said."""

    expression: Expression
    name: str | None = None
    type: ScalarType | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class MvExpand:
    """`mv-expand bagexpansion=… with_itemindex=… items limit count`, also `mvexpand`."""

    items: tuple[MvExpandItem, ...]
    limit: Expression | None = None
    bag_expansion: str = "bag"
    index_column: str | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class MvApply:
    """`mv-apply with_itemindex=… items limit count on (query)`; the query has no source."""

    items: tuple[MvExpandItem, ...]
    operators: tuple[Operator, ...]
    limit: Expression | None = None
    index_column: str | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class MakeSeries:
    """`make-series aggregates on axis from start to stop step step by keys`.

    An aggregate is an Expression; those with `default=` are in `defaults` at the same place, else
    None. `kind` is "nonempty" or None. `in range(start, stop, step)` sets `is_range`.
    """

    aggregates: tuple[Expression, ...]
    defaults: tuple[Expression | None, ...]
    axis: Expression
    step: Expression
    start: Expression | None = None
    stop: Expression | None = None
    keys: tuple[Expression, ...] = ()
    kind: str | None = None
    is_range: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Render:
    """`render chart with (properties)`."""

    chart: str
    properties: tuple[tuple[str, object], ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Serialize:
    """`serialize columns`."""

    columns: tuple[Expression, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Sample:
    """`sample count`."""

    count: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class SampleDistinct:
    """`sample-distinct count of expression`."""

    count: Expression
    expression: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class GetSchema:
    """`getschema`."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class As:
    """`as name`: the result so far can be named later in the same statement."""

    name: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Evaluate:
    """`evaluate plugin(arguments)`, with an output schema if one is given.

    `keeps_input`: the schema begins with `*`, all columns of the input.
    """

    plugin: Call
    output: tuple[Parameter, ...] = ()
    span: Span = _span()
    keeps_input: bool = False


@dataclass(frozen=True, slots=True)
class TopNestedLevel:
    """`count of expression with others = text by aggregate asc|desc`."""

    expression: Expression
    aggregate: Expression
    count: Expression | None = None
    others: Expression | None = None
    order: str | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class TopNested:
    """`top-nested level, top-nested level, …`."""

    levels: tuple[TopNestedLevel, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Partition:
    """`partition hint.…=… by column (query)`; the query has no source of its own."""

    column: Expression
    operators: tuple[Operator, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Invoke:
    """`invoke function(arguments)`: a function whose first parameter is the input."""

    function: Call
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ReduceBy:
    """`reduce by expression`: not supported, parsed so that the refusal has a place."""

    expression: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Consume:
    """`consume`: not supported, parsed so that the refusal has a place."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Fork:
    """`fork`: not supported, parsed so that the refusal has a place."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Facet:
    """`facet`: not supported, parsed so that the refusal has a place."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Scan:
    """`scan`: not supported, parsed so that the refusal has a place."""

    span: Span = _span()


# ----------------------------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Parameter:
    """`name:type = default`; a tabular one has no `type`, but `columns` that it must have."""

    name: str
    type: ScalarType | None
    default: Expression | None = None
    columns: tuple[Parameter, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Function:
    """`(parameters) { statements; body }`; `is_view`: `view` stands before it."""

    parameters: tuple[Parameter, ...]
    statements: tuple[Statement, ...]
    body: Expression
    span: Span = _span()
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = value`."""

    name: str
    value: Expression | Function
    span: Span = _span()
    name_span: Span = _span()


@dataclass(frozen=True, slots=True)
class SetOption:
    """`set name = value`; `value` is None where it is not said."""

    name: str
    value: Expression | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Declare:
    """`declare query_parameters(name:type = default, …)`."""

    parameters: tuple[Parameter, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Script:
    """What a person sends: statements, and the query whose result they get."""

    statements: tuple[Statement, ...]
    query: Query
    span: Span = _span()


Source = (
    Name | Call | Member | Query | Range | DataTable | Print | Union | Search | Find | ColumnPattern
)
Operator = (
    Where
    | Project
    | ProjectAway
    | ProjectKeep
    | ProjectRename
    | ProjectReorder
    | Extend
    | Summarize
    | Distinct
    | Order
    | Take
    | Top
    | Count
    | Join
    | Lookup
    | Union
    | Search
    | Parse
    | ParseKv
    | MvExpand
    | MvApply
    | MakeSeries
    | Render
    | Serialize
    | Sample
    | SampleDistinct
    | GetSchema
    | As
    | Evaluate
    | TopNested
    | Partition
    | Invoke
    | ReduceBy
    | Consume
    | Fork
    | Facet
    | Scan
)
Statement = Let | SetOption | Declare
Expression = (
    Literal
    | Name
    | Star
    | Member
    | Index
    | Call
    | Unary
    | Binary
    | In
    | Between
    | Named
    | Typeof
    | ColumnPattern
    | Query
    | DataTable
    | Range
    | Print
    | Union
    | Search
    | Find
)
