"""CloudEvents 1.0 in one JSON object, the form of what is handed over by HTTP: a record of Kafka's, said again.

Source: the JSON event format of CloudEvents 1.0.2.
"""

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from shared.events.envelope import Headers, InvalidEvent

MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"

REQUIRED = ("specversion", "id", "type", "source")
_ATTRIBUTE = re.compile("[a-z0-9]+")
"""What CloudEvents lets an attribute be called."""


class Record(Protocol):
    """A record as Kafka's clients give it, or as `envelope.encode` made it."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


def structured(record: Record) -> bytes:
    """The record as one CloudEvent in JSON, UTF-8: the attributes, and as `data` the value byte for byte.

    `subject` is the record's key where it has one. A tombstone has no `data` and no `datacontenttype`: of the
    topic's `type`, it says that what `subject` names is erased.
    Raises InvalidEvent where an attribute that CloudEvents asks for is missing, a header that counts is not UTF-8
    or stands twice, or the value is not JSON. Whether an event may be believed is asked by `envelope.decode`.
    """
    attributes = _attributes(record.headers)
    if record.key is not None:
        attributes["subject"] = _text("the key", record.key)
    whole: dict[str, str | msgspec.Raw] = {name: value for name, value in attributes.items() if value}
    if record.value is None:
        whole.pop("datacontenttype", None)
    else:
        whole["data"] = _json(record.value)
    return msgspec.json.encode(whole)


def batch(events: Sequence[bytes]) -> bytes:
    """Many events, each as `structured` made it, as one body of the media type BATCH_MEDIA_TYPE."""
    return b"[" + b",".join(events) + b"]"


def _attributes(headers: Headers) -> dict[str, str]:
    """The attributes in the order in which the specification names them, then the extensions by name."""
    given: dict[str, str] = {}
    for name, value in headers:
        attribute = _WITHOUT_PREFIX.get(name) or (name[3:] if name.startswith("ce_") else "")
        if value is None or not _ATTRIBUTE.fullmatch(attribute):
            continue
        if attribute in given:
            raise InvalidEvent("bad_header", f"header {name} stands more than once")
        given[attribute] = _text(f"header {name}", value)
    for name in REQUIRED:
        if not given.get(name):
            raise InvalidEvent("missing_header", f"header ce_{name} is missing")
    first = {name: given.pop(name) for name in (*REQUIRED, "subject", "time") if name in given}
    return first | dict(sorted(given.items()))


_WITHOUT_PREFIX = {"content-type": "datacontenttype", "traceparent": "traceparent"}
"""The content's type, and the extension Distributed Tracing."""


def _text(what: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidEvent("bad_header", f"{what} is not UTF-8") from error


def _json(value: bytes) -> msgspec.Raw:
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent("schema", "value: this is not JSON") from error
    return msgspec.Raw(value)
