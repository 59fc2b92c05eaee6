"""A small HTTP server that answers as the query API does, where time or failure must be exact."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = tuple[int, Any]


def kql_answer(
    columns: dict[str, str], rows: list[list[Any]], render: Any = None, **more: Any
) -> dict[str, Any]:
    return {
        "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
        "rows": rows,
        "truncated": False,
        "render": render,
        "warnings": [],
        "statistics": {
            "elapsed_s": 0.012,
            "compile_s": 0.001,
            "rows_read": 1234,
            "bytes_read": 56789,
        },
        **more,
    }


@dataclass
class KqlServer:
    """Answers by path; `asked` holds the bodies that came, by path."""

    url: str = ""
    answers: dict[str, Callable[[Any], Answer]] = field(default_factory=dict)
    asked: dict[str, list[Any]] = field(default_factory=dict)

    def answer(self, path: str, document: Any, status: int = 200) -> None:
        self.answers[path] = lambda _body: (status, document)


@contextmanager
def serving() -> Iterator[KqlServer]:
    state = KqlServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.setdefault(self.path, []).append(body)
            self._reply(body)

        def _reply(self, body: Any) -> None:
            missing = {"error": {"code": "not_found", "message": "no such route", "hint": ""}}
            known = state.answers.get(self.path)
            status, document = known(body) if known else (404, missing)
            content = json.dumps(document).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # who asked has gone
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
