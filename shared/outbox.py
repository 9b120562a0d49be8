"""The outbox: what a transaction publishes is a row of that transaction; a relay carries rows to Kafka in order.

At least once: a crash between the sending and the commit sends the same rows, with the same event ids, again.
The law of the projections makes that harmless. Per key, order holds because a command locks its entity's row
before it inserts here, and the relay sends in id order through one producer.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner, murmur2

from shared import failures, trace
from shared.database import Database, Tx
from shared.events import Event, encode
from shared.tasks import Health
from shared.telemetry import Metrics

log = logging.getLogger(__name__)

CHANNEL = "outbox"
DATASCHEMA = "ce_dataschema"
SEND_TIMEOUT_MS = 15_000

_LEAD = "select pg_try_advisory_lock(hashtext('hadir.outbox.leader'))"
_LOCK = "select pg_try_advisory_xact_lock(hashtext('hadir.outbox'))"
_TAKE = """
    delete from outbox where id in (select id from outbox order by id limit $1)
    returning id, topic, key, value, headers, extract(epoch from created_at)::float8 as created
"""
_INSERT = """
    insert into outbox (topic, key, value, headers)
    select * from unnest($1::text[], $2::bytea[], $3::bytea[], $4::jsonb[])
"""
_BACKLOG = """
    select (select count(*) from (select 1 from outbox limit 10001) as waiting),
           (select reltuples::bigint from pg_class where oid = 'outbox'::regclass),
           coalesce(extract(epoch from clock_timestamp() - (select created_at from outbox order by id limit 1)), 0)
"""


class _Operations(Protocol):
    def execute(self, sqltext: str) -> None: ...


def create_table(op: _Operations) -> None:
    """For a migration: `create_table(alembic.op)`."""
    op.execute(
        """
        create table outbox (
            id bigint generated always as identity primary key,
            topic text not null,
            key bytea not null,
            value bytea,
            headers jsonb not null,
            created_at timestamptz not null default clock_timestamp()
        ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)
        """
    )


_hash_of = lru_cache(maxsize=100_000)(murmur2)


class _Partitioner(DefaultPartitioner):
    """Kafka's own choice, remembered: the hash is written in Python, and the same people come again and again."""

    @classmethod
    def __call__(cls, key: bytes, all_partitions: list[int], available: list[int]) -> int:  # noqa: ARG003
        return all_partitions[(_hash_of(key) & 0x7FFFFFFF) % len(all_partitions)]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to publish, with its id (`ce_id`) and the business time at which it happened (`ce_time`).

    A tombstone is `event=None` with `topic` and `key`.
    """

    event: Event | None
    id: UUID
    time: datetime
    trace: str | None = field(default_factory=trace.current)
    """The traceparent to carry on. Without one, what is added at once begins a trace."""
    topic: str | None = None
    key: str | None = None


async def add(tx: Tx, outgoing: Sequence[Outgoing], *, source: str) -> None:
    """Publish `outgoing`, in this order, if and only if `tx` commits. `source` is `/hadir/<service>`.

    Raises EventTooLarge before anything is written.
    """
    if not outgoing:
        return
    topics: list[str] = []
    keys: list[bytes] = []
    values: list[bytes | None] = []
    headers: list[str] = []
    begun = trace.new()
    for one in outgoing:
        message = encode(
            one.event,
            id=one.id,
            time=one.time,
            source=source,
            traceparent=one.trace or begun,
            topic=one.topic,
            key=one.key,
        )
        topics.append(message.topic)
        keys.append(message.key)
        values.append(message.value)
        headers.append(json.dumps({name: value.decode() for name, value in message.headers}))
    await tx.connection.execute(_INSERT, topics, keys, values, headers)
    await tx.connection.execute(f"notify {CHANNEL}")


class Relay:
    """Carries the outbox of one database to Kafka until it is stopped. Any number may run; one is active: the one
    whose session holds a lock, until that session ends."""

    def __init__(
        self,
        db: Database,
        kafka: dict[str, Any],
        metrics: Metrics,
        health: Health | None = None,
        *,
        batch: int = 1000,
        idle_s: float = 0.5,
        schemas: Callable[[str], str] | None = None,
    ) -> None:
        """`schemas` gives the address of a topic's schema. It belongs to the installation, not to the event,
        so it is written when the event leaves; without it the schema's name stays."""
        self._health = health or Health("relay", metrics)
        self._leads = False
        self._db = db
        self._kafka = kafka
        self._metrics = metrics
        self._batch = batch
        self._idle_s = idle_s
        self._schemas = schemas
        self._wake = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        """Until cancelled. No attempt limit: a row leaves the table only when Kafka has acknowledged it."""
        in_a_row = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._watch())
            try:
                while True:
                    try:
                        self._wake.clear()
                        sent = await self._round() if self._leads else 0
                        in_a_row = 0
                        self._health.worked()
                    except Exception as error:
                        in_a_row += 1
                        self._metrics.outbox_failures.labels(type(error).__name__).inc()
                        self._health.failed(error)
                        pause = min(30.0, 0.2 * 2 ** min(in_a_row, 10))
                        log.warning(
                            "outbox relay: a round failed; nothing is lost, trying again",
                            extra={
                                "sparing": "relay",
                                "fields": {"failure": f"{type(error).__name__}: {error}", "again_in_s": pause},
                            },
                        )
                        # The outcome of a failed send is unknown; a new producer cannot send it late.
                        await self._drop_producer()
                        await asyncio.sleep(pause)
                        continue
                    if sent == 0:
                        # Not wait_for: in Python 3.11 it can swallow a cancellation that meets the wake-up.
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(self._idle_s):
                                await self._wake.wait()
            finally:
                await self._drop_producer()

    async def _round(self) -> int:
        producer = await self._producer_ready()
        async with self._db.transaction() as tx:
            if not await tx.connection.fetchval(_LOCK):
                return 0  # the last round of a relay that has lost its session is still under way
            rows = await tx.connection.fetch(_TAKE, self._batch)
            rows.sort(key=lambda row: row["id"])
            sent: list[asyncio.Future[Any]] = []
            try:
                for row in rows:
                    headers = [(name, value.encode()) for name, value in self._named(row).items()]
                    sent.append(await producer.send(row["topic"], row["value"], key=row["key"], headers=headers))
            finally:
                results = await asyncio.gather(*sent, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        for row in rows:
            self._metrics.outbox_published.labels(row["topic"]).inc()
        return len(rows)

    def _named(self, row: Any) -> dict[str, str]:
        """The headers of a row, with the address of its schema as it is today."""
        schemas, headers = self._schemas, row["headers"]
        return headers if schemas is None else {**headers, DATASCHEMA: schemas(row["topic"])}

    async def _producer_ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._kafka,
                acks="all",
                linger_ms=0,
                max_batch_size=256 * 1024,
                partitioner=_Partitioner(),
                # The round's transaction is open for as long; and that it fails is known no sooner.
                request_timeout_ms=SEND_TIMEOUT_MS,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(10):
                    await producer.stop()

    async def _listen(self) -> None:
        """Leads while this session holds the lock, and wakes on NOTIFY. While the connection is away, another
        relay leads."""

        def wake(*_: object) -> None:
            self._wake.set()

        while True:
            try:
                connection = await self._db.dedicated()
                try:
                    await connection.add_listener(CHANNEL, wake)
                    while not connection.is_closed():
                        if not self._leads and await connection.fetchval(_LEAD):
                            self._lead(True)
                        await connection.execute("select 1")
                        await asyncio.sleep(5 if self._leads else 1)
                finally:
                    self._lead(False)
                    await connection.close(timeout=2)
            except Exception as error:
                if not failures.is_away(error):
                    raise
            await asyncio.sleep(1)

    def _lead(self, leads: bool) -> None:
        self._leads = leads
        self._metrics.relay_leads.set(int(leads))
        self._wake.set()

    async def _watch(self) -> None:
        while True:
            try:
                rows, age = await self.backlog()
                self._metrics.outbox_rows.set(rows)
                self._metrics.outbox_age.set(age)
            except Exception as error:
                if not failures.is_away(error):
                    raise
            await asyncio.sleep(5)

    async def backlog(self) -> tuple[int, float]:
        """(rows waiting, age of the oldest in seconds); above 10,000 rows the planner's estimate."""
        async with self._db.read() as tx:
            row = await tx.connection.fetchrow(_BACKLOG)
        assert row is not None  # noqa: S101 - an aggregate without group by has one row
        counted, estimated, age = row
        return (counted if counted <= 10_000 else max(counted, estimated)), float(age)
