"""Worker and transport against a real receiver that misbehaves."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stepsight._client import Client

    MakeClient = Callable[..., Client]


def log(client: Client, *bodies: str) -> None:
    for body in bodies:
        client.log(body, scope="tests")


def test_records_arrive_in_order_with_rising_times(receiver: Any, make_client: MakeClient) -> None:
    client = make_client()
    bodies = [f"line {number}" for number in range(3000)]
    log(client, *bodies)

    assert client.flush(20)
    times = [record.time_unix_nano for record in receiver.records()]
    assert receiver.bodies() == bodies
    assert times == sorted(set(times))
    assert client.counts() == {"stepsight.records.sent": 3000, "stepsight.records.dropped": 0}


def test_a_record_over_the_queue_limit_is_counted(receiver: Any, make_client: MakeClient) -> None:
    receiver.gate.clear()
    client = make_client(queue_size=10)
    log(client, "first")
    # The worker has the first one in its hands as soon as the queue is empty again.
    wait_until(lambda: not client.worker._queue)
    log(client, *(f"line {number}" for number in range(13)))

    assert client.worker.dropped == {"queue_full": 3}
    receiver.gate.set()
    assert client.flush(20)
    assert len(receiver.bodies()) == 11
    assert client.counts() == {"stepsight.records.sent": 11, "stepsight.records.dropped": 3}


def test_the_queue_has_a_limit_in_bytes(receiver: Any, make_client: MakeClient) -> None:
    receiver.gate.clear()
    client = make_client(queue_bytes=100_000)
    log(client, "first")
    wait_until(lambda: not client.worker._queue)
    log(client, "x" * 60_000, "y" * 60_000)

    assert client.worker.dropped == {"queue_full": 1}


def test_without_a_collector_records_wait_on_disk_and_come_later(
    receiver: Any, make_client: MakeClient
) -> None:
    away = make_client(endpoint="http://127.0.0.1:9")
    log(away, "kept", "and this")
    away.close(5)
    assert receiver.bodies() == []

    log(make_client(), "new")

    receiver.wait_for(lambda: len(receiver.bodies()) == 3)
    assert sorted(receiver.bodies()) == ["and this", "kept", "new"]


def test_delivery_resumes_when_the_collector_is_back(
    receiver: Any, make_client: MakeClient
) -> None:
    receiver.answers += [(503, {"Retry-After": "0"}), (503, {})]
    client = make_client()
    log(client, "kept")

    receiver.wait_for(lambda: receiver.bodies() == ["kept"])
    assert client.counts()["stepsight.records.dropped"] == 0


def test_a_refused_request_is_counted_and_not_sent_again(
    receiver: Any, make_client: MakeClient
) -> None:
    receiver.answers.append((400, {}))
    client = make_client()
    log(client, "bad")
    client.flush(20)
    log(client, "good")
    client.flush(20)

    assert receiver.bodies() == ["good"]
    assert client.worker.dropped == {"rejected": 1}


def test_a_connection_that_was_closed_meanwhile_costs_nothing(
    receiver: Any, make_client: MakeClient
) -> None:
    client = make_client()
    log(client, "one")
    client.flush(20)
    receiver.answers.append(None)
    log(client, "two")
    client.flush(20)

    assert receiver.bodies() == ["one", "two"]
    assert client.counts()["stepsight.records.dropped"] == 0


def test_the_end_does_not_wait_for_a_silent_collector(
    make_client: MakeClient, receiver: Any, tmp_path: Path
) -> None:
    receiver.gate.clear()
    client = make_client()
    log(client, "kept")
    started = time.monotonic()
    client.close(0.2)

    assert time.monotonic() - started < 2
    receiver.gate.set()
    later = make_client()
    log(later, "new")
    receiver.wait_for(lambda: {"kept", "new"} <= set(receiver.bodies()))


def test_records_after_the_end_are_counted(make_client: MakeClient) -> None:
    client = make_client()
    client.close(5)
    log(client, "late")

    assert client.worker.dropped == {"closed": 1}


def test_requests_are_compressed_when_asked(receiver: Any, make_client: MakeClient) -> None:
    client = make_client(compression="gzip")
    log(client, "x" * 5000)
    client.flush(20)

    [(_, headers, _)] = receiver.requests
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) < 1000


def test_the_token_is_sent(receiver: Any, make_client: MakeClient) -> None:
    client = make_client(token="secret")
    log(client, "x")
    client.flush(20)

    assert receiver.requests[0][1]["Authorization"] == "Bearer secret"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)


def answer_with(answer: bytes) -> str:
    """A server that gives one fixed answer and closes; returns its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65536)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "sent"),
        (b"HTTP/1.0 200 OK\r\n\r\nwhatever", "sent"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "sent"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "sent",
        ),
        (b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n", "too_large"),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nbad", "rejected"),
        (b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", "failed"),
        (b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", "failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut short", "failed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "failed"),
        (b"", "failed"),
    ],
)
def test_every_answer_has_an_outcome(answer: bytes, kind: str) -> None:
    transport = HttpTransport(answer_with(answer))

    assert transport.send("logs", b"x", 5).kind == kind
    transport.close()


def test_retry_after_is_honoured_within_bounds() -> None:
    for given, seconds in ((b"3", 3.0), (b"9999", 60.0), (b"Fri, 31 Dec", 0.0)):
        answer = b"HTTP/1.1 429 Slow\r\nRetry-After: " + given + b"\r\nContent-Length: 0\r\n\r\n"
        transport = HttpTransport(answer_with(answer))

        assert transport.send("logs", b"x", 5).retry_after_s == seconds
        transport.close()


def test_nobody_there_is_told_apart() -> None:
    assert HttpTransport("http://127.0.0.1:9").send("logs", b"x", 2).is_refused
