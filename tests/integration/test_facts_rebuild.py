"""The fact tables come again from the log alone, to the same digest, beside a live consumer."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from services.reporting import handlers
from services.reporting.commands import facts
from services.reporting.commands.facts import digest
from services.reporting.commands.rebuild import RebuildRunning, rebuild
from shared.bus import Bus, HandlerContext, Router, client_arguments
from shared.clock import SystemClock
from shared.database import Database, Tx
from shared.events import (
    TOPICS,
    AttendanceRecorded,
    Event,
    Message,
    Received,
    ScheduleChanged,
    decode,
    encode,
    source_of,
)
from shared.log import reading
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_facts_transitions import at, plan, punch
from tests.kit import worlds


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


def settings_for(db: Database, kafka: str) -> Settings:
    return Settings(
        service="reporting", database_url=db.url, kafka_bootstrap=kafka, token_public_key_file=Path("unused")
    )


def messages(events: Sequence[tuple[UUID, Event]]) -> list[Message]:
    return [encode(e, id=ce_id, time=at("06:00"), source=source_of(TOPICS[e.topic].owner)) for ce_id, e in events]


async def send(kafka: str, records: Sequence[Message]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for record in records:
            await producer.send(record.topic, record.value, key=record.key, headers=record.headers)
        await producer.flush()
    finally:
        await producer.stop()


@asynccontextmanager
async def consumer(settings: Settings, db: Database) -> AsyncGenerator[None]:
    """The service's own consumer, in a group of its own."""
    router = Router()
    for declaration in handlers.router.declarations:
        router.declarations.append(replace(declaration, group=f"test.{uuid4()}"))
    context = HandlerContext(settings, db, SystemClock(), Metrics("reporting"))
    bus = Bus(context, router, client_arguments(settings))
    running = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until_known(db: Database, *, punches: set[UUID]) -> None:
    """Until the facts hold these punches; the test's time limit decides, not this loop."""
    async with asyncio.timeout(60):
        while True:
            async with db.read() as tx:
                n = await tx.connection.fetchval(
                    "select count(*) from fact_punch where punch_id = any($1)", list(punches)
                )
            if n == len(punches):
                return
            await asyncio.sleep(0.05)


def a_day(people: int) -> tuple[list[tuple[UUID, Event]], set[UUID]]:
    events: list[tuple[UUID, Event]] = []
    for _ in range(people):
        person = uuid4()
        planned = plan(person=person)
        arrived = punch("in", at("07:20"))
        assert isinstance(planned, ScheduleChanged)
        assert isinstance(arrived, AttendanceRecorded)
        events += [(uuid4(), planned), (uuid4(), arrived.model_copy(update={"employee_id": person}))]
    return events, {e.punch_id for _, e in events if isinstance(e, AttendanceRecorded)}


async def test_a_rebuild_beside_the_live_consumer_gives_the_same_digest(kafka: str, db: Database) -> None:
    settings = settings_for(db, kafka)
    before, known = a_day(200)
    during, new = a_day(200)
    log = messages(before)
    log += random.Random(1).choices(log, k=50)
    # Records that nobody can read are passed over: one is no CloudEvent, one is not of the schema.
    log.append(Message(ScheduleChanged.topic, b"x", b"{}", []))
    log.append(replace(log[0], value=b'{"employee_id": 1}'))
    await send(kafka, log)
    seen: list[tuple[int, int]] = []
    async with consumer(settings, db):
        await until_known(db, punches=known)
        rebuilding = asyncio.create_task(rebuild(settings, lambda done, total: seen.append((done, total))))
        await send(kafka, messages(during))
        await rebuilding
        await until_known(db, punches=known | new)
        live = await digest(db)
    assert seen[-1][0] == seen[-1][1] >= len(log)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    # Once more, with nothing else going on: from the log alone.
    await rebuild(settings, lambda _done, _total: None)
    assert await digest(db) == live
    async with db.read() as tx:
        assert not await tx.connection.fetchval("select exists (select from rebuilding)")


async def test_two_rebuilds_at_once_are_refused(kafka: str, db: Database) -> None:
    other = await db.dedicated()
    try:
        assert await other.fetchval("select pg_try_advisory_lock(hashtext('hadir.rebuild'))")
        with pytest.raises(RebuildRunning):
            await rebuild(settings_for(db, kafka), lambda _done, _total: None)
    finally:
        await other.close()


async def test_the_digest_changes_with_any_fact_and_only_then(db: Database) -> None:
    events, _ = a_day(3)
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received(events))
    one = await digest(db)
    assert len(one) == 64
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received(events))
    assert await digest(db) == one
    async with db.transaction() as tx:
        await tx.connection.execute(
            "update fact_punch set zone = 'unknown' where punch_id = (select punch_id from fact_punch limit 1)"
        )
    assert await digest(db) != one


async def test_a_record_that_cannot_be_stored_ends_no_rebuild(
    kafka: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer sets such a record aside, whether the database or our code refuses it; in the log it stays."""
    events, known = a_day(4)
    broken, odd, unread = (events[n][0] for n in (4, 2, 0))
    await send(kafka, messages(events))

    async def apply(tx: Tx, batch: Sequence[Received]) -> None:
        ids = {one.id for one in batch}
        if broken in ids:
            await tx.connection.execute("select 1 / 0")
        if odd in ids:
            raise AttributeError("only this record meets it")
        await facts.apply(tx, batch)

    def read(topic: str, key: Any, value: Any, headers: Any, trusted: Any) -> Received:
        if dict(headers)["ce_id"] == str(unread).encode():
            raise RecursionError("only this record meets it")
        return decode(topic, key, value, headers, trusted)

    monkeypatch.setattr("services.reporting.commands.rebuild.apply", apply)
    monkeypatch.setattr("shared.log.decode", read)
    await rebuild(settings_for(db, kafka), lambda _done, _total: None)
    await until_known(db, punches=known)
    async with db.read() as tx:
        stored = {row["ce_id"] for row in await tx.connection.fetch("select ce_id from fact_plan")}
    assert not stored & {broken, odd, unread}
    assert events[6][0] in stored


async def test_a_log_may_be_closed_as_soon_as_it_is_open(kafka: str, db: Database) -> None:
    """As `hadir rebuild` does, to see that Kafka answers before it empties a table."""
    client = client_arguments(settings_for(db, kafka))
    for topics in ([], ["no.such.topic.v1"], [ScheduleChanged.topic]):
        async with reading(client, topics) as log:
            pass
        assert {partition.topic for partition in log.partitions} <= {ScheduleChanged.topic}
    with pytest.raises(LookupError):
        async with reading(client, []):
            raise LookupError
