"""One HTTP connection to the collector. Used by the worker's thread only.

`http.client` is imported on the first send: it costs a step 6 MB and 30 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["HttpTransport", "Outcome"]

CONNECT_TIMEOUT_S = 2.0
REQUEST_TIMEOUT_S = 10.0
_OK = 200
_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Outcome:
    """What became of a request: `sent`, `rejected` (never again) or `failed` (again later)."""

    kind: str
    detail: str = ""
    retry_after_s: float = 0.0


class HttpTransport:
    """Posts OTLP requests over a connection that is kept open."""

    def __init__(self, endpoint: str, token: str = "") -> None:
        parts = urlsplit(endpoint)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/x-protobuf", "User-Agent": "stepsight-python"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: Any = None

    def send(self, signal: str, body: bytes, timeout_s: float = REQUEST_TIMEOUT_S) -> Outcome:
        """Send one export request; never raises for what the network or the collector does."""
        was_open = self._connection is not None
        outcome = self._attempt(signal, body, timeout_s)
        if outcome.kind == "failed" and was_open and outcome.detail.startswith("connection"):
            # The collector had closed the idle connection: that says nothing about this request.
            outcome = self._attempt(signal, body, timeout_s)
        return outcome

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, signal: str, body: bytes, timeout_s: float) -> Outcome:
        import http.client

        try:
            if self._connection is None:
                self._connection = self._open(min(CONNECT_TIMEOUT_S, timeout_s))
            self._connection.sock.settimeout(timeout_s)
            self._connection.request("POST", f"{self._prefix}/v1/{signal}", body, self._headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            return Outcome("failed", f"connection: {type(exc).__name__}: {exc}")
        if response.status == _OK:
            return Outcome("sent")
        detail = f"HTTP {response.status}: {text[:200].decode('utf-8', 'replace')}"
        if response.status in _RETRYABLE:
            return Outcome("failed", detail, _seconds(response.getheader("Retry-After")))
        return Outcome("rejected", detail)

    def _open(self, timeout_s: float) -> Any:
        import http.client

        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=timeout_s)
        connection.connect()
        return connection


def _seconds(text: str | None) -> float:
    return min(float(text), 60.0) if text and text.isdecimal() else 0.0
