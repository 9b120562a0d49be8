"""Kafka, looked at from outside: how much was published, and whether every consumer has read it."""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.events import TOPICS


async def published(bootstrap: str) -> dict[str, int]:
    """Records ever published, by topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        ends = await _ends(consumer)
    finally:
        await consumer.stop()
    totals = dict.fromkeys(TOPICS, 0)
    for partition, end in ends.items():
        totals[partition.topic] += end
    return totals


async def _ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    there = await consumer.topics()  # an older system lacks what was added since
    known = [t for t in TOPICS.values() if t.name in there]
    partitions = [TopicPartition(t.name, n) for t in known for n in range(t.partitions)]
    return await consumer.end_offsets(partitions)


async def all_read(bootstrap: str, *, within_s: float) -> int:
    """Waits until every consumer group has committed all there is of the topics it reads, and nothing more came
    meanwhile. Returns the records that are still unread when the time is up: 0 when all is well."""
    deadline = time.monotonic() + within_s
    consumer, admin = (
        AIOKafkaConsumer(bootstrap_servers=bootstrap),
        AIOKafkaAdminClient(bootstrap_servers=bootstrap),
    )
    await consumer.start()
    await admin.start()
    try:
        quiet, before = 0, -1
        while True:
            ends = await _ends(consumer)
            unread = 0
            for group, _ in await admin.list_consumer_groups():
                for partition, committed in (await admin.list_consumer_group_offsets(group)).items():
                    unread += max(0, ends.get(partition, 0) - max(0, committed.offset))
            total = sum(ends.values())
            quiet = quiet + 1 if unread == 0 and total == before else 0
            before = total
            if quiet >= 3 or time.monotonic() > deadline:
                return unread
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
        await consumer.stop()
