"""Step 1, prepare: split the digits into training, validation and test sets, and files to score.

`python -m stepsight._demo.prepare --out DIR` runs it alone, with or without a collector.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import stepsight
from stepsight import logger, run

# Before the slow imports, so that their time shows in the trace.
stepsight.init()
with stepsight.span("import libraries"):
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

FILES_TO_SCORE = 60


def main() -> None:
    """Write `digits.npz` and the directory `incoming`, one file per digit to score."""
    parser = argparse.ArgumentParser(description="Prepare the digits.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--out-exists", action="store_true", help="do not create --out")
    args = parser.parse_args()

    with stepsight.span("load data"):
        images, labels = load_digits(return_X_y=True)
        images = images / 16.0
    logger.info(
        "loaded %d digits of 8x8 pixels",
        len(images),
        extra={"custom_dimensions": {"source": "sklearn.datasets.load_digits"}},
    )

    sets = split(images, labels)
    for part in ("train", "validation", "test"):
        run.log(f"{part}_rows", len(sets[f"{part}_labels"]))
    run.tag("dataset", "digits")

    with stepsight.span("write files"):
        if not args.out_exists:
            args.out.mkdir(parents=True, exist_ok=True)
        np.savez(args.out / "digits.npz", allow_pickle=False, **sets)
        count = write_incoming(args.out / "incoming", sets["test_images"])
    print(f"wrote {args.out.name}/digits.npz and {count} files to score")


def split(images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Cut the data 60/20/20, every digit in proportion, the same way each time."""
    train_x, rest_x, train_y, rest_y = train_test_split(
        images, labels, test_size=0.4, stratify=labels, random_state=7
    )
    validation_x, test_x, validation_y, test_y = train_test_split(
        rest_x, rest_y, test_size=0.5, stratify=rest_y, random_state=7
    )
    return {
        "train_images": train_x,
        "train_labels": train_y,
        "validation_images": validation_x,
        "validation_labels": validation_y,
        "test_images": test_x,
        "test_labels": test_y,
    }


def write_incoming(folder: Path, images: np.ndarray) -> int:
    """Write one `.npy` file per digit, as another system would; return their number."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = images[:FILES_TO_SCORE]
    for index, image in enumerate(chosen):
        np.save(folder / f"digit-{index:04d}.npy", image)
    return len(chosen)


if __name__ == "__main__":
    main()
