"""Events in: which topics are facts, and how the log is read again from its beginning."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.reporting.facts import CONSUMED, apply
from shared.bus import HandlerContext, Router, client_arguments
from shared.events import InvalidEvent, Received, UnknownType, decode
from shared.settings import Settings

router = Router()

GROUP = "reporting.facts"
Progress = Callable[[int, int], None]
"""Called with (records read, records in the log)."""


@router.batch(*CONSUMED, group=GROUP)
async def facts(batch: list[Received], context: HandlerContext) -> None:
    async with context.db.transaction() as tx:
        await apply(tx, batch, context.metrics)


async def read_log(settings: Settings, progress: Progress) -> AsyncGenerator[list[Received], None]:
    """Every readable record that the consumed topics hold now, oldest first in each partition, in batches.

    Joins no group and commits nothing. Records that no version can read were set aside when they came.
    """
    partitions = await _partitions(settings)
    consumer: Any = AIOKafkaConsumer(
        **client_arguments(settings),
        group_id=None,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        begins: dict[TopicPartition, int] = await consumer.beginning_offsets(partitions)
        for partition, offset in begins.items():
            consumer.seek(partition, offset)
        total = sum(ends[partition] - begins[partition] for partition in partitions)
        done = 0
        progress(done, total)
        left = {partition for partition in partitions if ends[partition] > begins[partition]}
        while left:
            polled = await consumer.getmany(
                *left, timeout_ms=1000, max_records=max(settings.batch_max_records, 5000)
            )
            for records in polled.values():
                done += len(records)
                batch = [one for record in records if (one := _readable(record, settings)) is not None]
                if batch:
                    yield batch
            left = {p for p in left if await consumer.position(p) < ends[p]}
            progress(min(done, total), total)
        progress(total, total)
    finally:
        await consumer.stop()


async def _partitions(settings: Settings) -> list[TopicPartition]:
    """Those of all consumed topics. A topic that does not exist yet has none."""
    admin: Any = AIOKafkaAdminClient(**client_arguments(settings))
    await admin.start()
    try:
        described: list[dict[str, Any]] = await admin.describe_topics(list(CONSUMED))
    finally:
        await admin.close()
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]


def _readable(record: Any, settings: Settings) -> Received | None:
    try:
        return decode(record.topic, record.key, record.value, record.headers, settings.trusted_sources)
    except (InvalidEvent, UnknownType):
        return None
