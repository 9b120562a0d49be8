"""Records of before are read today, and records of today by readers of before: the log is kept for ever, and other
systems are not deployed with us."""

import json
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import TOPICS, Message, decode
from tests.contract.strategies import of_event, values
from tests.contract.test_lean import by_pydantic, read, written
from tests.contract.test_schemas import released
from tests.kit.released import Kept
from tests.kit.released import released as left_behind

Json = dict[str, Any]
GROWN = {"directory.employee.v1": {"skills"}, "report.submitted.v1": {"mode"}}
"""Fields that a topic has got since its release (docs/events/CHANGELOG.md), for a look at what is made of them."""


def record(topic: str, value: Json) -> Message:
    """As a service of before wrote it: the headers of the topic, the key that the value names, the value."""
    event = TOPICS[topic].event.model_validate_json(json.dumps(value))
    return replace(written(event), value=json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


@cache
def reader_of_before(topic: str) -> Any:
    formats = jsonschema.FormatChecker(["uuid", "date"])
    return jsonschema.Draft202012Validator(released(topic), format_checker=formats)


def check(topic: str, value: Json) -> None:
    """A reader of before has nothing to say against a value."""
    reader_of_before(topic).validate(value)


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_the_released_schema_admits_is_read_today_the_same_by_both_readers(
    topic: str, data: st.DataObject
) -> None:
    value = data.draw(values(topic, released(topic)))
    check(topic, value)
    message = record(topic, value)
    received = read(message)
    assert received == by_pydantic(message)
    assert received.event is not None
    assert received.key == message.key.decode()
    fields = type(received.event).model_fields
    # What was not known then is what the model says without it.
    assert {fields[name].alias or name for name in received.event.model_fields_set} <= set(value)


@pytest.mark.parametrize("topic", TOPICS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_is_written_today_a_reader_of_before_takes(topic: str, data: st.DataObject) -> None:
    message = written(data.draw(of_event(TOPICS[topic].event)))
    assert message.value is not None
    check(topic, json.loads(message.value))


@pytest.mark.parametrize("topic", GROWN)
def test_a_field_that_came_later_is_in_what_is_written_today_and_not_in_what_was_released(topic: str) -> None:
    """The two above would be empty of meaning where nothing has ever been added."""
    example = json.loads(json.dumps(dict(TOPICS[topic].event.example)))
    said = TOPICS[topic].event.model_validate_json(json.dumps(example)).model_dump(mode="json")
    assert GROWN[topic] <= set(said)
    assert not GROWN[topic] & set(released(topic)["properties"])


def test_every_record_that_version_0_2_0_left_in_kafka_is_read_today_and_its_value_stays_what_it_was() -> None:
    left = left_behind("0.2.0")
    kept: list[Kept] = [*left.before, *left.after]
    topics = {one.topic for one in kept if one.topic in TOPICS}
    assert len(topics) > 10
    for one in kept:
        if one.topic not in TOPICS:  # a dead letter
            continue
        received = decode(one.topic, one.key, one.value, one.headers)
        assert received.id == UUID(dict(one.headers)["ce_id"].decode())
        assert (received.event is None) == (one.value is None)
        if one.value is not None:
            check(one.topic, json.loads(one.value))
