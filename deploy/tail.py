"""Reading topics by hand: every record as one line, whatever is in it, without joining any consumer group."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord


async def counts(client: dict[str, Any], topics: list[str]) -> dict[str, int]:
    """How many records each topic has; of a compacted one, how many it has had. Missing topics are left out."""
    consumer = AIOKafkaConsumer(**client)
    await consumer.start()
    try:
        existing = await consumer.topics()
        partitions = [p for t in topics if t in existing for p in _partitions(consumer, t)]
        first = await consumer.beginning_offsets(partitions)
        last = await consumer.end_offsets(partitions)
        result: dict[str, int] = {}
        for partition in partitions:
            more = last[partition] - first[partition]
            result[partition.topic] = result.get(partition.topic, 0) + more
        return result
    finally:
        await consumer.stop()


async def records(
    client: dict[str, Any], topic: str, *, from_start: bool, limit: int | None
) -> AsyncGenerator[dict[str, Any]]:
    """Yield each record as a JSON object, oldest first within a partition, for ever or until `limit`."""
    consumer = AIOKafkaConsumer(**client)
    await consumer.start()
    try:
        await consumer.topics()
        partitions = _partitions(consumer, topic)
        consumer.assign(partitions)
        await (consumer.seek_to_beginning if from_start else consumer.seek_to_end)(*partitions)
        given = 0
        while limit is None or given < limit:
            yield as_json(await consumer.getone())
            given += 1
    finally:
        await consumer.stop()


def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]


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
