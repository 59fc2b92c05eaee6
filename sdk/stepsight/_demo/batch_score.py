"""Step 4, batch_score: run an entry script over files, in mini-batches and two worker processes."""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
from pathlib import Path
from typing import TYPE_CHECKING

import stepsight
from stepsight import logger, run

if TYPE_CHECKING:
    from types import ModuleType

WORKERS = 2
entry_script: dict[str, ModuleType] = {}


class TooManyErrorsError(Exception):
    """More inputs failed than the error threshold allows."""


def main() -> None:
    """Score the files in `incoming`, append the results to `parallel_run_step.txt`."""
    parser = argparse.ArgumentParser(description="Score files with an entry script.")
    parser.add_argument("--out", type=Path, required=True)
    default_script = Path(__file__).with_name("score_digits.py")
    parser.add_argument("--entry-script", type=Path, default=default_script)
    parser.add_argument("--mini-batch-size", type=int, default=10)
    parser.add_argument("--error-threshold", type=int, default=2, help="-1 ignores all failures")
    args = parser.parse_args()
    stepsight.init()

    os.environ["MODEL_PATH"] = str(args.out / "model.joblib")
    files = sorted(str(path) for path in (args.out / "incoming").iterdir())
    size = args.mini_batch_size
    mini_batches = [files[start : start + size] for start in range(0, len(files), size)]
    logger.info("%d files in %d mini-batches", len(files), len(mini_batches))

    with stepsight.span("score"):
        results = score(mini_batches, args.entry_script, args.error_threshold)
    (args.out / "parallel_run_step.txt").write_text("\n".join(results) + "\n")
    print(f"scored {len(results)} of {len(files)} files")


def score(mini_batches: list[list[str]], script: Path, error_threshold: int) -> list[str]:
    """Hand mini-batches to the workers; return the result lines in the order of the input.

    Raises TooManyErrorsError as soon as more than `error_threshold` inputs have no result.
    """
    results: list[str] = []
    errors = 0
    pool = multiprocessing.get_context("spawn").Pool(WORKERS, load_entry_script, (str(script),))
    try:
        for number, (batch, lines) in enumerate(
            zip(mini_batches, pool.imap(run_mini_batch, mini_batches), strict=True), start=1
        ):
            results += lines
            errors += len(batch) - len(lines)
            run.log("items_scored", len(results))
            logger.info(
                "mini-batch %d of %d done",
                number,
                len(mini_batches),
                extra={"custom_dimensions": {"items": len(batch), "errors": errors}},
            )
            check_threshold(errors, error_threshold)
    finally:
        # close, not terminate: workers leave by themselves, so that their last lines are sent.
        pool.close()
        pool.join()
    return results


def check_threshold(errors: int, error_threshold: int) -> None:
    """Raise TooManyErrorsError if `errors` is above the threshold; -1 allows any number."""
    if 0 <= error_threshold < errors:
        raise TooManyErrorsError(
            f"{errors} inputs failed, error_threshold allows {error_threshold}. "
            "The errors logged by the entry script name the files."
        )


def load_entry_script(path: str) -> None:
    """Import the entry script in this worker process and call its `init()`."""
    stepsight.init()
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"entry script {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.init()
    entry_script["module"] = module


def run_mini_batch(mini_batch: list[str]) -> list[str]:
    """Call the entry script's `run()` in this worker process."""
    with stepsight.span("mini-batch"):
        lines: list[str] = entry_script["module"].run(mini_batch)
    return lines


if __name__ == "__main__":
    main()
