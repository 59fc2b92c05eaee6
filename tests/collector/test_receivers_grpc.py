"""The limits of OTLP over gRPC: messages, metadata, calls at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from stepsight_collector.receivers.grpc import _MAX_METADATA_BYTES, _MAX_STREAMS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    Serve = Callable[..., AbstractAsyncContextManager[Any]]

MIB = 1 << 20
EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
# By the OTLP specification; with either the call may or may not have been taken.
RETRYABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
CLIENT_OPTIONS = (("grpc.max_send_message_length", -1), ("grpc.max_metadata_size", MIB))


def request_of(size_bytes: int) -> bytes:
    """A request of exactly so many bytes, from 100 on."""
    request = ExportLogsServiceRequest()
    body = request.resource_logs.add().scope_logs.add().log_records.add().body
    body.string_value = size_bytes * "x"
    body.string_value = (2 * size_bytes - request.ByteSize()) * "x"
    assert request.ByteSize() == size_bytes
    return request.SerializeToString()


def call(receivers: Serve, work: Callable[[Any], Awaitable[Any]], **given: Any) -> tuple[Any, Any]:
    """Run `work` with the export method of a channel; its answer, and what was served."""

    async def scenario() -> tuple[Any, Any]:
        async with receivers(**given) as served:
            address = f"127.0.0.1:{served.grpc_port}"
            async with grpc.aio.insecure_channel(address, CLIENT_OPTIONS) as channel:
                return await work(channel.unary_unary(EXPORT)), served

    return asyncio.run(scenario())


async def status(export: Any, body: bytes, **metadata: str) -> grpc.StatusCode:
    try:
        await export(body, metadata=tuple(metadata.items()))
    except grpc.aio.AioRpcError as exc:
        code: grpc.StatusCode = exc.code()
        return code
    return grpc.StatusCode.OK


def test_a_message_of_the_limit_is_taken_and_one_byte_more_refused_for_good(
    receivers: Serve,
) -> None:
    async def work(export: Any) -> list[grpc.StatusCode]:
        return [await status(export, request_of(MIB + more)) for more in (0, 1, 0)]

    found, served = call(receivers, work, max_grpc_bytes=MIB)

    codes = grpc.StatusCode
    assert found == [codes.OK, codes.RESOURCE_EXHAUSTED, codes.OK]
    assert served.metrics.signals["logs"].accepted_records == 2


@pytest.mark.parametrize(
    ("more", "code"), [(-1000, grpc.StatusCode.OK), (1, grpc.StatusCode.RESOURCE_EXHAUSTED)]
)
def test_metadata_over_the_limit_is_refused_and_the_connection_goes_on(
    receivers: Serve, more: int, code: grpc.StatusCode
) -> None:
    async def work(export: Any) -> list[grpc.StatusCode]:
        large = (_MAX_METADATA_BYTES + more) * "x"
        return [await status(export, request_of(100), **given) for given in ({"note": large}, {})]

    found, _ = call(receivers, work)

    assert found == [code, grpc.StatusCode.OK]


def test_calls_over_the_limit_of_a_connection_are_told_to_come_again(receivers: Serve) -> None:
    calls = _MAX_STREAMS + 300

    async def work(export: Any) -> Counter[grpc.StatusCode]:
        at_once = await asyncio.gather(*(status(export, request_of(100)) for _ in range(calls)))
        return Counter([*at_once, await status(export, request_of(100))])

    found, served = call(receivers, work)

    taken = found[grpc.StatusCode.OK]
    assert set(found) <= {grpc.StatusCode.OK, *RETRYABLE}
    assert taken > _MAX_STREAMS // 2
    assert taken <= served.metrics.signals["logs"].accepted_records <= calls + 1
