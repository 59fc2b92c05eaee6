"""Macros of the views requests and dependencies: columns from OpenTelemetry's conventions.

SQL text only. What becomes what, and in which order names are looked for, is as in Azure Monitor's
exporter for Python (1.0.0b58, export/trace/_exporter.py and _utils.py), so that a span has the same
row whether its program sends it here as OTLP or through that exporter. Two things differ: a missing
port is left out of a target (there it is `None`), and the system of a remote call is its type.

Parts that are used more than once are names of a WITH (`@request_parts`): as text in every place
they made a query of one column twice as slow to analyse.
"""

from __future__ import annotations

__all__ = ["SPAN_WORDS"]

_A = "SpanAttributes"


def _has(name: str) -> str:
    return f"mapContains({_A}, '{name}')"


def _any(*names: str) -> str:
    """SQL for the first of the attributes that is not empty."""
    if len(names) == 1:
        return f"{_A}['{names[0]}']"
    tests = "".join(f"{_A}['{name}'] != '', {_A}['{name}'], " for name in names[:-1])
    return f"multiIf({tests}{_A}['{names[-1]}'])"


def _with_port(host: str, port: str, *usual: str) -> str:
    """SQL for `host:port`, without a port that is missing or a usual one."""
    return f"if({port} IN ('', {', '.join(usual)}), {host}, concat({host}, ':', {port}))"


_DB_PORTS = {
    "postgresql": 5432,
    "cassandra": 9042,
    "mariadb": 3306,
    "mysql": 3306,
    "mssql": 1433,
    "microsoft.sql_server": 1433,
    "memcached": 11211,
    "db2": 50000,
    "ibm.db2": 50000,
    "oracle": 1521,
    "oracle.db": 1521,
    "h2": 8082,
    "h2database": 8082,
    "derby": 1527,
    "redis": 6379,
}
_PORTS_TEXT = [str(port) for port in _DB_PORTS.values()]
_SQL_SYSTEMS = (
    "db2", "ibm.db2", "derby", "mariadb", "mssql", "microsoft.sql_server", "oracle", "oracle.db",
    "sqlite", "other_sql", "hsqldb", "h2", "h2database",
)  # fmt: skip

_PARTS = {
    "is_breeze": "mapContains(ResourceAttributes, 'stepsight.instrumentation_key')",
    "http_method": _any("http.request.method", "http.method"),
    "http_status": _any("http.response.status_code", "http.status_code"),
    "http_scheme": _any("url.scheme", "http.scheme"),
    "queue": _any("messaging.destination.name", "messaging.destination"),
}
_REQUEST_PARTS = {
    "caller": _any("client.address", "net.peer.name", "net.peer.ip"),
    "url_target": (
        f"if({_has('url.path')}, concat({_A}['url.path'], if({_has('url.query')}, "
        f"concat('?', {_A}['url.query']), '')), {_A}['http.target'])"
    ),
    "url_host": (
        f"multiIf({_has('server.address')}, concat({_A}['server.address'], "
        f"if({_has('server.port')}, concat(':', {_A}['server.port']), '')), "
        f"{_has('http.host')}, {_A}['http.host'], "
        f"{_has('http.server_name')}, concat({_A}['http.server_name'], ':', "
        f"{_A}['net.host.port']), {_has('net.host.name')}, "
        f"concat({_A}['net.host.name'], ':', {_A}['net.host.port']), '')"
    ),
}
_REQUEST_URL = (
    f"multiIf(http_method = '', '', {_has('url.full')}, {_A}['url.full'], "
    f"{_has('http.url')}, {_A}['http.url'], "
    "http_scheme = '' OR url_target = '' OR url_host = '', '', "
    "concat(http_scheme, '://', url_host, url_target))"
)
# `url` is the view's column.
_REQUEST_NAME = (
    f"multiIf(is_breeze OR http_method = '', toString(SpanName), {_has('http.route')}, "
    f"concat(http_method, ' ', {_A}['http.route']), url = '', toString(SpanName), "
    "concat(http_method, ' ', if(path(url) = '', '/', path(url))))"
)
_REQUEST_FAILED = (
    "StatusCode = 'Error' OR (NOT is_breeze AND http_method != '' AND "
    "(toUInt32OrZero(http_status) = 0 OR toUInt32OrZero(http_status) BETWEEN 400 AND 499))"
)
_REQUEST_SOURCE = (
    f"multiIf(NOT {_has('messaging.system')} OR queue = '', '', caller = '', queue, "
    "concat(caller, '/', queue))"
)

_DEPENDENCY_PARTS = {
    "db_system": _any("db.system.name", "db.system"),
    "db_name": _any("db.namespace", "db.name"),
    "model": _any("gen_ai.provider.name", "gen_ai.system"),
    "rpc": _any("rpc.system.name", "rpc.system"),
    "sent_to": _any("az.namespace", "messaging.system"),
    "http_port": "multiIf(http_scheme = 'http', '80', http_scheme = 'https', '443', '')",
    "db_port": f"transform(db_system, {list(_DB_PORTS)}, {_PORTS_TEXT}, '')",
    "peer_host": _any("net.peer.name", "net.peer.ip"),
    "peer": (
        f"multiIf({_has('peer.service')}, {_A}['peer.service'], peer_host = '', '', "
        + _with_port("peer_host", f"{_A}['net.peer.port']", "http_port", "db_port")
        + ")"
    ),
    "http_url": (
        f"multiIf({_has('url.full')}, {_A}['url.full'], {_has('http.url')}, {_A}['http.url'], "
        f"http_scheme = '' OR NOT {_has('http.target')}, '', {_has('http.host')}, "
        f"concat(http_scheme, '://', {_A}['http.host'], {_A}['http.target']), "
        f"{_has('net.peer.port')} AND peer_host != '', "
        f"concat(http_scheme, '://', peer_host, ':', {_A}['net.peer.port'], "
        f"{_A}['http.target']), '')"
    ),
    "url_host": "netloc(http_url)",
    "usual_port": "concat(':', http_port)",
    "http_target": (
        f"multiIf({_has('server.address')}, "
        + _with_port(f"{_A}['server.address']", f"{_A}['server.port']", "http_port")
        + f", {_has('peer.service')}, {_A}['peer.service'], {_has('http.host')}, "
        f"if(http_port != '' AND endsWith({_A}['http.host'], usual_port), "
        f"substringIndex({_A}['http.host'], ':', 1), {_A}['http.host']), url_host != '', "
        "if(http_port != '' AND endsWith(url_host, usual_port), "
        "substringIndex(url_host, ':', 1), url_host), peer)"
    ),
    "db_server": (
        f"multiIf(peer != '', peer, {_has('server.address')}, "
        + _with_port(f"{_A}['server.address']", f"{_A}['server.port']", "db_port")
        + ", '')"
    ),
    "db_target": (
        "multiIf(db_server != '' AND db_name != '', concat(db_server, '|', db_name), "
        "db_server != '', db_server, db_name != '', db_name, db_system)"
    ),
    "azure_host": _any("server.address", "net.peer.name", "peer.address"),
    "azure_queue": _any("messaging.destination.name", "message_bus.destination"),
    "azure_target": (
        "if(azure_host = '' OR azure_queue = '', '', concat(azure_host, '/', azure_queue))"
    ),
    "queue_target": f"multiIf(peer != '', peer, queue != '', queue, {_A}['messaging.system'])",
}
_DEPENDENCY_TARGET = (
    f"multiIf(SpanKind IN ('Client', 'Producer') AND {_has('az.namespace')}, azure_target, "
    "SpanKind = 'Producer', queue_target, SpanKind != 'Client', peer, "
    "http_method != '', http_target, db_system != '', db_target, "
    f"{_has('messaging.system')}, queue_target, peer != '', peer, rpc != '', rpc, model)"
)
_DEPENDENCY_TYPE = (
    "multiIf(SpanKind != 'Producer' AND model != '', concat('GenAI | ', model), "
    "SpanKind = 'Producer', "
    "concat('Queue Message', if(sent_to = '', '', concat(' | ', sent_to))), "
    f"SpanKind != 'Client', concat('InProc', if({_has('az.namespace')}, "
    f"concat(' | ', {_A}['az.namespace']), '')), "
    f"{_has('az.namespace')}, {_A}['az.namespace'], http_method != '', 'HTTP', "
    f"db_system != '', if(db_system IN {_SQL_SYSTEMS}, 'SQL', db_system), "
    f"{_has('messaging.system')}, {_A}['messaging.system'], rpc != '', rpc, 'N/A')"
)
_DEPENDENCY_DATA = (
    f"multiIf(SpanKind != 'Client' OR {_has('az.namespace')}, '', http_method != '', http_url, "
    "db_system != '', "
    f"{_any('db.query.text', 'db.statement', 'db.operation.name', 'db.operation')}, '')"
)
_DEPENDENCY_NAME = (
    f"if(is_breeze OR SpanKind != 'Client' OR http_method = '' OR {_has('az.namespace')}, "
    "toString(SpanName), "
    "concat(http_method, ' ', if(path(http_url) = '', '/', path(http_url))))"
)


def _names(*parts: dict[str, str]) -> str:
    return ",\n    ".join(f"{sql} AS {name}" for each in parts for name, sql in each.items())


SPAN_WORDS = {
    "request_parts": _names(_PARTS, _REQUEST_PARTS),
    "request_name": _REQUEST_NAME,
    "request_url": _REQUEST_URL,
    "request_failed": _REQUEST_FAILED,
    "request_source": _REQUEST_SOURCE,
    "dependency_parts": _names(_PARTS, _DEPENDENCY_PARTS),
    "dependency_name": _DEPENDENCY_NAME,
    "dependency_target": _DEPENDENCY_TARGET,
    "dependency_type": _DEPENDENCY_TYPE,
    "dependency_data": _DEPENDENCY_DATA,
}
