"""Write-ahead log: durable bytes between the receivers and the loader.

Knows nothing about telemetry but the names of the signals. Format: docs/reference/wal-format.md.
"""

from __future__ import annotations

from stepsight_collector.wal.disk import replace_file
from stepsight_collector.wal.durable import Durable
from stepsight_collector.wal.log import Wal, WalLimits, WalUsage
from stepsight_collector.wal.record import Entry, encode_entry, scan_entries
from stepsight_collector.wal.recovery import repair_segment
from stepsight_collector.wal.segment import (
    SIGNALS,
    SegmentInfo,
    Signal,
    read_entries,
    read_segment,
    segment_files,
)

__all__ = [
    "SIGNALS",
    "Durable",
    "Entry",
    "SegmentInfo",
    "Signal",
    "Wal",
    "WalLimits",
    "WalUsage",
    "encode_entry",
    "read_entries",
    "read_segment",
    "repair_segment",
    "replace_file",
    "scan_entries",
    "segment_files",
]
