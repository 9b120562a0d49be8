"""A record said as one JSON object loses nothing, adds nothing, and is refused where it is no CloudEvent."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import TOPICS, InvalidEvent, Message, encode, source_of
from shared.events.structured import batch, structured
from tests.contract.strategies import INSTANTS, of_event
from tests.contract.test_envelope import ID, NOW, example

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_structured_form_has_each_attribute_and_the_value_byte_for_byte(
    topic: str, data: st.DataObject
) -> None:
    event, at = data.draw(of_event(TOPICS[topic].event)), data.draw(INSTANTS)
    source = source_of(TOPICS[topic].owner)
    message = encode(event, id=ID, time=at, source=source, traceparent=TRACE)
    said = structured(message)
    assert message.value is not None
    assert said.endswith(b'"data":' + message.value + b"}")
    assert json.loads(said) == {
        "specversion": "1.0",
        "id": str(ID),
        "type": topic,
        "source": source,
        "subject": event.key,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "dataschema": f"urn:hadir:schema:{topic}",
        "traceparent": TRACE,
        "data": json.loads(message.value),
    }


def test_a_tombstone_names_what_is_erased_and_has_no_data() -> None:
    person = UUID("0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55")
    topic = "directory.employee.v1"
    message = encode(None, id=ID, time=NOW, source="/hadir/scheduling", topic=topic, key=str(person))
    assert json.loads(structured(message)) == {
        "specversion": "1.0",
        "id": str(ID),
        "type": topic,
        "source": "/hadir/scheduling",
        "subject": str(person),
        "time": NOW.isoformat(),
        "dataschema": f"urn:hadir:schema:{topic}",
    }


def test_headers_of_others_go_along_only_where_cloudevents_has_a_name_for_them() -> None:
    message = example("coverage.changed.v1")
    more = [("ce_traceid", b"7"), ("ce_Not-A-Name", b"1"), ("ce_", b"2"), ("x-city", b"3"), ("ce_none", None)]
    said = json.loads(structured(record(message, headers=[*message.headers, *more])))
    assert said == {**json.loads(structured(message)), "traceid": "7"}


def test_a_batch_is_a_list_of_them() -> None:
    one = structured(example("coverage.changed.v1"))
    assert json.loads(batch([one, one])) == [json.loads(one)] * 2
    assert json.loads(batch([])) == []


class Given:
    """A record as a consumer has it."""

    def __init__(self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
        self.key, self.value, self.headers = key, value, headers


def record(message: Message, **other: Any) -> Given:
    own: dict[str, Any] = {"key": message.key, "value": message.value, "headers": [*message.headers]}
    return Given(**(own | other))


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_type", "ce_source"])
def test_a_record_that_lacks_a_required_attribute_is_refused_by_its_name(name: str) -> None:
    message = example("coverage.changed.v1")
    without = [(header, value) for header, value in message.headers if header != name]
    for headers in (without, [*without, (name, b"")]):
        with pytest.raises(InvalidEvent, match=f"header {name} is missing"):
            structured(record(message, headers=headers))


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"key": b"\xff"}, "bad_header: the key is not UTF-8"),
        ({"value": b"{"}, "schema: value: this is not JSON"),
        ({"value": b'{"a": NaN}'}, "schema: value: this is not JSON"),
        ({"value": b'{"a": "\xff"}'}, "schema: value: this is not JSON"),
        ({"value": b"{} {}"}, "schema: value: this is not JSON"),
    ],
)
def test_what_json_cannot_say_is_refused(spoilt: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidEvent, match=reason):
        structured(record(example("coverage.changed.v1"), **spoilt))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("ce_id", b"7"), "header ce_id stands more than once"),
        (("ce_traceid", b"\xff"), "header ce_traceid is not UTF-8"),
    ],
)
def test_a_header_that_readers_would_take_in_two_ways_is_refused(more: tuple[str, bytes], reason: str) -> None:
    message = example("coverage.changed.v1")
    with pytest.raises(InvalidEvent, match=reason):
        structured(record(message, headers=[*message.headers, more]))


def test_a_record_without_a_key_keeps_the_subject_of_its_header() -> None:
    message = example("coverage.changed.v1")
    assert json.loads(structured(record(message, key=None)))["subject"] == "U1"
