"""One member of a consumer group on a log in memory, with a handler whose batches end when they are told to."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord, TopicPartition

from shared.clock import SystemClock
from shared.consumer import Consumer
from shared.dead_letters import Poison
from shared.events import HEARTBEAT, Received, RecordDisowned, encode
from shared.handling import Declaration, HandlerContext
from shared.log import Record
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.kit.kafka import eventually

TOPIC, GROUP = RecordDisowned.topic, "attendance.test"
FIRST, SECOND = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)
BATCH = 10
AT = dt.datetime(2025, 11, 6, 8, 0, tzinfo=dt.UTC)


def record(offset: int, partition: TopicPartition = FIRST, headers: Sequence[Any] | None = None) -> Record:
    """A good one, or one with these headers instead of its own."""
    event = RecordDisowned(
        ce_id=uuid4(),
        of_topic="schedule.changed.v1",
        revision=1,
        disowned_at=AT,
        disowned_by="BKPSDM",
        reason="test",
    )
    wire = encode(event, id=UUID(int=offset + 1000 * partition.partition), time=AT, source="/hadir/scheduling")
    given = wire.headers if headers is None else headers
    return ConsumerRecord(
        TOPIC, partition.partition, offset, 1_700_000_000_000, 0, wire.key, wire.value, None, 1, 1, tuple(given)
    )


def unreadable(offset: int, partition: TopicPartition = FIRST) -> Record:
    return record(offset, partition, headers=())


def of_a_later_version(offset: int) -> Record:
    headers = [(name, b"record.disowned.v2" if name == "ce_type" else value) for name, value in record(0).headers]
    return record(offset, headers=headers)


def heartbeat(offset: int) -> Record:
    headers = [(name, HEARTBEAT.encode() if name == "ce_type" else value) for name, value in record(0).headers]
    return record(offset, headers=headers)


def good(count: int, partition: TopicPartition = FIRST) -> list[Record]:
    return [record(offset, partition) for offset in range(count)]


class Kafka:
    """A log in memory, and what one member of a group does with it: the methods of the client that are used."""

    def __init__(self, log: dict[TopicPartition, list[Record]]) -> None:
        self.log = log
        self.mine = set(log)
        self.positions = dict.fromkeys(log, 0)
        self.commits: list[dict[TopicPartition, int]] = []
        self.refusals: list[Exception] = []
        self.paused: set[TopicPartition] = set()
        self.highwaters: dict[TopicPartition, int] = {}
        self.stable: dict[TopicPartition, int] = {}
        self.ends: dict[TopicPartition, int] | Exception = {}

    def poll(self) -> list[Record]:
        found: list[Record] = []
        for partition in sorted(self.mine - self.paused):
            here = self.log[partition][self.positions[partition] :][: BATCH - len(found)]
            self.positions[partition] += len(here)
            found += here
        return found

    def committed(self, partition: TopicPartition = FIRST) -> int:
        return next((done[partition] for done in reversed(self.commits) if partition in done), 0)

    def assignment(self) -> set[TopicPartition]:
        return set(self.mine)

    async def position(self, partition: TopicPartition) -> int:
        if partition not in self.mine:
            raise AssertionError(f"{partition} is not assigned")
        return self.positions[partition]

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.refusals:
            raise self.refusals.pop()
        assert set(offsets) <= self.mine
        self.commits.append(offsets)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset

    def pause(self, partition: TopicPartition) -> None:
        self.paused.add(partition)

    def resume(self, partition: TopicPartition) -> None:
        self.paused.discard(partition)

    def highwater(self, partition: TopicPartition) -> int:
        return self.highwaters.get(partition, len(self.log[partition]))

    def last_stable_offset(self, partition: TopicPartition) -> int | None:
        return self.stable.get(partition)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        if isinstance(self.ends, Exception):
            raise self.ends
        return {partition: self.ends.get(partition, len(self.log[partition])) for partition in partitions}


class Member:
    """A consumer on such a log, with a handler whose batches end when they are told to."""

    def __init__(
        self,
        log: Sequence[Record],
        *,
        more: Sequence[Record] = (),
        at_once: int = 3,
        handler: Callable[[list[UUID]], None] | None = None,
        **settings: object,
    ) -> None:
        self.kafka = Kafka({FIRST: list(log), **({SECOND: list(more)} if more else {})})
        self.metrics = Metrics("attendance")
        self.doors: dict[int, asyncio.Future[None]] = {}
        self.went_in: list[int] = []
        self.set_aside: list[Poison] = []
        self.offered = 0
        self._handler = handler
        context = HandlerContext(
            Settings.model_validate(
                {
                    "service": "attendance",
                    "kafka_bootstrap": "nowhere:9092",
                    "database_url": "postgresql://nobody@nowhere/nothing",
                    "token_public_key_file": Path("unused"),
                    **settings,
                }
            ),
            None,  # pyright: ignore[reportArgumentType] - no handler here asks it anything
            SystemClock(),
            self.metrics,
        )
        letters: Any = SimpleNamespace(set_aside=self._set_aside)
        self.consumer = Consumer(Declaration((TOPIC,), GROUP, self._handle, at_once), context, letters)
        self.how: dict[str, Any] = {}
        self.consumer.subscribe(self)  # pyright: ignore[reportArgumentType] - the one method that it asks

    # What it asks of the broker.
    def subscriber(self, *topics: str, **how: Any) -> "_Subscriber":
        assert topics == (TOPIC,)
        self.how = how
        self.subscribed = _Subscriber(self.kafka)
        return self.subscribed

    async def _set_aside(self, group: str, poison: Sequence[Poison]) -> None:
        assert group == GROUP
        self.set_aside += poison

    async def _handle(self, batch: list[Received], context: HandlerContext) -> None:
        ids = [one.id.int for one in batch]
        if self._handler is not None:
            self._handler([one.id for one in batch])
        else:
            door = self.doors[ids[0]] = asyncio.get_running_loop().create_future()
            await door
        self.went_in += ids

    def end(self, first: int, error: Exception | None = None) -> None:
        """The batch that begins with this record commits, or fails."""
        door = self.doors.pop(first)
        if error is None:
            door.set_result(None)
        else:
            door.set_exception(error)

    def told(self, name: str, partition: TopicPartition | None = None, **labels: str) -> float | None:
        if partition is not None:
            labels |= {"topic": partition.topic, "partition": str(partition.partition)}
        return self.metrics.registry.get_sample_value(name, {"group": GROUP, **labels})

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator["Member"]:
        async def read_on() -> None:
            while self.subscribed.running:
                if batch := self.kafka.poll():
                    self.offered += 1
                    await self.subscribed.consume(SimpleNamespace(raw_message=batch))
                await asyncio.sleep(0)

        task = asyncio.create_task(read_on())
        try:
            yield self
        finally:
            await self.consumer.close(within_s=0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def settles(self, count: int, partition: TopicPartition = FIRST) -> None:
        await eventually(lambda: self.kafka.committed(partition) == count)

    async def turns(self) -> None:
        """Lets everything happen that can happen without anything from outside."""
        for _ in range(200):
            await asyncio.sleep(0)


class _Subscriber:
    def __init__(self, kafka: Kafka) -> None:
        self.consumer = kafka
        self.running = True
        self.consume: Any = None

    def __call__(self, consume: Any) -> None:
        self.consume = consume
