"""Columns that the Application Insights tables have in common, in both generations of names.

Source: Azure Monitor, "Migrate to workspace-based Application Insights", table schemas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepsight_collector.kql.schema import Bag, Column
from stepsight_collector.kql.types import ScalarType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Pair", "classic_columns", "dimension_bag", "workspace_columns"]

_S, _T, _I, _R, _B, _D = (
    ScalarType.STRING,
    ScalarType.DATETIME,
    ScalarType.INT,
    ScalarType.REAL,
    ScalarType.BOOL,
    ScalarType.DYNAMIC,
)
# Attributes that other columns show (store/view_macros.py), by how their names begin, and by name.
# A property of such a name is stored behind ESCAPE, and so is one that begins with one of ESCAPED,
# where attributes of our own are that no column shows (breeze/dimensions.py).
HIDDEN = (
    "ai.",
    *(
        f"stepsight.{part}."
        for part in (
            "item",
            "sample",
            "exception",
            "page",
            "result",
            "request",
            "dependency",
            "metric",
        )
    ),
    "microsoft.availability.",
    "microsoft.custom_measurements",
)
HIDDEN_NAMES = frozenset(("exception.type", "exception.message", "exception.stacktrace"))
ESCAPED = ("stepsight.",)
ESCAPE = "stepsight.property."
_RUN_KEYS = {
    "parent_run_id": "RunId",
    "step_id": "StepId",
    "step_name": "StepName",
    "experiment_name": "ExperimentName",
    "run_type": "RunType",
    "run_url": "RunUrl",
    "build_url": "BuildUrl",
    "build_version": "BuildVersion",
}
_LEVEL_KEYS = {"Level": "Level", "level": "LevelName"}


class Pair(NamedTuple):
    """A column in both generations; an empty name means that a generation has none.

    `workspace_type` and `is_workspace_nullable` only where it differs.
    """

    classic: str
    workspace: str
    type: ScalarType
    description: str
    is_nullable: bool = False
    workspace_type: ScalarType | None = None
    is_workspace_nullable: bool = False


_TIME = Pair("timestamp", "TimeGenerated", _T, "When it happened; of a span, when it began.")
_COMMON = (
    Pair("operation_Name", "OperationName", _S, "Name of the operation that it belongs to."),
    Pair("operation_Id", "OperationId", _S, "Id of the operation: OpenTelemetry's trace id."),
    Pair("operation_ParentId", "ParentId", _S, "Id of the request or dependency that it is in."),
    Pair("operation_SyntheticSource", "SyntheticSource", _S,
         "Who made the traffic, if it was a test or a robot."),
    Pair("session_Id", "SessionId", _S, "The user's session."),
    Pair("user_Id", "UserId", _S, "The anonymous user."),
    Pair("user_AuthenticatedId", "UserAuthenticatedId", _S, "The user who has signed in."),
    Pair("user_AccountId", "UserAccountId", _S, "The account of the user."),
    Pair("application_Version", "AppVersion", _S, "Version of the program: `service.version`."),
    Pair("client_Type", "ClientType", _S, "Kind of the device."),
    Pair("client_Model", "ClientModel", _S, "Model of the device."),
    Pair("client_OS", "ClientOS", _S, "Operating system of the device or the process."),
    Pair("client_IP", "ClientIP", _S, "Address of the client, where it was told."),
    Pair("client_City", "ClientCity", _S, "City, where the sender told it."),
    Pair("client_StateOrProvince", "ClientStateOrProvince", _S,
         "State or province, where the sender told it."),
    Pair("client_CountryOrRegion", "ClientCountryOrRegion", _S,
         "Country or region, where the sender told it."),
    Pair("client_Browser", "ClientBrowser", _S, "Always empty: user agents are not taken apart."),
    Pair("cloud_RoleName", "AppRoleName", _S, "The program: `service.name`, of a step its name."),
    Pair("cloud_RoleInstance", "AppRoleInstance", _S,
         "The instance of the program: `service.instance.id`, else the host's name."),
    Pair("appId", "ResourceGUID", _S,
         "The instrumentation key that was sent, else the project."),
    Pair("appName", "", _S, "The project."),
    Pair("iKey", "IKey", _S, "The instrumentation key that was sent, if any."),
    Pair("sdkVersion", "SDKVersion", _S, "The sending library and its version."),
)  # fmt: skip
_ITEM_ID = Pair("itemId", "", _S, "An id of the row, unique and always the same.")
_ITEM_TYPE = Pair("itemType", "Type", _S, "Which kind of item, or which table, this is.")
_DIMENSIONS = Pair(
    "customDimensions", "Properties", _D,
    "Custom dimensions by key: run identity and the record's attributes, all as text.",
)  # fmt: skip
_MEASURES = (
    Pair("customMeasurements", "Measurements", _D, "Custom measurements by key.", True),
    Pair("itemCount", "ItemCount", _I, "How many items this one stands for, after sampling."),
)
_WORKSPACE = (
    ("TenantId", _S, "The project."),
    ("SourceSystem", _S, "Always `stepsight`."),
    ("_ResourceId", _S, "Path of the project: `/projects/` and its name."),
    ("_SubscriptionId", _S, "Always empty."),
    ("_BilledSize", _R, "Always 0: nothing is billed."),
    ("_IsBillable", _S, "Always `False`."),
)


def dimension_bag(*, has_level: bool) -> Bag:
    """How a key of custom dimensions is read without making the whole map."""
    keys = _RUN_KEYS | _LEVEL_KEYS if has_level else _RUN_KEYS
    return Bag("Attributes", keys, HIDDEN, ESCAPE, HIDDEN_NAMES, ESCAPED)


def classic_columns(
    own: Sequence[Pair], *, has_level: bool = False, is_metric: bool = False
) -> tuple[Column, ...]:
    """All columns of a classic table, `own` ones behind the time."""
    pairs = (
        _TIME, *own, _ITEM_TYPE, _DIMENSIONS, *(() if is_metric else _MEASURES), *_COMMON, _ITEM_ID
    )  # fmt: skip
    return tuple(
        _column(pair.classic, pair.type, pair, pair.is_nullable, has_level)
        for pair in pairs
        if pair.classic
    )


def workspace_columns(
    own: Sequence[Pair], *, has_level: bool = False, is_metric: bool = False
) -> tuple[Column, ...]:
    """All columns of a workspace table, `own` ones behind the time."""
    pairs = (
        _TIME, *own, _ITEM_TYPE, _DIMENSIONS, *(() if is_metric else _MEASURES), *_COMMON
    )  # fmt: skip
    named = (
        _column(
            pair.workspace,
            pair.workspace_type or pair.type,
            pair,
            pair.is_nullable or pair.is_workspace_nullable,
            has_level,
        )
        for pair in pairs
        if pair.workspace
    )
    return (*named, *(Column(name, kind, text) for name, kind, text in _WORKSPACE))


def _column(
    name: str,
    kind: ScalarType,
    pair: Pair,
    is_nullable: bool,
    has_level: bool,
) -> Column:
    bag = dimension_bag(has_level=has_level) if pair is _DIMENSIONS else None
    return Column(name, kind, pair.description, is_nullable=is_nullable, bag=bag)
