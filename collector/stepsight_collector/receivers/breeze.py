"""The Application Insights protocol over HTTP: `/v2/track`, `/v2.1/track` and live metrics.

Source: what the clients insist on, see docs/reference/breeze-mapping.md.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from stepsight_collector.breeze import encode_reply, reply_status, translate
from stepsight_collector.errors import (
    CollectorError,
    MalformedError,
    StorageError,
    TooLargeError,
    UnsupportedError,
)
from stepsight_collector.receivers.asgi import JSON, Answer, read_body
from stepsight_collector.receivers.compression import decompress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepsight_collector.breeze import LiveMetrics, Translated
    from stepsight_collector.breeze.batch import ProjectOf
    from stepsight_collector.metrics import BreezeCounters
    from stepsight_collector.receivers.asgi import Receive
    from stepsight_collector.receivers.ingest import Ingest

__all__ = ["BreezeRoutes"]

_TRACK, _LEGACY_TRACK = "/v2.1/track", "/v2/track"
_PING, _POST = "/QuickPulseService.svc/ping", "/QuickPulseService.svc/post"
# JSON of 16 MiB makes about 250 MB of Python objects, so it gets a fourth of what OTLP may have.
# Clients send up to 500 items of about 1 KiB.
_SHARE = 4
_MAX_LIVE_BYTES = 256 * 1024
_UNAVAILABLE = 503


class BreezeRoutes:
    """Answers the routes in `paths`.

    `project_of` maps an instrumentation key to its project, None refuses it; it must be quick and
    safe to call from any thread.
    """

    paths = (_TRACK, _LEGACY_TRACK, _PING, _POST)

    def __init__(
        self,
        ingest: Ingest,
        live: LiveMetrics,
        counters: BreezeCounters,
        project_of: ProjectOf = lambda _: "default",
    ) -> None:
        self._ingest = ingest
        self._live = live
        self._counters = counters
        self._project_of = project_of

    async def answer(self, path: str, scope: Mapping[str, Any], receive: Receive) -> Answer:
        """Answer a POST to one of `paths`."""
        headers = dict(scope["headers"])
        if path in {_PING, _POST}:
            return await self._live_metrics(path, scope, headers, receive)
        try:
            translated = await self._translated(headers, receive)
        except (MalformedError, UnsupportedError) as exc:
            self._counters.rejected_requests += 1
            return _refusal(exc)
        client = headers.get(b"user-agent", b"").decode("latin-1")
        return await self._keep(translated, client)

    async def _translated(self, headers: dict[bytes, bytes], receive: Receive) -> Translated:
        """Read a body and translate it, a large one beside the loop."""
        limit = max(1, self._ingest.max_body_bytes // _SHARE)
        body = await self._body(headers, receive, limit)
        translated = await self._ingest.decode(
            partial(translate, project_of=self._project_of), body
        )
        # Before any of it is kept: after that, a refusal would not be one of the whole.
        largest = max((len(request.body) for request in translated.requests), default=0)
        if largest > self._ingest.max_body_bytes:
            raise TooLargeError(f"The body becomes {largest} bytes. Send it in smaller parts.")
        return translated

    async def _body(self, headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
        body = await read_body(receive, headers, limit)
        encoding = headers.get(b"content-encoding")
        if encoding is not None:
            name = encoding.decode("latin-1")
            body = await self._ingest.decode(lambda data: decompress(data, name, limit), body)
        return body

    async def _keep(self, translated: Translated, client: str) -> Answer:
        """Make every request durable, one after the other, the largest first.

        Most likely the first is the one that cannot be kept, and then nothing is. If it is a later
        one, what came before it is stored again when the client comes again with all. Naming only
        the items that are missing would not be better: a client puts those on its disk, and a step
        that ends takes them with it.
        """
        try:
            for request in translated.requests:
                await self._ingest.accept(request.signal, request.body, client, request.project)
        except StorageError as exc:
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
        project = self._project_of(query.get("ikey", [""])[0])
        try:
            body = await self._body(headers, receive, _MAX_LIVE_BYTES)
            take = self._live.ping if path == _PING else self._live.post
            is_wanted = project is not None and take(project, body)
        except (MalformedError, UnsupportedError) as exc:
            return _refusal(exc)
        subscribed = b"true" if is_wanted else b"false"
        return Answer(200, "", b"", ((b"x-ms-qps-subscribed", subscribed),))


def _refusal(exc: CollectorError, received: int = 0) -> Answer:
    """Map an error to an answer in the protocol's form: nothing of the request was taken."""
    status, headers = 400, tuple[tuple[bytes, bytes], ...]()
    if isinstance(exc, StorageError):
        status, headers = _UNAVAILABLE, ((b"retry-after", str(exc.retry_after_s).encode()),)
    elif isinstance(exc, TooLargeError):
        status = 413
    elif isinstance(exc, UnsupportedError):
        status = 415
    body = encode_reply(received, [(0, status, str(exc))], accepted=0)
    return Answer(status, JSON, body, headers)
