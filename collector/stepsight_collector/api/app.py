"""The query API as one application: every route, how errors are answered, and the door before it.

Asks the store through the modules beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette

from stepsight_collector.api.answers import EXCEPTION_HANDLERS
from stepsight_collector.api.app_insights import app_insights_routes, with_folded_slashes
from stepsight_collector.api.guard import guarded
from stepsight_collector.api.kql import kql_routes
from stepsight_collector.api.kql_complete import completion_route
from stepsight_collector.api.routes import collector_routes, run_routes
from stepsight_collector.api.sql_route import sql_route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepsight_collector.access import Access
    from stepsight_collector.api.guard import AsgiApp
    from stepsight_collector.query.limits import Policy
    from stepsight_collector.query.run import Queries
    from stepsight_collector.store import Store

__all__ = ["build_api"]


def build_api(
    store: Store,
    queries: Queries,
    policy: Policy,
    *,
    status: Callable[[], Mapping[str, Any]],
    live: Callable[[str], Mapping[str, Any]],
    access: Access,
) -> AsgiApp:
    """An ASGI application that answers from `store`, questions in KQL through `queries`.

    `status` is called for each `/api/status`, `live` with the project for each `/api/live`, both
    on the event loop. Without tokens in `access`, everyone may read.
    """
    app = Starlette(
        routes=[
            *collector_routes(status, live),
            *run_routes(store),
            sql_route(store),
            *kql_routes(queries, policy),
            completion_route(),
            app_insights_routes(queries, policy, access),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    return with_folded_slashes(guarded(app, access))
