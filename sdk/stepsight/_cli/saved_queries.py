"""Saved queries: `stepsight query @NAME`. Ours are files beside this one, a person's in a folder.

A query is a `.kql` file. Its first line, if it is a comment, says what it answers.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepsight._cli.errors import CliError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SavedQuery", "expand", "find_query", "list_queries", "own_directory", "save_query"]

BUILT_IN = Path(__file__).parent / "queries"
_CALL = re.compile(r"@([^\s|]*)\s*(.*)\Z", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True)
class SavedQuery:
    """A query by name; `is_own` tells a person's from ours, `hides` that ours has the same name."""

    name: str
    text: str
    path: Path
    is_own: bool = False
    hides: bool = False

    @property
    def description(self) -> str:
        """What it answers, in a line; empty if its text does not say."""
        first = self.text.lstrip().partition("\n")[0]
        return first[2:].strip() if first.startswith("//") else ""


def own_directory() -> Path:
    """Where a person's queries are: `queries` in stepsight's folder of the user's configuration."""
    return Path(click.get_app_dir("stepsight")) / "queries"


def list_queries() -> list[SavedQuery]:
    """Every saved query by name; a person's own goes before ours of the same name."""
    built_in = {query.name: query for query in _read(BUILT_IN, is_own=False)}
    own = {query.name: query for query in _read(own_directory(), is_own=True, hidden=built_in)}
    return sorted((built_in | own).values(), key=lambda query: query.name)


def find_query(name: str) -> SavedQuery:
    """The query of that name, which comes without its `@`."""
    queries = {query.name: query for query in list_queries()}
    if name not in queries:
        nearest = difflib.get_close_matches(name, queries, 1)
        hint = f"Did you mean @{nearest[0]}? " if nearest else ""
        raise CliError(
            f"there is no saved query @{name}.", f"{hint}stepsight query --list names them."
        )
    return queries[name]


def expand(text: str) -> str:
    """The question itself; one that begins with `@NAME` is a saved query and what follows it.

    Raises CliError if there is none of that name.
    """
    match = _CALL.match(text.strip())
    if match is None:
        return text
    return f"{find_query(match[1]).text.rstrip()}\n{match[2]}".rstrip() + "\n"


def save_query(name: str, text: str, *, replace: bool = False) -> Path:
    """Write a query to the person's folder. One of that name there is kept unless `replace`."""
    if not _NAME.match(name):
        raise click.UsageError(
            f'a saved query is named with letters, digits, "-" and "_", not "{name}".'
        )
    path = own_directory() / f"{name}.kql"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text.strip() + "\n")
    except FileExistsError as exc:
        raise CliError(
            f"you have a query @{name} already: {path}.", "--replace overwrites it."
        ) from exc
    except OSError as exc:
        raise CliError(f"the query cannot be saved to {path}: {exc.strerror}.") from exc
    return path


def _read(
    folder: Path, *, is_own: bool, hidden: dict[str, SavedQuery] | None = None
) -> Iterator[SavedQuery]:
    for path in sorted(folder.glob("*.kql")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise CliError(f"the saved query {path} cannot be read: {exc}.") from exc
        yield SavedQuery(path.stem, text, path, is_own, path.stem in (hidden or {}))
