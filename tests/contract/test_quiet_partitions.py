"""A partition that gets nothing any more becomes one part, by the engine's own merges."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepsight_collector.store import Store

WITHIN_S = 60.0
PARTS = (
    "SELECT toString(partition), count(), sum(rows) FROM system.parts "
    "WHERE active AND table = 'quiet_logs' GROUP BY partition ORDER BY partition"
)


def test_parts_of_a_quiet_partition_become_one(store: Store) -> None:
    writer: Any = store._writers["logs"]
    writer.command("CREATE TABLE quiet_logs AS otel_logs")
    try:
        for number in range(3):
            writer.command(
                "INSERT INTO quiet_logs (ProjectId, Timestamp, ReceivedTimestamp) "
                f"SELECT 'quiet', toDateTime64('2026-03-0{1 + number % 2} 10:00:00', 9), "
                "toDateTime64('2026-03-02 10:00:00', 9)"
            )
        assert store.query(PARTS).rows == [["20260301", 2, 2], ["20260302", 1, 1]]

        # The table says an hour; everything else of its settings is as it is.
        writer.command("ALTER TABLE quiet_logs MODIFY SETTING min_age_to_force_merge_seconds = 1")

        deadline = time.monotonic() + WITHIN_S
        while store.query(PARTS).rows != [["20260301", 1, 2], ["20260302", 1, 1]]:
            assert time.monotonic() < deadline, store.query(PARTS).rows
            time.sleep(0.2)
    finally:
        writer.command("DROP TABLE quiet_logs SYNC")
