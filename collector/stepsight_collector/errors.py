"""What can go wrong in the collector.

CollectorError
├── ConfigError            settings that cannot be used
├── MissingExtraError      an optional package is not installed (also an ImportError)
├── LockedError            another process works in the data directory
├── PortInUseError         an address to listen on is taken
├── MalformedError         a request that can never be stored
│   └── TooLargeError      a request over the size limit
├── UnsupportedError       a content type or encoding that is not spoken here
└── StorageError           the write-ahead log could not be written
    ├── WalFullError       the write-ahead log has reached its quota
    └── DiskFullError      the volume of the write-ahead log has no room left
"""

from __future__ import annotations

__all__ = [
    "CollectorError",
    "ConfigError",
    "DiskFullError",
    "LockedError",
    "MalformedError",
    "MissingExtraError",
    "PortInUseError",
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


class StorageError(CollectorError):
    """The write-ahead log could not be written: the sender keeps its data and comes again."""

    retry_after_s = 5


class WalFullError(StorageError):
    """The write-ahead log has reached its quota because the store does not keep up."""

    retry_after_s = 10


class DiskFullError(StorageError):
    """The volume of the write-ahead log has no room left for what would be accepted."""

    retry_after_s = 30
