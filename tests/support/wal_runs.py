"""A short life of a write-ahead log and its loader, to be disturbed by `faults.Faults`.

As a program it runs one life in a process of its own for each call that may be its last:
`wal_runs.py TEMPLATE WORK HOW WAY` copies the template for call 1, 2, 3 … until a life ends by
itself. WAY is `lane`, or `thread` for a log without the native library.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from faults import KILLED, Faults
from stepsight_collector.errors import StorageError
from stepsight_collector.loader import Loader
from stepsight_collector.metrics import Metrics
from stepsight_collector.receivers.check import REQUEST_TYPES
from stepsight_collector.store import StoreError, StoreRefusedError
from stepsight_collector.wal import Entry, Wal, WalLimits, lane, read_entries, scan_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from faults import How
    from stepsight_collector.store import Store

POISON = "poison"
NESTED = "nested"
SENT = ("a", "b", f"{POISON}-1", "c", NESTED, "d", f"{POISON}-2", "e")
LIMITS = WalLimits(max_age_s=3600.0, max_segment_records=4)


def entry(text: str) -> Entry:
    """A request that holds a text; the nested one as a list."""
    request: Any = REQUEST_TYPES["logs"]()
    body = request.resource_logs.add().scope_logs.add().log_records.add().body
    is_nested = text.startswith(NESTED)
    if is_nested:
        body.array_value.values.add().string_value = text
    else:
        body.string_value = text
    return Entry(request.SerializeToString(), 1, client=text, nested=is_nested, records=1)


class FileStore:
    """Keeps what is inserted under each token in a file; refuses what is poison.

    The contract of the real store, of which tests/contract tells; here its failures can be exact.
    """

    def __init__(self, directory: Path, faults: Faults) -> None:
        self._directory = directory
        self._faults = faults
        directory.mkdir(parents=True, exist_ok=True)

    def insert(self, signal: str, payload: bytes | Path, token: str) -> None:
        data = payload.read_bytes() if isinstance(payload, Path) else payload
        texts = [each.client for _, each in scan_entries(memoryview(data))]
        if any(text.startswith(POISON) for text in texts):
            raise StoreRefusedError("poison")
        self._step("insert")
        file = self._directory / f"{signal}-{token.replace('/', '_')}"
        if not file.exists():
            fresh = file.with_name("fresh")
            fresh.write_text("\n".join(texts))
            fresh.rename(file)
        self._step("answer")

    def texts(self) -> list[str]:
        files = sorted(self._directory.iterdir())
        return [line for file in files for line in file.read_text().splitlines() if line]

    def _step(self, name: str) -> None:
        try:
            self._faults.reach(name)
        except OSError as exc:
            raise StoreError(str(exc)) from exc


async def live(
    directory: Path,
    texts: Iterable[str],
    note: Callable[[str], object],
    faults: Faults,
    drain_s: float = 5.0,
) -> None:
    """Recover, take texts, store them, end; `note` is told of each that was acknowledged."""
    store = cast("Store", FileStore(directory / "store", faults))
    wal = Wal(directory / "wal", LIMITS)
    loader = Loader(store, wal, Metrics(), retry_first_s=0.001)
    await loader.start()
    try:
        await wal.start(loader.submit)
        for text in texts:
            try:
                await wal.append("logs", entry(text))
            except StorageError:
                continue
            note(text)
        await loader.drain(drain_s)
    except StorageError:  # the log cannot be opened: nothing is taken
        pass
    finally:
        await wal.close()
        await loader.drain(drain_s)
        await loader.stop()


def prepare(template: Path) -> list[str]:
    """Leave what a killed process may leave: segments, a torn one, an empty one; returns texts."""
    kept = ["old-1", "old-2", "old-3", f"{POISON}-old"]

    async def write() -> None:
        wal = Wal(template / "wal", WalLimits(max_age_s=3600.0, max_segment_records=2))
        await wal.start(lambda _: None)
        for text in (*kept, "torn"):
            await wal.append("logs", entry(text))
        await wal.close()

    asyncio.run(write())
    *_, last = sorted((template / "wal" / "logs").glob("*.wal"))
    os.truncate(last, last.stat().st_size - 3)
    (last.parent / f"0000000000000900-{last.stem.partition('-')[2]}.wal").touch()
    return kept


def outcome(directory: Path) -> tuple[list[str], list[str]]:
    """Recover in peace; returns what is stored and what is set aside as refused."""
    faults = Faults(directory)
    asyncio.run(live(directory, (), lambda _: None, faults))
    assert list((directory / "wal").glob("*/*.wal")) == []
    refused = [
        each.client
        for file in sorted((directory / "wal").glob("*/*.refused"))
        for each in read_entries(file)
    ]
    return sorted(FileStore(directory / "store", faults).texts()), sorted(refused)


def _life(directory: Path, at: int, how: How) -> None:
    noted = os.open(directory / "noted", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    faults = Faults(directory / "wal", at, how)
    with faults.installed():
        asyncio.run(
            live(directory, SENT, lambda text: os.write(noted, f"{text}\n".encode()), faults)
        )


def _run(template: Path, work: Path, how: How, way: str) -> None:
    logging.disable()
    if way == "thread":
        lane.is_there = lambda: False  # type: ignore[attr-defined]  # imported there
    for name in ("fsync", "fdatasync"):  # Faults knows what they mean
        setattr(os, name, lambda _: None)
    for at in range(1, 10_000):
        directory = work / f"{how}-{at}"
        shutil.copytree(template, directory)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _life(directory, at, how)
                status = 0
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            return
        if status != KILLED:
            sys.exit(f"life {at} ended with status {status}")


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]), cast("How", sys.argv[3]), sys.argv[4])
