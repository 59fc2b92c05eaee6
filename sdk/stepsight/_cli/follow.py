"""Following a run's log until the run ends; a collector that restarts is waited for."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._cli.api import Api

__all__ = ["EXIT_CODES", "follow_run"]

# Four times a second while lines come, then ever less often.
POLL_S, IDLE_POLL_S, AWAY_POLL_S = 0.25, 1.0, 2.0
BACK_OFF = 1.3
# Rows are stored in order of arrival, and a run's end may overtake its last lines by one segment.
GRACE_S = 1.0
# A step that was killed is not heard of again; a machine that slept is.
NOT_RESPONDING_S = 60.0
PAGE_ROWS = 10_000

EXIT_CODES = {"Completed": 0, "Reused": 0, "Failed": 1, "Canceled": 1, "NotResponding": 1}


def follow_run(
    api: Api,
    answer: dict[str, Any],
    filters: dict[str, str | None],
    show: Callable[[list[dict[str, Any]]], None],
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Print rows as they arrive; returns the exit code that says how the run ended."""
    run_id, cursor = answer["run"]["run_id"], answer["cursor"]
    pause, ended_at = POLL_S, None
    away = _Away(api)
    while True:
        status = answer["run"]["status"]
        if status not in EXIT_CODES:
            ended_at = None
        elif ended_at is None:
            ended_at = time.monotonic()
            if status == "NotResponding":
                _say(f"No heartbeat of run {run_id}; waiting {NOT_RESPONDING_S:.0f} s for one.")
        wait_s = NOT_RESPONDING_S if status == "NotResponding" else GRACE_S
        if ended_at is not None and time.monotonic() - ended_at >= wait_s:
            _say(_ending(answer["run"]))
            return EXIT_CODES[status]
        sys.stdout.flush()
        sleep(pause)
        fresh = away.ask(run_id, cursor, filters)
        if fresh is None:
            pause = min(pause * BACK_OFF, AWAY_POLL_S)
            continue
        answer, cursor = fresh, fresh["cursor"]
        show(answer["rows"])
        pause = POLL_S if answer["rows"] else min(pause * BACK_OFF, IDLE_POLL_S)


class _Away:
    """Asks for what came after a cursor, and says once when the collector goes and returns."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._is_away = False

    def ask(
        self, run_id: str, cursor: str, filters: dict[str, str | None]
    ) -> dict[str, Any] | None:
        """The API's answer; None while no collector answers."""
        try:
            answer: dict[str, Any] = self._api.get(
                "runs", run_id, "logs", after=cursor, limit=PAGE_ROWS, **filters
            )
        except UnreachableError as exc:
            if not self._is_away:
                _say(f"{exc.format_message()} Waiting for it; Ctrl-C ends.")
            self._is_away = True
            return None
        if self._is_away:
            _say("The collector answers again.")
        self._is_away = False
        return answer


def _ending(run: dict[str, Any]) -> str:
    cause = f": {run['cause']}" if run["cause"] else ""
    return f"Run {run['run_id']} ended: {run['status']}{cause}"


def _say(text: str) -> None:
    from stepsight._cli.text import one_line

    click.echo(one_line(text), err=True)
