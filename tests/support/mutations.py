"""Bytes with something wrong in them, by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


def mutated(rng: random.Random, data: bytes) -> bytes:
    """One to three changes: a byte, a bit, a piece left out, repeated, or put in."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed) + 1)
        end = at + rng.randint(0, 12)
        kind = rng.randrange(5)
        if kind == 0 and at < len(changed):
            changed[at] = rng.randrange(256)
        elif kind == 1 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del changed[at:end]
        elif kind == 3:
            changed[at:at] = changed[at:end]
        else:
            changed[at:at] = rng.randbytes(rng.randint(1, 4))
    return bytes(changed)
