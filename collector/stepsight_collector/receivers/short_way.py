"""The short way of a usual export request from its connection to the log.

A POST of protobuf that is small, needs no decoding, waits for nobody and has nothing wrong with it
is answered without ASGI: no scope, no task, no messages. Everything else goes through http.py,
before anything of it was counted or kept, so whatever refuses or waits is written once. Both ways
give the same answers: tests/collector/test_receivers_short_way.py sends the same bytes to both.

Called by connection.py on the event loop's thread.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from stepsight_collector.errors import AccessError, BusyError, MalformedError, StorageError
from stepsight_collector.receivers.asgi import encode_answer
from stepsight_collector.receivers.http import SIGNAL_OF_PATH, authorization
from stepsight_collector.receivers.known_head import Sender
from stepsight_collector.receivers.otlp_answers import (
    KEPT,
    PROTOBUF,
    collector_failed,
    refusal,
    success,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepsight_collector.receivers.asgi import Answer
    from stepsight_collector.receivers.budget import Hold
    from stepsight_collector.receivers.door import Door
    from stepsight_collector.receivers.ingest import Begun, Ingest

    Reply = Callable[["ShortRequest", Answer], None]

__all__ = ["ShortRequest", "ShortWay"]

# What is larger has costs of its own, beside which those of ASGI are nothing.
_MAX_BYTES = 256 << 10
_DIGITS = 6  # of _MAX_BYTES
_PROTOBUF = PROTOBUF.encode()
# Headers that ask for something: of the application, of front.py, or of the server.
_ASKING = frozenset(
    (b"content-encoding", b"expect", b"origin", b"transfer-encoding", b"upgrade", b"trailer")
)
_LOG_INTERVAL_S = 60.0
_log = logging.getLogger("stepsight.receivers.http")


class _Nobody:
    """Stands for the event that uvicorn sets for whoever reads a body."""

    def set(self) -> None:
        """Nobody waits."""


_NOBODY = _Nobody()


class ShortRequest:
    """One request on the short way; to its connection it is what a cycle of uvicorn is."""

    __slots__ = (
        "disconnected",
        "hold",
        "keep_alive",
        "parts",
        "response_complete",
        "response_started",
        "sender",
    )
    message_event = _NOBODY

    def __init__(self, sender: Sender, hold: Hold) -> None:
        self.sender = sender
        self.hold = hold
        self.parts: list[bytes] = []
        self.keep_alive = True
        self.disconnected = self.response_started = self.response_complete = False


class ShortWay:
    """From a header and a body to the log. Below `prefix`, paths mean something else."""

    def __init__(self, ingest: Ingest, door: Door, prefix: str = "") -> None:
        self._ingest = ingest
        self._door = door
        self._signals = {
            path.encode(): signal
            for path, signal in SIGNAL_OF_PATH.items()
            if not (prefix and (path + "/").startswith(prefix + "/"))
        }
        self._logged_at = float("-inf")
        # Headers of the server, and the usual answer with them.
        self._kept: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")

    def enter(self, url: bytes, fields: list[tuple[bytes, bytes]]) -> ShortRequest | None:
        """Let a request in by its header and take memory for its body; None for the long way."""
        signal = self._signals.get(url)
        if signal is None:
            return None
        headers = dict(fields)
        length = headers.get(b"content-length", b"")
        if not (
            headers.get(b"content-type") == _PROTOBUF
            and length.isdigit()
            and len(length) <= _DIGITS
            and _ASKING.isdisjoint(headers)
        ):
            return None
        state = self._door.access.state
        try:
            project = self._door.admit(authorization(headers))
        except (AccessError, BusyError, MalformedError):
            return None  # the long way refuses it, too, and tells and counts it
        client = headers.get(b"user-agent", b"").decode("latin-1")
        return self._hold(Sender(signal, client, project, state), int(length))

    def enter_again(self, sender: Sender, size_bytes: int) -> ShortRequest | None:
        """Let a request in whose header is known; None for the long way, or to have it parsed."""
        if sender.admitted_by is not self._door.access.state:
            return None
        try:
            self._door.check(sender.project)
        except (BusyError, MalformedError):
            return None
        return self._hold(sender, size_bytes)

    def _hold(self, sender: Sender, size_bytes: int) -> ShortRequest | None:
        """Take memory for a request."""
        if not 0 < size_bytes <= min(_MAX_BYTES, self._ingest.max_body_bytes):
            return None
        try:
            hold = self._door.budget.reserve_now(sender.project, size_bytes)
        except (BusyError, MalformedError):
            return None
        return None if hold is None else ShortRequest(sender, hold)

    def take(self, request: ShortRequest, reply: Reply) -> bool:
        """Queue a request whose body is whole, and reply later; False for the long way."""
        parts = request.parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        turns = self._door.turns
        if not turns.takes_one():
            return False
        begun = None
        sender = request.sender
        try:
            begun = self._ingest.begin(sender.signal, body, sender.client, sender.project)
        except Exception:  # noqa: BLE001 - the long way meets it again and answers
            self._complain()
        if begun is None:
            turns.end()
            return False
        parts.clear()

        def done() -> None:
            turns.end()
            request.hold.release()
            reply(request, self._answer(request, begun, len(body)))

        begun.done.tell(done)
        return True

    def encode(
        self, answer: Answer, headers: list[tuple[bytes, bytes]], request: ShortRequest
    ) -> bytes:
        """Encode an answer with the server's headers, which are others every second."""
        if answer is not KEPT or not request.keep_alive:
            return encode_answer(answer, headers, keep_alive=request.keep_alive)
        if self._kept[0] is not headers:
            self._kept = (headers, encode_answer(answer, headers, keep_alive=True))
        return self._kept[1]

    def _answer(self, request: ShortRequest, begun: Begun, size_bytes: int) -> Answer:
        try:
            judged = self._ingest.end(begun)
            self._door.charge(request.sender.project, size_bytes, judged.records)
        except StorageError as exc:
            return refusal(PROTOBUF, exc)
        except Exception:  # noqa: BLE001 - a bug here must be an answer, not a client that waits
            self._complain()
            return collector_failed()
        return success(request.sender.signal, PROTOBUF, judged)

    def _complain(self) -> None:
        if time.monotonic() - self._logged_at >= _LOG_INTERVAL_S:
            self._logged_at = time.monotonic()
            _log.exception("a request failed on the short way")
