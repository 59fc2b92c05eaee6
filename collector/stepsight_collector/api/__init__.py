"""The query API: what the command line and the UI read. Contract: docs/reference/api.md."""

from __future__ import annotations

from stepsight_collector.api.app import build_api

__all__ = ["build_api"]
