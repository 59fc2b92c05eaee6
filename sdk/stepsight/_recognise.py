"""Who started this process, by the table in _orchestrators.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepsight._orchestrators import ORCHESTRATORS, PARTS, Orchestrator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stepsight._templates import Facts

__all__ = ["Found", "Recognised", "recognise"]

# Whoever tells the run tells these too; an id of one system says nothing within another's run.
_OF_THE_RUN = ("run", "step", "step_name", "attempt")


class Found(NamedTuple):
    """A value, and the template that it was made by."""

    value: str
    source: str


class Recognised(NamedTuple):
    """Who was recognised and by which fact, innermost first, and what they tell."""

    names: list[tuple[str, str]]
    parts: dict[str, Found]


def recognise(facts: Facts, rows: Iterable[Orchestrator] = ORCHESTRATORS) -> Recognised:
    """Find out who started this process. Never raises: a fact that cannot be read is missing."""
    known = [(row, why) for row in rows if (why := _why(row, facts))]
    of_run = next((row for row, _ in known if _first(facts, row.run)), None)
    parts: dict[str, Found] = {}
    for part in PARTS:
        tellers = [row for row, _ in known if part not in _OF_THE_RUN or row is of_run]
        parts.update(_tell(part, tellers, facts))
    if "step" not in parts and of_run is not None:
        parts.update(_tell("step", [row for row, _ in known if row.name == "torchrun"], facts))
    names = [(row.name, why) for row, why in known]
    if of_run is not None:  # whoever tells the run stands first
        names.sort(key=lambda pair: pair[0] != of_run.name)
    return Recognised(names, parts)


def _why(row: Orchestrator, facts: Facts) -> str:
    return next((fact for fact in row.recognised_by if facts.get(fact)), "")


def _tell(part: str, rows: Iterable[Orchestrator], facts: Facts) -> Iterator[tuple[str, Found]]:
    for row in rows:
        found = _first(facts, getattr(row, part))
        if found:
            yield part, found
            return


def _first(facts: Facts, templates: tuple[str, ...]) -> Found | None:
    for template in templates:
        value = facts.fill(template)
        if value:
            return Found(value, template)
    return None
