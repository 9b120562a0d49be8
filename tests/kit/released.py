"""What a released version left behind: databases, records, and what it said of them (tests/data/README.md)."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.conftest import drop_database, make_database

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, slots=True)
class Kept:
    """One record as Kafka had it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Released:
    """All that is kept of a version."""

    dumps: Mapping[str, str]
    """A script of SQL by service."""
    before: Sequence[Kept]
    """The records that some group had read when the databases were dumped, and what lay beside them."""
    after: Sequence[Kept]
    """Those that came later."""
    offsets: Mapping[str, Mapping[str, int]]
    """By group, then by `topic/partition`."""
    answers: Mapping[str, Any]
    """What its doors said, by address."""


def released(version: str) -> Released:
    """Read what is kept of `version`."""
    with tarfile.open(DATA / f"release-{version}.tar.xz") as archive:
        texts = {
            member.name: io.TextIOWrapper(file, encoding="utf-8").read()
            for member in archive.getmembers()
            if (file := archive.extractfile(member)) is not None
        }
    offsets: dict[str, dict[str, int]] = json.loads(texts["offsets.json"])
    reached: dict[str, int] = {}
    for committed in offsets.values():
        for place, offset in committed.items():
            reached[place] = max(reached.get(place, 0), offset)
    records = [_kept(json.loads(line)) for line in texts["records.jsonl"].splitlines()]
    parts: tuple[list[Kept], list[Kept]] = ([], [])
    for record in records:
        parts[record.offset >= reached.get(f"{record.topic}/{record.partition}", 0)].append(record)
    return Released(
        dumps={name.removesuffix(".sql"): text for name, text in texts.items() if name.endswith(".sql")},
        before=parts[0],
        after=parts[1],
        offsets=offsets,
        answers=json.loads(texts["answers.json"]),
    )


def _kept(fields: list[Any]) -> Kept:
    topic, partition, offset, timestamp, key, value, headers = fields
    return Kept(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        key=key.encode(),
        value=None if value is None else value.encode(),
        headers=tuple((name, text.encode()) for name, text in headers),
    )


async def put_back(kafka: str, records: Sequence[Kept]) -> None:
    """Each record into its partition again."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for record in records:
            await producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                timestamp_ms=record.timestamp,
                headers=list(record.headers),
            )
        await producer.flush()
    finally:
        await producer.stop()


async def commit(kafka: str, offsets: Mapping[str, Mapping[str, int]]) -> None:
    """Have each group read on where it was."""
    for group, committed in offsets.items():
        places = {
            TopicPartition(topic, int(number)): offset
            for place, offset in committed.items()
            for topic, _, number in [place.rpartition("/")]
        }
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign(list(places))
            await consumer.commit(places)
        finally:
            await consumer.stop()


async def restored(postgres: str, script: str, service: str, until: AsyncExitStack) -> str:
    """The URL of a database with what `script` holds; it is gone when `until` is."""
    name = f"released_{service}_{uuid4().hex[:8]}"
    url = await make_database(postgres, name)
    until.push_async_callback(drop_database, postgres, name)
    connection: asyncpg.Connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()
    return url
