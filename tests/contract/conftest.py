"""Requests stored the way the loader does it, each test with a project of its own."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from served_api import CREDENTIALS, ServedApi, fill, served_api
from stepsight_collector.access import Access
from stepsight_collector.query.lanes import LaneLimits
from stepsight_collector.query.limits import Policy
from stepsight_collector.receivers.check import check
from stepsight_collector.wal import Entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

    from stepsight_collector.store import Store
    from stepsight_collector.wal import Signal

    Insert = Callable[..., str]


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


@pytest.fixture(scope="session")
def api(store: Store) -> Iterator[ServedApi]:
    """The query API over projects kql-a and kql-b, with tokens."""
    fill(store, "kql-a", "from a", "and a")
    fill(store, "kql-b", "from b")
    policy = Policy(timeout_s=60, max_timeout_s=120, max_rows=20_000, max_bytes=1 << 20)
    lanes = LaneLimits(at_once=2, of_one=1, waiting_of_one=5, max_wait_s=60)
    with served_api(store, Access(CREDENTIALS), policy, lanes) as served:
        yield served
