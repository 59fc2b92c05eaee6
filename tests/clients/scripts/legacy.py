"""The legacy `applicationinsights` package: every track call."""

from __future__ import annotations

import sys

from applicationinsights import TelemetryClient, channel
from applicationinsights import logging as ai_logging

KEY, ENDPOINT = sys.argv[1], sys.argv[2]


def main() -> None:
    sender = channel.SynchronousSender(ENDPOINT + "/v2/track")
    queue = channel.SynchronousQueue(sender)
    client = TelemetryClient(KEY, channel.TelemetryChannel(None, queue))
    client.context.application.ver = "1.2.3"
    client.context.device.id = "node-0"
    client.context.device.model = "box"
    client.context.operation.id = "job 7"
    client.context.operation.name = "nightly"
    client.context.operation.parent_id = "|job.1."
    client.context.user.id = "someone"
    client.context.session.id = "a session"
    client.context.location.ip = "192.0.2.7"
    properties = {"parent_run_id": "legacy-run", "step_id": "legacy-step"}
    client.track_trace("a line", properties=properties, severity="ERROR")
    client.track_event("done", properties, {"rows": 12.5})
    client.track_metric("loss", 0.25, properties=properties)
    client.track_metric(
        "size", 40, type=1, count=4, min=5, max=20, std_dev=2.5, properties=properties
    )
    client.track_pageview("home", "http://h/home", 1500, properties, {"w": 1})
    client.track_request(
        "GET /p",
        "http://h/p",
        False,
        "2026-11-24T03:31:34.25Z",
        1234,
        "503",
        "GET",
        properties,
        {"bytes": 9},
        "my request",
    )
    client.track_dependency(
        "SELECT", "select 1", "SQL", "pg|d", 5, True, "0", properties, {"rows": 1}, "my dependency"
    )
    try:
        dict[str, str]()["k"]
    except KeyError:
        client.track_exception(*sys.exc_info(), properties=properties, measurements={"m": 1})
    client.flush()

    import logging

    handler = ai_logging.LoggingHandler(
        KEY, telemetry_channel=channel.TelemetryChannel(None, queue)
    )
    logger = logging.getLogger("legacy")
    logger.addHandler(handler)
    logger.warning("through logging")
    handler.flush()


if __name__ == "__main__":
    main()
