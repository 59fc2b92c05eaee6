"""One HTTP connection, with limits on what a client may do to it.

uvicorn's httptools protocol, which has flow control, keep-alive and pipelining, and beside them no
limits. Added here: the size of a header, the time for header, body and answer, the number of
connections, how much of a refused body is still read, and a short way to the log for usual export
requests (short_way.py), which stand in the place of uvicorn's cycle meanwhile. A header that is
the same as the one before is not parsed again (known_head.py): then the parser sees nothing of its
request, unless that has to take the long way after all.

watchman.py looks at all connections once a second, also at idle ones: no timer is set or cleared
for a request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stepsight_collector.receivers.known_head import learn

if TYPE_CHECKING:
    import asyncio
    from collections import Counter

    from stepsight_collector.receivers.asgi import Answer
    from stepsight_collector.receivers.known_head import KnownHead
    from stepsight_collector.receivers.short_way import ShortRequest, ShortWay

__all__ = ["ConnectionLimits", "LimitedConnection"]

_MAX_LEARNED = 8  # who changes its header again and again is not worth the looking
_CLOSE = b"connection: close\r\ncontent-type: text/plain; charset=utf-8\r\n"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits on the connections of one port.

    A body may take `body_timeout_s` and beside that the time that `min_body_bytes_per_s` allows
    for what has arrived. Of a body that was refused, at most `max_refused_bytes` are still read,
    so that the client sees the answer.
    """

    max_connections: int = 1024
    max_header_bytes: int = 64 << 10
    header_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    min_body_bytes_per_s: int = 4096
    idle_timeout_s: int = 75
    max_refused_bytes: int = 64 << 20


class _Ignored(list[tuple[bytes, bytes]]):
    """Takes what comes after the body, and keeps nothing of it."""

    def append(self, _field: tuple[bytes, bytes], /) -> None:
        """Let a trailer go."""


_TRAILERS = _Ignored()


class LimitedConnection(HttpToolsProtocol):
    """A connection that ends when its client is too slow, too many or too large."""

    limits = ConnectionLimits()
    cut: Counter[str] | None = None
    short: ShortWay | None = None
    _entered: ShortRequest | None = None  # on the short way, its body not whole
    _known: KnownHead | None = None
    _learned = 0
    _begins = b""  # what begins with a header, while it is parsed
    _head = b""  # of a request that the parser does not see
    _missing = 0  # bytes of its body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; if there are too many, in the place of the one idle for longest."""
        super().connection_made(transport)
        self.since = time.monotonic()
        self.in_header = True
        self.header_bytes = 0
        self.body_bytes = 0
        self.awaits_body = False
        if len(self.connections) > self.limits.max_connections and not self._close_an_idle_one():
            message = b"Too many connections are open. Try again in a moment.\n"
            self.end(b"503 Service Unavailable", message, "too_many", b"retry-after: 1\r\n")

    def data_received(self, data: bytes) -> None:
        """Parse what arrives, and stop at a header without end."""
        if self.transport.is_closing():
            return
        if self._missing:
            self._take_body(data)
            return
        if self.in_header:
            if self.header_bytes == 0:
                self.since = time.monotonic()
                if self._known is not None and self._enter_again(self._known, data):
                    return
                self._begins = data
            self.header_bytes += len(data)
        super().data_received(data)
        self._begins = b""
        if self.in_header and self.header_bytes > self.limits.max_header_bytes:
            message = f"The header is over the limit of {self.limits.max_header_bytes} bytes.\n"
            self.end(b"431 Request Header Fields Too Large", message.encode(), "large_header")

    def on_message_begin(self) -> None:
        """Begin a header, which may have come in one piece with the body before it."""
        if self.header_bytes == 0:
            self.header_bytes = 1
            self.since = time.monotonic()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin a request."""
        self.in_header = False
        self.header_bytes = self.body_bytes = 0
        self.since = time.monotonic()
        self.awaits_body = True
        self._entered = self._enter_short_way()
        if self._entered is None:
            super().on_headers_complete()
        else:
            # To uvicorn it is what a cycle is: whether it is complete, who went away.
            self.cycle = self._entered  # type: ignore[assignment]
            if self._begins and self._learned < _MAX_LEARNED:
                self._learned += 1
                self._known = learn(self._begins, len(self.headers), self._entered.sender)
        self._begins = b""
        self.headers = _TRAILERS

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; too much of one that nobody reads ends the connection."""
        self.body_bytes += len(body)
        if self._entered is not None:
            self._entered.parts.append(body)
            return
        if self.cycle.response_complete and self.body_bytes > self.limits.max_refused_bytes:
            self._count("refused_body")
            self.transport.close()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next header begins."""
        self.awaits_body = False
        self.in_header = True
        self.header_bytes = 0
        self.since = time.monotonic()
        if self._entered is not None and self.short is not None:
            if self.short.take(self._entered, self._reply):
                self._entered = None
                return
            self._go_the_long_way(self._entered)
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a request whose body will not come."""
        if self._entered is not None:
            self._entered.hold.release()
        super().connection_lost(exc)
        self._entered = None

    def _enter_again(self, known: KnownHead, data: bytes) -> bool:
        """Begin a request on the short way by a header that is known; False to have it parsed."""
        found = known.find_body(data)
        if found is None or self.short is None or self.flow.write_paused:
            return False
        if not self._answers_nothing():
            return False
        size_bytes, begin = found
        entered = self.short.enter_again(known.sender, size_bytes)
        if entered is None:
            return False
        self._entered = entered
        self.cycle = entered  # type: ignore[assignment] # as above
        self.in_header = False
        self.awaits_body = True
        self.body_bytes = 0
        self._missing = size_bytes
        self._head = data[:begin]
        if len(data) > begin:
            self._take_body(data[begin:])
        return True

    def _take_body(self, data: bytes) -> None:
        """Take a part of a body that the parser does not see, and what comes after it."""
        entered, missing = self._entered, self._missing
        if entered is None or self.short is None:
            raise RuntimeError("a body without a request")
        part, rest = (data, b"") if len(data) <= missing else (data[:missing], data[missing:])
        entered.parts.append(part)
        self.body_bytes += len(part)
        self._missing -= len(part)
        if self._missing:
            return
        self._entered = None
        self.awaits_body = False
        self.in_header = True
        self.header_bytes = 0
        self.since = time.monotonic()
        if not self.short.take(entered, self._reply):
            self._have_parsed(entered)
        if rest:
            self.data_received(rest)

    def _have_parsed(self, entered: ShortRequest) -> None:
        """Give a request on to the parser and the application, as if nobody had seen it."""
        self.cycle = None  # type: ignore[assignment] # as uvicorn has it before the first
        entered.hold.release()
        short, self.short = self.short, None
        super().data_received(b"".join((self._head, *entered.parts)))
        self.short = short
        self.cycle.keep_alive = self.cycle.keep_alive and entered.keep_alive

    def _enter_short_way(self) -> ShortRequest | None:
        """Begin a request on the short way, if it may go there."""
        if self.short is None or self.flow.write_paused or not self._answers_nothing():
            return None
        parser = self.parser
        if parser.get_method() != b"POST" or not parser.should_keep_alive():
            return None
        if parser.get_http_version() != "1.1":
            return None
        return self.short.enter(self.url, self.headers)

    def _go_the_long_way(self, entered: ShortRequest) -> None:
        """Give a request on to the application, as if it had never been on the short way."""
        self._entered = None
        self.cycle = None  # type: ignore[assignment] # as uvicorn has it before the first
        entered.hold.release()
        super().on_headers_complete()
        self.cycle.keep_alive = entered.keep_alive
        for part in entered.parts:
            super().on_body(part)

    def _reply(self, request: ShortRequest, answer: Answer) -> None:
        """Answer a request of the short way, as a cycle of uvicorn does."""
        if request.disconnected or self.short is None:
            return
        request.response_started = request.response_complete = True
        if not self.transport.is_closing():
            headers = self.server_state.default_headers
            self.transport.write(self.short.encode(answer, headers, request))
            if not request.keep_alive:
                self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request; unlike uvicorn, without a timer for an idle connection."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.in_header and self.header_bytes == 0:
            self.since = time.monotonic()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._count("not_http")
        super().send_400_response(msg)

    def look(self, now: float) -> None:
        """End the connection if its client is too slow."""
        if self.transport.is_closing():
            return
        limits = self.limits
        if self.flow.write_paused:
            # Its answers are not taken. What it sends is not read meanwhile.
            if now - self.since > limits.idle_timeout_s:
                self._count("slow_reader")
                self.transport.abort()
        elif self.flow.read_paused:
            self.since = now  # we are the slow ones
        elif self.awaits_body:
            allowed_s = limits.body_timeout_s + self.body_bytes / limits.min_body_bytes_per_s
            if now - self.since > allowed_s:
                message = (
                    f"The body came at less than {limits.min_body_bytes_per_s} bytes a second.\n"
                )
                self.end(b"408 Request Timeout", message.encode(), "slow_body")
        elif self._is_idle():
            if now - self.since > limits.idle_timeout_s:
                self.transport.close()
        elif self._waits_for_header() and now - self.since > limits.header_timeout_s:
            message = f"The header took more than {limits.header_timeout_s:.0f} seconds.\n"
            self.end(b"408 Request Timeout", message.encode(), "slow_header")

    def end(self, status: bytes, message: bytes, reason: str, header: bytes = b"") -> None:
        """Answer, unless an answer is under way, and close."""
        self._count(reason)
        if self._answers_nothing() or (self.awaits_body and not self.cycle.response_started):
            length = b"content-length: %d\r\n" % len(message)
            self.transport.write(
                b"".join((b"HTTP/1.1 ", status, b"\r\n", header, _CLOSE, length, b"\r\n", message))
            )
        self.transport.close()

    def _waits_for_header(self) -> bool:
        """Tell whether a header has begun, or the first one is awaited."""
        has_begun = self.header_bytes > 0 or self.cycle is None
        return self.in_header and has_begun and self._answers_nothing()

    def _is_idle(self) -> bool:
        """Tell whether the last answer is out and nothing came since."""
        has_served = self.cycle is not None and self.cycle.response_complete
        return has_served and self.in_header and self.header_bytes == 0

    def _answers_nothing(self) -> bool:
        """Tell whether no request waits for its answer."""
        return self.cycle is None or self.cycle.response_complete

    def _close_an_idle_one(self) -> bool:
        """Close the connection that has had no request for longest; False if all are busy."""
        idle = [
            one
            for one in self.connections
            if isinstance(one, LimitedConnection)
            and one is not self
            and not one.transport.is_closing()
            and one.header_bytes == 0
            and one._answers_nothing()  # noqa: SLF001 - another of the same class
        ]
        if not idle:
            return False
        oldest = min(idle, key=lambda one: one.since)
        oldest._count("made_room")  # noqa: SLF001 - another of the same class
        oldest.transport.close()
        return True

    def _count(self, reason: str) -> None:
        if self.cut is not None:
            self.cut[reason] += 1
