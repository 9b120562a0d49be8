"""Reading topics by hand: every record as one line, whatever is in it, without joining any consumer group."""

import json
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from deploy.embedded.topics import TopicsFailed


async def answers(client: dict[str, Any]) -> None:
    """Return when the cluster answers; raises KafkaError."""
    admin = AIOKafkaAdminClient(**client)
    try:
        await admin.start()
    finally:
        await admin.close()


async def counts(client: dict[str, Any], topics: list[str]) -> dict[str, int]:
    """How many records each topic has; of a compacted one, how many it has had. Missing topics are left out."""
    admin = AIOKafkaAdminClient(**client)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        described = await admin.describe_topics([topic for topic in topics if topic in existing])
    finally:
        await admin.close()
    partitions = [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]
    consumer = AIOKafkaConsumer(**client)
    try:
        await consumer.start()
        first = await consumer.beginning_offsets(partitions)
        last = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    found = Counter[str]()
    for partition in partitions:
        found[partition.topic] += last[partition] - first[partition]
    return found


async def records(
    client: dict[str, Any], topic: str, *, from_start: bool, limit: int | None
) -> AsyncGenerator[dict[str, Any]]:
    """Yield each record as a JSON object, oldest first within a partition, for ever or until `limit`."""
    # Without a group the consumer is given every partition, and commits nothing.
    consumer = AIOKafkaConsumer(topic, group_id=None, auto_offset_reset="earliest", **client)
    try:
        await consumer.start()
        if topic not in await consumer.topics():
            raise TopicsFailed(f"{topic} is not on this cluster: make it with `hadir create-topics`")
        if not from_start:
            await consumer.seek_to_end()
        given = 0
        while limit is None or given < limit:
            yield as_json(await consumer.getone())
            given += 1
    finally:
        await consumer.stop()


def as_json(record: "ConsumerRecord[bytes | None, bytes | None]") -> dict[str, Any]:
    """One record with its place, its CloudEvents attributes and its value; what is not JSON is shown as text."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "written": datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "value": _value(record.value),
    }


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="backslashreplace")


def _value(raw: bytes | None) -> Any:
    try:
        return None if raw is None else json.loads(raw)
    except ValueError:
        return _text(raw)
