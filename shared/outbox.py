"""The outbox: what a transaction publishes is a row of that transaction; a relay carries rows to Kafka in order.

At least once: a crash between the sending and the commit sends the same rows, with the same event ids, again.
The law of the projections makes that harmless. Per key, order holds because a command locks its entity's row
before it inserts here, and the relay sends in id order through one producer.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from msgspec import Struct, field

from shared import failures, spans, trace
from shared.database import Database, Tx
from shared.events import Event
from shared.events.envelope import body_of, headers_alike
from shared.tasks import Health
from shared.telemetry import Metrics

log = logging.getLogger(__name__)

CHANNEL = "outbox"
DATASCHEMA = "ce_dataschema"
SEND_TIMEOUT_MS = 15_000

_LEAD = "select pg_try_advisory_lock(hashtext('hadir.outbox.leader'))"
# One statement a round: what Kafka has acknowledged goes, what is next comes. No transaction is open while Kafka
# is waited for, and the disk is not waited for: a row whose deletion a crash takes back is sent again.
_UNAWAITED = "set synchronous_commit = off"
_NEXT = """
    with gone as (delete from outbox where id = any($1::bigint[]))
    select id, topic, key, value, headers from outbox where id <> all($1) order by id limit $2
"""
_NEXT_BUT_HELD = _NEXT.replace(
    "order by",
    "and not exists (select from unnest($3::text[], $4::bytea[]) as held(topic, key)"
    " where held.topic = outbox.topic and held.key = outbox.key) order by",
)
_INSERT = f"""
    with promised as (
        insert into outbox (topic, key, value, headers)
        select topic, key, value, headers::jsonb
        from unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[]) as outgoing(topic, key, value, headers)
    )
    select pg_notify('{CHANNEL}', '')
"""  # noqa: S608 - the channel is named above
_INSERT_ALIKE = (
    _INSERT.replace("$1::text[], ", "")
    .replace("outgoing(topic, ", "outgoing(")
    .replace("select topic,", "select $1::text,")
)
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


def vacuum_at_once(op: _Operations) -> None:
    """For a migration: rows come and go all day and few are there at a time, but each look at the outbox passes
    over those that are dead. So they are cleaned away after a thousand, and without pauses."""
    op.execute(
        "alter table outbox set (autovacuum_vacuum_threshold = 1000, "
        "autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_cost_delay = 0)"
    )


GATHER_S = 0.02
"""Seconds between the beginnings of two rounds while more and more comes: what a round costs here, in Kafka and in
each consumer, whatever it carries, is shared by who comes meanwhile. The first after a silence begins at once."""
_ASK_AGAIN_S = 1.0
"""After so long a relay that does not lead asks again whether it may."""
HELD_S = 60.0
"""So long a key is held back of which Kafka refused a record for its size; then it is tried again."""
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
"""Whoever set the topic has to allow larger records: until then no try helps. Others need not wait."""

_json = msgspec.json.Encoder().encode
_hash_of = lru_cache(maxsize=100_000)(murmur2)


def _put(batch: BatchBuilder, row: Any, headers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether the batch still had place for the row."""
    return batch.append(timestamp=None, key=row["key"], value=row["value"], headers=headers) is not None


def _partition(key: bytes, partitions: Sequence[int]) -> int:
    """Kafka's own choice, remembered: the hash is written in Python, and the same people come again and again."""
    return partitions[(_hash_of(key) & 0x7FFFFFFF) % len(partitions)]


class Outgoing(Struct, frozen=True, gc=False):
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
    type: str | None = None
    """Where it is not the topic's own: a heartbeat."""


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
    begun, began_ns = trace.new(), spans.since_ns(0)
    for one in outgoing:
        topic, key, value = body_of(one.event, topic=one.topic, key=one.key)
        own = {
            "ce_id": one.id,
            "ce_subject": key,
            "ce_time": one.time.isoformat(),
            "traceparent": one.trace or begun,
        }
        if one.type is not None:
            own["ce_type"] = one.type
        topics.append(topic)
        keys.append(key.encode())
        values.append(value)
        headers.append(_json({**headers_alike(topic, source), **own}).decode())
    await tx.connection.execute(_INSERT, topics, keys, values, headers)
    if (exporter := spans.of_source(source)) is not None:
        carried = ((topic, str(one.id), one.trace or begun) for topic, one in zip(topics, outgoing, strict=True))
        exporter.records("outbox", carried, began_ns)


class Written(NamedTuple):
    """An event that is written already: its id, its key, the JSON of its value, and the trace to carry on."""

    id: UUID
    key: str
    value: str
    trace: str | None


async def add_alike(tx: Tx, topic: str, written: Sequence[Written], *, time: datetime, source: str) -> None:
    """As `add`, of many events of one topic and time, whose values were made after one that `add` would write.

    For tens of thousands at once: a third of what they cost one by one.
    """
    if not written:
        return
    begun, began_ns = trace.new(), spans.since_ns(0)
    alike = _json({**headers_alike(topic, source), "ce_time": time.isoformat()}).decode()[1:]
    await tx.connection.execute(
        _INSERT_ALIKE,
        topic,
        [one.key.encode() for one in written],
        [one.value.encode() for one in written],
        [
            f'{{"ce_id":"{one.id}","ce_subject":"{one.key}","traceparent":"{one.trace or begun}",{alike}'
            for one in written
        ],
    )
    if (exporter := spans.of_source(source)) is not None:
        carried = ((topic, str(one.id), one.trace or begun) for one in written)
        exporter.records("outbox", carried, began_ns)


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
        idle_s: float = 5.0,
        schemas: Callable[[str], str] | None = None,
    ) -> None:
        """`schemas` gives the address of a topic's schema. It belongs to the installation, not to the event,
        so it is written when the event leaves; without it the schema's name stays. `idle_s`: seconds without a
        notification after which the table is looked at in any case."""
        self._health = health or Health("relay", metrics)
        self._session: asyncpg.Connection | None = None
        self._leads = False
        self._acknowledged: list[int] = []
        self._held: set[tuple[str, bytes]] = set()
        """Topics and keys, to be passed over until `_held_until` (monotonic seconds)."""
        self._held_until = 0.0
        self._one_by_one = False
        self._db = db
        self._kafka = kafka
        self._metrics = metrics
        self._batch = batch
        self._idle_s = idle_s
        self._schemas = schemas
        self._wake = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        """Until cancelled. No attempt limit: a row leaves the table only when Kafka has acknowledged it.

        One that is too large for its topic stays too, with all of its key; the others go on.
        """
        in_a_row = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            try:
                while True:
                    began = time.monotonic()
                    try:
                        self._wake.clear()
                        session = await self._leading()
                        busy = session is not None and await self._round(session)
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
                    if busy:
                        await asyncio.sleep(began + GATHER_S - time.monotonic())
                    else:
                        # Not wait_for: in Python 3.11 it can swallow a cancellation that meets the wake-up.
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(self._idle_s if self._leads else _ASK_AGAIN_S):
                                await self._wake.wait()
            finally:
                await self._drop_producer()
                await self._drop_session()

    async def _round(self, session: asyncpg.Connection) -> bool:
        """Take out what Kafka has acknowledged and send what is next; whether there was anything."""
        # First, so that who looks after the service hears that Kafka is away before anything waits for it.
        producer = await self._producer_ready()
        rows = await self._next(session)
        self._acknowledged = []
        if not rows:
            return False
        if self._one_by_one:
            self._acknowledged = [row["id"] for row in rows if await self._sent_alone(producer, row)]
            self._one_by_one = False
            self._metrics.outbox_held.set(len(self._held))
            return True
        sent: list[asyncio.Future[Any]] = []
        began_ns = time.time_ns()
        try:
            for (topic, partition), batch in await self._batches(producer, rows):
                sent.append(await producer.send_batch(batch, topic, partition=partition))
        finally:
            results = await asyncio.gather(*sent, return_exceptions=True)
        failures_met = [result for result in results if isinstance(result, BaseException)]
        for failure in failures_met:
            if not isinstance(failure, _TOO_LARGE):
                raise failure
        if failures_met:
            # One of them, or only all that travelled together: the next round tells, and sends the others again.
            self._one_by_one = True
            return True
        self._acknowledged = [row["id"] for row in rows]
        for topic, count in Counter(row["topic"] for row in rows).items():
            self._metrics.outbox_published.labels(topic).inc(count)
        if (exporter := spans.of(self._metrics.service)) is not None:
            named = ((row["topic"], json.loads(row["headers"])) for row in rows)
            carried = ((topic, headers["ce_id"], headers.get("traceparent")) for topic, headers in named)
            exporter.records("send", carried, began_ns)
        return True

    async def _next(self, session: asyncpg.Connection) -> Sequence[Any]:
        """Take out what is acknowledged; what is next, but for keys that are held back."""
        if self._held and time.monotonic() >= self._held_until:
            self._held.clear()
            self._one_by_one = True
        if not self._held:
            return await session.fetch(_NEXT, self._acknowledged, self._batch)
        topics, keys = [topic for topic, _ in self._held], [key for _, key in self._held]
        return await session.fetch(_NEXT_BUT_HELD, self._acknowledged, self._batch, topics, keys)

    async def _sent_alone(self, producer: AIOKafkaProducer, row: Any) -> bool:
        """Send one row in a batch of its own. If it is too large it stays, with all of its key behind it."""
        whose = row["topic"], row["key"]
        if whose in self._held:
            return False
        ((topic, partition), batch), *_ = await self._batches(producer, [row])
        try:
            await (await producer.send_batch(batch, topic, partition=partition))
        except _TOO_LARGE as error:
            self._held.add(whose)
            self._held_until = time.monotonic() + HELD_S
            self._metrics.outbox_failures.labels(type(error).__name__).inc()
            log.error(  # noqa: TRY400 - where it was met says nothing
                "a record is larger than its topic takes: its key is held back, the others go on",
                extra={"sparing": f"held {topic}", "fields": {"outbox_id": row["id"], "topic": topic}},
            )
            return False
        self._metrics.outbox_published.labels(topic).inc()
        return True

    async def _batches(
        self, producer: AIOKafkaProducer, rows: Sequence[Any]
    ) -> list[tuple[tuple[str, int], BatchBuilder]]:
        """The rows in batches, each of one partition and in their order. Sent one by one, each row would have a
        future and a look at the metadata of its own, at the price of all else that is done for it here."""
        partitions = {
            topic: sorted(await producer.partitions_for(topic)) for topic in {row["topic"] for row in rows}
        }
        batches: list[tuple[tuple[str, int], BatchBuilder]] = []
        filling: dict[tuple[str, int], BatchBuilder] = {}
        for row in rows:
            topic, key = row["topic"], row["key"]
            where = topic, _partition(key, partitions[topic])
            headers = [(name, value.encode()) for name, value in self._named(row).items()]
            if where not in filling or not _put(filling[where], row, headers):
                filling[where] = producer.create_batch()
                batches.append((where, filling[where]))
                _put(filling[where], row, headers)  # a batch takes one record of any size
        return batches

    def _named(self, row: Any) -> dict[str, str]:
        """The headers of a row, with the address of its schema as it is today."""
        schemas, headers = self._schemas, json.loads(row["headers"])
        return headers if schemas is None else {**headers, DATASCHEMA: schemas(row["topic"])}

    async def _producer_ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._kafka,
                acks="all",
                linger_ms=0,
                max_batch_size=256 * 1024,
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

    async def _leading(self) -> asyncpg.Connection | None:
        """The session that holds the lock, hears NOTIFY and empties the table; None while there is none or another
        relay leads."""
        try:
            if self._session is None or self._session.is_closed():
                await self._drop_session()
                self._session = await self._db.dedicated()
                await self._session.execute(_UNAWAITED)
                await self._session.add_listener(CHANNEL, self._wake_up)
                self._session.add_termination_listener(self._wake_up)
            if not self._leads and await self._session.fetchval(_LEAD):
                self._lead(True)
        except Exception as error:
            await self._drop_session()
            if not failures.is_away(error):
                raise
        return self._session if self._leads else None

    def _wake_up(self, *_: object) -> None:
        self._wake.set()

    async def _drop_session(self) -> None:
        session, self._session = self._session, None
        # Who leads next sends again what this session has not taken out.
        self._acknowledged = []
        self._held.clear()
        self._metrics.outbox_held.set(0)
        self._lead(False)
        if session is not None:
            with contextlib.suppress(Exception):
                await session.close(timeout=2)

    def _lead(self, leads: bool) -> None:
        self._leads = leads
        self._metrics.relay_leads.set(int(leads))

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
