"""The queue and the thread that empties it: the caller only appends, the worker encodes and sends.

Items in, HTTP requests out; what cannot be sent goes to the spool. Everything that is lost is
counted with a reason.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from stepsight._otlp import LogItem, MetricItem, encode_request
from stepsight._transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight._settings import Settings
    from stepsight._spool import Spool
    from stepsight._transport import Outcome

__all__ = ["Worker"]

_log = logging.getLogger("stepsight.sdk")

BATCH_RECORDS = 1000
# Requests that wait in memory while the collector is away; beyond it they go to disk.
PENDING_MAX_BYTES = 8 << 20
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 15.0
LAST_ATTEMPT_TIMEOUT_S = 1.0


class Worker:
    """One queue, one thread, started on the first record. Safe to call from any thread.

    `tick` is called on the thread at least every `tick_s`; it makes heartbeats.
    """

    def __init__(
        self, settings: Settings, resource: bytes, spool: Spool, tick: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._resource = resource
        self._spool = spool
        self._tick = tick
        self._transport = HttpTransport(settings.endpoint, settings.token)
        self._queue: deque[Any] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._idle = threading.Condition()
        self._pending: list[tuple[str, bytes, int]] = []
        self._pending_bytes = 0
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._closing = False
        self._retry_at = 0.0
        self._backoff_s = BACKOFF_FIRST_S
        self._next_tick = time.monotonic() + settings.heartbeat_s
        self._spool_checked = False
        self._handed_over = 0
        self._finished = 0
        self.dropped: Counter[str] = Counter()
        self.last_failure = ""

    @property
    def accepted(self) -> int:
        """Records that entered the queue since the start of the process."""
        return self._handed_over

    def add(self, item: Any) -> None:
        """Queue an item. Never blocks; one too many is dropped and counted."""
        if self._closing or len(self._queue) >= self._settings.queue_size:
            self.dropped["closed" if self._closing else "queue_full"] += 1
            return
        self._queue.append(item)
        self._handed_over += 1
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self._start()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything queued so far is sent, spooled or dropped; False on time-out."""
        if self._thread is None:
            return not self._queue
        goal = self._handed_over
        deadline = time.monotonic() + timeout_s
        with self._idle:
            while self._finished < goal:
                self._hurry.set()
                self._wake.set()
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._idle.wait(min(left, 0.1))
        return True

    def close(self, timeout_s: float) -> None:
        """Send or spool everything within `timeout_s`, then accept nothing more."""
        self._closing = True
        thread = self._thread
        if thread is not None:
            self._hurry.set()
            self._wake.set()
            thread.join(timeout_s)
        if thread is None or thread.is_alive():
            # The thread is stuck in the network: what it has not taken is saved here.
            self._encode_all()
            self._spool_pending()

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="stepsight-worker", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # interpreter shutdown: close() saves the queue
                return
            self._thread = thread

    def _run(self) -> None:
        while True:
            self._wake.wait(max(0.0, self._next_wake() - time.monotonic()))
            if self._wake.is_set() and not self._hurry.is_set():
                self._hurry.wait(self._settings.linger_ms / 1000)
            self._wake.clear()
            closing = self._closing
            hurry = self._hurry.is_set()
            self._hurry.clear()
            try:
                self._round(last=closing, hurry=hurry)
            except Exception as exc:  # a worker that dies would lose everything after
                self.dropped["internal_error"] += 1
                self.last_failure = repr(exc)
                if self._settings.raise_errors:
                    raise
            if closing:
                return

    def _next_wake(self) -> float:
        return min(self._next_tick, self._retry_at) if self._pending else self._next_tick

    def _round(self, *, last: bool, hurry: bool) -> None:
        now = time.monotonic()
        if now >= self._next_tick and not last:
            self._next_tick = now + self._settings.heartbeat_s
            self._tick()
        while self._queue or self._pending:
            self._encode_some()
            if (hurry or last or time.monotonic() >= self._retry_at) and not self._send_pending(
                last=last
            ):
                hurry = False
            self._note_finished()
            if self._pending and self._pending_bytes < PENDING_MAX_BYTES and not self._queue:
                break
            if self._pending and (self._pending_bytes >= PENDING_MAX_BYTES or last):
                self._spool_pending()
        if last:
            self._spool_pending()
        self._note_finished()

    def _encode_some(self) -> None:
        groups: dict[str, list[Any]] = {}
        for _ in range(min(BATCH_RECORDS, len(self._queue))):
            item = self._queue.popleft()
            signal = (
                "logs"
                if isinstance(item, LogItem)
                else "metrics"
                if isinstance(item, MetricItem)
                else "traces"
            )
            groups.setdefault(signal, []).append(item)
        for signal, items in groups.items():
            body = encode_request(signal, self._resource, items)
            self._pending.append((signal, body, len(items)))
            self._pending_bytes += len(body)

    def _encode_all(self) -> None:
        while self._queue:
            self._encode_some()

    def _send_pending(self, *, last: bool) -> bool:
        while self._pending:
            signal, body, count = self._pending[0]
            timeout = {"timeout_s": LAST_ATTEMPT_TIMEOUT_S} if last and self._backing_off else {}
            outcome = self._transport.send(signal, body, **timeout)
            if outcome.kind == "failed":
                self._back_off(outcome)
                return False
            self._pending.pop(0)
            self._pending_bytes -= len(body)
            if outcome.kind == "rejected":
                self.dropped["rejected"] += count
                self.last_failure = outcome.detail
                _log.warning("the collector rejected %d records: %s", count, outcome.detail)
                continue
            self._backoff_s = BACKOFF_FIRST_S
            if not self._spool_checked:
                self._spool_checked = True
                self._spool.deliver(self._send_spooled)
        return True

    @property
    def _backing_off(self) -> bool:
        return self._backoff_s > BACKOFF_FIRST_S

    def _send_spooled(self, signal: str, request: bytes) -> bool:
        outcome = self._transport.send(signal, request)
        if outcome.kind == "rejected":
            self.last_failure = outcome.detail
        return outcome.kind != "failed"

    def _back_off(self, outcome: Outcome) -> None:
        if not self._backing_off:
            _log.warning(
                "the collector at %s cannot be reached (%s): records are kept in %s and sent later",
                self._settings.endpoint,
                outcome.detail.removeprefix("connection: "),
                self._settings.spool,
            )
        self.last_failure = outcome.detail
        self._spool_checked = False
        self._retry_at = time.monotonic() + max(self._backoff_s, outcome.retry_after_s)
        self._backoff_s = min(self._backoff_s * 2, BACKOFF_MAX_S)

    def _spool_pending(self) -> None:
        by_signal: dict[str, list[tuple[bytes, int]]] = {}
        for signal, body, count in self._pending:
            by_signal.setdefault(signal, []).append((body, count))
        self._pending.clear()
        self._pending_bytes = 0
        for signal, parts in by_signal.items():
            count = sum(count for _, count in parts)
            try:
                if not self._spool.add(signal, [body for body, _ in parts]):
                    self.dropped["spool_full"] += count
            except OSError as exc:
                self.dropped["spool_failed"] += count
                self.last_failure = str(exc)

    def _note_finished(self) -> None:
        waiting = len(self._queue) + sum(count for _, _, count in self._pending)
        with self._idle:
            self._finished = self._handed_over - waiting
            self._idle.notify_all()
