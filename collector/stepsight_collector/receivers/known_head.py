"""The header that a sender repeats: read once, then recognised by its bytes.

Exporters send the same header with each request of a connection, but for the length of the body.
What httptools and short_way.py made of it once is kept with its bytes; the next one that is the
same is read by comparing it. Nothing is decided here: who lets in and counts is short_way.py, for
each request anew.

Called by connection.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from stepsight_collector.wal import Signal

__all__ = ["KnownHead", "Sender", "learn"]

_MAX_HEAD_BYTES = 4096  # kept for each connection
_DIGITS = 6
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,6})\r\n", re.IGNORECASE)


class Sender(NamedTuple):
    """What a header says of a request on the short way, beside its length.

    The `project` is what `Access` found for its token while its `state` was `admitted_by`.
    """

    signal: Signal
    client: str
    project: str
    admitted_by: object


class KnownHead(NamedTuple):
    """A header around the digits of its content-length, and what it says."""

    before: bytes
    after: bytes
    sender: Sender

    def find_body(self, data: bytes) -> tuple[int, int] | None:
        """Return the length of the body, and where in `data` it begins.

        None if `data` does not begin with this header, whole.
        """
        first = len(self.before)
        if not data.startswith(self.before):
            return None
        end = data.find(b"\r", first, first + _DIGITS + 1)
        digits = data[first:end]
        if end < 0 or not digits.isdigit() or not data.startswith(self.after, end):
            return None
        return int(digits), end + len(self.after)


def learn(data: bytes, fields: int, sender: Sender) -> KnownHead | None:
    """Take a header from the bytes that begin with it; None if it is not to be kept.

    `fields` is how many httptools found in it.
    """
    end = data.find(b"\r\n\r\n", 0, _MAX_HEAD_BYTES) + 4
    # As many lines as the parser saw: so it ended where it ends here, whatever its line ends.
    if end < len(b"\r\n\r\n") or data.count(b"\n", 0, end) != fields + 2:
        return None
    length = _LENGTH.search(data, 0, end)
    if length is None:
        return None
    return KnownHead(data[: length.start(1)], data[length.end(1) : end], sender)
