"""A record of each topic, tombstones among them, is read by the CloudEvents SDKs of four languages.

The records are those of `encode`; those that the outbox sends: tests/integration/test_records_in_kafka.py.
"""

import datetime as dt
import json
from uuid import UUID, uuid4

import pytest

from shared.events import TOPICS, Message, Topic, encode, source_of
from shared.events.structured import structured
from tests.kit.sdks import SDKS, check, expected

pytestmark = pytest.mark.long

AT = dt.datetime(2025, 11, 6, 3, 12, 0, 250_000, tzinfo=dt.UTC)
"""In milliseconds: JavaScript's dates hold no finer ones, and its SDK makes one of `time`."""

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def records_of(topic: Topic) -> list[Message]:
    event = topic.event.model_validate_json(json.dumps(dict(topic.event.example)))
    source = source_of(topic.owner)
    records = [encode(event, id=uuid4(), time=AT, source=source, traceparent=TRACE)]
    if topic.tombstones:
        key = str(UUID(int=7))
        records.append(encode(None, id=uuid4(), time=AT, source=source, topic=topic.name, key=key))
    return records


SENT = [record for topic in TOPICS.values() for record in records_of(topic)]


def test_there_is_a_record_of_every_topic_and_a_tombstone_where_there_can_be_one() -> None:
    assert {record.topic for record in SENT} == set(TOPICS)
    assert [record.topic for record in SENT if record.value is None] == ["directory.employee.v1"]


def test_what_is_expected_of_an_sdk_is_what_was_said() -> None:
    for record in SENT:
        wanted = expected(record)
        assert (wanted["type"], wanted["dataschema"]) == (record.topic, f"urn:hadir:schema:{record.topic}")
        assert (wanted["source"], wanted["time"]) == (source_of(TOPICS[record.topic].owner), AT)


@pytest.mark.parametrize("language", SDKS)
def test_records_of_every_topic_are_read_in_binary_and_in_structured_mode_tombstones_too(language: str) -> None:
    # All records at once: an SDK starts for seconds and reads for none.
    check(language, SENT, SDKS[language](SENT, [structured(record) for record in SENT]))
