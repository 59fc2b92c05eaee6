"""Envelopes of any content: no crash, no loss, each item accepted or reported by its index."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepsight_collector.breeze import fields, translate
from stepsight_collector.breeze.dimensions import property_key, unfold
from stepsight_collector.breeze.times import TimeReader
from stepsight_collector.receivers.check import REQUEST_TYPES, check

TEXT = st.text(st.characters(codec=None, categories=None), max_size=12)
# A whole number of more than 64 bits is read as a double.
INTEGERS = st.integers(-(2**63), 2**64 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELD_NAMES = sorted({row.name for rows in fields.BASES.values() for row in rows})
NAMES = st.sampled_from(FIELD_NAMES) | TEXT
POINTS = st.dictionaries(
    st.sampled_from([row.name for row in fields.METRIC_POINT] + ["kind"]), VALUES, max_size=6
)
BASES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELD_NAMES, VALUES),
        "metrics": st.lists(POINTS, max_size=3) | VALUES,
        "properties": st.dictionaries(TEXT, VALUES, max_size=5) | VALUES,
        "exceptions": st.lists(
            st.dictionaries(
                st.sampled_from(["typeName", "message", "stack", "parsedStack"]), VALUES
            ),
            max_size=2,
        )
        | VALUES,
    },
)
TAGS = st.dictionaries(
    st.sampled_from([*fields.RESOURCE_TAGS, *(row.name for row in fields.TAGS)]) | TEXT, VALUES,
    max_size=5,
)  # fmt: skip
ENVELOPES = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {"baseType": st.sampled_from([*fields.BASES, "NewData"]), "baseData": BASES}
        )
        | VALUES
    },
    optional={
        "time": st.just("2026-11-24T03:31:34.5Z") | VALUES,
        "iKey": VALUES,
        "tags": TAGS | VALUES,
        "sampleRate": VALUES,
        "name": st.just("Statsbeat") | VALUES,
        "other": VALUES,
    },
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def records_of(request: Any) -> list[Any]:
    message: Any = REQUEST_TYPES[request.signal].FromString(request.body)
    return [
        record
        for _, resources in message.ListFields()
        for resource in resources
        for scope in resource.ListFields()[-1][1]
        for record in scope.ListFields()[-1][1]
    ]


@QUICK
@given(st.lists(ENVELOPES | VALUES, max_size=5))
def test_each_item_is_accepted_discarded_or_reported(items: list[Any]) -> None:
    translated = translate(json.dumps(items).encode(), lambda _: "default")

    taken = [index for request in translated.requests for index in request.indexes]
    reported = [index for index, _, _ in translated.errors]
    assert translated.received == len(items)
    assert len(taken) + len(reported) + translated.discarded == len(items)
    assert len(set(taken + reported)) == len(taken + reported)
    for request in translated.requests:
        checked = check(request.signal, request.body)
        assert not checked.nested
        if request.signal != "metrics":
            assert checked.records == len(request.indexes) == len(records_of(request))


@QUICK
@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_every_property_comes_back_under_its_name(properties: dict[str, Any]) -> None:
    item = {"data": {"baseType": "MessageData", "baseData": {"properties": properties}}}

    translated = translate(json.dumps([item]).encode(), lambda _: "default")

    [record] = records_of(translated.requests[0])
    found = {pair.key: pair.value for pair in record.attributes}
    for name, value in unfold(json.loads(json.dumps(properties))).items():
        key = _readable(property_key(name))
        text = found[key]
        if isinstance(value, str):
            assert text.string_value == _readable(value)
        elif isinstance(value, bool):
            assert text.bool_value == value
        elif value is None:
            assert text.WhichOneof("value") is None
        elif isinstance(value, list | dict) and "nan" not in repr(value) + repr(name):
            assert _same(json.loads(text.string_value), value)


def _readable(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _same(read: Any, sent: Any) -> bool:
    if "inf" in repr(sent):
        return True
    return bool(read == json.loads(_readable(json.dumps(sent, ensure_ascii=False))))


@QUICK
@given(st.binary(max_size=60) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    from stepsight_collector.errors import MalformedError

    try:
        translated = translate(body, lambda _: "default")
    except MalformedError:
        return
    taken = sum(len(request.indexes) for request in translated.requests)
    assert taken + len(translated.errors) + translated.discarded == translated.received


@QUICK
@given(st.datetimes(), st.sampled_from(["", "Z", "+00:00"]))
def test_a_time_survives_to_the_microsecond(moment: Any, zone: str) -> None:
    from datetime import UTC, timedelta

    read = TimeReader().unix_nano(moment.isoformat() + zone)

    since = moment.replace(tzinfo=UTC) - moment.replace(
        tzinfo=UTC, year=1970, month=1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    nano = since // timedelta(microseconds=1) * 1000
    assert read == (nano if 0 < nano < 2**63 else None)


@QUICK
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=12),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=6,
    )
)
def test_the_repr_of_any_dict_is_unfolded(dimensions: dict[str, Any]) -> None:  # fmt: skip
    folded = repr(dimensions)

    found = unfold({"custom_dimensions": folded})

    if len(folded) <= 8_192 and "custom_dimensions" not in dimensions:
        assert found == dimensions
