"""Reading topics from their beginning: for a rebuild, for a repair, for `hadir tail`.

Joins no group and commits nothing, so it disturbs no consumer and can be broken off at any time.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared import failures
from shared.events import InvalidEvent, Received, UnknownType, decode
from shared.settings import KafkaSettings

log = logging.getLogger(__name__)

Record = ConsumerRecord[bytes | None, bytes | None]
Offsets = dict[TopicPartition, int]
Batch = TypeVar("Batch")

_AT_ONCE = 5000


class Log:
    """Some topics, read on from where the last reading ended. Made by `reading`."""

    def __init__(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self.everything = tuple(partitions)
        """The partitions of all topics that were opened."""
        self.partitions = self.everything
        """Those that are read now."""

    async def begins(self, of: Collection[TopicPartition] | None = None) -> Offsets:
        """The first offset that each partition still holds, of those that are read or of others."""
        return await self._consumer.beginning_offsets(self.partitions if of is None else of)

    async def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Of one partition the same, and the end as below; (0, 0) where the topic had no such one when it was
        opened."""
        if partition not in self.everything:
            return 0, 0
        begins, ends = await self.begins([partition]), await self.ends([partition])
        return begins[partition], ends[partition]

    async def ends(self, of: Collection[TopicPartition] | None = None) -> Offsets:
        """The offset after the last one that may be read now; an open transaction holds it back."""
        return await self._consumer.end_offsets(self.partitions if of is None else of)

    def only(self, offsets: Offsets) -> None:
        """Read these partitions and no others from now on, each from its offset."""
        self.partitions = tuple(offsets)
        self._consumer.assign(self.partitions)
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)

    async def rewind(self) -> None:
        """Go back to the first record of every partition."""
        for partition, offset in (await self.begins()).items():
            self._consumer.seek(partition, offset)

    async def upto(self, ends: Offsets, topics: Collection[str] | None = None) -> AsyncGenerator[list[Record]]:
        """The records before `ends` that were not read yet, oldest first in each partition, in batches.

        `topics`: of these only. A batch may go beyond `ends` where more has come meanwhile.
        """
        left = [p for p in self.partitions if topics is None or p.topic in topics]
        while left := await self._before(left, ends):
            polled = await self._consumer.getmany(*left, timeout_ms=1000, max_records=_AT_ONCE)
            for records in polled.values():
                yield records

    async def some(self, ends: Offsets, limit: int) -> tuple[list[Record], Offsets]:
        """At most `limit` records before `ends` from where the reading stands, and the offsets after them."""
        found = list[Record]()
        left = await self._before(self.partitions, ends)
        while left and len(found) < limit:
            polled = await self._consumer.getmany(*left, timeout_ms=1000, max_records=limit - len(found))
            for partition, records in polled.items():
                found += [record for record in records if record.offset < ends[partition]]
            left = await self._before(left, ends)
        reached = await self._positions()
        return found, {partition: min(reached[partition], ends[partition]) for partition in reached}

    async def coming(self, limit: int, wait_s: float) -> tuple[list[Record], Offsets]:
        """At most `limit` records that come within so many seconds, and the offsets after them."""
        polled = await self._consumer.getmany(timeout_ms=round(wait_s * 1000), max_records=limit)
        return [record for records in polled.values() for record in records], await self._positions()

    async def _positions(self) -> Offsets:
        return {partition: await self._consumer.position(partition) for partition in self.partitions}

    async def _before(self, partitions: Sequence[TopicPartition], ends: Offsets) -> list[TopicPartition]:
        return [p for p in partitions if await self._consumer.position(p) < ends[p]]

    async def follow(self, *, from_start: bool) -> AsyncGenerator[Record]:
        """Every record from the beginning, or from now on, without an end."""
        if from_start:
            await self.rewind()
        else:
            await self._consumer.seek_to_end(*self.partitions)
        while True:
            yield await self._consumer.getone()


async def each(batches: AsyncGenerator[Batch], do: Callable[[Batch], Awaitable[None]], *, at_once: int) -> None:
    """Do it with every batch, `at_once` of them at the same time, while the next is read.

    Raises the first failure, when nothing is under way any more.
    """
    under_way: set[asyncio.Task[None]] = set()
    try:
        async for batch in batches:
            if len(under_way) >= at_once:
                ended, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(*ended)
            under_way.add(asyncio.create_task(_await(do(batch))))
        await asyncio.gather(*under_way)
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _await(work: Awaitable[None]) -> None:
    await work


@asynccontextmanager
async def reading(
    client: Mapping[str, Any], topics: Sequence[str], *, uncommitted: bool = False, rewound: bool = True
) -> AsyncGenerator[Log]:
    """Open `topics` at their beginning; one that does not exist has no partitions.

    `client` holds the connection arguments of a Kafka client. `uncommitted` shows what is written under a
    transaction before it is committed, or although it never is. Where they are not `rewound`, nothing is read
    until `Log.only` says from where on.
    """
    partitions = await _partitions(client, topics)
    consumer: Any = AIOKafkaConsumer(
        **client,
        group_id=None,
        isolation_level="read_uncommitted" if uncommitted else "read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        # The client's own tasks begin: one that is cancelled before that ends `stop` with its CancelledError.
        await asyncio.sleep(0)
        opened = Log(consumer, partitions)
        if partitions and rewound:
            consumer.assign(partitions)
            await opened.rewind()
        yield opened
    finally:
        await consumer.stop()


async def at(log: Log, topic: str, partition: int, offset: int) -> Record | None:
    """The record at an offset; None where none stands there, or none any more. `log` reads there alone from now
    on."""
    wanted = TopicPartition(topic, partition)
    begin, end = await log.bounds(wanted)
    if not begin <= offset < end:
        return None
    log.only({wanted: offset})
    async for records in log.upto({wanted: offset + 1}):
        for record in records:
            if record.offset == offset:
                return record
            if record.offset > offset:
                return None
    return None


async def nth(client: Mapping[str, Any], topic: str, partition: int, offset: int, place: int) -> Record | None:
    """The record so many after the first one at or behind the offset; None where the log ends before."""
    async with reading(client, [topic], rewound=False) as log:
        wanted = TopicPartition(topic, partition)
        if wanted not in log.partitions:
            return None
        begins, ends = await log.begins(), await log.ends()
        if not begins[wanted] <= offset < ends[wanted]:
            return None
        log.only({wanted: offset})
        passed = 0
        async for records in log.upto({wanted: ends[wanted]}):
            if place < passed + len(records):
                return records[place - passed]
            passed += len(records)
    return None


async def _partitions(client: Mapping[str, Any], topics: Sequence[str]) -> list[TopicPartition]:
    admin: Any = AIOKafkaAdminClient(**client)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        described: list[dict[str, Any]] = await admin.describe_topics([t for t in topics if t in existing])
    finally:
        await admin.close()
    return [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]


def readable(records: Iterable[Record], settings: KafkaSettings) -> list[Received]:
    """The events of the records; without those that no version can read, which were set aside when they came."""
    return [one for record in records if (one := _event(record, settings)) is not None]


def readable_records(records: Iterable[Record], settings: KafkaSettings) -> list[Record]:
    """Those of the records that are events of ours, as they are."""
    return [record for record in records if _event(record, settings) is not None]


def _event(record: Record, settings: KafkaSettings) -> Received | None:
    try:
        return decode(record.topic, record.key, record.value, record.headers, settings.trusted_sources)
    except (InvalidEvent, UnknownType):
        return None
    except Exception as error:
        # As in shared.consumer: if a reader of ours raises anything else, it is this record alone that it meets.
        if failures.is_away(error):
            raise
        log.warning(
            "a record of the log cannot be read; it is passed over, as when it came",
            extra={
                "fields": {"topic": record.topic, "offset": record.offset, "reason": failures.reason_of(error)}
            },
        )
        return None
