"""Disownings for tests, and a log in memory to repair from."""

import datetime as dt
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord, TopicPartition

from shared.bus import HandlerContext
from shared.clock import SystemClock
from shared.database import Database
from shared.events import Received, RecordDisowned, encode
from shared.events.base import ServiceName
from shared.log import Log, Offsets, Record
from shared.settings import Settings
from shared.telemetry import Metrics

NOW = dt.datetime(2025, 11, 6, 8, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))


def disowning(
    event_id: UUID, topic: str, revision: int = 1, *, revoked: bool = False, ce_id: UUID | None = None
) -> Received:
    event = RecordDisowned(
        ce_id=event_id,
        of_topic=topic,
        revision=revision,
        disowned_at=NOW,
        disowned_by="BKPSDM",
        reason="forged",
        revoked=revoked,
    )
    return Received(event, ce_id or uuid4(), event.topic, "/hadir/scheduling", NOW, event.key, None)


def record_of(received: Received) -> Record:
    message = encode(
        received.event,
        id=received.id,
        time=received.time,
        source=received.source,
        topic=received.type,
        key=received.key,
    )
    return ConsumerRecord(
        message.topic, 0, 0, 0, 0, message.key, message.value, None, 0, 0, tuple(message.headers)
    )


class MemoryLog(Log):
    """One topic of a log in memory, which may grow while it is read."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self._position = 0
        self.partitions = (TopicPartition("in-memory", 0),)

    async def ends(self, of: Collection[TopicPartition] | None = None) -> Offsets:
        assert of is None
        return {self.partitions[0]: len(self.records)}

    async def rewind(self) -> None:
        self._position = 0

    async def upto(self, ends: Offsets, topics: Collection[str] | None = None) -> AsyncGenerator[list[Record]]:
        first, self._position = self._position, ends[self.partitions[0]]
        yield self.records[first : self._position]


class Logs:
    """What has been sent, by topic."""

    def __init__(self, events: Iterable[Received] = ()) -> None:
        self._topics: dict[str, list[Record]] = {}
        for one in events:
            self.send(one)

    def send(self, received: Received) -> None:
        self._topics.setdefault(received.type, []).append(record_of(received))

    @asynccontextmanager
    async def open(self, topic: str) -> AsyncGenerator[Log]:
        yield MemoryLog(self._topics.setdefault(topic, []))


def context_of(service: ServiceName, db: Database, kafka: str = "127.0.0.1:9") -> HandlerContext:
    settings = Settings(
        service=service,
        database_url=db.url,
        kafka_bootstrap=kafka,
        token_public_key_file=Path("unused"),
        trusted_sources=frozenset({"/hadir/test"}),
    )
    return HandlerContext(settings, db, SystemClock(), Metrics(service))
