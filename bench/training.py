"""What recording costs a real training: the same script with and without stepsight, in turn.

Usage: python bench/training.py [--rounds 9] [--epochs 60] [--framework torch]

scikit-learn's MLPClassifier on its digits, epoch by epoch; a line, a log call and two metric rows
in each. Or PyTorch, where it is installed: a small network over a DataLoader with two worker
processes, which log too. Records go to a process that counts and forgets them: a collector on the
same machine would be measured too. Wall and CPU time of the training loop by its own clock; the
ratio is of pairs, so a machine that slows down slows both.
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

SKLEARN = """
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


TORCH = """
import json, logging, os, sys, time
recorded = sys.argv[1] == "stepsight"
if recorded:
    import stepsight
    from stepsight import run
    stepsight.init()
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
logging.basicConfig(stream=open(os.devnull, "w"), level=logging.INFO)
log = logging.getLogger("train")
torch.manual_seed(7)
torch.set_num_threads(1)
class Rows(Dataset):
    def __len__(self):
        return 16384
    def __getitem__(self, index):
        if index % 4096 == 0:
            log.info("worker reads row %d", index)
        generator = torch.Generator().manual_seed(index)
        row = torch.randn(256, generator=generator)
        return row, (row.sum() > 0).long()
loader = DataLoader(Rows(), batch_size=128, num_workers=2, multiprocessing_context="fork")
model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
loss_of = nn.CrossEntropyLoss()
wall, cpu = time.perf_counter(), time.process_time()
for epoch in range(int(sys.argv[2])):
    for rows, labels in loader:
        optimizer.zero_grad()
        loss = loss_of(model(rows), labels)
        loss.backward()
        optimizer.step()
    log.info("epoch %d done, loss %.4f", epoch, loss)
    print(f"epoch {epoch} loss {loss:.4f}")
    if recorded:
        run.log("loss", loss)
        run.log("epoch", epoch)
result = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
print(json.dumps(result), file=sys.__stderr__)
"""
SCRIPTS = {"sklearn": SKLEARN, "torch": TORCH}


def train(script: str, mode: str, epochs: int, environment: dict[str, str]) -> dict[str, float]:
    """Train once in a fresh process; returns the seconds of its loop."""
    done = subprocess.run(
        [sys.executable, "-c", script, mode, str(epochs)],
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
    parser.add_argument("--framework", choices=sorted(SCRIPTS), default="sklearn")
    arguments = parser.parse_args()
    pairs = []
    script = SCRIPTS[arguments.framework]
    sink = Sink()
    with tempfile.TemporaryDirectory() as spool:
        environment = {
            **os.environ,
            "STEPSIGHT_ENDPOINT": sink.url,
            "STEPSIGHT_SPOOL": spool,
        }
        for turn in range(arguments.rounds):
            modes = ("plain", "stepsight") if turn % 2 else ("stepsight", "plain")
            pairs.append(
                {mode: train(script, mode, arguments.epochs, environment) for mode in modes}
            )
    print(f"{arguments.framework}, {sink.records()} records arrived")
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
