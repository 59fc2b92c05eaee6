"""One HTTP connection to the collector, for the worker's thread.

Written on sockets: `http.client` alone would cost a step 7 MB and 15 ms, for the e-mail parser and
the TLS library that it brings (docs/adr/0001-own-otlp-encoder.md).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["HttpTransport", "Outcome"]

CONNECT_TIMEOUT_S = 2.0
REQUEST_TIMEOUT_S = 10.0
MAX_RETRY_AFTER_S = 60.0
MAX_ANSWER_BYTES = 1 << 20
# Below it the bytes saved are fewer than a packet's own.
GZIP_MIN_BYTES = 1024
_OK, _TOO_LARGE = 200, 413
_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
# Signed up wrongly, or not at all: time may heal it, so records are kept.
_UNAUTHORIZED = frozenset({401, 403})


@dataclass(frozen=True)
class Outcome:
    """What became of a request: `sent`, `rejected` (never again), `too_large` or `failed`.

    Only `failed` is worth another try; `is_refused` says that nobody listens there.
    """

    kind: str
    detail: str = ""
    retry_after_s: float = 0.0
    is_refused: bool = False


class HttpTransport:
    """Posts OTLP requests over a connection that is kept open. One thread sends at a time."""

    def __init__(self, endpoint: str, token: str = "", *, compress: bool = False) -> None:
        parts = urlsplit(endpoint)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        host = f"[{self._host}]" if ":" in self._host else self._host
        lines = [f"Host: {host}:{self._port}", "Content-Type: application/x-protobuf"]
        lines += ["User-Agent: stepsight-python", "Accept-Encoding: identity"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        self._headers = "\r\n".join(lines)
        self._compress = compress
        self._socket: Any = None
        self._file: Any = None
        self._is_interrupted = False
        self.was_reached = False

    def send(self, signal: str, body: bytes, timeout_s: float = REQUEST_TIMEOUT_S) -> Outcome:
        """Send one export request; never raises for what the network or the collector does."""
        was_open = self._socket is not None
        outcome = self._attempt(signal, body, timeout_s)
        if (
            outcome.kind == "failed"
            and was_open
            and self._socket is None
            and not self._is_interrupted
        ):
            # The collector had closed the idle connection: that says nothing about this request.
            outcome = self._attempt(signal, body, timeout_s)
        return outcome

    def close(self) -> None:
        """Close the connection."""
        connection, self._socket, self._file = self._socket, None, None
        if connection is not None:
            connection.close()

    def interrupt(self) -> None:
        """Make a request that another thread waits for fail now, and every later one."""
        self._is_interrupted = True
        connection = self._socket
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(2)

    def _attempt(self, signal: str, body: bytes, timeout_s: float) -> Outcome:
        if self._is_interrupted:
            return Outcome("failed", "out of time")
        try:
            if self._socket is None:
                self._open(min(CONNECT_TIMEOUT_S, timeout_s))
            self._socket.settimeout(timeout_s)
            self._socket.sendall(self._request(signal, body))
            status, headers, text = self._answer()
        except (OSError, ValueError) as exc:
            self.close()
            refused = isinstance(exc, ConnectionRefusedError)
            return Outcome("failed", f"{type(exc).__name__}: {exc}", is_refused=refused)
        self.was_reached = True
        if status == _OK:
            return Outcome("sent")
        detail = f"HTTP {status}: {text[:200].decode('utf-8', 'replace')}"
        if status in _RETRYABLE or status in _UNAUTHORIZED:
            return Outcome("failed", detail, _seconds(headers.get("retry-after", "")))
        return Outcome("too_large" if status == _TOO_LARGE else "rejected", detail)

    def _request(self, signal: str, body: bytes) -> bytes:
        extra = ""
        if self._compress and len(body) >= GZIP_MIN_BYTES:
            import zlib

            # Level 1: on telemetry about 6 times smaller, for a third of the default's CPU time.
            squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
            body = squeeze.compress(body) + squeeze.flush()
            extra = "Content-Encoding: gzip\r\n"
        head = f"POST {self._prefix}/v1/{signal} HTTP/1.1\r\n{self._headers}\r\n{extra}"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body

    def _answer(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = self._head()
        while status < _OK:  # 100 Continue and its like come before the answer proper
            status, headers = self._head()
        if "chunked" in headers.get("transfer-encoding", "").lower():
            text = self._chunks()
        elif "content-length" in headers:
            text = self._exactly(int(headers["content-length"]))
        else:
            text = self._file.read(MAX_ANSWER_BYTES)
            headers["connection"] = "close"
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, headers, text

    def _head(self) -> tuple[int, dict[str, str]]:
        version, _, rest = self._line().partition(" ")
        if not version.startswith("HTTP/1."):
            raise ConnectionError("the connection was closed" if not version else "no HTTP answer")
        headers = {}
        while line := self._line():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if version == "HTTP/1.0":
            headers.setdefault("connection", "close")
        return int(rest[:3]), headers

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self._line().partition(";")[0], 16):
            parts.append(self._exactly(size))
            self._line()
        while self._line():
            pass
        return b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        if not 0 <= size <= MAX_ANSWER_BYTES:
            raise ValueError(f"an answer of {size} bytes")
        data: bytes = self._file.read(size)
        if len(data) < size:
            raise ConnectionError("the answer was cut short")
        return data

    def _line(self) -> str:
        line: bytes = self._file.readline(65_536)
        return line.rstrip(b"\r\n").decode("latin-1")

    def _open(self, timeout_s: float) -> None:
        import socket

        connection = socket.create_connection((self._host, self._port), timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._secure:
            import ssl

            context = ssl.create_default_context()
            connection = context.wrap_socket(connection, server_hostname=self._host)
        self._socket = connection
        self._file = connection.makefile("rb")


def _seconds(text: str) -> float:
    return min(float(text), MAX_RETRY_AFTER_S) if text.isdecimal() else 0.0
