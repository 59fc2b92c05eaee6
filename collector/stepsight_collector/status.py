"""What the collector says of itself at /api/status. Format: docs/reference/api.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from stepsight_collector import native

if TYPE_CHECKING:
    from stepsight_collector.disk import DiskWatch
    from stepsight_collector.metrics import Metrics
    from stepsight_collector.settings import Settings
    from stepsight_collector.wal import Wal

__all__ = ["Endpoints", "StatusSource"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses that the collector listens on, as URLs; `otlp_grpc` None means no gRPC."""

    otlp_grpc: str | None
    otlp_http: str
    ui: str

    @classmethod
    def of(
        cls,
        host: str,
        grpc_port: int | None,
        http_port: int,
        ui_port: int,
        scheme: str = "http",
    ) -> Self:
        """Make URLs that work on this machine, also when listening on all its addresses."""
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
        base = f"{scheme}://[{reachable}]" if ":" in reachable else f"{scheme}://{reachable}"
        grpc = None if grpc_port is None else f"{base}:{grpc_port}"
        return cls(grpc, f"{base}:{http_port}", f"{base}:{ui_port}")

    def as_dict(self) -> dict[str, str | None]:
        """Return the addresses by name."""
        return asdict(self)


class StatusSource:
    """Collects the status from the parts. `endpoints` is set once the collector serves."""

    def __init__(
        self, settings: Settings, store_url: str, wal: Wal, metrics: Metrics, disk: DiskWatch
    ) -> None:
        self.endpoints: Endpoints | None = None
        self._settings = settings
        self._store_url = store_url
        self._wal = wal
        self._metrics = metrics
        self._disk = disk
        self._started_at = datetime.now(UTC)

    def as_dict(self) -> dict[str, Any]:
        """Return the answer of /api/status. Cheap; call it on the event loop."""
        usage, signals = self._wal.usage(), self._metrics.signals.values()
        endpoints = self.endpoints or Endpoints(None, "", "")
        return {
            "version": version("stepsight"),
            "native_library": native.is_there(),
            "started_at": self._started_at.isoformat(timespec="milliseconds")[:-6] + "Z",
            "ready": self.endpoints is not None and self._wal.why_not_ready() is None,
            "store": self._store_url,
            "data_dir": str(self._settings.data_dir),
            "endpoints": endpoints.as_dict(),
            "wal": {
                "bytes": usage.bytes,
                "segments": usage.segments,
                "oldest_age_s": round(usage.oldest_age_s, 3),
            },
            "records": {
                "accepted": sum(row.accepted_records for row in signals),
                "stored": sum(row.stored_records for row in signals),
                "rejected": sum(self._metrics.rejected.values()),
            },
            "loader": {"last_error": self._metrics.loader.last_error},
            "disk": {
                "state": self._disk.state,
                "free_bytes": self._disk.free_bytes,
                "shed_records": sum(self._metrics.shed.values()),
                "message": self._disk.message(),
            },
        }
