"""A record of each topic, tombstones among them, is read by the CloudEvents SDKs of four languages.

The records are those of `encode`; that the outbox sends the same is tests/integration/test_outbox.py's to say.
"""

import datetime as dt
import json
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.events import TOPICS, Message, Topic, encode, source_of
from shared.events.structured import structured
from tests.kit.sdks import ATTRIBUTES, SDKS, Read

pytestmark = pytest.mark.long

AT = dt.datetime(2025, 11, 6, 3, 12, 0, 250_000, tzinfo=dt.UTC)
"""In milliseconds: JavaScript's dates hold no finer ones, and its SDK makes one of `time`."""

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NO_TOMBSTONES = {"javascript": "TypeError: Value is null or undefined"}
"""What an SDK says of a record without a value, where it makes no event of it (docs/events/README.md says so)."""


def records_of(topic: Topic) -> list[Message]:
    event = topic.event.model_validate_json(json.dumps(dict(topic.event.example)))
    source = source_of(topic.owner)
    records = [encode(event, id=uuid4(), time=AT, source=source, traceparent=TRACE)]
    if topic.tombstones:
        key = str(UUID(int=7))
        records.append(encode(None, id=uuid4(), time=AT, source=source, topic=topic.name, key=key))
    return records


SENT = [record for topic in TOPICS.values() for record in records_of(topic)]


@cache
def read(language: str) -> Read:
    """All records at once: an SDK starts for seconds and reads for none."""
    return SDKS[language](SENT, [structured(record) for record in SENT])


def expected(record: Message) -> dict[str, Any]:
    return {
        "id": dict(record.headers)["ce_id"].decode(),
        "type": record.topic,
        "source": source_of(TOPICS[record.topic].owner),
        "specversion": "1.0",
        "subject": record.key.decode(),
        "dataschema": f"urn:hadir:schema:{record.topic}",
        "datacontenttype": "application/json",
        "time": AT,
        "data": None if record.value is None else json.loads(record.value),
    }


def told(said: dict[str, Any]) -> dict[str, Any]:
    """What an SDK said, its time as an instant; what it leaves out or empty is None."""
    assert "error" not in said, said
    whole: dict[str, Any] = {name: said.get(name) or None for name in (*ATTRIBUTES, "data")}
    return {**whole, "time": dt.datetime.fromisoformat(said["time"])}


def test_there_is_a_record_of_every_topic_and_a_tombstone_where_there_can_be_one() -> None:
    assert {record.topic for record in SENT} == set(TOPICS)
    assert [record.topic for record in SENT if record.value is None] == ["directory.employee.v1"]


@pytest.mark.parametrize("language", SDKS)
def test_records_of_every_topic_are_read_in_binary_mode(language: str) -> None:
    for record, said in zip(SENT, read(language).records, strict=True):
        if record.value is None and language in NO_TOMBSTONES:
            assert said == {"error": NO_TOMBSTONES[language]}
        else:
            assert told(said) == expected(record)


@pytest.mark.parametrize("language", SDKS)
def test_the_same_events_are_read_in_structured_mode_tombstones_too(language: str) -> None:
    for record, said in zip(SENT, read(language).structured, strict=True):
        # What has no data has no type of it either.
        untyped = {"datacontenttype": None} if record.value is None else {}
        assert told(said) == expected(record) | untyped
