"""Step 3, evaluate: measure the model on digits that it has not seen."""

from __future__ import annotations

import argparse
from pathlib import Path

import stepsight
from stepsight import logger, run

# Before the slow imports, so that their time shows in the trace.
stepsight.init()
with stepsight.span("import libraries"):
    import joblib  # type: ignore[import-untyped]  # ships no types
    import numpy as np
    from sklearn.metrics import confusion_matrix


def main() -> None:
    """Read `digits.npz` and `model.joblib`, log accuracy and the confusion matrix."""
    parser = argparse.ArgumentParser(description="Evaluate the model.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--drop-constant-pixels", action="store_true")
    args = parser.parse_args()

    with stepsight.span("load data"):
        sets = dict(np.load(args.out / "digits.npz"))
        model = joblib.load(args.out / "model.joblib")
    images, labels = sets["test_images"], sets["test_labels"]
    if args.drop_constant_pixels:
        images = images[:, images.std(axis=0) > 0]
        logger.info("dropped constant pixels, %d are left", images.shape[1])

    with stepsight.span("predict"):
        predicted = model.predict(images)
    accuracy = float((predicted == labels).mean())
    run.log("test_accuracy", accuracy)
    print(f"{len(labels)} digits, accuracy {accuracy:.3f}")
    with stepsight.span("confusion matrix"):
        report_confusion(confusion_matrix(labels, predicted))


def report_confusion(matrix: np.ndarray) -> None:
    """Log the matrix (one column per predicted digit) and warn about the weakest digit."""
    columns = {str(digit): matrix[:, digit].tolist() for digit in range(len(matrix))}
    run.log_table("confusion_matrix", columns)
    recall = matrix.diagonal() / matrix.sum(axis=1)
    weakest = int(recall.argmin())
    mistakes = matrix[weakest].copy()
    mistakes[weakest] = 0
    logger.warning(
        "digit %d is recognised worst, %.0f %% of the time",
        weakest,
        100 * recall[weakest],
        extra={
            "custom_dimensions": {
                "digit": weakest,
                "recall": round(float(recall[weakest]), 3),
                "mistaken_for": int(mistakes.argmax()),
            }
        },
    )


if __name__ == "__main__":
    main()
