"""Step 2, train: fit a small network epoch by epoch and log its loss and accuracy."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import stepsight
from stepsight import logger, run

# Before the slow imports, so that their time shows in the trace.
stepsight.init()
with stepsight.span("import libraries"):
    import joblib  # type: ignore[import-untyped]  # ships no types
    import numpy as np
    from sklearn.neural_network import MLPClassifier

CLASSES = np.arange(10)


def main() -> None:
    """Read `digits.npz`, write `model.joblib`."""
    parser = argparse.ArgumentParser(description="Train the model.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    args = parser.parse_args()

    with stepsight.span("load data"):
        sets = dict(np.load(args.out / "digits.npz"))
    model = MLPClassifier(
        hidden_layer_sizes=(32,), learning_rate_init=args.learning_rate, random_state=7
    )
    logger.info(
        "training on %d digits for %d epochs",
        len(sets["train_labels"]),
        args.epochs,
        extra={"custom_dimensions": {"learning_rate": args.learning_rate, "hidden_units": 32}},
    )
    run.tag("model", "MLPClassifier")

    with stepsight.span("fit"):
        for epoch in range(1, args.epochs + 1):
            with stepsight.span(f"epoch {epoch}"):
                train_epoch(model, sets, epoch)
    with stepsight.span("save model"):
        joblib.dump(model, args.out / "model.joblib")
    print("wrote model.joblib")


def train_epoch(model: MLPClassifier, sets: dict[str, np.ndarray], epoch: int) -> None:
    """Go through the training set once and log how good the model is now.

    Raises FloatingPointError when the loss is not a number any more.
    """
    model.partial_fit(sets["train_images"], sets["train_labels"], classes=CLASSES)
    loss = cross_entropy(model.predict_proba(sets["validation_images"]), sets["validation_labels"])
    train = float(model.score(sets["train_images"], sets["train_labels"]))
    validation = float(model.score(sets["validation_images"], sets["validation_labels"]))
    run.log("loss", loss)
    run.log("accuracy", validation)
    run.log_row("learning_curve", epoch=epoch, train=train, validation=validation)
    print(f"epoch {epoch:2d}  loss {loss:.4f}  accuracy {validation:.3f}")
    if math.isnan(loss):
        raise FloatingPointError(
            f"loss is NaN after epoch {epoch} with a learning rate of {model.learning_rate_init:g}"
        )


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy; NaN once the model is infinitely sure, as 0 * log(0) is."""
    wanted = np.eye(len(CLASSES))[labels]
    return float(-(wanted * np.log(probabilities)).sum(axis=1).mean())


if __name__ == "__main__":
    main()
