"""OpenCensus: AzureLogHandler and AzureEventHandler. Prints what it gave to them, as JSON."""

from __future__ import annotations

import json
import logging
import sys

from opencensus.ext.azure.log_exporter import AzureEventHandler, AzureLogHandler
from opencensus.trace import config_integration
from opencensus.trace.samplers import AlwaysOnSampler
from opencensus.trace.tracer import Tracer

CONNECTION = sys.argv[1]
IDENTITY = {
    "parent_run_id": "oc-run",
    "step_id": "oc-step",
    "step_name": "train",
    "experiment_name": "digits",
    "run_url": "http://portal/run?id=1&x=2",
    "run_type": "training",
}
DIMENSIONS = {
    **IDENTITY,
    "count": 3,
    "loss": 0.25,
    "nothing": None,
    "list": [1, "two", {"three": 3}],
    "flag": True,
    "umlaut": "größe \N{SNOWMAN} 雪",
    "empty": "",
    "long": "x" * 20_000,
    "ai.user.id": "a property, not a tag",
}


def main() -> None:
    config_integration.trace_integrations(["logging"])
    logger = logging.getLogger("train")
    logger.setLevel(logging.DEBUG)
    handler = AzureLogHandler(connection_string=CONNECTION)
    logger.addHandler(handler)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        extra = {"custom_dimensions": DIMENSIONS}
        logger.log(level, "epoch %d at %s", 3, logging.getLevelName(level), extra=extra)
    logger.error("positional dict", {"step_id": "lost by the client"})  # noqa: PLE1205
    try:
        float("bad batch")
    except ValueError:
        logger.exception("caught", extra={"custom_dimensions": IDENTITY})
    tracer = Tracer(sampler=AlwaysOnSampler())
    with tracer.span(name="outer") as span:
        logger.info("inside a span", extra={"custom_dimensions": IDENTITY})
        context = [tracer.span_context.trace_id, span.span_id]
    handler.close()

    events = logging.getLogger("events")
    events.setLevel(logging.INFO)
    event_handler = AzureEventHandler(connection_string=CONNECTION)
    events.addHandler(event_handler)
    events.info(
        "step_completed",
        extra={"custom_dimensions": IDENTITY, "custom_measurements": {"rows": 12.5, "files": 3}},
    )
    event_handler.close()
    sent = {"dimensions": DIMENSIONS, "identity": IDENTITY, "context": context, "file": __file__}
    print(json.dumps(sent))


if __name__ == "__main__":
    main()
