"""A question in KQL: checked, compiled, and with what its answer may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepsight_collector.kql.compile import compile_query
from stepsight_collector.query.catalog import SCHEMA
from stepsight_collector.query.times import now_ticks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.kql.plan import Compiled
    from stepsight_collector.query.run import Limits

__all__ = ["Question", "compile_question"]


@dataclass(frozen=True, slots=True)
class Question:
    """A query as it was asked; `timespan` is in ticks, with an end of None up to now."""

    text: str
    timespan: tuple[int, int | None] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def compile_question(question: Question, project: str, limits: Limits) -> tuple[Compiled, float]:
    """Compile it for a project; returns how many seconds that took, too. Raises KqlError.

    The SQL may give one row more than the limit: it tells that the answer is cut.
    """
    started = time.perf_counter()
    compiled = compile_query(
        question.text,
        SCHEMA,
        project=project,
        now_ticks=now_ticks(),
        timespan=question.timespan,
        parameters=question.parameters,
        max_rows=limits.max_rows,
    )
    return compiled, time.perf_counter() - started
