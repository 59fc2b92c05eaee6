"""What recording costs a real training: the same script with and without stepsight, in turn.

Usage: python bench/training.py [--rounds 9] [--epochs 60] [--framework torch] [--workers 2]
                                [--rows 60000]

scikit-learn's MLPClassifier on its digits, epoch by epoch; a line, a log call and two metric rows
in each. Or PyTorch, where it is installed: a small network over as many rows of as many numbers as
MNIST has (what recording costs an epoch is the same with fewer, so a short one shows it more), from
a DataLoader with worker processes by fork, which log too. Records go to a process that counts and
forgets them: a collector on the same machine would be measured too.

wall        seconds of the training loop; the bar is a ratio of 1.01
epoch       the median epoch of it
cpu         user and system seconds of the process and its children, start and end included
in workers  PyTorch: seconds of the loop in which the main process makes an iterator, which starts
            the workers, or is through with it, which waits for their end

Each round trains once either way, one right after the other, and the order alternates. A ratio is
that of a round's two trainings; shown are the median over the rounds and its 95 % interval. The
last line compares the floors: the least of all rounds either way, which a busy machine raises
least.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

from _paired import median_of
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
ends = [time.perf_counter()]
for epoch in range(int(sys.argv[2])):
    for begin in range(0, len(images), 300):
        model.partial_fit(images[begin:begin + 300], labels[begin:begin + 300])
    log.info("epoch %d done, loss %.4f", epoch, model.loss_)
    print(f"epoch {epoch} loss {model.loss_:.4f}")
    if recorded:
        run.log("loss", model.loss_)
        run.log("epoch", epoch)
    ends.append(time.perf_counter())
epochs = sorted(end - begin for begin, end in zip(ends, ends[1:]))
result = {"wall": ends[-1] - ends[0], "epoch": epochs[len(epochs) // 2]}
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
        return int(sys.argv[4])
    def __getitem__(self, index):
        if index % 4096 == 0:
            log.info("worker reads row %d", index)
        generator = torch.Generator().manual_seed(index)
        row = torch.randn(784, generator=generator)
        return row, (row.sum() > 0).long()
loader = DataLoader(
    Rows(), batch_size=128, num_workers=int(sys.argv[3]), multiprocessing_context="fork"
)
model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
loss_of = nn.CrossEntropyLoss()
in_workers = 0.0
ends = [time.perf_counter()]
for epoch in range(int(sys.argv[2])):
    begun = time.perf_counter()
    batches = iter(loader)
    in_workers += time.perf_counter() - begun
    for rows, labels in batches:
        optimizer.zero_grad()
        loss = loss_of(model(rows), labels)
        loss.backward()
        optimizer.step()
        trained = time.perf_counter()
    del batches
    # Since the last batch was trained, all that is left is to end the workers.
    in_workers += time.perf_counter() - trained
    loss = loss.item()
    log.info("epoch %d done, loss %.4f", epoch, loss)
    print(f"epoch {epoch} loss {loss:.4f}")
    if recorded:
        run.log("loss", loss)
        run.log("epoch", epoch)
    ends.append(time.perf_counter())
epochs = sorted(end - begin for begin, end in zip(ends, ends[1:]))
result = {"wall": ends[-1] - ends[0], "epoch": epochs[len(epochs) // 2], "in workers": in_workers}
print(json.dumps(result), file=sys.__stderr__)
"""
SCRIPTS = {"sklearn": SKLEARN, "torch": TORCH}


def train(script: str, mode: str, options: list[str], spool: str, url: str) -> dict[str, float]:
    """Train once in a fresh process; returns seconds by clock."""
    before = children_cpu_s()
    done = subprocess.run(
        [sys.executable, "-c", script, mode, *options],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "STEPSIGHT_ENDPOINT": url,
            "STEPSIGHT_SPOOL": spool,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return {**result, "cpu": children_cpu_s() - before}


def children_cpu_s() -> float:
    """CPU seconds of the children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(pairs: list[dict[str, dict[str, float]]]) -> None:
    """Print the table."""
    print(f"{'':11} {'plain, s':>9}  {'with it, s':>10}    ratio   (95 % interval)")
    for clock in pairs[0]["plain"]:
        plain = [pair["plain"][clock] for pair in pairs]
        recorded = [pair["stepsight"][clock] for pair in pairs]
        ratio = median_of([b / a for a, b in zip(plain, recorded, strict=True)])
        middle = f"{statistics.median(plain):9.3f}  {statistics.median(recorded):10.3f}"
        print(f"{clock:11} {middle}  {ratio}")
        if clock == "wall":
            floor = min(plain), min(recorded)
    print(f"{'wall, floor':11} {floor[0]:9.3f}  {floor[1]:10.3f}  {floor[1] / floor[0]:7.4f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--framework", choices=sorted(SCRIPTS), default="sklearn")
    parser.add_argument("--workers", type=int, default=2, help="of the DataLoader")
    parser.add_argument("--rows", type=int, default=60_000, help="of PyTorch's data")
    arguments = parser.parse_args()
    script = SCRIPTS[arguments.framework]
    options = [str(arguments.epochs), str(arguments.workers), str(arguments.rows)]
    pairs = []
    sink = Sink()
    with tempfile.TemporaryDirectory() as spool:
        for turn in range(arguments.rounds):
            modes = ("plain", "stepsight") if turn % 2 else ("stepsight", "plain")
            pairs.append({mode: train(script, mode, options, spool, sink.url) for mode in modes})
    print(f"{arguments.framework}, {arguments.epochs} epochs, {arguments.rounds} rounds")
    print(f"{sink.records()} records arrived")
    sink.stop()
    report(pairs)


if __name__ == "__main__":
    main()
