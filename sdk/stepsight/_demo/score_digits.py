"""Entry script of the batch_score step: `init()` once per worker process, `run()` per mini-batch.

It has the shape that Azure's ParallelRunStep asks for.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import joblib  # type: ignore[import-untyped]  # ships no types
import numpy as np

log = logging.getLogger(__name__)
state: dict[str, object] = {}


def init() -> None:
    """Load the model that `MODEL_PATH` names."""
    state["model"] = joblib.load(os.environ["MODEL_PATH"])
    print(f"init: loaded {Path(os.environ['MODEL_PATH']).name}")


def run(mini_batch: list[str]) -> list[str]:
    """Score files; return one line "file: digit" per file that could be read."""
    print(f"run method start: {Path(__file__).name}, {len(mini_batch)} files")
    results = []
    for path in mini_batch:
        try:
            image = np.load(path)
        except (OSError, ValueError):
            log.exception("cannot read %s", Path(path).name)
            continue
        digit = state["model"].predict(image.reshape(1, -1))[0]  # type: ignore[attr-defined]  # untyped sklearn model
        results.append(f"{Path(path).name}: {digit}")
    return results
