"""The queue and the thread that empties it: the caller only appends, the worker encodes and sends.

Items in, HTTP requests out; what cannot be sent goes to the spool at once, so that it outlives the
process. Everything that is lost is counted with a reason.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from stepsight._handover import open_inbox
from stepsight._otlp import LogItem, encode_request, signal_of
from stepsight._transport import REQUEST_TIMEOUT_S, HttpTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._handover import Heir, Inbox
    from stepsight._settings import Settings
    from stepsight._spool import Spool
    from stepsight._transport import Outcome

__all__ = ["Worker"]

_log = logging.getLogger("stepsight.sdk")

BATCH_RECORDS = 1000
BATCH_BYTES = 1 << 20
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 15.0
# At the end of a step: how long a request may take that would only empty another step's spool.
LAST_DELIVERY_S = 1.0
INTERRUPT_S = 0.5
WARN_INTERVAL_S = 60.0
# How often a process that has forked looks for what its workers handed over.
INBOX_INTERVAL_S = 0.25


class Worker:
    """One queue, one thread, started on the first record. Safe to call from any thread.

    `tick` is called on the thread at least every `heartbeat_s`; it makes heartbeats. A quiet
    worker does not say on the log that the collector is away. What it holds at its end goes to
    the `heir` if there is one.
    """

    def __init__(
        self,
        settings: Settings,
        resource: bytes,
        spool: Spool,
        tick: Callable[[], None],
        *,
        quiet: bool = False,
        heir: Heir | None = None,
    ) -> None:
        self._settings = settings
        self._resource = resource
        self._spool = spool
        self._tick = tick
        self._quiet = quiet
        self._heir = heir
        self.inbox: Inbox | None = None
        compress = settings.compression == "gzip"
        self._transport = HttpTransport(settings.endpoint, settings.token, compress=compress)
        self._queue: deque[Any] = deque()
        self._queued_bytes = 0
        self._max_records, self._max_bytes = settings.queue_size, settings.queue_bytes
        # Re-entrant: a signal handler or a finalizer may log while its own thread is in add().
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._close_at = 0.0
        self._taken = 0
        self._last_time = 0
        self._retry_at = 0.0
        self._backoff_s = 0.0
        self._must_look_in_spool = True
        self._is_delivering = False
        self._sending: tuple[str, bytes, int] | None = None
        self._next_tick = time.monotonic() + settings.heartbeat_s
        self._next_warning = 0.0
        self.dropped: Counter[str] = Counter()
        self.last_failure: Outcome | None = None

    def add(self, item: Any) -> bool:
        """Queue an item. Never blocks on the network; False if it had to be dropped."""
        size_bytes = item.size_bytes
        queue = self._queue
        with self._lock:
            queued_bytes = self._queued_bytes + size_bytes
            if self._closing:
                self.dropped["closed"] += 1
                return False
            if len(queue) >= self._max_records or queued_bytes > self._max_bytes:
                self.dropped["queue_full"] += 1
                return False
            queue.append(item)
            self._queued_bytes = queued_bytes
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self._start()
        return True

    def expect_children(self) -> None:
        """Before a fork: open the inbox where the child hands over what it holds at its end."""
        if self.inbox is None and self._thread is not None and not self._closing:
            self.inbox = open_inbox()
            self._wake.set()  # from now on the thread looks there

    def counts(self) -> dict[str, int]:
        """Records sent or spooled, and dropped, since the start of this process."""
        dropped = sum(self.dropped.values())
        refused = self.dropped["queue_full"] + self.dropped["closed"]
        return {
            "stepsight.records.sent": self._taken - (dropped - refused),
            "stepsight.records.dropped": dropped,
        }

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued so far is sent, spooled or dropped; False on time-out."""
        if self._thread is None:
            return not self._queue
        mark = _FlushMark()
        with self._lock:
            if self._closing:
                return False
            self._queue.append(mark)
        self._hurry.set()
        self._wake.set()
        return mark.reached.wait(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Send or spool everything within `timeout_s`, then accept nothing more."""
        with self._lock:
            self._closing = True
        self._close_at = time.monotonic()
        thread = self._thread
        if thread is None or not thread.is_alive():
            # No thread starts at interpreter shutdown: this one does the work.
            self._last_round()
            return
        self._hurry.set()
        self._wake.set()
        thread.join(timeout_s)
        if thread.is_alive():
            self._transport.interrupt()
            thread.join(INTERRUPT_S)
        if thread.is_alive():
            # Stuck in the network: the request under way is kept too, though it may arrive.
            self._spool_queue(self._sending)
            self._inherit(self._spool_request)
            self._spool.finish()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="stepsight-worker", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # interpreter shutdown: close() does the work
                return
            self._thread = thread

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(max(0.0, self._next_wake() - time.monotonic()))
            if self._wake.is_set() and not self._hurry.is_set():
                self._hurry.wait(self._settings.linger_ms / 1000)
            self._wake.clear()
            self._hurry.clear()
            self._guard(self._round)
        self._guard(self._last_round)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as exc:
            # A worker that dies would lose everything after.
            self.dropped["internal_error"] += 1
            self._warn("a batch was lost to an error of our own: %r", exc)
            if self._settings.raise_errors:
                raise

    def _next_wake(self) -> float:
        wake = min(self._next_tick, self._retry_at) if self._backoff_s else self._next_tick
        return wake if self.inbox is None else min(wake, time.monotonic() + INBOX_INTERVAL_S)

    def _round(self) -> None:
        now = time.monotonic()
        if now >= self._next_tick and not self._closing:
            self._next_tick = now + self._settings.heartbeat_s
            self._tick()
        self._empty_queue()
        self._inherit(self._send_or_spool)
        if (self._must_look_in_spool and self._transport.was_reached) or self._backoff_s:
            self._deliver_spool()

    def _last_round(self) -> None:
        while self._queue:
            self._empty_queue()
        if self.inbox is not None:
            self.inbox.close()
        self._inherit(self._send_or_spool)
        if self._heir is not None:
            self._heir.close()
        if self._must_look_in_spool and self._transport.was_reached and not self._backoff_s:
            self._deliver_spool()
        self._spool.finish()
        self._transport.close()

    def _empty_queue(self) -> None:
        while self._queue:
            groups, marks = self._take_batch()
            for signal, items in groups.items():
                body = encode_request(signal, self._resource, items)
                self._send_or_spool(signal, body, len(items))
            for mark in marks:
                mark.reached.set()

    def _take_batch(self) -> tuple[dict[str, list[Any]], list[_FlushMark]]:
        groups: dict[str, list[Any]] = {}
        marks: list[_FlushMark] = []
        count = size_bytes = 0
        while self._queue and count < BATCH_RECORDS and size_bytes < BATCH_BYTES and not marks:
            item = self._queue.popleft()
            if isinstance(item, _FlushMark):
                marks.append(item)
                continue
            count += 1
            size_bytes += item.size_bytes
            signal = signal_of(item)
            if signal != "traces":
                self._stamp(item)
            self._taken += 1
            groups.setdefault(signal, []).append(item)
        with self._lock:
            self._queued_bytes -= size_bytes
        return groups, marks

    def _stamp(self, item: Any) -> None:
        """Make its time later than any before, so that lines keep their order; fill in counts."""
        self._last_time = max(item.time_unix_nano, self._last_time + 1)
        item.time_unix_nano = self._last_time
        if type(item) is LogItem and item.more is not None:
            self._complete(item, item.more)
        if "stepsight.records.sent" in item.attributes:
            item.attributes.update(self.counts())

    def _complete(self, item: LogItem, more: Callable[[], dict[str, Any]]) -> None:
        try:
            item.attributes.update(more())
        except Exception as exc:  # the record itself is not to be lost
            self._warn("a record of ours lacks a part: %r", exc)
            if self._settings.raise_errors:
                raise

    def _inherit(self, keep: Callable[[str, bytes, int], None]) -> None:
        """Take over what forked workers held at their end; they have counted it."""
        if self.inbox is not None:
            for signal, body, count in self.inbox.take():
                keep(signal, body, count)

    def _send_or_spool(self, signal: str, body: bytes, count: int) -> None:
        if self._closing and self._heir is not None and self._heir.give(signal, body, count):
            return
        if not self._should_try():
            self._spool_request(signal, body, count)
            return
        self._sending = signal, body, count
        outcome = self._transport.send(signal, body, REQUEST_TIMEOUT_S)
        if outcome.kind == "failed":
            self._back_off(outcome)
            self._spool_request(signal, body, count)
        self._sending = None
        if outcome.kind == "failed":
            return
        self._backoff_s = 0.0
        if outcome.kind != "sent":
            self.last_failure = outcome
            self.dropped[outcome.kind] += count
            self._warn("the collector refused %d records: %s", count, outcome.detail)

    def _should_try(self) -> bool:
        if not self._backoff_s:
            return True
        if self._closing:
            # Nobody there a moment ago: the end of a step does not wait for that.
            return False
        return time.monotonic() >= self._retry_at

    def _deliver_spool(self) -> None:
        """Send what is on disk; new records go first, between any two requests."""
        if self._is_delivering or not self._should_try():
            return
        self._is_delivering = True
        try:
            self._must_look_in_spool = False
            self._spool.deliver(self._send_spooled)
        except OSError as exc:
            self._warn("the spool %s cannot be read: %s", self._settings.spool, exc)
        finally:
            self._is_delivering = False
        if self._backoff_s and time.monotonic() >= self._retry_at:
            # Nothing was there to be sent, so nothing says that the collector is away.
            self._backoff_s = 0.0

    def _send_spooled(self, signal: str, request: bytes) -> bool:
        if self._closing and time.monotonic() > self._close_at + LAST_DELIVERY_S:
            return False
        outcome = self._transport.send(signal, request)
        if outcome.kind == "failed":
            self._back_off(outcome)
            return False
        self._backoff_s = 0.0
        if outcome.kind != "sent":
            self._warn("the collector refused a request from the spool: %s", outcome.detail)
        self._empty_queue()
        return not self._backoff_s

    def _back_off(self, outcome: Outcome) -> None:
        if not self._backoff_s and not self._quiet:
            self._warn(
                "the collector at %s cannot be reached (%s): records are kept in %s and sent later",
                self._settings.endpoint,
                outcome.detail,
                self._settings.spool,
            )
        self.last_failure = outcome
        self._must_look_in_spool = True
        self._backoff_s = min(max(BACKOFF_FIRST_S, self._backoff_s * 2), BACKOFF_MAX_S)
        # Steps that lost the same collector must not all come back at the same moment.
        wait_s = self._backoff_s * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        self._retry_at = time.monotonic() + max(wait_s, outcome.retry_after_s)

    def _spool_request(self, signal: str, body: bytes, count: int) -> None:
        try:
            if not self._spool.add(signal, body):
                self.dropped["spool_full"] += count
                self._warn("the spool %s is full: records are dropped", self._settings.spool)
        except OSError as exc:
            self.dropped["spool_failed"] += count
            self._warn("cannot write to the spool: %s", exc)

    def _spool_queue(self, sending: tuple[str, bytes, int] | None) -> None:
        if sending is not None:
            self._spool_request(*sending)
        while self._queue:
            groups, _ = self._take_batch()
            for signal, items in groups.items():
                body = encode_request(signal, self._resource, items)
                self._spool_request(signal, body, len(items))

    def _warn(self, message: str, *values: object) -> None:
        if time.monotonic() >= self._next_warning:
            self._next_warning = time.monotonic() + WARN_INTERVAL_S
            _log.warning(message, *values)


class _FlushMark:
    """A place in the queue that somebody waits for."""

    def __init__(self) -> None:
        self.reached = threading.Event()
