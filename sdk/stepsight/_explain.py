"""Where each part of an identity comes from; for `stepsight doctor`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stepsight._identity import OTHERS, OURS, detect_identity, trace_context
from stepsight._ranks import rank_source
from stepsight._recognise import recognise
from stepsight._settings import process_variables
from stepsight._templates import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight._recognise import Recognised

__all__ = ["explain_identity"]


def explain_identity(environ: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """Each part of the identity with its value and where it comes from.

    A source is a variable, or the template that a row of docs/reference/identity.md fills in; ""
    means that nobody tells and the value is made up.
    """
    environ = process_variables() if environ is None else environ
    facts = Facts(environ)
    identity, recognised = detect_identity(environ=environ, facts=facts), recognise(facts)
    parts = [("orchestrator", name, why) for name, why in recognised.names]
    parts = parts or [("orchestrator", "none recognised", "")]
    for part, value, key in (
        ("parent_run_id", identity.parent_run_id, "run"),
        ("step_id", identity.step_id, "step"),
        ("step_name", identity.step_name, "step_name"),
        ("experiment_name", identity.experiment_name, "experiment"),
    ):
        parts.append((part, value, _source(environ, recognised, key, OURS[key])))
    for key, value in identity.dimensions.items():
        source = _source(environ, recognised, key, OTHERS.get(key, ()))
        parts.append((key, value, source or "STEPSIGHT_DIMENSIONS"))
    if identity.attempt:
        parts.append(("attempt", identity.attempt, _source(environ, recognised, "attempt", ())))
    if identity.rank is not None:
        rank = f"{identity.rank.rank} of {identity.rank.world_size}"
        parts.append(("rank", rank, rank_source(environ)))
    source = "TRACEPARENT" if trace_context(environ)[0] else "parent_run_id"
    parts.append(("operation", identity.trace_id.hex(), source))
    return parts


def _source(
    environ: Mapping[str, str], recognised: Recognised, part: str, ours: tuple[str, ...]
) -> str:
    found = recognised.parts.get(part)
    source = _variable(environ, ours) or (found.source if found else "")
    only = re.fullmatch(r"\{(\w+)\}", source)
    return only.group(1) if only else source


def _variable(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((name for name in names if environ.get(name)), "")
