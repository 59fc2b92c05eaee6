"""Who may write to which project, and who may read which: one seam for every port.

Pure: credentials in, a project or an `AccessError` out. Knows neither HTTP nor gRPC nor files.
Asked by receivers/ (writing) and api/ (reading); made by tokens.py.

Tokens are compared as SHA-256 hashes, each with `hmac.compare_digest`, and always all of them:
neither the time of an answer nor a memory dump of this object tells anything about a token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from stepsight_collector.errors import AccessError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ALL_PROJECTS", "DEFAULT_PROJECT", "Access", "Credentials", "Reader", "Token", "digest"]

Role = Literal["write", "read"]

ALL_PROJECTS = "*"
DEFAULT_PROJECT = "default"
OWN_PROJECT = "stepsight"  # the collector's own metrics
_MAX_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Token:
    """One way to get in. `digest` is the SHA-256 of the token, `name` is for people and logs."""

    name: str
    project: str
    role: Role
    digest: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything that opens a door. Neither tokens nor keys means that all doors are open.

    `keys` are instrumentation keys of Application Insights as tokens: the digest is of the key in
    lower case. With `accepts_unknown_keys` any other key writes to the default project. `ids` are
    what clients of Azure's query API call a project: an application's or workspace's id, the path
    of a resource; in lower case, without slashes around it, to the project.
    """

    tokens: tuple[Token, ...] = ()
    keys: tuple[Token, ...] = ()
    accepts_unknown_keys: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def projects(self) -> frozenset[str]:
        """Every project that is named here, and those that are always there."""
        named = {token.project for token in (*self.tokens, *self.keys)}
        always = {DEFAULT_PROJECT, OWN_PROJECT}
        return frozenset(named | always | set(self.ids.values())) - {ALL_PROJECTS}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: `project` is `ALL_PROJECTS` for one who may see every project.

    `token` is the digest of the token that was shown; empty where none is needed.
    """

    project: str
    token: bytes = field(default=b"", repr=False, compare=False)

    @property
    def sees_all(self) -> bool:
        """Tell whether every project may be read."""
        return self.project == ALL_PROJECTS

    def choose(self, wanted: str = "") -> str:
        """Return the project to read: the wanted one, or the only or default one.

        Raises `ForbiddenError` for a project that this reader may not see.
        """
        if self.sees_all:
            return wanted or DEFAULT_PROJECT
        if wanted and wanted != self.project:
            raise ForbiddenError(
                f'This token may read the project "{self.project}", not "{wanted[:100]}". '
                "Leave the project out, or use a token of that project."
            )
        return self.project


class Access:
    """The door keeper. `replace` changes the credentials while requests are served."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self._credentials = credentials or Credentials()
        self._remembered: dict[tuple[bytes, bool], Token] = {}
        self._writers: dict[bytes, str] = {}  # by the digest of a whole Authorization header

    @property
    def state(self) -> object:
        """Return what stands for the credentials: another object when they are replaced."""
        return self._credentials

    @property
    def is_open(self) -> bool:
        """Tell whether no credentials are set: everyone may write and read."""
        return not (self._credentials.tokens or self._credentials.keys)

    def replace(self, credentials: Credentials) -> None:
        """Use other credentials from now on; requests that are being served are not touched."""
        self._credentials = credentials
        self._remembered = {}
        self._writers = {}

    def project_for_write(
        self, authorization: str | None = None, instrumentation_key: str | None = None
    ) -> str:
        """Return the project that a sender writes to.

        `authorization` is the value of that header, the instrumentation key stands for it where
        a protocol has none. A known key is enough; a known token goes before it.
        Raises `AccessError` for unknown credentials, `ForbiddenError` for a token that only reads.
        """
        hashed = digest(authorization) if self._writers and authorization is not None else b""
        project = self._writers.get(hashed)
        if project is not None:
            return project
        if self.is_open:
            return DEFAULT_PROJECT
        presented = _token_of(authorization)
        token = self._find(presented) if presented else None
        if token is not None and token.role == "write":
            self._remember_writer(authorization, token)
            return token.project
        if instrumentation_key:
            key = self._find(instrumentation_key.lower(), is_key=True)
            if key is not None:
                return key.project
            if self._credentials.accepts_unknown_keys:
                return DEFAULT_PROJECT
        if token is not None:
            raise ForbiddenError(
                f'The token "{token.name}" may read, not write. Send telemetry with a write token.'
            )
        raise AccessError(_why_not_written(presented, instrumentation_key))

    def _remember_writer(self, authorization: str | None, token: Token) -> None:
        """Know the next request with this header, under its hash, see `_find`."""
        if authorization is not None and len(self._writers) < _MAX_REMEMBERED:
            self._writers[digest(authorization)] = token.project

    def may_read(self, authorization: str | None = None) -> Reader:
        """Return what the bearer of an Authorization header may read.

        Raises `AccessError` for unknown credentials, `ForbiddenError` for a token that only writes.
        """
        if self.is_open:
            return Reader(ALL_PROJECTS)
        presented = _token_of(authorization)
        token = self._find(presented) if presented else None
        if token is None:
            raise AccessError(
                "Reading needs a read token: send it as Authorization: Bearer TOKEN."
                if not presented
                else "The token is not known here. Check it for typing errors, or ask for a new "
                "read token."
            )
        if token.role != "read":
            raise ForbiddenError(
                f'The token "{token.name}" may write, not read. Use a read token here.'
            )
        return Reader(token.project, token.digest)

    def project_of_id(self, reader: Reader, name: str) -> str:
        """Return the project that a client of Azure's query API means by an id.

        That is a project's name, an instrumentation key, or one of the ids in the tokens file; of
        a resource's path, the last name counts if the path is not in the file.
        Where writers need no credentials, or with `accepts_unknown_keys`, any other id is the
        default project, as it is for the keys of writers. Raises `ForbiddenError` for an id that
        is unknown or not for this reader; it does not tell which.
        """
        project = self._named(name)
        if project is None and (self.is_open or self._credentials.accepts_unknown_keys):
            project = DEFAULT_PROJECT
        if project is None or not (reader.sees_all or reader.project == project):
            raise ForbiddenError(
                f'The token may not read "{name[:200]}", or nothing here has this id. Use the '
                "name of the token's project, one of its instrumentation keys, or add the id to "
                "the tokens file (ids, below [[projects]])."
            )
        return project

    def _named(self, name: str) -> str | None:
        folded = name.strip().strip("/").lower()
        known = {project.lower(): project for project in self._credentials.projects}
        for candidate in (folded, folded.rpartition("/")[2]):
            key = self._find(candidate, is_key=True)
            project = self._credentials.ids.get(candidate) or known.get(candidate)
            if project is not None or key is not None:
                return project or (key.project if key is not None else None)
        return None

    def _find(self, presented: str, *, is_key: bool = False) -> Token | None:
        """Find the token with this text, in a time that does not depend on which one it is.

        A token that was found once is remembered under its hash: who does not know the token
        cannot steer the hash, so that a look-up by it tells nothing.
        """
        hashed = digest(presented)
        remembered = self._remembered.get((hashed, is_key))
        if remembered is not None:
            return remembered
        found = None
        for token in self._credentials.keys if is_key else self._credentials.tokens:
            if hmac.compare_digest(token.digest, hashed):
                found = token
        if found is not None and len(self._remembered) < _MAX_REMEMBERED:
            self._remembered[hashed, is_key] = found
        return found


def digest(text: str) -> bytes:
    """Return the SHA-256 of a token, as the tokens file may hold it in hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _token_of(authorization: str | None) -> str:
    """Take the token out of an Authorization header: of `Bearer`, or the password of `Basic`.

    Basic is there for browsers and for data sources that know nothing else; any user name will do.
    """
    scheme, _, value = (authorization or "").strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _why_not_written(presented: str, instrumentation_key: str | None) -> str:
    if presented:
        return (
            "The token is not known here. Check STEPSIGHT_TOKEN or the Authorization header for "
            "typing errors, or ask for a new write token."
        )
    if instrumentation_key:
        return (
            "The instrumentation key is not known here. Check the connection string, or add the "
            "key to the tokens file."
        )
    return (
        "Writing needs a token: set STEPSIGHT_TOKEN, or send the header "
        "Authorization: Bearer TOKEN."
    )
