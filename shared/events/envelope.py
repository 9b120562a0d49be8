"""CloudEvents 1.0 in Kafka's binary mode: what is written around an event, and how it is read back.

Source: CloudEvents specification 1.0.2 and its Kafka protocol binding 1.0.2.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from pydantic_core import ValidationError

from shared.events import lean
from shared.events.base import ID_AND_TIME, MAX_VALUE_BYTES, Event
from shared.events.lean import Lean
from shared.events.topics import TOPICS

CONTENT_TYPE = "application/json"
SCHEMA_PREFIX = "urn:hadir:schema:"
MAX_HEADERS = 100
MAX_HEADER_BYTES = 300
"""Of each header that says something here; others are not looked at."""

Headers = Sequence[tuple[str, bytes | None]]

# An escaped NUL; with a backslash before its own it is the text `\u0000`, and harmless.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class InvalidEvent(Exception):
    """A record that can never be read. `reason` is a short code fit for a metric label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class EventTooLarge(ValueError):
    """The event would not fit into a Kafka record. Refuse the command that made it."""


HEARTBEAT = "heartbeat.v1"
"""The type of records that say nothing: see shared/heartbeat.py."""


class UnknownType(Exception):
    """A well-formed CloudEvent of a type this version does not know: a newer producer; skipped, counted."""

    def __init__(self, type_: str) -> None:
        super().__init__(type_)
        self.type = type_


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka record, ready to send."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Received(Struct, gc=False):
    """One event as it came, with its record's key: `Received(event, id, ...)`.

    `given` has the event's fields: the event itself, or what was read of it by `shared.events.lean` from `value`;
    None for a tombstone, of which the key says whose it is. Who needs but fields asks it; `event` is always whole.
    """

    given: Event | Lean | None
    id: UUID
    type: str
    source: str
    time: datetime
    key: str
    traceparent: str | None
    value: bytes = b""

    @property
    def event(self) -> Event | None:
        """The event; None for a tombstone."""
        if isinstance(self.given, Lean):
            self.given = _expected(self.type).validate(self.value)
        return self.given


def encode(
    event: Event | None,
    *,
    id: UUID,
    time: datetime,
    source: str,
    traceparent: str | None = None,
    topic: str | None = None,
    key: str | None = None,
) -> Message:
    """The record of `event`. A tombstone is `event=None` with `topic` and `key` given.

    Raises EventTooLarge for what no reader would take: more than MAX_VALUE_BYTES.
    """
    name, subject, value = body_of(event, topic=topic, key=key)
    headers = _headers(name, source, id=str(id).encode(), subject=subject.encode(), time=time.isoformat().encode())
    if traceparent is not None:
        headers.insert(_TRACE_AT, ("traceparent", traceparent.encode()))
    return Message(name, subject.encode(), value, headers)


def body_of(
    event: Event | None, *, topic: str | None = None, key: str | None = None
) -> tuple[str, str, bytes | None]:
    """(topic, key, value) of the record of an event or a tombstone; raises as `encode` does."""
    name = event.topic if event is not None else topic
    subject = event.key if event is not None else key
    if name is None or subject is None:
        raise ValueError("a tombstone needs its topic and key")
    value = event.__pydantic_serializer__.to_json(event) if event is not None else None
    if value is not None and len(value) > MAX_VALUE_BYTES:
        raise EventTooLarge(
            f"an event of {name} has {len(value)} bytes, more than {MAX_VALUE_BYTES}; make it smaller"
        )
    return name, subject, value


@cache
def headers_alike(topic: str, source: str) -> Mapping[str, str]:
    """What all records of a topic say: all but `ce_id`, `ce_subject`, `ce_time` and `traceparent`."""
    return {name: value.decode() for name, value in _headers(topic, source) if value}


def source_of(service: str) -> str:
    """The `ce_source` of what a service publishes."""
    return f"/hadir/{service}"


class _Expected(NamedTuple):
    """What a record of one topic must say, as bytes."""

    type: bytes
    source: bytes
    owner: str
    validate: Callable[[bytes], Event]
    key_field: str
    tombstones: bool
    lean: lean.Reader | None


@cache
def _expected(name: str) -> _Expected:
    topic = TOPICS[name]
    source = source_of(topic.owner)
    return _Expected(
        name.encode(),
        source.encode(),
        source,
        topic.event.model_validate_json,
        topic.key,
        topic.tombstones,
        lean.reader_of(topic.event),
    )


def _headers(
    type_: str, source: str, *, id: bytes = b"", subject: bytes = b"", time: bytes = b""
) -> list[tuple[str, bytes]]:
    """The headers of a record, in the order in which they are written.

    It is that of the names in a jsonb, the outbox's: short ones first, then as their bytes go.
    """
    return [
        ("ce_id", id),
        ("ce_time", time),
        ("ce_type", type_.encode()),
        ("ce_source", source.encode()),
        ("ce_subject", subject),
        ("content-type", CONTENT_TYPE.encode()),
        ("ce_dataschema", f"{SCHEMA_PREFIX}{type_}".encode()),
        ("ce_specversion", b"1.0"),
    ]


_TRACE_AT = 5
"""The place of `traceparent` among them, where there is one."""


def _header(given: Mapping[str, bytes | None], name: str) -> bytes:
    value = given.get(name)
    if value is None:
        raise InvalidEvent("missing_header", f"header {name} is missing")
    if len(value) > MAX_HEADER_BYTES:
        raise InvalidEvent("bad_header", f"header {name} is longer than {MAX_HEADER_BYTES} bytes")
    return value


def _header_text(given: Mapping[str, bytes | None], name: str) -> str:
    try:
        return _header(given, name).decode()
    except UnicodeDecodeError as error:
        raise InvalidEvent("bad_header", f"header {name} is not UTF-8") from error


def decode(
    topic: str, key: bytes | None, value: bytes | None, headers: Headers, trusted: Collection[str] = ()
) -> Received:
    """Read one record of a known topic: from the topic's owner, or a source in `trusted`, and under its own key.

    Raises InvalidEvent where no later version of this program could read it, UnknownType where one could. What
    costs most is asked last: nothing is parsed that is too large, of another type or from someone else.
    """
    expected = _expected(topic)
    if (received := _as_written(expected, topic, key, value, headers)) is not None:
        return received
    given = dict(headers)
    if len(given) != len(headers) or len(headers) > MAX_HEADERS:
        _refuse_repeated(headers)
    if given.get("ce_specversion") != b"1.0":
        _header_text(given, "ce_specversion")
        raise InvalidEvent("unsupported_specversion", "ce_specversion is not 1.0")
    if given.get("ce_type") != expected.type:
        raise UnknownType(_header_text(given, "ce_type"))
    event_id, time = _id_and_time(given)
    source = expected.owner
    if given.get("ce_source") != expected.source and (source := _header_text(given, "ce_source")) not in trusted:
        raise InvalidEvent("foreign_source", f"only {expected.source.decode()} publishes {topic}")
    trace = given.get("traceparent")
    traceparent = trace.decode("ascii", "ignore") if trace and len(trace) <= MAX_HEADER_BYTES else None
    if value is None:
        if not expected.tombstones:
            raise InvalidEvent("null_value", "the topic has no tombstones")
        return Received(None, event_id, topic, source, time, _key_of_tombstone(key), traceparent)
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidEvent("too_large", f"the value has more than {MAX_VALUE_BYTES} bytes")
    if b"\\" in value and _NUL.search(value):
        raise InvalidEvent("nul_character", "text with a NUL character cannot be stored")
    try:
        event = expected.validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "value"
        raise InvalidEvent("schema", f"{field}: {first['msg']}") from error
    # Most values are flat, with no whitespace after a name. If there are as many names as known fields, none of
    # them stands twice; only the others are read once more.
    if value.count(b'":') != len(event.model_fields_set) or (
        len(value.split(None, 1)) > 1 and (b'" ' in value or b"\n" in value or b"\t" in value or b"\r" in value)
    ):
        _refuse_twice(value)
    subject = event.key
    if key != subject.encode():
        # Under another spelling of the id its records would lie in another partition, in no order with these.
        raise InvalidEvent("wrong_key", f"the key is not the {expected.key_field} of the value, as text")
    return Received(event, event_id, topic, source, time, subject, traceparent)


_NAMES = ("ce_id", "ce_time", "ce_subject", "content-type", "ce_dataschema")
_VERSION = ("ce_specversion", b"1.0")


def _as_written(
    expected: _Expected, topic: str, key: bytes | None, value: bytes | None, headers: Headers
) -> Received | None:
    """A record that is just what `encode` makes of an event; None for any other.

    What no reader asks for, the address of the schema among it, may be as it likes.
    """
    if expected.lean is None or value is None or key is None or len(value) > MAX_VALUE_BYTES:
        return None
    if not _TRACE_AT + 3 <= len(headers) <= _TRACE_AT + 4:
        return None
    (id_name, id), (time_name, time), type_, source, (subject, _), *more = headers
    trace: bytes | None = b""
    if len(more) == 4:
        (trace_name, trace), *more = more
        if trace_name != "traceparent" or trace is None or len(trace) > MAX_HEADER_BYTES:
            return None
    (content, _), (schema, _), version = more
    if (
        (id_name, time_name, subject, content, schema) != _NAMES
        or (type_, source, version) != (("ce_type", expected.type), ("ce_source", expected.source), _VERSION)
        or id is None
        or time is None
        or (read := expected.lean(key, id, time, value)) is None
    ):
        return None
    event_id, at, fields = read
    traceparent = trace.decode("ascii", "ignore") if trace else None
    return Received(fields, event_id, topic, expected.owner, at, key.decode(), traceparent, value)


def _refuse_repeated(headers: Headers) -> None:
    """Readers differ in which of two they take, so those that say what came stand once."""
    if len(headers) > MAX_HEADERS:
        raise InvalidEvent("bad_header", f"there are more than {MAX_HEADERS} headers")
    names = [name for name, _ in headers if name.startswith("ce_")]
    for name in names:
        if names.count(name) > 1:
            raise InvalidEvent("bad_header", f"header {name[:50]} stands more than once")


def _id_and_time(given: Mapping[str, bytes | None]) -> tuple[UUID, datetime]:
    event_id, time = given.get("ce_id"), given.get("ce_time")
    if time is not None and len(time) > MAX_HEADER_BYTES:
        _header(given, "ce_time")
    try:
        # One call into compiled code for both: this runs once for each record of the log.
        return ID_AND_TIME.validate_python((event_id, time))
    except ValidationError as error:
        for name in ("ce_id", "ce_time"):
            _header(given, name)
        if error.errors(include_url=False, include_input=False)[0]["loc"][0] == 0:
            raise InvalidEvent("bad_header", "ce_id is not a UUID in plain form") from error
        wanted = "an RFC 3339 time with offset of the years 1900 to 2999"
        raise InvalidEvent("bad_header", f"ce_time is not {wanted}") from error


def _key_of_tombstone(key: bytes | None) -> str:
    if not key:
        raise InvalidEvent("missing_key", "a tombstone needs a key")
    try:
        subject = key[:MAX_HEADER_BYTES].decode()
        if str(UUID(subject)) == subject:
            return subject
    except ValueError:
        pass
    raise InvalidEvent("bad_key", "the key of a tombstone is not a UUID in plain lower-case form")


def _refuse_twice(value: bytes) -> None:
    """Refuse a name that an object has twice, of which readers take the first, the last or none, and the numbers
    that JSON does not have."""
    try:
        json.loads(value, object_pairs_hook=_each_once, parse_constant=_no_number, parse_int=str, parse_float=str)
    except _Twice as error:
        raise InvalidEvent("duplicate_name", "a name stands twice in one object") from error
    except ValueError as error:
        raise InvalidEvent("schema", "value: this is not JSON") from error


class _Twice(Exception):
    pass


def _each_once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Twice


def _no_number(text: str) -> None:
    raise ValueError(text)
