"""A server that takes OTLP and App Insights requests over HTTP, counts records and forgets them.

Prints its port; then, for every line on standard input, how many records came since the last line.
With --silent it accepts connections and never answers.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVER = 2
SILENT = "--silent" in sys.argv
lock = threading.Lock()
count = [0]


def records_in(path: str, body: bytes) -> int:
    if path.endswith("/v1/logs"):
        logs = ExportLogsServiceRequest.FromString(body).resource_logs
        # The start event and its like are ours alone.
        return sum(
            not record.event_name
            for resource in logs
            for scope in resource.scope_logs
            for record in scope.log_records
        )
    if path.endswith("/v1/traces"):
        spans = ExportTraceServiceRequest.FromString(body).resource_spans
        # A step's own span is a server's; Logfire sends log records as internal ones.
        return sum(
            span.kind != SERVER
            for resource in spans
            for scope in resource.scope_spans
            for span in scope.spans
        )
    if path.endswith("/track"):
        return len(json.loads(body))
    return 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if SILENT:
            threading.Event().wait()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        records = records_in(self.path, body)
        with lock:
            count[0] += records
        answer = b""
        if self.path.endswith("/track"):
            answer = b'{"itemsReceived":%d,"itemsAccepted":%d,"errors":[]}' % (records, records)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for _ in sys.stdin:
        with lock:
            print(count[0], flush=True)
            count[0] = 0


if __name__ == "__main__":
    main()
