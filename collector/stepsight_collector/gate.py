"""Make the door, TLS and limits from the settings, and keep tokens and certificate up to date.

Started first by app.py: what is wrong with them is said before anything is opened.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsight_collector.access import Access
from stepsight_collector.receivers.connection import ConnectionLimits
from stepsight_collector.receivers.door import Door
from stepsight_collector.receivers.judge import RecordLimits
from stepsight_collector.receivers.quota import Quota, Quotas
from stepsight_collector.settings import is_loopback
from stepsight_collector.tls import Tls
from stepsight_collector.tokens import load_doors
from stepsight_collector.watch import FileWatch

if TYPE_CHECKING:
    import ssl
    from contextlib import AsyncExitStack

    from stepsight_collector.settings import Settings

__all__ = ["Gate", "open_gate", "record_limits"]

_log = logging.getLogger("stepsight.gate")


@dataclass(frozen=True, slots=True)
class Gate:
    """What all ports share. `tls` None means plain text."""

    door: Door
    limits: ConnectionLimits
    tls: Tls | None

    @property
    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context of the HTTP ports."""
        return None if self.tls is None else self.tls.context


async def open_gate(settings: Settings, parts: AsyncExitStack) -> Gate:
    """Read tokens and certificate, and watch their files until `parts` is closed.

    SIGHUP reads them again at once. Raises `ConfigError` if they cannot be used.
    """
    doors = await asyncio.to_thread(load_doors, settings)
    quotas = Quotas(
        Quota(settings.project_bytes_per_s, settings.project_records_per_s), doors.quotas
    )
    door = Door(Access(doors.credentials), quotas, settings.max_in_flight_bytes)
    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = await asyncio.to_thread(Tls, settings.tls_cert, settings.tls_key)
    elif not (door.access.is_open or is_loopback(settings.host)):
        _log.warning(
            "--host %s without TLS: tokens and telemetry can be read on the network. Give "
            "--tls-cert and --tls-key, unless a proxy does TLS.",
            settings.host,
        )
    watches = []
    if settings.tokens_file is not None:
        loop = asyncio.get_running_loop()
        watches.append(
            FileWatch(
                "The tokens file",
                [settings.tokens_file],
                lambda: _reload_tokens(settings, door, loop),
            )
        )
    if tls is not None:
        watches.append(FileWatch("The certificate", tls.files, tls.reload))
    for watch in watches:
        parts.push_async_callback(watch.stop)
        watch.start()
    _reload_on_hangup(watches)
    return Gate(door, connection_limits(settings), tls)


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits on connections."""
    return ConnectionLimits(
        max_connections=settings.max_connections,
        header_timeout_s=settings.header_timeout_s,
        body_timeout_s=settings.body_timeout_s,
        min_body_bytes_per_s=settings.min_body_bytes_per_s,
        idle_timeout_s=settings.idle_timeout_s,
        max_refused_bytes=settings.max_body_bytes,
    )


def record_limits(settings: Settings) -> RecordLimits:
    """Return the limits on what a request holds."""
    return RecordLimits(
        max_records=settings.max_request_records,
        max_record_bytes=settings.max_record_bytes,
        max_elements=settings.max_record_attributes,
    )


def _reload_tokens(settings: Settings, door: Door, loop: asyncio.AbstractEventLoop) -> None:
    """Read the file on a thread; put it in force on the loop, where requests look at it."""
    doors = load_doors(settings)
    loop.call_soon_threadsafe(door.access.replace, doors.credentials)
    loop.call_soon_threadsafe(door.quotas.replace, doors.quotas)


def _reload_on_hangup(watches: list[FileWatch]) -> None:
    """Read everything again on SIGHUP, which would end the process otherwise."""
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[bool]] = set()

    def reload() -> None:
        for watch in watches:
            task = loop.create_task(watch.reload())
            running.add(task)
            task.add_done_callback(running.discard)

    if hasattr(signal, "SIGHUP"):  # not on Windows
        loop.add_signal_handler(signal.SIGHUP, reload)
