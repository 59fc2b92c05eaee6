"""What a wrong name was probably meant to be: another case, another tool's word, a slip."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["closest", "did_you_mean", "function_hint"]

_ALIKE = 0.7
_MAX_COMPARED = 64

# What other tools and schemas call a column, a table or a function, in small letters without
# underscores, and what it may be here; the first that exists is offered.
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    # Columns of the two schemas of Application Insights, and of OpenTelemetry.
    "appname": ("cloud_RoleName", "AppRoleName"),
    "approleinstance": ("cloud_RoleInstance", "AppRoleInstance"),
    "approlename": ("cloud_RoleName", "AppRoleName"),
    "attributes": ("customDimensions", "Properties"),
    "body": ("message", "Message"),
    "cloudrolename": ("AppRoleName",),
    "correlationid": ("operation_Id", "OperationId"),
    "customdimension": ("customDimensions", "Properties"),
    "customdimensions": ("Properties",),
    "custommeasurements": ("Measurements",),
    "customproperties": ("customDimensions", "Properties"),
    "date": ("timestamp", "TimeGenerated"),
    "datetime": ("timestamp", "TimeGenerated"),
    "dimensions": ("customDimensions", "Properties"),
    "duration": ("DurationMs",),
    "durationms": ("duration",),
    "errormessage": ("outerMessage", "OuterMessage", "message", "Message"),
    "exceptiontype": ("type",),
    "itemcount": ("ItemCount", "itemCount"),
    "level": ("severityLevel", "SeverityLevel"),
    "loglevel": ("severityLevel", "SeverityLevel"),
    "measurements": ("customMeasurements",),
    "msg": ("message", "Message"),
    "operationid": ("operation_Id",),
    "operationparentid": ("ParentId",),
    "parentid": ("operation_ParentId",),
    "properties": ("customDimensions",),
    "resultcode": ("ResultCode",),
    "rolename": ("cloud_RoleName", "AppRoleName"),
    "service": ("cloud_RoleName", "AppRoleName"),
    "servicename": ("cloud_RoleName", "AppRoleName"),
    "severity": ("severityLevel", "SeverityLevel"),
    "severitynumber": ("severityLevel", "SeverityLevel"),
    "severitytext": ("severityLevel", "SeverityLevel"),
    "spanid": ("operation_ParentId", "ParentId"),
    "status": ("success", "resultCode"),
    "statuscode": ("resultCode", "ResultCode"),
    "text": ("message", "Message"),
    "time": ("timestamp", "TimeGenerated"),
    "timegenerated": ("timestamp",),
    "timestamp": ("TimeGenerated",),
    "traceid": ("operation_Id", "OperationId"),
    "ts": ("timestamp", "TimeGenerated"),
    # Kinds of join.
    "cross": ("inner",),
    "full": ("fullouter",),
    "left": ("leftouter",),
    "outer": ("fullouter", "leftouter"),
    "right": ("rightouter",),
    "semi": ("leftsemi",),
    # Tables.
    "events": ("customEvents", "AppEvents"),
    "error": ("exceptions", "AppExceptions"),
    "errors": ("exceptions", "AppExceptions"),
    "logs": ("traces", "AppTraces"),
    "metrics": ("customMetrics", "AppMetrics"),
    "spans": ("dependencies", "AppDependencies"),
    "trace": ("traces",),
    # Functions of SQL, of other languages, and of older Kusto.
    "average": ("avg",),
    "ceil": ("ceiling",),
    "concat": ("strcat",),
    "concatws": ("strcat_delim",),
    "countd": ("dcount",),
    "countdistinct": ("dcount",),
    "currenttimestamp": ("now",),
    "dateadd": ("datetime_add",),
    "datediff": ("datetime_diff",),
    "datepart": ("datetime_part",),
    "datetrunc": ("bin",),
    "day": ("dayofmonth",),
    "first": ("take_any", "arg_min"),
    "formatdate": ("format_datetime",),
    "fromjson": ("parse_json",),
    "getdate": ("now",),
    "grouparray": ("make_list",),
    "hour": ("hourofday",),
    "if": ("iff",),
    "ifnull": ("coalesce",),
    "instr": ("indexof",),
    "json": ("parse_json",),
    "jsonextract": ("extract_json", "parse_json"),
    "last": ("arg_max",),
    "lcase": ("tolower",),
    "len": ("strlen",),
    "length": ("strlen", "array_length"),
    "locate": ("indexof",),
    "lower": ("tolower",),
    "mean": ("avg",),
    "median": ("percentile",),
    "month": ("monthofyear", "getmonth"),
    "nvl": ("coalesce",),
    "position": ("indexof",),
    "quantile": ("percentile",),
    "regexextract": ("extract",),
    "regexpreplace": ("replace_regex",),
    "size": ("array_length",),
    "stddev": ("stdev",),
    "str": ("tostring",),
    "strftime": ("format_datetime",),
    "string": ("tostring",),
    "strpos": ("indexof",),
    "substr": ("substring",),
    "timediff": ("datetime_diff",),
    "tochar": ("tostring",),
    "todate": ("todatetime",),
    "tofloat": ("todouble",),
    "tojson": ("tostring",),
    "tonumber": ("todouble",),
    "trunc": ("bin",),
    "truncate": ("bin",),
    "typeof": ("gettype",),
    "ucase": ("toupper",),
    "uniq": ("dcount",),
    "upper": ("toupper",),
    "var": ("variance",),
    "year": ("getyear",),
}
# Functions that are written in another way than by another name.
_FUNCTION_HINTS = {
    "between": "Write value between (low .. high).",
    "cast": "Write the conversion's own function: toint(x), tostring(x), todatetime(x).",
    "contains": 'It is an operator: text contains "part".',
    "convert": "Write the conversion's own function: toint(x), tostring(x), todatetime(x).",
    "endswith": 'It is an operator: text endswith "part".',
    "exists": "Write isnotnull(x), or isnotempty(x) of a string.",
    "has": 'It is an operator: text has "word".',
    "in": 'It is an operator: value in ("a", "b").',
    "isin": 'Write value in ("a", "b").',
    "like": 'Write text contains "part", or text matches regex "pattern".',
    "match": 'Write text matches regex "pattern".',
    "regexmatch": 'Write text matches regex "pattern".',
    "startswith": 'It is an operator: text startswith "part".',
}


def _bare(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def closest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was probably meant, if any is near.

    Names that differ in case or underscores only come first, then what other tools say for it,
    then the most similar one.

    >>> closest("custom_dimensions", ["customMeasurements", "customDimensions"])
    'customDimensions'
    >>> closest("length", ["array_length", "strlen"])
    'strlen'
    """
    candidates = [each for each in names if each != name]
    lower, bare = name.lower(), _bare(name)
    for each in candidates:
        if each.lower() == lower:
            return each
    for each in candidates:
        if _bare(each) == bare:
            return each
    for each in _ELSEWHERE.get(bare, ()):
        if each in candidates:
            return each
    by_bare = {_bare(each): each for each in reversed(candidates)}
    found = get_close_matches(bare[:_MAX_COMPARED], by_bare, n=1, cutoff=_ALIKE)
    return by_bare[found[0]] if found else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A sentence with the closest name; empty if none is near."""
    found = closest(name, names)
    return f'Did you mean "{found}"?' if found else ""


def function_hint(name: str, names: Iterable[str]) -> str:
    """What to write instead of a function that does not exist; empty if nothing is known."""
    return _FUNCTION_HINTS.get(_bare(name), "") or did_you_mean(name, names)
