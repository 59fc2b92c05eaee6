"""What `stepsight doctor` asks the collector: both of its ports, its clock, how it is."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from stepsight import __version__
from stepsight._cli.api import Api, reason
from stepsight._cli.checks import Check, State
from stepsight._cli.errors import CliError, UnreachableError
from stepsight._cli.text import count, duration, mask_password, size

__all__ = ["check_api", "check_endpoint"]

TIMEOUT_S = 5.0
# A heartbeat comes every 5 s; a clock that is further off puts steps out of order.
MAX_SKEW_S = 5.0
# The log is emptied every 150 ms while the store keeps up.
OLD_WAL_S = 60.0
OK = 200


def check_endpoint(endpoint: str, token: str) -> list[Check]:
    """Where steps send: is somebody there, does it take records, is its clock right."""
    base, shown = endpoint.rstrip("/"), mask_password(endpoint)
    try:
        status, date, sent_at = _get(f"{base}/healthz", token)
    except (OSError, http.client.HTTPException) as exc:
        advice = "stepsight up starts a collector; STEPSIGHT_ENDPOINT names another."
        return [Check("collector", "endpoint", "unreachable", reason(exc), shown, advice)]
    if status != OK:
        advice = (
            "It is no stepsight collector, or a proxy is between. Any OTLP/HTTP receiver is fine "
            "for sending; 4318 is the usual port."
        )
        value = f"/healthz says {status}"
        return [Check("collector", "endpoint", "warning", value, shown, advice)]
    checks = [Check("collector", "endpoint", "ok", "answers", shown), *_check_clock(date, sent_at)]
    return [*checks, _check_ready(base, token)]


def _check_ready(base: str, token: str) -> Check:
    try:
        status, _, _ = _get(f"{base}/readyz", token)
        said = str(status)
    except (OSError, http.client.HTTPException) as exc:
        status, said = 0, reason(exc)
    if status == OK:
        return Check("collector", "ready", "ok", "takes records")
    advice = "Its write-ahead log is full or its disk is; see what stepsight up printed."
    return Check("collector", "ready", "problem", f"/readyz says {said}", "", advice)


def _get(url: str, token: str) -> tuple[int, str, float]:
    """Status, Date header, and the middle of the request by our clock."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked by the settings
    before = time.time()
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            status, date = answer.status, answer.headers.get("Date", "")
    except urllib.error.HTTPError as exc:
        with exc:
            status, date = exc.code, exc.headers.get("Date", "")
    return status, date, (before + time.time()) / 2


def _check_clock(date: str, sent_at: float) -> list[Check]:
    try:
        # The header counts whole seconds: the middle of one is the best guess.
        ahead_s = parsedate_to_datetime(date).timestamp() + 0.5 - sent_at
    except ValueError:
        return [Check("collector", "clock", "info", "unknown: it sends no Date header")]
    if abs(ahead_s) <= MAX_SKEW_S:
        value = "agrees" if abs(ahead_s) < 1.5 else f"{ahead_s:+.0f} s"  # noqa: PLR2004 - its rounding
        return [Check("collector", "clock", "ok", value)]
    way = "ahead of" if ahead_s > 0 else "behind"
    advice = "Set both clocks by NTP: times of rows and durations of live steps are wrong."
    value = f"{duration(abs(ahead_s))} {way} this machine"
    return [Check("collector", "clock", "problem", value, "", advice)]


def check_api(url: str, token: str, endpoint: str) -> list[Check]:
    """Where the command line reads: is it there, does the store keep up."""
    shown = mask_password(url)
    try:
        status = Api(url.rstrip("/"), token, TIMEOUT_S).get("status")
    except UnreachableError as exc:
        return [Check("collector", "api", "unreachable", exc.message, shown, exc.hint)]
    except CliError as exc:
        return [Check("collector", "api", "problem", exc.message, shown, exc.hint)]
    return [
        Check("collector", "api", "ok", "answers", shown),
        _check_version(status),
        *_check_library(status),
        _check_store(status),
        _check_disk(status),
        *_check_records(status),
        *_check_same_collector(status, endpoint),
    ]


def _check_version(status: dict[str, Any]) -> Check:
    theirs = str(status["version"])
    if theirs.split(".")[:2] == __version__.split(".")[:2]:
        return Check("collector", "version", "ok", theirs)
    advice = f"This command line is {__version__}; use the same version on both sides."
    return Check("collector", "version", "warning", theirs, "", advice)


def _check_library(status: dict[str, Any]) -> list[Check]:
    """An older collector does not say whether it has the library."""
    if status.get("native_library", True):
        return []
    value = "not built or not used: each record costs the collector more CPU time"
    advice = "Install Rust (https://rustup.rs) on the collector's machine, then stepsight again."
    return [Check("collector", "native library", "info", value, "", advice)]


def _check_store(status: dict[str, Any]) -> Check:
    wal, error = status["wal"], status["loader"]["last_error"]
    waiting = f"{size(wal['bytes'])} wait to be stored, the oldest {duration(wal['oldest_age_s'])}"
    value = waiting if wal["bytes"] else "everything received is stored"
    source = mask_password(str(status["store"]))
    if wal["oldest_age_s"] > OLD_WAL_S:
        advice = f"The store does not keep up: {error or 'see what stepsight up printed'}"
        return Check("collector", "store", "problem", value, source, advice)
    if error:
        return Check("collector", "store", "warning", value, source, f"Its last error: {error}")
    return Check("collector", "store", "ok", value, source)


def _check_disk(status: dict[str, Any]) -> Check:
    disk = status["disk"]
    room = min(disk["free_bytes"].values(), default=0)
    value = f"{size(room)} free" if disk["free_bytes"] else "unknown"
    if disk["state"] == "ok":
        return Check("collector", "disk", "ok", value)
    state: State = "problem" if disk["state"] == "full" else "warning"
    if disk["shed_records"]:
        value += f", {count(disk['shed_records'], 'DEBUG record')} shed"
    return Check("collector", "disk", state, value, "", disk["message"])


def _check_records(status: dict[str, Any]) -> list[Check]:
    records = status["records"]
    value = f"{count(records['accepted'], 'record')} accepted since {status['started_at']}"
    if not records["rejected"]:
        return [Check("collector", "records", "ok", value)]
    advice = "A client sends what cannot be stored; /metrics of port 4318 counts the reasons."
    value += f", {records['rejected']:,} rejected"
    return [Check("collector", "records", "warning", value, "", advice)]


def _check_same_collector(status: dict[str, Any], endpoint: str) -> list[Check]:
    """On one machine, steps should send to the collector that is read."""
    theirs = urlsplit(status["endpoints"]["otlp_http"])
    ours = urlsplit(endpoint)
    local = {"127.0.0.1", "localhost", "::1"}
    if {ours.hostname, theirs.hostname} <= local and ours.port != theirs.port:
        grpc = urlsplit(status["endpoints"]["otlp_grpc"] or "")
        advice = f"export STEPSIGHT_ENDPOINT={status['endpoints']['otlp_http']}"
        value = f"steps send to port {ours.port}, but this collector listens on {theirs.port}"
        if ours.port == grpc.port:
            value = f"steps send OTLP/HTTP to port {ours.port}, which is this collector's gRPC port"
        return [Check("collector", "same", "problem", value, "", advice)]
    return []
