"""What can go wrong in the collector.

CollectorError
├── ConfigError            settings that cannot be used
├── MissingExtraError      an optional package is not installed (also an ImportError)
├── LockedError            another process works in the data directory
├── PortInUseError         an address to listen on is taken
├── MalformedError         a request that can never be stored
│   └── TooLargeError      a request over the size limit
├── UnsupportedError       a content type or encoding that is not spoken here
├── AccessError            a request without a token that allows it
│   └── ForbiddenError     a request whose token is known and does not allow it
├── BusyError              a request that is refused for now, before anything was spent on it
│   └── QuotaError         a project has used up what it may send for now
└── StorageError           the write-ahead log could not be written
    ├── WalFullError       the write-ahead log has reached its quota
    └── DiskFullError      the volume of the write-ahead log has no room left
"""

from __future__ import annotations

__all__ = [
    "AccessError",
    "BusyError",
    "CollectorError",
    "ConfigError",
    "DiskFullError",
    "ForbiddenError",
    "LockedError",
    "MalformedError",
    "MissingExtraError",
    "PortInUseError",
    "QuotaError",
    "StorageError",
    "TooLargeError",
    "UnsupportedError",
    "WalFullError",
]


class CollectorError(Exception):
    """Base of every error that the collector raises on purpose."""


class ConfigError(CollectorError):
    """One or more settings cannot be used; the message has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingExtraError(CollectorError, ImportError):
    """A part was asked for whose optional package is not installed."""


class LockedError(CollectorError):
    """Another process works in the data directory."""


class PortInUseError(CollectorError):
    """An address to listen on is taken or not allowed."""


class MalformedError(CollectorError):
    """A request body that can never be stored, however often it is sent."""


class TooLargeError(MalformedError):
    """A request body over the size limit, before or after decompression."""


class UnsupportedError(CollectorError):
    """A content type or content encoding that this receiver does not speak."""


class AccessError(CollectorError):
    """A request came without a token, or with one that is not known here."""


class ForbiddenError(AccessError):
    """A request came with a known token that does not allow what it asks for."""


class BusyError(CollectorError):
    """There is no room for a request now: the sender keeps its data and comes again."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaError(BusyError):
    """A project has used up its quota; there is room again after `retry_after_s`."""


class StorageError(CollectorError):
    """The write-ahead log could not be written: the sender keeps its data and comes again."""

    retry_after_s = 5


class WalFullError(StorageError):
    """The write-ahead log has reached its quota because the store does not keep up."""

    retry_after_s = 10


class DiskFullError(StorageError):
    """The volume of the write-ahead log has no room left for what would be accepted."""

    retry_after_s = 30
