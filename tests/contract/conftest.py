"""A real embedded store, one for the whole session: the engine takes one directory per process."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from stepsight_collector.receivers.check import check
from stepsight_collector.store import Store, open_store
from stepsight_collector.wal import Entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

    from stepsight_collector.wal import Signal

    Insert = Callable[..., str]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"chdb://{tmp_path_factory.mktemp('engine') / 'store'}")
    yield opened
    opened.close()


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def insert(store: Store, project: str) -> Insert:
    """Store requests the way the loader does; returns the token."""
    from stepsight_collector.nested import storable  # the loader's own rewriting of nested values

    tokens = itertools.count()

    def insert_requests(
        signal: Signal, *requests: Message, token: str | None = None, received: int | None = None
    ) -> str:
        token = token or f"{project}-{next(tokens)}"
        payload = b""
        for message in requests:
            body = message.SerializeToString()
            entry = Entry(
                request=body,
                received_time_unix_nano=received or time.time_ns(),
                project=project,
                client="test/1",
                nested=check(signal, body).nested,
                records=1,
            )
            payload += b"".join(encode_entry(storable(signal, entry)))
        store.insert(signal, payload, token)
        return token

    return insert_requests
