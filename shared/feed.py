"""The feed: a topic over HTTP, a page at a time, for those who have no Kafka client.

A cursor is the next offset of each partition. Kafka writes a partition in the order of its offsets and shows none
before those below it are settled, so a cursor passes over nothing, however late what came before it was committed:
no sequence of a database promises that. Nothing is kept here of who reads how far.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared import cursors
from shared.events.topics import Topic
from shared.log import Offsets, Record, readable_records, reading
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
        partitions = sorted(log.partitions)
        begins, ends = await log.begins(), await log.ends()
        log.only(_start(after, begins, ends))
        records = await log.some(ends, limit, wait_s)
        reached = await log.positions()
        return readable_records(records, settings), Position(topic.name, tuple(reached[p] for p in partitions))


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
