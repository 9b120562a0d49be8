"""Topics of a test's own in the table of topics, so that nothing a test breaks is read by another."""

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError
from msgspec.structs import replace

from deploy.local.topics import DEAD_LETTERS
from services.attendance.commands import facts
from shared.bus import Bus, HandlerContext, Router
from shared.clock import SystemClock
from shared.database import Database
from shared.events import TOPICS, Event, Message, Received, ScheduleChanged, Topic, encode, source_of
from shared.events.base import KEEP_FOR_EVER
from shared.settings import Settings
from shared.stopping import GRACE_S, Stopping
from shared.telemetry import Metrics

PATIENCE_S = 60.0


def declared(name: str, partitions: int) -> Topic:
    """What the table of topics would say of a topic `name` that carries plans."""
    said = {"topic": name, "partitions": partitions, "__module__": __name__}
    return Topic(type("Probe", (ScheduleChanged,), said))


async def fold_plans(batch: list[Received], context: HandlerContext) -> None:
    """Attendance's handler, for a topic of a test's own: its plans are folded as plans are."""
    await facts.take_in([replace(received, type=ScheduleChanged.topic) for received in batch], context)


async def probe_topic(monkeypatch: pytest.MonkeyPatch, kafka: str, *, partitions: int = 3) -> Topic:
    """A new topic that carries plans, known to this process and made on the broker, dead letters too."""
    topic = declared(f"probe.{uuid4().hex}.v1", partitions)
    monkeypatch.setitem(TOPICS, topic.name, topic)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(topic.name, partitions, 1, topic_configs=dict(KEEP_FOR_EVER)),
                NewTopic(topic.dead_letters, 1, 1, topic_configs=DEAD_LETTERS),
            ]
        )
    finally:
        await admin.close()
    return topic


def plan_event(topic: Topic, employee_id: UUID | None = None, *, revision: int = 1, day: int = 0) -> Event:
    return topic.event.model_validate(
        {
            "employee_id": employee_id or uuid4(),
            "opd_code": "OPD",
            "unit_id": "unit",
            "work_date": dt.date(2025, 11, 1) + dt.timedelta(days=day),
            "revision": revision,
            "mode": "OFF",
        }
    )


def message(event: Event, *, id: UUID | None = None) -> Message:
    return encode(
        event, id=id or uuid4(), time=dt.datetime.now(dt.UTC), source=source_of(TOPICS[event.topic].owner)
    )


async def produce(kafka: str, messages: Sequence[Message], *, partition: int | None = None) -> None:
    """Send in this order, each acknowledged before the next call returns."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for one in messages:
            await producer.send(one.topic, one.value, key=one.key, headers=one.headers, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()


@asynccontextmanager
async def reading(kafka: str, topic: str) -> AsyncGenerator["Tail"]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = None
        while not partitions:
            partitions = await _partitions(consumer, topic)
        consumer.assign([TopicPartition(topic, number) for number in partitions])
        yield Tail(consumer)
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int] | None:
    client: Any = consumer._client  # pyright: ignore[reportPrivateUsage] - a topic made just now is told to nobody else
    await client.force_metadata_update()
    if known := consumer.partitions_for_topic(topic):
        return known
    await client.set_topics([topic])
    return consumer.partitions_for_topic(topic)


class Tail:
    """The records of one topic from the start, as they come."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.records: list[ConsumerRecord[bytes, bytes]] = []

    async def until(self, done: Callable[[], bool | int]) -> None:
        """Read on until `done()`; fails after a minute."""
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                found = await self._consumer.getmany(timeout_ms=100)
                for records in found.values():
                    self.records += records

    async def to_the_end(self) -> None:
        """Read all that the topic holds now."""
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        async with asyncio.timeout(PATIENCE_S):
            while any([await self._consumer.position(one) < end for one, end in ends.items()]):
                for records in (await self._consumer.getmany(timeout_ms=100)).values():
                    self.records += records

    @property
    def ids(self) -> list[str]:
        return [dict(record.headers)["ce_id"].decode() for record in self.records]

    def ids_by_key(self) -> Mapping[bytes, list[str]]:
        """For each key the event ids in the order of the log."""
        found: dict[bytes, list[str]] = defaultdict(list)
        for record in self.records:
            found[record.key or b""].append(dict(record.headers)["ce_id"].decode())
        return found


async def eventually(holds: Callable[[], Any]) -> None:
    """Waits until `holds()`, sync or async, is true; fails after a minute."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = holds()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running_bus(
    db: Database,
    kafka: str,
    router: Router,
    *,
    metrics: Metrics | None = None,
    grace_s: float = GRACE_S,
    **settings: Any,
) -> AsyncGenerator[Bus]:
    """The consumers of `router`, until the end of the block."""
    context = HandlerContext(
        Settings.model_validate(
            {
                "service": "attendance",
                "database_url": db.url,
                "kafka_bootstrap": kafka,
                "token_public_key_file": Path("unused"),
                **settings,
            }
        ),
        db,
        SystemClock(),
        metrics or Metrics("attendance"),
    )
    bus = Bus(context, router, {"bootstrap_servers": kafka}, stopping=Stopping(grace_s))
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def pass_over(kafka: str, group: str, topics: Collection[str]) -> None:
    """Have a group that nobody is in read on behind all that these topics hold: it is of other tests."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, n) for topic in topics for n in range(TOPICS[topic].partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)

        async def done() -> bool:
            try:
                await consumer.commit(ends)
            except CommitFailedError:  # somebody who was killed is still counted among its members
                return False
            return True

        await eventually(done)
    finally:
        await consumer.stop()


async def committed(kafka: str, group: str, topic: Topic) -> int:
    """The sum of the offsets that the group has committed on the topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return sum(max(0, offset.offset) for partition, offset in offsets.items() if partition.topic == topic.name)
