"""Which of several processes of one distributed step run this is.

All ranks of a step run send under its id; rank 0 alone speaks of its start and its end.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RANKS", "Rank", "RankSource", "find_rank", "rank_source"]


class Rank(NamedTuple):
    """A process's number among `world_size`, from 0; `local` is its number on its machine."""

    rank: int
    local: int | None
    world_size: int


class RankSource(NamedTuple):
    """One row: who numbers the processes, and from which variables."""

    name: str
    variables: tuple[str, ...]
    read: Callable[[Mapping[str, str]], Rank]
    source: str


def _torchrun(environ: Mapping[str, str]) -> Rank:
    local = environ.get("LOCAL_RANK")
    return Rank(int(environ["RANK"]), int(local) if local else None, int(environ["WORLD_SIZE"]))


def _slurm(environ: Mapping[str, str]) -> Rank:
    size = environ.get("SLURM_STEP_NUM_TASKS") or environ["SLURM_NTASKS"]
    if not environ["SLURM_STEP_ID"].isdigit():
        raise ValueError("no step started by srun")
    local = environ.get("SLURM_LOCALID")
    return Rank(int(environ["SLURM_PROCID"]), int(local) if local else None, int(size))


def _sagemaker(environ: Mapping[str, str]) -> Rank:
    hosts = sorted(json.loads(environ["SM_HOSTS"]))
    return Rank(hosts.index(environ["SM_CURRENT_HOST"]), 0, len(hosts))


def _vertex(environ: Mapping[str, str]) -> Rank:
    spec = json.loads(environ["CLUSTER_SPEC"])
    pools = sorted(spec["cluster"].items())
    members = [(kind, index) for kind, hosts in pools for index in range(len(hosts))]
    task = spec["task"]
    return Rank(members.index((task["type"], int(task["index"]))), 0, len(members))


# First one that tells counts: torchrun's processes live inside of a task of the others.
RANKS = (
    RankSource(
        "torchrun and PyTorch's env://",
        ("RANK", "LOCAL_RANK", "WORLD_SIZE"),
        _torchrun,
        "pytorch: torch/distributed/run.py, Environment Variables",
    ),
    RankSource(
        "srun",
        ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_STEP_ID"),
        _slurm,
        "SchedMD/slurm: doc/man/man1/srun.1",
    ),
    RankSource(
        "SageMaker hosts",
        ("SM_CURRENT_HOST", "SM_HOSTS"),
        _sagemaker,
        "aws/sagemaker-training-toolkit: ENVIRONMENT_VARIABLES.md",
    ),
    RankSource(
        "Vertex AI replicas",
        ("CLUSTER_SPEC",),
        _vertex,
        "cloud.google.com: vertex-ai/docs/training/distributed-training, CLUSTER_SPEC",
    ),
)


def find_rank(environ: Mapping[str, str]) -> Rank | None:
    """The rank of this process; None if nobody numbers it, or what is said makes no sense."""
    found = _find(environ)
    return found[1] if found else None


def rank_source(environ: Mapping[str, str]) -> str:
    """The name of the row that tells the rank; empty if none does."""
    found = _find(environ)
    return found[0].name if found else ""


def _find(environ: Mapping[str, str]) -> tuple[RankSource, Rank] | None:
    for row in RANKS:
        if not environ.get(row.variables[0]):
            continue
        try:
            rank = row.read(environ)
        except (KeyError, ValueError, TypeError, AttributeError):
            continue
        if 0 <= rank.rank < rank.world_size:
            return row, rank
    return None
