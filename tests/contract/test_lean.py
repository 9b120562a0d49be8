"""What reads our own services' records takes nothing that the contract refuses, and reads nothing else in it."""

import datetime as dt
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import (
    TOPICS,
    Event,
    InvalidEvent,
    Message,
    Received,
    Topic,
    decode,
    encode,
    envelope,
    lean,
    source_of,
)
from shared.events.lean import Lean
from tests.contract.spoilt import drawn, every_extreme
from tests.contract.strategies import of_event

AT = dt.datetime(2026, 2, 16, 0, 30, 0, 250_000, tzinfo=dt.UTC)
READ = [topic for topic in TOPICS.values() if lean.reader_of(topic.event) is not None]
BY_THE_DAY = {"schedule.changed.v1", "attendance.recorded.v1", "compliance.changed.v1"}
"""What a city of 24,000 publishes by the ten thousand."""


def written(event: Event) -> Message:
    return encode(event, id=uuid4(), time=AT, source=source_of(event.owner), traceparent="00-a-b-01")


def read(message: Message) -> Received:
    return decode(message.topic, message.key, message.value, message.headers)


def tried(message: Message) -> Received | str:
    """As it is read; the reason if it is refused."""
    try:
        return read(message)
    except InvalidEvent as error:
        return error.reason


def never(*_: object) -> None: ...


def by_pydantic(message: Message) -> Received | str:
    """The same, where nothing is taken as it was written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "_as_written", never)
        return tried(message)


def same(message: Message) -> bool:
    """Whether the record is taken as it was written. Asserts that it is then the very same to every reader."""
    wanted, found = by_pydantic(message), tried(message)
    if not isinstance(wanted, Received) or not isinstance(found, Received):
        assert found == wanted
        return False
    fields, taken = found.given, isinstance(found.given, Lean)
    for name in TOPICS[message.topic].event.model_fields:
        one, other = getattr(fields, name), getattr(wanted.event, name)
        assert (one, type(one)) == (other, type(other)), name
    envelopes = [
        (one.event, one.id, one.type, one.source, one.time, one.key, one.traceparent) for one in (found, wanted)
    ]
    assert envelopes[0] == envelopes[1]
    return taken


def test_what_comes_most_is_read_so() -> None:
    assert {topic.name for topic in READ} >= BY_THE_DAY


@pytest.mark.parametrize("topic", READ, ids=[topic.name for topic in READ])
def test_an_event_as_we_write_it_is_taken_and_has_the_same_fields(topic: Topic) -> None:
    taken = 0

    @given(of_event(topic.event))
    def holds(event: Event) -> None:
        nonlocal taken
        taken += same(written(event))

    holds()
    assert taken > 0


@pytest.mark.parametrize("topic", READ, ids=[topic.name for topic in READ])
def test_it_takes_no_value_that_the_contract_refuses_or_reads_otherwise(topic: Topic) -> None:
    some = written_plain(topic)
    for value in [*every_extreme(topic.name), *drawn(topic.name, 100)]:
        for text in spellings(value):
            key = value.get(topic.key)
            same(
                Message(
                    topic.name,
                    key.encode("utf-8", "replace") if isinstance(key, str) else some.key,
                    text,
                    some.headers,
                )
            )


def written_plain(topic: Topic) -> Message:
    value = next(v for v in every_extreme(topic.name) if not isinstance(by_value(topic, v), str))
    return written(topic.event.model_validate_json(json.dumps(value)))


def by_value(topic: Any, value: Any) -> Any:
    try:
        return topic.event.model_validate_json(json.dumps(value))
    except ValueError:
        return "refused"


def spellings(value: Any) -> list[bytes]:
    """JSON texts of a value: as our services write it, and in ways in which they never do."""
    tight = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    loose = json.dumps(value).encode()
    twice = tight[:-1] + b"," + tight[1:] if tight not in (b"{}",) else tight
    return [tight, loose, tight + b" ", twice, tight.replace(b"Z", b"z"), tight.replace(b"T", b" ")]


HEADERS = st.sampled_from(
    [
        b"", b'"', b"\xff", b"0192f1d4-7c1e-7b57-9d43-0a6f3c6f1c55", b"0192F1D4-7c1e-7b57-9d43-0a6f3c6f1c55",
        b"0192f1d47c1e7b579d430a6f3c6f1c55", b"2026-02-16T00:30:00+00:00", b"2026-02-16T00:30:00Z",
        b"2026-02-16T00:30:00.1234567Z", b"1900-01-01T00:00:00+07:00", b"2026-02-16T07:30:00+07:00",
        b"2026-02-16T00:30:00+00:00+00:00", b"2026-02-16 00:30:00Z", b'2026-02-16T00:30:00Z","', None,
    ]
)  # fmt: skip
NAMES = [
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "content-type",
]


@given(st.sampled_from([*NAMES, "traceparent"]), HEADERS, st.sampled_from([*NAMES, "other"]), st.booleans())
def test_headers_of_any_other_kind_are_read_as_ever(
    name: str, value: bytes | None, more: str, moved: bool
) -> None:
    topic = TOPICS["attendance.recorded.v1"]
    one = written_plain(topic)
    headers: list[Any] = [(header, value if header == name else was) for header, was in one.headers]
    if moved:
        headers = [*headers[1:], (more, value)]
    changed = Message(one.topic, one.key, one.value, headers)
    try:
        same(changed)
    except envelope.UnknownType:
        assert name == "ce_type" or moved


@pytest.mark.parametrize("key", [None, b"", b"x", str(UUID(int=5)).encode(), str(UUID(int=5)).upper().encode()])
def test_another_key_than_the_values_is_refused(key: bytes | None) -> None:
    one = written_plain(TOPICS["attendance.recorded.v1"])
    with pytest.raises(InvalidEvent, match="wrong_key"):
        decode(one.topic, key, one.value, one.headers)
