"""Pages of the SDK that are made from its tables; docs/generate.py writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stepsight._orchestrators import ORCHESTRATORS, PARTS
from stepsight._ranks import RANKS
from stepsight._settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._orchestrators import Orchestrator

__all__ = ["SDK_PAGES"]

REFERENCE = Path(__file__).parent / "reference"

IDENTITY_HEAD = """\
# Identity reference: which run and step a process belongs to

Made by `make docs` from the tables in `sdk/stepsight/_orchestrators.py` and `_ranks.py`.

`stepsight doctor`, run where a step runs, shows who was recognised, what was found, and where.

## What wins

1. Arguments: `stepsight.init(parent_run_id=…, step_id=…, step_name=…, experiment_name=…)`, and the
   options of `stepsight run`.
2. Variables of ours, which a step also sets for the processes that it starts:

   | variable | part |
   |---|---|
   | `STEPSIGHT_PIPELINE_RUN` | `parent_run_id` |
   | `STEPSIGHT_STEP_RUN_ID` | `step_id` |
   | `STEPSIGHT_STEP` | `step_name` |
   | `STEPSIGHT_EXPERIMENT` | `experiment_name` |
   | `STEPSIGHT_RUN_URL`, or `run_url` | `run_url` |
   | `STEPSIGHT_RUN_TYPE`, or `run_type`, `RUN_TYPE` | `run_type` |
   | `STEPSIGHT_BUILD_URL`, or `build_url`, `BUILD_URL` | `build_url` |
   | `STEPSIGHT_BUILD_VERSION`, or `build_version`, `BUILD_VERSION` | `build_version` |
   | `STEPSIGHT_IMAGE` | the image, in the environment event |
   | `STEPSIGHT_DIMENSIONS` | further dimensions, `key=value` pairs with commas between |

3. The orchestrator, by the table below. The first row that is recognised and tells a run tells the
   step, its name and the attempt as well; experiment, address and image come from the first
   recognised row that has them. So a Metaflow task that runs on Argo is a Metaflow task.
4. What is made up: the script's name, an id that begins with it, the experiment `default`. A step
   that nobody gives a run is a run by itself.

A step that is started inside of another one (`stepsight run` in a step) is a step run of its own in
the same pipeline run.

## Operation

W3C `TRACEPARENT` puts a step into an operation, below the span that it names; `TRACESTATE` is
passed on to spans and processes. Both are dropped if `TRACEPARENT` is broken.

Without it the operation's id is the first 16 bytes of the SHA-256 of `stepsight operation ` and
the pipeline run's id, so that the steps of a run, which know nothing of each other, share one
operation. Each is a root of its own there. Rejected: a random id a step, which leaves a run without
a transaction of its own; and an agreement through the collector, which may be away.

## Ranks

Where several processes are one step run, every record has `stepsight.rank`,
`stepsight.local_rank` and `stepsight.world_size`. Rank 0 alone (or its supervisor, where each rank
has one) tells the step run's start and end, its environment and its span; the span's id is made
from the step run's id (SHA-256 of `stepsight span ` and it, 8 bytes), so that records of all ranks
stand in it. Every rank sends heartbeats, one on each machine with the machine's use; how another
rank failed is on its last heartbeat. If rank 0 is killed because another one failed, its end says
Canceled: under `stepsight run -- torchrun …` the supervisor tells the end, and is believed.

This needs a step run id that all ranks have alike, by a row below or `STEPSIGHT_STEP_RUN_ID`; else
each is a step run of its own.

| who numbers | variables | source |
|---|---|---|
"""

IDENTITY_TABLE = """
## Orchestrators

`{VARIABLE}` stands for an environment variable. `{framework:fact}` comes from the framework's own
context, asked only if the script has imported the framework; none is imported. `|plus1` counts from
1, `|dots` writes dots for slashes, `|workflow` leaves out the number at the end, `|http` takes
addresses without a password, `|given` takes no `none`; the others take a part of a text or of JSON.
Of several templates the first that can be filled in counts.
"""

_PART_NAMES = {
    "run": "`parent_run_id`",
    "step": "`step_id`",
    "step_name": "`step_name`",
    "experiment": "`experiment_name`",
    "run_url": "`run_url`",
    "attempt": "`stepsight.attempt`",
    "image": "`container.image.name`",
}


def identity_page() -> str:
    """The page of orchestrators and ranks."""
    ranks = "".join(
        f"| {row.name} | {', '.join(f'`{name}`' for name in row.variables)} | {row.source} |\n"
        for row in RANKS
    )
    rows = "".join(_orchestrator(row) for row in ORCHESTRATORS)
    return f"{IDENTITY_HEAD}{ranks}{IDENTITY_TABLE}{rows}"


def _orchestrator(row: Orchestrator) -> str:
    known_by = ", ".join(f"`{fact}`" for fact in row.recognised_by)
    lines = [f"\n### {row.name}\n", f"Recognised by {known_by}. Source: {row.source}.\n"]
    lines += [f"{row.note}\n"] if row.note else []
    lines += ["| part | from |", "|---|---|"]
    for part in PARTS:
        templates = [text.replace("|", "\\|") for text in getattr(row, part)]
        if templates:
            lines.append(f"| {_PART_NAMES[part]} | {', else '.join(f'`{t}`' for t in templates)} |")
    return "\n".join(lines) + "\n"


SDK_SETTINGS_HEAD = """\
# SDK settings reference

Made by `make docs` from the table in `sdk/stepsight/_settings.py`.

An argument of `stepsight.init()` wins over the variable, the first variable over the others, and
any over the default. What cannot be used is said at once: `init()` raises `ConfigError`.

| setting | variable | default | means |
|---|---|---|---|
"""


def sdk_settings_page() -> str:
    """The page of the SDK's settings."""
    rows = []
    for row in SETTINGS:
        variables = ", ".join(f"`{name}`" for name in row.variables)
        default = f"`{row.default}`" if row.default != "" else ""
        unit = f" In {row.unit}." if row.unit in {"s", "ms", "bytes"} else ""
        choices = (
            f" One of {', '.join(f'`{each}`' for each in row.choices)}." if row.choices else ""
        )
        rows.append(f"| `{row.name}` | {variables} | {default} | {row.doc}{unit}{choices} |\n")
    return SDK_SETTINGS_HEAD + "".join(rows)


SDK_PAGES: dict[Path, Callable[[], str]] = {
    REFERENCE / "identity.md": identity_page,
    REFERENCE / "sdk-settings.md": sdk_settings_page,
}
