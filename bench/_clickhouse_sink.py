"""A ClickHouse that forgets: answers every query as the engine does, and discards inserts.

Run as a process: prints its port, then the rows that came so far for each line on stdin. Speaks
ClickHouse's HTTP protocol as far as its Go client asks for it; what is no insert is answered by
an embedded engine, in which the exporter makes its tables.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session

from stepsight._otlp import varint

# Field 1: no overflow row; field 2: bucket -1; no more.
_BLOCK_HEAD = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_NUMBERS = {"UInt8": "<B", "UInt16": "<H", "UInt32": "<I", "UInt64": "<Q"}

rows = 0
_lock = threading.Lock()
_engine = Session()  # type: ignore[no-untyped-call]  # chDB has no types


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        global rows  # noqa: PLW0603 - all that this process keeps
        body = self._body()
        options = parse_qs(urlsplit(self.path).query)
        query = options.get("query", [""])[0]
        if query.lstrip().upper().startswith("INSERT"):
            with _lock:
                rows += rows_of(body)
            self._answer(b"")
            return
        text = query or body.decode()
        with _lock:
            try:
                self._answer(native(answer_of(text)))
            except Exception as exc:  # noqa: BLE001 - said to the client, as a server does
                self._answer(str(exc).encode(), 500)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


def answer_of(query: str) -> bytes:
    """The engine's answer as JSONCompact, empty for a statement without one."""
    answer: bytes = _engine.query(query, "JSONCompact").bytes()  # type: ignore[no-untyped-call]
    return answer


def native(answer: bytes) -> bytes:
    """A result as one Native block, as a client with a protocol version wants it.

    The engine itself writes no head before the block and no flag behind a column's type.
    """
    if not answer:
        return b""
    result = json.loads(answer)
    parts = [_BLOCK_HEAD, varint(len(result["meta"])), varint(result["rows"])]
    for index, column in enumerate(result["meta"]):
        parts += [_string(column["name"]), _string(column["type"]), b"\0"]
        parts += [_value(column["type"], row[index]) for row in result["data"]]
    return b"".join(parts)


def rows_of(block: bytes) -> int:
    """Rows of a Native block as it is inserted: its second number, behind that of columns."""
    numbers, value, shift = [], 0, 0
    for byte in block[:20]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers[1]


def _value(kind: str, value: Any) -> bytes:
    if kind == "String":
        return _string(value)
    if kind in _NUMBERS:
        return struct.pack(_NUMBERS[kind], int(value))
    raise ValueError(f"no answer in {kind} is known, only {', '.join(('String', *_NUMBERS))}")


def _string(text: str) -> bytes:
    data = text.encode()
    return varint(len(data)) + data


def main() -> None:
    """Serve until stdin ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    for _ in sys.stdin:
        print(rows, flush=True)


if __name__ == "__main__":
    main()
