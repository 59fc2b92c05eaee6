"""Where records rest: ClickHouse, embedded (chDB) or a server, always through clickhouse-connect.

The only package that imports clickhouse-connect. In: sealed WAL segments, as the bytes they are.
Out: JSON.
"""

from __future__ import annotations

from stepsight_collector.store.engine import StreamLimits, open_store
from stepsight_collector.store.errors import (
    QueryError,
    QueryLimitError,
    SchemaTooNewError,
    StoreError,
    StoreRefusedError,
)
from stepsight_collector.store.store import Answer, Store

__all__ = [
    "Answer",
    "QueryError",
    "QueryLimitError",
    "SchemaTooNewError",
    "Store",
    "StoreError",
    "StoreRefusedError",
    "StreamLimits",
    "open_store",
]
