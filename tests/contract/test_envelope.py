"""What is written is read back; what cannot be read is named, and nothing else ever goes wrong."""

import datetime as dt
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import (
    TOPICS,
    CoverageChanged,
    InvalidEvent,
    Message,
    Received,
    UnknownType,
    decode,
    encode,
    source_of,
)
from tests.contract.strategies import INSTANTS, TEXT, of_event

NOW = dt.datetime(2025, 11, 6, 7, 30, tzinfo=dt.timezone(dt.timedelta(hours=7)))
ID = UUID("0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55")


def read(message: Message) -> Received:
    return decode(message.topic, message.key, message.value, message.headers)


def example(topic: str) -> Message:
    """One valid record of a topic."""
    coverage = CoverageChanged(
        unit_id="U1",
        opd_code="DKCS",
        revision=1,
        status="short",
        previous="met",
        as_of=NOW,
        required=2,
        present_low=1,
        present_high=1,
    )
    assert topic == coverage.topic
    return encode(coverage, id=ID, time=NOW, source="/hadir/reporting")


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_event_comes_back_as_it_was_sent(topic: str, data: st.DataObject) -> None:
    event = data.draw(of_event(TOPICS[topic].event))
    id_, time = data.draw(st.uuids()), data.draw(INSTANTS)
    trace = data.draw(st.none() | st.just("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    message = encode(event, id=id_, time=time, source=source_of(TOPICS[topic].owner), traceparent=trace)
    got = read(message)
    assert got.event == event
    assert (got.id, got.type, got.source, got.time) == (id_, topic, source_of(TOPICS[topic].owner), time)
    assert (got.key, got.traceparent) == (event.key, trace)
    assert message.key == event.key.encode()
    assert json.loads(message.value or b"") == json.loads(event.model_dump_json())


def test_the_headers_are_those_of_cloudevents_in_binary_mode() -> None:
    message = example("coverage.changed.v1")
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(ID).encode(),
        "ce_type": b"coverage.changed.v1",
        "ce_source": b"/hadir/reporting",
        "ce_subject": b"U1",
        "ce_time": b"2025-11-06T07:30:00+07:00",
        "ce_dataschema": b"urn:hadir:schema:coverage.changed.v1",
        "content-type": b"application/json",
    }


def test_a_reader_ignores_headers_and_fields_it_does_not_know() -> None:
    message = example("coverage.changed.v1")
    value = json.loads(message.value or b"") | {"a_later_field": {"deep": [1]}}
    headers = [*message.headers, ("later", b"\xff\xfe"), ("empty", None)]
    got = decode(message.topic, message.key, json.dumps(value).encode(), headers)
    assert got.event == read(message).event


def test_a_record_of_another_type_is_unknown_and_not_invalid() -> None:
    message = example("coverage.changed.v1")
    headers = {**dict(message.headers), "ce_type": b"coverage.changed.v2"}
    with pytest.raises(UnknownType):
        decode(message.topic, message.key, b"whatever", list(headers.items()))


@pytest.mark.parametrize("missing", ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time"])
def test_a_required_header_that_is_missing_null_or_not_text_is_named(missing: str) -> None:
    message = example("coverage.changed.v1")
    without = [(name, value) for name, value in message.headers if name != missing]
    for headers in (without, [*without, (missing, None)], [*without, (missing, b"\xff")]):
        with pytest.raises(InvalidEvent, match=missing):
            decode(message.topic, message.key, message.value, headers)


@pytest.mark.parametrize("extra", ["ce_subject", "ce_dataschema", "content-type", "traceparent"])
def test_the_other_headers_may_be_missing(extra: str) -> None:
    message = example("coverage.changed.v1")
    headers = [(name, value) for name, value in message.headers if name != extra]
    assert decode(message.topic, message.key, message.value, headers).event is not None


@pytest.mark.parametrize("topic", TOPICS)
def test_only_the_topic_with_tombstones_takes_a_null_value(topic: str) -> None:
    key = str(uuid4())
    message = encode(None, id=ID, time=NOW, source=source_of(TOPICS[topic].owner), topic=topic, key=key)
    if TOPICS[topic].tombstones:
        assert (read(message).event, read(message).key) == (None, key)
        with pytest.raises(InvalidEvent, match="key"):
            decode(topic, None, None, message.headers)
    else:
        with pytest.raises(InvalidEvent, match="null_value"):
            read(message)


def test_text_with_a_nul_is_refused_and_a_backslash_before_u0000_is_just_text() -> None:
    message = example("coverage.changed.v1")
    value = json.loads(message.value or b"")
    nul = json.dumps(value | {"opd_code": "a\0b"}).encode()
    with pytest.raises(InvalidEvent, match="nul"):
        decode(message.topic, message.key, nul, message.headers)
    harmless = json.dumps(value | {"opd_code": "a\\u0000b"}).encode()
    event = decode(message.topic, message.key, harmless, message.headers).event
    assert isinstance(event, CoverageChanged)
    assert event.opd_code == "a\\u0000b"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | INSTANTS.map(str) | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NEARLY_A_TIME = st.text("0123456789-:TZ.+e", max_size=30)
ODD = st.one_of(st.none(), st.binary(max_size=30), TEXT.map(str.encode), NEARLY_A_TIME.map(str.encode))
ANY_JSON = JSON.map(lambda one: json.dumps(one).encode())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_decoding_anything_gives_an_event_or_says_why_not(data: st.DataObject) -> None:
    """A record that was valid, with some of it replaced by anything at all."""
    topic = data.draw(st.sampled_from(sorted(TOPICS)))
    event = data.draw(of_event(TOPICS[topic].event))
    message = encode(event, id=ID, time=NOW, source=source_of(TOPICS[topic].owner), traceparent="t")
    headers: list[tuple[str, bytes | None]] = [
        (name, data.draw(st.one_of(st.just(value), st.just(value), st.just(value), ODD)))
        for name, value in message.headers
    ]
    headers += data.draw(st.lists(st.tuples(TEXT, ODD), max_size=2))
    fields: dict[str, Any] = json.loads(message.value or b"")
    for name in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        fields[name] = data.draw(JSON)
    whole = json.dumps(fields).encode()
    cut = data.draw(st.integers(0, len(whole)))
    value = data.draw(st.one_of(st.just(whole), st.just(whole[:cut]), ODD, ANY_JSON))
    key = data.draw(st.one_of(st.just(message.key), ODD))
    try:
        got = decode(topic, key, value, headers)
    except (InvalidEvent, UnknownType):
        return
    # What is accepted can be written again, and so stored as text and as JSON.
    assert got.time.tzinfo is not None
    if got.event is not None:
        again = encode(got.event, id=got.id, time=got.time, source=got.source)
        assert read(again).event == got.event


def test_an_error_never_repeats_the_value() -> None:
    """Values may be personal data, and errors are logged."""
    message = example("coverage.changed.v1")
    value = json.loads(message.value or b"") | {"required": "199001012015011001"}
    with pytest.raises(InvalidEvent) as caught:
        decode(message.topic, message.key, json.dumps(value).encode(), message.headers)
    assert "required" in caught.value.detail
    assert "199001012015011001" not in str(caught.value)
