"""CloudEvents 1.0 in Kafka's binary mode: what is written around an event, and how it is read back.

Source: CloudEvents specification 1.0.2 and its Kafka protocol binding 1.0.2.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from shared.events.base import Event
from shared.events.topics import TOPICS

CONTENT_TYPE = "application/json"
SCHEMA_PREFIX = "urn:hadir:schema:"

Headers = Sequence[tuple[str, bytes | None]]

# An escaped NUL; with a backslash before its own it is the text `\u0000`, and harmless.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class InvalidEvent(Exception):
    """A record that can never be read. `reason` is a short code fit for a metric label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


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


@dataclass(frozen=True, slots=True)
class Received:
    """One event as it came, with its record's key. `event` is None for a tombstone: the key says whose."""

    event: Event | None
    id: UUID
    type: str
    source: str
    time: datetime
    key: str
    traceparent: str | None


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
    """The record of `event`. A tombstone is `event=None` with `topic` and `key` given."""
    name = event.topic if event is not None else topic
    subject = event.key if event is not None else key
    if name is None or subject is None:
        raise ValueError("a tombstone needs its topic and key")
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(id).encode()),
        ("ce_type", name.encode()),
        ("ce_source", source.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", time.isoformat().encode()),
        ("ce_dataschema", f"{SCHEMA_PREFIX}{name}".encode()),
        ("content-type", CONTENT_TYPE.encode()),
    ]
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    value = event.model_dump_json().encode() if event is not None else None
    return Message(name, subject.encode(), value, headers)


class _Attributes(TypedDict):
    """The CloudEvents attributes that a consumer requires; other headers are ignored."""

    ce_specversion: Literal["1.0"]
    ce_id: UUID
    ce_type: str
    ce_source: str
    ce_time: AwareDatetime


# One call into compiled code for all of them: this runs once for each record of the log.
_ATTRIBUTES = TypeAdapter[_Attributes](_Attributes)


def _attributes(given: Mapping[str, bytes | None]) -> _Attributes:
    texts: dict[str, str] = {}
    for name in _Attributes.__annotations__:
        value = given.get(name)
        if value is None:
            raise InvalidEvent("missing_header", f"header {name} is missing")
        try:
            texts[name] = value.decode()
        except UnicodeDecodeError as error:
            raise InvalidEvent("bad_header", f"header {name} is not UTF-8") from error
    try:
        return _ATTRIBUTES.validate_python(texts)
    except ValidationError as error:
        name = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        if name == "ce_specversion":
            raise InvalidEvent("unsupported_specversion", "ce_specversion is not 1.0") from error
        wanted = "a UUID" if name == "ce_id" else "an RFC 3339 time with offset"
        raise InvalidEvent("bad_header", f"{name} is not {wanted}") from error


def decode(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Received:
    """Read one record of a known topic.

    Raises InvalidEvent where no later version of this program could read it, UnknownType where one could.
    """
    given = dict(headers)
    said = _attributes(given)
    event_id, type_, source, time = said["ce_id"], said["ce_type"], said["ce_source"], said["ce_time"]
    if type_ != topic:
        raise UnknownType(type_)
    contract = TOPICS[topic]
    trace = given.get("traceparent")
    traceparent = trace.decode("ascii", "ignore") if trace else None
    subject = key.decode("utf-8", "replace") if key else ""
    if value is None:
        if not contract.tombstones:
            raise InvalidEvent("null_value", "the topic has no tombstones")
        if not subject:
            raise InvalidEvent("missing_key", "a tombstone needs a key")
        try:
            return Received(None, event_id, type_, source, time, str(UUID(subject)), traceparent)
        except ValueError as error:
            raise InvalidEvent("bad_key", "the key of a tombstone is not a UUID") from error
    if b"\\u0000" in value and _NUL.search(value):
        raise InvalidEvent("nul_character", "text with a NUL character cannot be stored")
    try:
        event = contract.event.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "value"
        raise InvalidEvent("schema", f"{field}: {first['msg']}") from error
    return Received(event, event_id, type_, source, time, subject, traceparent)
