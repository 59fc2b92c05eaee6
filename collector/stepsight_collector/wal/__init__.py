"""Write-ahead log: durable bytes between the receivers and the loader.

Knows nothing about telemetry but the names of the signals. Format: docs/reference/wal-format.md.
"""

from __future__ import annotations

from stepsight_collector.wal.log import Wal, WalLimits, WalUsage
from stepsight_collector.wal.record import Entry, encode_entry, scan_entries
from stepsight_collector.wal.segment import SIGNALS, SegmentInfo, Signal, read_entries

__all__ = [
    "SIGNALS",
    "Entry",
    "SegmentInfo",
    "Signal",
    "Wal",
    "WalLimits",
    "WalUsage",
    "encode_entry",
    "read_entries",
    "scan_entries",
]
