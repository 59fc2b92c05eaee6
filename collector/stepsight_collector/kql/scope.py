"""What is known while a query is bound: columns, variables, and the statement's constants.

The binder of scalars (`scalars.py`, `functions/`, `aggregates.py`) and the binder of operators
(`operators/`) meet here and in `Bound`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.kql import syntax
    from stepsight_collector.kql.errors import Diagnostic
    from stepsight_collector.kql.plan import Relation
    from stepsight_collector.kql.schema import Bag, Schema
    from stepsight_collector.kql.types import ScalarType

__all__ = [
    "MAX_EXPANSIONS",
    "UNKNOWN",
    "Bound",
    "Form",
    "Parameters",
    "Scope",
    "Statement",
    "quote_identifier",
]

UNKNOWN: Final = object()
MAX_EXPANSIONS: Final = 500  # tables read, and functions called, by one query


class Form(Enum):
    """How a dynamic value is held in the expression's SQL."""

    JSON = "Nullable(String) with JSON text"
    MAP = "Map(…, String): customDimensions and its like; never null"
    TEXT = "Nullable(String) that is a dynamic string's own text, not JSON"


@dataclass(frozen=True, slots=True)
class Bound:
    """A scalar expression whose names and types are known.

    `sql` reads columns of the input relation by their quoted names. User text and numbers are never
    in it: they are parameters. `constant` is the value (as in `syntax.Literal`) if it is known when
    compiling, else UNKNOWN. `bag` only with Form.MAP, and only while `sql` is the plain column of a
    table (a key can then be read without the whole map).

    `plain` is for a reader to whom a missing value and an empty text are the same: for Form.TEXT
    the text, never NULL; for Form.JSON a text that may not be JSON. Empty when there is none.
    """

    type: ScalarType
    sql: str
    is_nullable: bool = True
    form: Form = Form.JSON
    bag: Bag | None = None
    constant: object = UNKNOWN
    plain: str = ""


class Parameters:
    """The values of a statement's `{pN:Type}` placeholders; equal values share one."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self._names: dict[tuple[str, object], str] = {}

    def add(self, value: object, engine_type: str) -> str:
        """The placeholder for `value`, given to the engine as `engine_type`: `{p0:String}`."""
        key = (engine_type, value if not isinstance(value, list) else tuple(value))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"p{len(self.values)}"
            self.values[name] = value
        return f"{{{name}:{engine_type}}}"


class BindQuery(Protocol):
    """Binds a query inside an expression: `toscalar(query)`, `in (query)`."""

    def __call__(self, query: syntax.Expression, scope: Scope) -> Relation: ...


@dataclass(slots=True)
class Statement:
    """What all parts of one statement share.

    `now_ticks` is the one value of now() (100 ns since 0001-01-01 UTC). `diagnostics` collects
    what is wrong; binding goes on where it can, so that several are reported at once. `expansions`
    counts tables read and functions called, as written out, which has a limit. `bind_query`
    is set by the operators' binder, for the scalars'.
    """

    schema: Schema
    now_ticks: int
    bind_query: BindQuery
    parameters: Parameters = field(default_factory=Parameters)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    expansions: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Names that an expression may use: columns first, then variables (let, parameters).

    A variable is a Bound (scalar), a Relation (tabular) or a Function of syntax (with the scope it
    was made in). `$left` and `$right` are not here: the join's binder takes its conditions apart.
    `window` is what stands in `OVER (…)` for functions that look at other rows (`prev`,
    `row_number`): how the rows are parted and ordered. None: they have no order, and such a
    function is an error (`order by` or `serialize` gives them one). `source` and `stage` are the
    relation's that the columns are of: a diagnostic tells them.
    """

    statement: Statement
    columns: Mapping[str, Bound] = field(default_factory=dict)
    variables: Mapping[str, Bound | Relation | Closure] = field(default_factory=dict)
    window: str | None = None
    source: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Closure:
    """A let function with the scope in which it was declared."""

    function: syntax.Function
    scope: Scope


def quote_identifier(name: str) -> str:
    r"""A column's name as the engine reads it, whatever characters it has.

    >>> quote_identifier("odd `name`")
    '`odd \\`name\\``'
    """
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
