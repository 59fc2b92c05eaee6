"""The collector's own certificate, for all ports, exchanged while they serve.

New connections get the certificate that was read last; those that are open keep theirs. The HTTP
ports share one SSLContext, gRPC asks for the certificate at each handshake.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from stepsight_collector.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tls"]


class Tls:
    """A certificate and its key. Raises `ConfigError` if they cannot be used."""

    def __init__(self, cert: Path, key: Path) -> None:
        self.files = (cert, key)
        self.context = _fresh_context()
        self._pem: tuple[bytes, bytes] | None = None  # key, certificate
        self._served: tuple[bytes, bytes] | None = None
        self.reload()

    def reload(self) -> None:
        """Read both files again. May block on the disk.

        Raises `ConfigError` if they do not go together; then the certificate from before stays.
        """
        cert, key = self.files
        try:
            pem = key.read_bytes(), cert.read_bytes()
            # First into a context that nobody uses: a certificate with the wrong key must not
            # get into the one that serves.
            for context in (_fresh_context(), self.context):
                context.load_cert_chain(cert, key, password=_no_password)
        except ssl.SSLError as exc:
            reason = exc.reason or str(exc)
            raise ConfigError(
                [f"The certificate {cert} and the key {key} cannot be used: {reason}."]
            ) from exc
        except OSError as exc:
            name = exc.filename or f"{cert} or {key}"
            raise ConfigError([f"The TLS file {name} cannot be read: {exc.strerror}."]) from exc
        except ValueError as exc:
            raise ConfigError([f"The key {key} cannot be used: {exc}"]) from exc
        self._pem = pem

    def grpc_credentials(self, grpc: Any) -> Any:
        """Return server credentials that follow `reload`."""
        self._served = self._pem

        def latest() -> Any:
            """Return the new certificate, None if it is the one served. On gRPC's own thread."""
            if self._pem == self._served:
                return None
            self._served = self._pem
            return grpc.ssl_server_certificate_configuration([self._pem])

        first = grpc.ssl_server_certificate_configuration([self._pem])
        return grpc.dynamic_ssl_server_credentials(
            first, latest, require_client_authentication=False
        )


def _fresh_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    """Refuse an encrypted key: OpenSSL would ask for its password on the terminal."""
    raise ValueError("it is encrypted. Give a key without a password.")
