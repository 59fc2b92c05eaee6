"""What recording costs a real training: the same script with and without stepsight, in turn.

Usage: python bench/training.py [--rounds 9] [--epochs 60]

scikit-learn's MLPClassifier on its digits, epoch by epoch; a line, a log call and two metric rows
in each. Records go to a process that counts and forgets them: a collector on the same machine would
be measured too. Wall and CPU time of the training loop by its own clock; the ratio is of pairs, so
a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

from sdk import Sink

SCRIPT = """
import json, logging, os, sys, time, warnings
warnings.simplefilter("ignore")
recorded = sys.argv[1] == "stepsight"
if recorded:
    import stepsight
    from stepsight import run
    stepsight.init()
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
logging.basicConfig(stream=open(os.devnull, "w"), level=logging.INFO)
log = logging.getLogger("train")
images, labels = load_digits(return_X_y=True)
model = MLPClassifier(hidden_layer_sizes=(256, 128), random_state=7)
classes = np.arange(10)
model.partial_fit(images, labels, classes=classes)
wall, cpu = time.perf_counter(), time.process_time()
for epoch in range(int(sys.argv[2])):
    for begin in range(0, len(images), 300):
        model.partial_fit(images[begin:begin + 300], labels[begin:begin + 300])
    log.info("epoch %d done, loss %.4f", epoch, model.loss_)
    print(f"epoch {epoch} loss {model.loss_:.4f}")
    if recorded:
        run.log("loss", model.loss_)
        run.log("epoch", epoch)
result = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
print(json.dumps(result), file=sys.__stderr__)
"""


def train(mode: str, epochs: int, environment: dict[str, str]) -> dict[str, float]:
    """Train once in a fresh process; returns the seconds of its loop."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, mode, str(epochs)],
        env={**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    pairs = []
    sink = Sink()
    with tempfile.TemporaryDirectory() as spool:
        environment = {
            **os.environ,
            "STEPSIGHT_ENDPOINT": sink.url,
            "STEPSIGHT_SPOOL": spool,
        }
        for turn in range(arguments.rounds):
            modes = ("plain", "stepsight") if turn % 2 else ("stepsight", "plain")
            pairs.append({mode: train(mode, arguments.epochs, environment) for mode in modes})
    sink.stop()
    print(f"training for {arguments.epochs} epochs, {arguments.rounds} pairs")
    for clock in ("wall", "cpu"):
        plain = statistics.median(pair["plain"][clock] for pair in pairs)
        ratios = [pair["stepsight"][clock] / pair["plain"][clock] for pair in pairs]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
        print(
            f"{clock:5} {plain:6.2f} s plain; with it x {statistics.median(ratios):.4f} ({spread})"
        )


if __name__ == "__main__":
    main()
