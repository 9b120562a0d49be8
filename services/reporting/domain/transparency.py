"""Which records are kept under Merkle trees, by what name each goes, what a leaf is, and what a checkpoint says.

Every topic that keeps its records for ever has a tree for each partition. Outside stand the people of the
directory, whose topic is compacted so that an erasure erases, and the checkpoints themselves: each binds all that
those before it did.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.reporting.domain.merkle import HASH
from shared.events import TOPICS, LogCheckpoint, Topic

CHECKPOINTS = LogCheckpoint.topic
MARK = 4
"""Bytes of what a record's id is looked up by."""
NO_MARK = bytes(MARK)

Headers = Sequence[tuple[str, bytes | None]]


def under_trees() -> tuple[Topic, ...]:
    """The topics whose records are kept under trees, as the contract lists them."""
    return tuple(
        topic
        for topic in TOPICS.values()
        if topic.config.get("cleanup.policy") == "delete" and topic.name != CHECKPOINTS
    )


class LogName(NamedTuple):
    """A partition of a topic; as text `topic/partition`, the key of its checkpoints."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"

    @classmethod
    def of(cls, text: str) -> "LogName":
        """From text. Raises ValueError where it names no partition."""
        topic, parted, partition = text.rpartition("/")
        if not topic or not parted or not re.fullmatch(r"0|[1-9][0-9]{0,8}", partition):
            raise ValueError(f"{text!r} is no log: write it as topic/partition")
        return cls(topic, int(partition))


def origin_of(city: str, log: LogName) -> str:
    """The first line of a checkpoint, and the name of the key that signs it (C2SP tlog-checkpoint)."""
    return f"{city}/{log}"


_ABSENT = b"\xff\xff\xff\xff"
_LENGTHS = [length.to_bytes(4, "big") for length in range(2048)]
_NAMES = dict[str, bytes]()
_MOST_NAMES = 1000


def _field(value: bytes | None) -> bytes:
    if value is None:
        return _ABSENT
    return (_LENGTHS[len(value)] if len(value) < len(_LENGTHS) else len(value).to_bytes(4, "big")) + value


def entry_of(key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """A record as a leaf has it: key, value, the number of headers, then of each its name and value, in order.

    Each is its length in four bytes, the highest first, and its bytes; ff ff ff ff where there is none. So no two
    records have the same bytes, and any client reads the same ones. A record's offset and timestamp are no part of
    it: they differ in a copy of the topic, and between its records stand markers of transactions.
    """
    parts = [_field(key), _field(value), len(headers).to_bytes(4, "big")]
    for name, content in headers:
        known = _NAMES.get(name)
        if known is None:
            known = _field(name.encode())
            if len(_NAMES) < _MOST_NAMES:
                _NAMES[name] = known
        parts.append(known)
        # As `_field`, spelled out: this runs nine times for each record of the log.
        if content is None:
            parts.append(_ABSENT)
        else:
            length = len(content)
            parts.append(_LENGTHS[length] if length < 2048 else length.to_bytes(4, "big"))
            parts.append(content)
    return b"".join(parts)


Encoding = Literal["utf-8", "base64"]


class Written(NamedTuple):
    """A record as text: all of it as UTF-8, or, where one part of it is none, all of it in base64."""

    encoding: Encoding
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]


def written(key: bytes | None, value: bytes | None, headers: Headers) -> Written:
    """A record as text; `read_again` gives its bytes."""
    try:
        return _written("utf-8", bytes.decode, key, value, headers)
    except UnicodeDecodeError:
        return _written("base64", lambda part: b64encode(part).decode(), key, value, headers)


def _written(
    encoding: Encoding, text: Callable[[bytes], str], key: bytes | None, value: bytes | None, headers: Headers
) -> Written:
    return Written(
        encoding,
        text(key) if key is not None else None,
        text(value) if value is not None else None,
        [(name, text(content) if content is not None else None) for name, content in headers],
    )


def read_again(record: Written) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers of a record that was written as text. Raises ValueError where it is no such text."""
    read: Callable[[str], bytes] = str.encode if record.encoding == "utf-8" else _from_base64
    return (
        read(record.key) if record.key is not None else None,
        read(record.value) if record.value is not None else None,
        [(name, read(content) if content is not None else None) for name, content in record.headers],
    )


def _from_base64(text: str) -> bytes:
    return b64decode(text, validate=True)


def ce_id_of(headers: Headers) -> str | None:
    """The id of the event, as its header has it; None where there is none that can be read."""
    for name, content in headers:
        if name == "ce_id" and content is not None:
            return content.decode("ascii", "replace")
    return None


def mark_of(ce_id: str | None) -> bytes:
    """By what a record is looked up that has this id: its last bytes, which every kind of UUID draws at random."""
    try:
        found = bytes.fromhex(ce_id[-2 * MARK :]) if ce_id is not None else NO_MARK
    except ValueError:
        return NO_MARK
    return found if len(found) == MARK else NO_MARK


_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([^\n]+)\n")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the tree of a log was: its number of leaves, and its root."""

    origin: str
    size: int
    root: bytes

    @property
    def root_text(self) -> str:
        """The root in base64."""
        return b64encode(self.root).decode()

    def text(self) -> str:
        """As it is signed (C2SP tlog-checkpoint)."""
        return f"{self.origin}\n{self.size}\n{self.root_text}\n"

    @classmethod
    def of(cls, text: str) -> "Checkpoint":
        """From the text of a note. Raises ValueError where it is no checkpoint."""
        found = _CHECKPOINT.fullmatch(text)
        if found is None:
            raise ValueError("it is no checkpoint: an origin, a size and a root hash, each in its line")
        origin, size, root = found.groups()
        try:
            decoded = b64decode(root, validate=True)
        except ValueError as error:
            raise ValueError("its root hash is no base64") from error
        if len(decoded) != HASH:
            raise ValueError("its root hash is none of SHA-256")
        return cls(origin, int(size), decoded)
