"""The native library, if it was built: what is done with every byte, in Rust.

Source: collector/native. Whoever calls has another way of its own for when the library is missing
or leaves a case to it; both ways give the same results, and tests compare them.
"""

from __future__ import annotations

from stepsight_collector.native.library import check, crc32, is_there, leave_out, write_rows

__all__ = ["check", "crc32", "is_there", "leave_out", "write_rows"]
