"""Images, documents and files of a run, as records.

An artifact is one event that describes it, and for images and documents its content in parts, which
are events of their own; put together in the order of their index they are the content again. Files
are described only: their content stays where it is. Names: docs/reference/telemetry.md.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepsight._client import Client

__all__ = ["Content", "document_of", "image_of", "send", "send_file", "send_folder"]

JSON = "application/json"
# A part is one attribute of one record: small enough for every receiver's limit on a record.
PART_CHARS = 256 << 10
MAX_CONTENT_BYTES = 8 << 20
MAX_FOLDER_FILES = 1000
HASH_BYTES = 1 << 20

# The first bytes of the image formats that people log. Source: their specifications.
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


@dataclass(frozen=True)
class Content:
    """Bytes with their media type."""

    data: bytes
    media_type: str


def image_of(path: Any, plot: Any) -> Content:
    """The content of an image.

    `path` is a path, bytes, or something with read(); `plot` has savefig(), as a matplotlib figure
    and matplotlib.pyplot do. Raises ValueError for neither, both, or what is no image.
    """
    if (path is None) == (plot is None):
        raise ValueError("log_image takes either path= or plot=, and one of them")
    if plot is not None:
        stream = io.BytesIO()
        plot.savefig(stream, format="png")
        return Content(stream.getvalue(), "image/png")
    content = _read(path)
    kind = media_type(content)
    if not kind:
        shown = path if isinstance(path, (str, os.PathLike)) else type(path).__name__
        raise ValueError(f"{shown} is no image that is known: PNG, JPEG, GIF, BMP, TIFF, WebP, SVG")
    return Content(content, kind)


def media_type(content: bytes) -> str:
    """The image's media type by its first bytes; empty for what is none."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in content[:1024] else ""


def document_of(value: Any) -> Content:
    """The content of a JSON document, given as text or as Python has it.

    NaN and infinities stay, spelled as Python's json does. Raises ValueError for text that is no
    JSON.
    """
    if isinstance(value, str):
        json.loads(value)
        return Content(value.encode(), JSON)
    return Content(json.dumps(value, default=_jsonable).encode(), JSON)


def send(client: Client, kind: str, name: str, content: Content, more: dict[str, Any]) -> None:
    """Queue an artifact with its content; content over MAX_CONTENT_BYTES is left out and counted.

    `more` goes on the describing event.
    """
    raw = content.data
    fits = len(raw) <= MAX_CONTENT_BYTES
    is_text = content.media_type == JSON
    data = raw.decode() if is_text else base64.b64encode(raw).decode("ascii")
    parts = [data[at : at + PART_CHARS] for at in range(0, len(data), PART_CHARS)] if fits else []
    key = secrets.token_hex(8)
    described = {
        **_described(kind, name, len(raw), hashlib.sha256(raw).hexdigest()),
        "stepsight.artifact.id": key,
        "stepsight.artifact.media_type": content.media_type,
        "stepsight.artifact.encoding": "utf-8" if is_text else "base64",
        "stepsight.artifact.parts": len(parts),
        **({} if fits else {"stepsight.artifact.omitted": "too_large"}),
        **more,
    }
    client.event("stepsight.run.artifact", _sentence(kind, name, len(raw)), described)
    if not fits:
        client.worker.dropped["too_large"] += 1
    for index, part in enumerate(parts):
        attributes = {
            "stepsight.artifact.id": key,
            "stepsight.part.index": index,
            "stepsight.part.data": part,
        }
        client.event("stepsight.run.part", "", attributes)


def send_file(client: Client, name: str, source: Any, more: dict[str, Any]) -> None:
    """Queue the description of a file: its name, size and SHA-256, and where it lies.

    `source` is a path, bytes, or a stream, which is read to its end and put back if it can be.
    """
    size_bytes, digest = _measure(source)
    place = {}
    if isinstance(source, (str, os.PathLike)):
        place = {"stepsight.artifact.path": str(Path(source).resolve())}
    attributes = {**_described("file", name, size_bytes, digest), **place, **more}
    client.event("stepsight.run.artifact", _sentence("file", name, size_bytes), attributes)


def send_folder(client: Client, name: str, path: Any, more: dict[str, Any]) -> list[str]:
    """Queue a description of each file below a folder, and of the folder; returns their names.

    Beyond MAX_FOLDER_FILES files only the folder's own description counts them.
    """
    root = Path(path)
    if not root.is_dir():
        raise NotADirectoryError(f"upload_folder: {root} is no folder")
    files = sorted(each for each in root.rglob("*") if each.is_file())
    prefix = f"{name}/" if name else ""
    names = [prefix + each.relative_to(root).as_posix() for each in files]
    for each, file in zip(names[:MAX_FOLDER_FILES], files[:MAX_FOLDER_FILES], strict=True):
        send_file(client, each, file, more)
    size_bytes = sum(file.stat().st_size for file in files)
    attributes = {
        **_described("folder", name or root.name, size_bytes, ""),
        "stepsight.artifact.files": len(files),
        "stepsight.artifact.path": str(root.resolve()),
        **more,
    }
    client.event(
        "stepsight.run.artifact", _sentence("folder", name or root.name, size_bytes), attributes
    )
    return names


def _described(kind: str, name: str, size_bytes: int, digest: str) -> dict[str, Any]:
    described = {
        "stepsight.artifact.kind": kind,
        "stepsight.artifact.name": name,
        "stepsight.artifact.size": size_bytes,
    }
    return {**described, "stepsight.artifact.sha256": digest} if digest else described


def _sentence(kind: str, name: str, size_bytes: int) -> str:
    return f"{kind.replace('_', ' ')} {name}, {size_bytes} bytes"


def _read(source: Any) -> bytes:
    return b"".join(_pieces(source))


def _as_bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def _measure(source: Any) -> tuple[int, str]:
    digest, size_bytes = hashlib.sha256(), 0
    for piece in _pieces(source):
        digest.update(piece)
        size_bytes += len(piece)
    return size_bytes, digest.hexdigest()


def _pieces(source: Any) -> Iterator[bytes]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield bytes(source)
    elif hasattr(source, "read"):
        begin = source.tell() if hasattr(source, "seekable") and source.seekable() else None
        while piece := source.read(HASH_BYTES):
            yield _as_bytes(piece)
        if begin is not None:
            source.seek(begin)
    else:
        with Path(source).open("rb") as stream:
            while piece := stream.read(HASH_BYTES):
                yield piece


def _jsonable(value: Any) -> Any:
    """Numbers and arrays of numpy and pandas as JSON has them; anything else as its text."""
    to_list = getattr(value, "tolist", None)
    return to_list() if callable(to_list) else str(value)
