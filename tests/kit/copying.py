"""Topics that are read as they are, written over, and made again: what somebody could do to the log."""

from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.events import Message
from shared.events.base import KEEP_FOR_EVER
from shared.log import Record, reading
from tests.kit.kafka import eventually


async def everything(kafka: str, topic: str) -> list[Record]:
    """All that may be read of a topic now, partition by partition."""
    async with reading({"bootstrap_servers": kafka}, [topic]) as log:
        found = [record async for records in log.upto(await log.ends()) for record in records]
    return sorted(found, key=lambda record: (record.partition, record.offset))


async def made_again(kafka: str, topic: str, records: Sequence[Record | Message]) -> None:
    """Delete the topic, make it anew, and write these records into it, each into its partition."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await eventually(gone)
    finally:
        await admin.close()
    await made(kafka, topic)
    await written(kafka, topic, records)


async def made(kafka: str, topic: str) -> None:
    """Make a topic of one partition that keeps its records for ever."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=dict(KEEP_FOR_EVER))])
    finally:
        await admin.close()


async def written(kafka: str, topic: str, records: Sequence[Record | Message]) -> None:
    """Write records at the end of a topic, as they are."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for one in records:
            partition = getattr(one, "partition", 0)
            await producer.send_and_wait(
                topic, one.value, key=one.key, headers=list(one.headers), partition=partition
            )
    finally:
        await producer.stop()
