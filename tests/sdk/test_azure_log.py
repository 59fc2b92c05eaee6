"""Handlers that stand in for OpenCensus's: what they record, and that nothing comes twice."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

import stepsight
from stepsight import _state
from stepsight._logging import RecordCapture
from stepsight.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepsight._client import Client

    MakeClient = Callable[..., Client]

KEY = "InstrumentationKey=00000000-0000-4000-8000-000000000000"


@pytest.fixture(params=[True, False], ids=["with capture", "handler only"])
def logger(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[logging.Logger]:
    """A logger with the handler, in a process that captures logging, or does not."""
    client = make_client()
    capture = RecordCapture(client)
    monkeypatch.setattr(_state, "client", client)
    monkeypatch.setattr(_state, "capture", capture)
    if request.param:
        capture.install()
    named = logging.getLogger("azure.users")
    named.setLevel(logging.DEBUG)
    handler = stepsight.AzureLogHandler(connection_string=KEY)
    named.addHandler(handler)
    yield named
    named.removeHandler(handler)
    capture.uninstall()


def records(receiver: Any) -> list[tuple[str, dict[str, Any]]]:
    assert _state.client is not None
    assert _state.client.flush(20)
    found = []
    for record in receiver.records():
        values = {item.key: item.value for item in record.attributes}
        kept = {
            key: getattr(value, value.WhichOneof("value"))
            for key, value in values.items()
            if not key.startswith("code.")
        }
        found.append((record.body.string_value, kept))
    return found


def test_both_idioms_of_dimensions_arrive_once(logger: logging.Logger, receiver: Any) -> None:
    logger.warning("by extra", extra={"custom_dimensions": {"step_id": "s-1"}})
    logger.error("by position", {"step_id": "s-2"})  # noqa: PLE1205 - the idiom of the Azure docs

    found = records(receiver)
    assert [(body, kept["step_id"], kept["level"]) for body, kept in found] == [
        ("by extra", "s-1", "WARNING"),
        ("by position", "s-2", "ERROR"),
    ]


def test_a_record_has_the_properties_that_opencensus_gives(
    logger: logging.Logger, receiver: Any
) -> None:
    logger.info("x")

    [(_, kept)] = records(receiver)
    assert isinstance(kept.pop("lineNumber"), int)
    assert kept == {
        "process": "MainProcess",
        "module": "test_azure_log",
        "fileName": __file__,
        "level": "INFO",
    }


def test_a_level_of_the_handler_is_respected(receiver: Any, logger: logging.Logger) -> None:
    logger.handlers[0].setLevel(logging.ERROR)
    logger.info("below")
    logger.error("above")

    above = [body for body, kept in records(receiver) if "level" in kept]
    assert above == ["above"]


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected option conection_string"):
        stepsight.AzureLogHandler(conection_string="…")


def test_it_says_once_where_it_sends(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    client = make_client()
    monkeypatch.setattr(_state, "client", client)
    monkeypatch.setattr("sys.__stderr__", sys.stderr)
    for _ in range(2):
        stepsight.AzureLogHandler(connection_string=KEY)

    said = f"AzureLogHandler sends to {client.settings.endpoint}, not by its connection string\n"
    assert capsys.readouterr().err == f"stepsight: {said}"


def test_the_connection_string_is_used_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(_state, "init", lambda **settings: begun.append(settings))
    monkeypatch.setattr(_state, "ensure", lambda: None)
    stepsight.AzureLogHandler(
        connection_string=f"{KEY};IngestionEndpoint=http://10.0.0.1:4318/",
        use_connection_string=True,
    )

    assert begun == [{"endpoint": "http://10.0.0.1:4318"}]
    with pytest.raises(ConfigError, match="needs an IngestionEndpoint"):
        stepsight.AzureLogHandler(connection_string=KEY, use_connection_string=True)


def test_an_event_handler_records_an_event(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, receiver: Any
) -> None:
    monkeypatch.setattr(_state, "client", make_client())
    logger = logging.getLogger("azure.events")
    logger.setLevel(logging.INFO)
    handler = stepsight.AzureEventHandler(connection_string=KEY)
    logger.addHandler(handler)
    extra = {"custom_dimensions": {"a": "b"}, "custom_measurements": {"n": 1.5}}
    logger.info("model deployed", extra=extra)
    logger.removeHandler(handler)

    assert records(receiver) == [("model deployed", {"a": "b", "n": 1.5})]
    assert [record.event_name for record in receiver.records()] == ["model deployed"]


def test_a_telemetry_processor_is_accepted_and_said(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(_state, "client", make_client())
    monkeypatch.setattr("sys.__stderr__", sys.stderr)

    def set_role(_envelope: Any) -> None:
        raise AssertionError

    stepsight.AzureLogHandler().add_telemetry_processor(set_role)

    said = "stepsight: AzureLogHandler: the telemetry processor set_role is not applied\n"
    assert capsys.readouterr().err.endswith(said)
