"""Every route of the query API has its entry in the reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from starlette.routing import Mount, Route

from stepsight_collector.access import Access
from stepsight_collector.api.app_insights import app_insights_routes
from stepsight_collector.api.kql import kql_routes
from stepsight_collector.api.kql_complete import completion_route
from stepsight_collector.api.routes import collector_routes, run_routes
from stepsight_collector.api.sql_route import sql_route
from stepsight_collector.query.limits import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
# How the page writes the parts of a path that are given.
WORDS = {
    "{run:path}": "{run}",
    "{artifact}": "{artifact_id}",
    "{kind}": "apps",
    "{id:path}": "{id}",
    "{path:path}": "…",
}


def paths(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from (route.path + below for below in paths(route.routes))
        if isinstance(route, Route):
            yield route.path


def test_every_route_is_in_the_reference() -> None:
    nothing: Any = cast("Any", None)
    routes = [
        *collector_routes(nothing, nothing),
        *run_routes(nothing),
        sql_route(nothing),
        *kql_routes(nothing, Policy()),
        completion_route(),
        app_insights_routes(nothing, Policy(), Access()),
    ]
    page = REFERENCE.read_text(encoding="utf-8")

    missing = []
    for path in paths(routes):
        written = path
        for ours, theirs in WORDS.items():
            written = written.replace(ours, theirs)
        if f"{written}`" not in page and f"{written}?" not in page and f"{written} " not in page:
            missing.append(written)

    assert len(list(paths(routes))) == 18
    assert missing == []
