"""Keep memory that requests of some hundred kilobytes use and free, instead of giving it back.

By default the C library of Linux asks the kernel for every larger block anew, or gives the end of
the heap back as soon as it is free: a body that passes from the socket to the log is copied a few
times, and each copy was filled page by page again. That was a third of the cost of receiving
(docs/explanation/ingest-cost.md). The embedded engine has an allocator of its own and sees nothing
of this.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_heap"]

# Source: mallopt(3), glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# Requests of up to 1 MiB are worked on without a break, and larger ones are rare: their memory goes
# back at once, as it did.
_FROM_HEAP_BYTES = 4 << 20
_KEPT_BYTES = 32 << 20


def keep_heap() -> bool:
    """Set it for this process; False where the C library has no such switch, as on macOS."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    sizes = {_M_MMAP_THRESHOLD: _FROM_HEAP_BYTES, _M_TRIM_THRESHOLD: _KEPT_BYTES}
    return all(mallopt(name, size) == 1 for name, size in sizes.items())
