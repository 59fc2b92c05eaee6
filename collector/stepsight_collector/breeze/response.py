"""The reply of `/v2/track`, as clients insist on it.

Source: the OpenTelemetry exporter reads the JSON of every answer, also of a 200, and counts an
empty one as a failure; both Python clients take `errors[].index` and `.statusCode` to choose what
to send again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    ItemFailure = tuple[int, int, str]

__all__ = ["encode_reply", "reply_status"]

_OK, _PARTIAL, _BAD_REQUEST = 200, 206, 400


def reply_status(received: int, failed: int) -> int:
    """Return 200 if all items were taken, 206 if some, 400 if none."""
    if not failed:
        return _OK
    return _PARTIAL if failed < received else _BAD_REQUEST


def encode_reply(
    received: int, errors: Sequence[ItemFailure], accepted: int | None = None
) -> bytes:
    """Encode the reply; each error is index, status and message of one item.

    `accepted` is given where one error speaks of the whole request.

    >>> encode_reply(2, [(1, 400, "bad")]).decode()
    '{"itemsReceived":2,"itemsAccepted":1,"errors":[{"index":1,"statusCode":400,"message":"bad"}]}'
    """
    reply = {
        "itemsReceived": received,
        "itemsAccepted": received - len(errors) if accepted is None else accepted,
        "errors": [
            {"index": index, "statusCode": status, "message": message}
            for index, status, message in sorted(errors)
        ],
    }
    return json.dumps(reply, separators=(",", ":")).encode()
