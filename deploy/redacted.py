"""A record without what it says: names of the contract, kinds and lengths, never a value of its own."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from shared.events import TOPICS, InvalidEvent, UnknownType, decode
from shared.events.base import SERVICES
from shared.events.envelope import source_of
from shared.log import Record

MOST_LINES = 200
_NAME = re.compile(
    r"ce_(id|type|source|subject|time|dataschema|specversion)|content-type|traceparent|hadir_[a-z_]{1,20}"
)


def lines_of(record: Record, trusted: frozenset[str]) -> Iterator[str]:
    """What may be told of a record, and why it cannot be read if it cannot."""
    written = datetime.fromtimestamp(record.timestamp / 1000).astimezone()
    yield f"written: {written.isoformat(timespec='milliseconds')}"
    yield f"key: {_kind(record.key)}"
    for name, value in record.headers:
        told = name if _NAME.fullmatch(name) else f"({len(name)} characters)"
        yield f"header {told}: {_header(name, value)}"
    yield f"read: {_read(record, trusted)}"
    yield from _value(record)


def _header(name: str, value: bytes | None) -> str:
    """Where it comes from and when is told in full, if it is what it should be."""
    text = (value or b"").decode(errors="replace")
    known: Mapping[str, set[str]] = {
        "ce_type": {*TOPICS},
        "ce_source": {source_of(name) for name in SERVICES},
        "ce_specversion": {"1.0"},
    }
    if text in known.get(name, ()) or (name == "ce_id" and _is(UUID, text)):
        return text
    if name == "ce_time" and _is(datetime.fromisoformat, text):
        return text
    return _kind(value)


def _is(reads: Any, text: str) -> bool:
    try:
        reads(text)
    except ValueError:
        return False
    return len(text) < 50


def _kind(raw: bytes | None) -> str:
    if raw is None:
        return "none"
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"{len(raw)} bytes, not UTF-8"
    return f"a UUID ({len(text)} characters)" if _is(UUID, text) else f"{len(text)} characters"


def _read(record: Record, trusted: frozenset[str]) -> str:
    try:
        decode(record.topic, record.key, record.value, record.headers, trusted)
    except InvalidEvent as error:
        # What the contract itself says of a field; pydantic's words name no input.
        return f"no, {error.reason}: {_contract_only(error.detail, record.topic)}"
    except UnknownType:
        return "no, unknown_type"
    except Exception as error:
        return f"no, {type(error).__name__}"
    return "yes, by this version"


def _contract_only(detail: str, topic: str) -> str:
    """The detail, if the field that it names is one of the contract."""
    field, colon, rest = detail.partition(": ")
    parts = [part for part in field.split(".") if not part.isdigit()]
    if colon and not {*parts} <= {*_names(TOPICS[topic].event.model_json_schema()), "value"}:
        return f"a field that the contract does not know: {rest}"
    return detail


def _names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, inner in cast("dict[str, Any]", schema).items():
            if name == "properties":
                yield from inner
            yield from _names(inner)
    elif isinstance(schema, list):
        for inner in cast("list[Any]", schema):
            yield from _names(inner)


def _value(record: Record) -> Iterator[str]:
    if record.value is None:
        yield "value: none"
        return
    try:
        value = json.loads(record.value)
    except ValueError:
        yield f"value: {len(record.value)} bytes that are not JSON"
        return
    known = {*_names(TOPICS[record.topic].event.model_json_schema())}
    yield f"value: {len(record.value)} bytes of JSON"
    for number, line in enumerate(_shape(value, "", known)):
        if number == MOST_LINES:
            yield "  ..."
            return
        yield f"  {line}"


def _shape(value: Any, path: str, known: set[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _shape(inner, f"{path}.{name if name in known else f'({len(name)} characters)'}", known)
    elif isinstance(value, list):
        items = cast("list[Any]", value)
        yield f"{path or '.'}: list of {len(items)}"
        for inner in items[:1]:
            yield from _shape(inner, f"{path}[]", known)
    elif isinstance(value, str):
        yield f"{path or '.'}: text, {_kind(value.encode(errors='surrogatepass'))}"
    else:
        yield f"{path or '.'}: {'null' if value is None else type(value).__name__}"
