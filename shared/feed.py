"""The feed: a topic over HTTP, a page at a time, for those who have no Kafka client.

A cursor is the next offset of each partition. Kafka writes a partition in the order of its offsets and shows none
before those below it are settled, so a cursor passes over nothing, however late what came before it was committed:
no sequence of a database promises that. Nothing is kept here of who reads how far.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared import cursors
from shared.events.topics import Topic
from shared.log import Log, Offsets, Record, TopicPartition, readable_records, reading
from shared.refusals import FieldError, Invalid
from shared.settings import KafkaSettings


class Position(NamedTuple):
    """How far a reader has come in a topic: the next offset of each partition, in their order."""

    topic: str
    offsets: tuple[int, ...]

    def written(self) -> str:
        return cursors.encode_cursor(self.topic, *self.offsets)


def position_of(cursor: str, topic: Topic) -> Position:
    """What a cursor says; raises Invalid for one that is not of this topic's feed."""
    name, *offsets = cursors.read_cursor(cursor, str, *[int] * topic.partitions)
    if name != topic.name:
        raise Invalid("cursor.invalid", errors=[FieldError("cursor", "feed.other_topic", {"topic": name})])
    return Position(name, tuple(offsets))


async def page(
    settings: KafkaSettings,
    client: Mapping[str, Any],
    topic: Topic,
    after: Position | None,
    *,
    limit: int,
    wait_s: float,
) -> tuple[list[Record], Position]:
    """At most `limit` records after the position, None for the beginning, and the position after them.

    Where there are none, waits so many seconds for the first. Records that no reader takes (of a foreign source,
    or outside the bounds) are passed over. Raises Invalid for a position that the topic does not hold any more,
    and KafkaError.
    """
    async with reading(client, [topic.name], rewound=False) as log:
        begins, ends = await log.begins(), await log.ends()
        start = _start(after, begins, ends)
        log.only(start)
        there = any(start[partition] < end for partition, end in ends.items())
        records, reached = await (log.some(ends, limit) if there else log.coming(limit, wait_s))
        return readable_records(records, settings), _position(topic.name, reached)


async def between(
    settings: KafkaSettings, log: Log, after: Position, ends: Position, *, limit: int
) -> tuple[list[Record], Position]:
    """The same of an open log, before `ends`, which the topic holds: what was read once is read again."""
    partitions = [TopicPartition(after.topic, number) for number in range(len(after.offsets))]
    log.only(dict(zip(partitions, after.offsets, strict=True)))
    records, reached = await log.some(dict(zip(partitions, ends.offsets, strict=True)), limit)
    return readable_records(records, settings), _position(after.topic, reached)


async def borders(log: Log, topic: str) -> tuple[Position, Position]:
    """Where a topic of an open log begins and ends now."""
    of = [partition for partition in log.everything if partition.topic == topic]
    return _position(topic, await log.begins(of)), _position(topic, await log.ends(of))


async def starts(
    client: Mapping[str, Any], topics: Sequence[str], *, from_start: bool
) -> dict[str, tuple[int, ...]]:
    """Where topics begin, or end now: the offset of each partition. Raises KafkaError."""
    if not topics:
        return {}
    async with reading(client, topics, rewound=False) as log:
        found = {topic: await borders(log, topic) for topic in topics}
    return {topic: (begin if from_start else end).offsets for topic, (begin, end) in found.items()}


def _position(topic: str, offsets: Offsets) -> Position:
    return Position(topic, tuple(offsets[partition] for partition in sorted(offsets)))


def _start(after: Position | None, begins: Offsets, ends: Offsets) -> Offsets:
    if after is None:
        return begins
    start = dict(zip(sorted(begins), after.offsets, strict=True))
    for partition, offset in start.items():
        if offset > ends[partition]:
            raise Invalid("cursor.invalid", errors=[FieldError("cursor", "feed.beyond_end")])
        if offset < begins[partition]:
            raise Invalid("cursor.invalid", errors=[FieldError("cursor", "feed.no_longer_kept")])
    return start
