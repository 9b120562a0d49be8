"""Reading topics by hand: every record as one line, whatever is in it, without joining any consumer group."""

import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from deploy.local.topics import TopicsFailed
from shared.events import HEARTBEAT
from shared.log import Record, reading


async def answers(client: dict[str, Any]) -> None:
    """Return when the cluster answers; raises KafkaError."""
    async with reading(client, []):
        pass


async def counts(client: dict[str, Any], topics: list[str]) -> dict[str, int]:
    """How many records each topic has; of a compacted one, how many it has had. Missing topics are left out."""
    found = Counter[str]()
    async with reading(client, topics, uncommitted=True) as log:
        first, last = await log.begins(), await log.ends()
    for partition in log.partitions:
        found[partition.topic] += last[partition] - first[partition]
    return found


async def records(
    client: dict[str, Any], topic: str, *, from_start: bool, limit: int | None, heartbeats: bool = False
) -> AsyncGenerator[dict[str, Any]]:
    """Yield each record as a JSON object, oldest first within a partition, for ever or until `limit`.

    Without `heartbeats` those are passed over, as by every reader, and count for nothing.
    """
    given = 0
    async with reading(client, [topic], uncommitted=True) as log:
        if not log.partitions:
            raise TopicsFailed(f"{topic} is not on this cluster: make it with `hadir create-topics`")
        async with aclosing(log.follow(from_start=from_start)) as following:
            async for record in following:
                if not heartbeats and ("ce_type", HEARTBEAT.encode()) in record.headers:
                    continue
                yield as_json(record)
                given += 1
                if given == limit:
                    return


def as_json(record: Record) -> dict[str, Any]:
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
