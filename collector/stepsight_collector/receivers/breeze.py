"""The Application Insights protocol over HTTP: `/v2/track`, `/v2.1/track` and live metrics.

Source: what the clients insist on, see docs/reference/breeze-mapping.md.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from stepsight_collector.breeze import encode_reply, reply_status, translate
from stepsight_collector.errors import (
    AccessError,
    BusyError,
    CollectorError,
    MalformedError,
    QuotaError,
    StorageError,
    TooLargeError,
    UnsupportedError,
)
from stepsight_collector.receivers.asgi import JSON, Answer
from stepsight_collector.receivers.body import declared_bytes, decoded, read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.breeze import LiveMetrics, Translated
    from stepsight_collector.breeze.batch import ProjectOf
    from stepsight_collector.metrics import BreezeCounters
    from stepsight_collector.receivers.asgi import Receive
    from stepsight_collector.receivers.budget import Hold
    from stepsight_collector.receivers.door import Door
    from stepsight_collector.receivers.ingest import Ingest

__all__ = ["BreezeRoutes"]

_TRACK, _LEGACY_TRACK = "/v2.1/track", "/v2/track"
_PING, _POST = "/QuickPulseService.svc/ping", "/QuickPulseService.svc/post"
# JSON of 16 MiB makes about 250 MB of Python objects, so it gets a fourth of what OTLP may have,
# and counts as 16 times its size while it is read. Clients send up to 500 items of about 1 KiB.
_SHARE = 4
_JSON_FACTOR = 16
_MAX_LIVE_BYTES = 256 * 1024
# The first class that an error is of decides.
_STATUSES: tuple[tuple[type[CollectorError], int], ...] = (
    (QuotaError, 429),
    (BusyError, 503),
    (StorageError, 503),
    (TooLargeError, 413),
    (UnsupportedError, 415),
)


class BreezeRoutes:
    """Answers the routes in `paths`.

    Senders are known by the instrumentation keys in their items, or by a token: then all items are
    of its project.
    """

    paths = (_TRACK, _LEGACY_TRACK, _PING, _POST)

    def __init__(
        self, ingest: Ingest, door: Door, live: LiveMetrics, counters: BreezeCounters
    ) -> None:
        self._ingest = ingest
        self._door = door
        self._live = live
        self._counters = counters

    async def answer(self, path: str, scope: Mapping[str, Any], receive: Receive) -> Answer:
        """Answer a POST to one of `paths`."""
        headers = dict(scope["headers"])
        if path in {_PING, _POST}:
            return await self._live_metrics(path, scope, headers, receive)
        client = headers.get(b"user-agent", b"").decode("latin-1")
        limit = max(1, self._ingest.max_body_bytes // _SHARE)
        sender = self._project_of(headers)("") or ""  # with keys alone, nobody in particular yet
        try:
            with await self._door.room(sender, declared_bytes(headers, limit)) as hold:
                body = await read_body(receive, limit, hold)
                async with self._door.turn(sender):
                    translated = await self._translated(headers, body, limit, hold)
                    return await self._keep(translated, client)
        except (BusyError, MalformedError, UnsupportedError) as exc:
            self._counters.rejected_requests += 1
            return _refusal(exc)

    async def _translated(
        self, headers: dict[bytes, bytes], body: bytes, limit: int, hold: Hold
    ) -> Translated:
        """Translate a body, a large one beside the loop."""
        body = await decoded(body, headers, limit, hold, self._ingest)
        hold.grow(_JSON_FACTOR * len(body))
        translated = await self._ingest.decode(
            partial(translate, project_of=self._project_of(headers)), body
        )
        # Before any of it is kept: after that, a refusal would not be one of the whole.
        largest = max((len(request.body) for request in translated.requests), default=0)
        if largest > self._ingest.max_body_bytes:
            raise TooLargeError(f"The body becomes {largest} bytes. Send it in smaller parts.")
        return translated

    def _project_of(self, headers: dict[bytes, bytes]) -> ProjectOf:
        """Map an instrumentation key to its project, None if it may not write."""
        value = headers.get(b"authorization")
        authorization = None if value is None else value.decode("latin-1")

        def project_of(key: str) -> str | None:
            try:
                return self._door.access.project_for_write(authorization, key)
            except AccessError:
                return None

        return project_of

    async def _keep(self, translated: Translated, client: str) -> Answer:
        """Make every request durable, one after the other, the largest first.

        Most likely the first is the one that cannot be kept, and then nothing is. If it is a later
        one, what came before it is stored again when the client comes again with all. Naming only
        the items that are missing would not be better: a client puts those on its disk, and a step
        that ends takes them with it.
        """
        try:
            for project in {request.project for request in translated.requests}:
                self._door.check(project)
            for request in translated.requests:
                judged = await self._ingest.accept(
                    request.signal, request.body, client, request.project
                )
                self._door.charge(request.project, len(request.body), judged.records)
        except (BusyError, StorageError) as exc:
            self._counters.rejected_requests += 1
            return _refusal(exc, translated.received)
        errors = translated.errors
        self._counters.discarded_items += translated.discarded
        self._counters.rejected_items += len(errors)
        accepted = translated.received - translated.discarded - len(errors)
        self._counters.accepted_items += accepted
        status = reply_status(translated.received, len(errors))
        return Answer(status, JSON, encode_reply(translated.received, errors))

    async def _live_metrics(
        self, path: str, scope: Mapping[str, Any], headers: dict[bytes, bytes], receive: Receive
    ) -> Answer:
        """Say whether the process shall post; an empty body leaves its configuration alone."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        project = self._project_of(headers)(query.get("ikey", [""])[0])
        try:
            size_bytes = declared_bytes(headers, _MAX_LIVE_BYTES)
            with await self._door.room(project or "", size_bytes) as hold:
                body = await read_body(receive, _MAX_LIVE_BYTES, hold)
                body = await decoded(body, headers, _MAX_LIVE_BYTES, hold, self._ingest)
            take = self._live.ping if path == _PING else self._live.post
            is_wanted = project is not None and take(project, body)
        except (BusyError, MalformedError, UnsupportedError) as exc:
            return _refusal(exc)
        subscribed = b"true" if is_wanted else b"false"
        return Answer(200, "", b"", ((b"x-ms-qps-subscribed", subscribed),))


def _refusal(exc: CollectorError, received: int = 0) -> Answer:
    """Map an error to an answer in the protocol's form: nothing of the request was taken."""
    status = next((status for kind, status in _STATUSES if isinstance(exc, kind)), 400)
    retry_after_s = getattr(exc, "retry_after_s", None)
    headers = () if retry_after_s is None else ((b"retry-after", str(retry_after_s).encode()),)
    body = encode_reply(received, [(0, status, str(exc))], accepted=0)
    return Answer(status, JSON, body, headers)
