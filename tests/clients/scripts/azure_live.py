"""Live metrics of azure-monitor-opentelemetry-exporter; runs until its standard input ends."""

from __future__ import annotations

import sys

from azure.monitor.opentelemetry.exporter._quickpulse import enable_live_metrics
from opentelemetry.sdk.resources import Resource

enable_live_metrics(
    connection_string=sys.argv[1], resource=Resource.create({"service.name": "live-trainer"})
)
sys.stdin.read()
