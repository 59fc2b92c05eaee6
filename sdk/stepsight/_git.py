"""The commit that a directory stands at, read from .git itself: no git has to be installed.

Formats: Documentation/gitformat-index.adoc and gitrepository-layout.adoc of git.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["git_state"]

# Bounds: a larger repository is not compared with its files, and few files are read in whole.
MAX_ENTRIES = 5000
MAX_INDEX_BYTES = 2 << 20
MAX_HASHED_BYTES = 16 << 20
_ENTRY = struct.Struct(">IIIIIIIIII20sH")
_EXTENDED, _SKIPPED = 0x4000, 0x4000
_GITLINK = 0o160000


# A named tuple or dataclass would be made by eval(), which resets CPython's note that Ctrl-C ended
# the script (unhandled_keyboard_interrupt): this module may be imported after that.
class _Entry:
    """A tracked file as the index has it."""

    __slots__ = ("mode", "mtime_unix_nano", "path", "sha", "size")

    def __init__(self, path: bytes, fields: tuple[Any, ...]) -> None:
        self.path = path
        self.mtime_unix_nano = fields[2] * 10**9 + fields[3]
        self.mode, self.size, self.sha = fields[6], fields[9], fields[10]


def git_state(directory: str | os.PathLike[str] = ".") -> dict[str, Any]:
    """Commit, branch, address and whether tracked files differ; empty outside of a repository.

    `stepsight.vcs.dirty` is left out where it cannot be told cheaply. Files that git does not know
    do not count.
    """
    found = _find(Path(directory).resolve())
    if found is None:
        return {}
    top, own = found
    common = own / _text(own / "commondir") if (own / "commondir").exists() else own
    head = _text(own / "HEAD")
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""
    commit = _resolve(head.removeprefix("ref: "), own, common) if head.startswith("ref: ") else head
    state: dict[str, Any] = {
        "vcs.ref.head.revision": commit,
        "vcs.ref.head.name": branch,
        "vcs.repository.url.full": _origin(_text(common / "config")),
    }
    state = {key: value for key, value in state.items() if value}
    try:
        dirty = _is_dirty(top, own / "index")
    except (OSError, ValueError, struct.error):
        dirty = None
    return state if dirty is None else {**state, "stepsight.vcs.dirty": dirty}


def _find(start: Path) -> tuple[Path, Path] | None:
    for folder in (start, *start.parents):
        git = folder / ".git"
        if (git / "HEAD").exists():
            return folder, git
        if git.is_file():  # a worktree or submodule: "gitdir: path"
            return folder, (folder / _text(git).removeprefix("gitdir: ")).resolve()
    return None


def _resolve(ref: str, own: Path, common: Path) -> str:
    for folder in (own, common):
        if found := _text(folder / ref):
            return found
    for line in _text(common / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""


def _origin(config: str) -> str:
    section = re.search(r'^\[remote "origin"\]\n((?:[^\[].*\n?)*)', config, re.MULTILINE)
    url = section and re.search(r"^\s*url\s*=\s*(.+)$", section.group(1), re.MULTILINE)
    return url.group(1).strip() if url else ""


def _is_dirty(top: Path, index: Path) -> bool | None:
    if index.stat().st_size > MAX_INDEX_BYTES:
        return None
    data = index.read_bytes()
    signature, version, count = struct.unpack_from(">4sII", data)
    if signature != b"DIRC" or version not in {2, 3} or count > MAX_ENTRIES:
        return None
    offset, left = 12, MAX_HASHED_BYTES
    for entry, offset in _entries(data, count):  # noqa: B007 - what follows the last is needed
        changed, read = _differs(top, entry, left)
        left -= read
        if changed:
            return True
        if changed is None:
            return None
    # Equal to the index; the index is equal to the commit if its root tree is known.
    return False if _knows_its_tree(data, offset) else None


def _entries(data: bytes, count: int) -> Iterator[tuple[_Entry, int]]:
    offset = 12
    for _ in range(count):
        fields = _ENTRY.unpack_from(data, offset)
        start = offset + _ENTRY.size
        is_skipped = False
        if fields[11] & _EXTENDED:
            is_skipped = bool(struct.unpack_from(">H", data, start)[0] & _SKIPPED)
            start += 2
        end = data.index(b"\0", start)
        # Padded with one to eight zeros to a multiple of eight.
        offset += (end - offset + 8) & ~7
        if not is_skipped:
            yield _Entry(data[start:end], fields), offset


def _differs(top: Path, entry: _Entry, max_bytes: int) -> tuple[bool | None, int]:
    """Whether a file is not as the index has it, None if that is too dear; and bytes read."""
    path = os.fsencode(top) + b"/" + entry.path
    try:
        found = os.lstat(path)
    except OSError:
        return True, 0
    is_same_kind = stat.S_IFMT(found.st_mode) == stat.S_IFMT(entry.mode)
    if entry.mode == _GITLINK:  # a submodule is a directory
        return False, 0
    if not is_same_kind or found.st_size & 0xFFFFFFFF != entry.size:
        return True, 0
    if found.st_mtime_ns == entry.mtime_unix_nano or stat.S_ISLNK(entry.mode):
        return False, 0
    if found.st_size > max_bytes:
        return None, 0
    content = Path(os.fsdecode(path)).read_bytes()
    blob = b"blob %d\0" % len(content) + content
    return hashlib.sha1(blob, usedforsecurity=False).digest() != entry.sha, len(content)


def _knows_its_tree(data: bytes, offset: int) -> bool:
    while offset + 8 <= len(data) - 20:
        name, size = struct.unpack_from(">4sI", data, offset)
        if name == b"TREE":
            # Path of the root (empty) and a zero, then the number of entries: -1 is "changed".
            return not data[offset + 8 :].startswith(b"\0-1 ")
        offset += 8 + size
    return False


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
