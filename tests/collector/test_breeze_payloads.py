"""Captured requests of real clients, and the OTLP that they become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format

from stepsight_collector.breeze import translate
from stepsight_collector.receivers.check import REQUEST_TYPES, check

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parents[1] / "golden" / "breeze"
PAYLOADS = sorted(path.stem for path in GOLDEN.glob("o*_*.json") if "quickpulse" not in path.stem)


def body_of(name: str) -> list[dict[str, Any]]:
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    items: list[dict[str, Any]] = document["request"]["body"]
    return items


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_captured_payload_becomes_this_otlp(
    name: str, golden: Callable[[Path, str], None]
) -> None:
    items = body_of(name)

    translated = translate(json.dumps(items).encode(), lambda _: "default")

    requests = {
        request.signal: json_format.MessageToDict(
            REQUEST_TYPES[request.signal].FromString(request.body)
        )
        for request in translated.requests
    }
    text = json.dumps(requests, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    golden(GOLDEN / "otlp" / f"{name}.json", text)
    counted = sum(len(request.indexes) for request in translated.requests)
    assert (counted + translated.discarded, translated.errors) == (len(items), ())


@pytest.mark.parametrize("name", PAYLOADS)
def test_no_translated_payload_has_nested_values(name: str) -> None:
    translated = translate(json.dumps(body_of(name)).encode(), lambda _: "default")

    assert not any(check(request.signal, request.body).nested for request in translated.requests)


def test_the_same_body_becomes_the_same_bytes() -> None:
    body = json.dumps([item for name in PAYLOADS for item in body_of(name)]).encode()

    first, second = (translate(body, lambda _: "default") for _ in range(2))

    assert first == second
