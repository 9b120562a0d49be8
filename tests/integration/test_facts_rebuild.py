"""The fact tables come again from the log alone, to the same digest, beside a live consumer."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from services.reporting import handlers
from services.reporting.commands import check, facts
from services.reporting.commands.facts import digest
from services.reporting.commands.rebuild import RebuildRunning, rebuild
from services.reporting.commands.steps import drain
from services.reporting.store.rebuild import lacks_steps
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
from tests.integration.test_steps_drain import agree, planned, quiet, rows
from tests.kit import worlds
from tests.kit.locks import waiting
from tests.kit.services import Signer


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


@pytest.mark.fault(25)
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
        rebuilding = asyncio.create_task(rebuild(settings, lambda done, total: seen.append((done, total)), quiet))
        await send(kafka, messages(during))
        await rebuilding
        await until_known(db, punches=known | new)
        live = await digest(db)
    assert seen[-1][0] == seen[-1][1] >= len(log)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    # Once more, with nothing else going on: from the log alone.
    await rebuild(settings, quiet, quiet)
    assert await digest(db) == live
    async with db.read() as tx:
        assert not await tx.connection.fetchval("select exists (select from rebuilding)")


DATES = worlds.DATES
HADIR = (sys.executable, "-c", "from deploy.entry import main; main()")


async def a_week(kafka: str) -> None:
    await send(kafka, messages([(uuid4(), planned(person, date)) for person in worlds.PEOPLE for date in DATES]))


async def test_a_rebuild_computes_what_follows_and_says_how_far_it_is(kafka: str, db: Database) -> None:
    settings = settings_for(db, kafka)
    await a_week(kafka)
    seen: list[tuple[int, int]] = []

    async def computing() -> None:  # a replica of the service that does the same
        while True:
            await drain(db, worlds.at(worlds.THURSDAY, "12:00"))
            await asyncio.sleep(0)

    beside = asyncio.create_task(computing())
    try:
        done = await rebuild(settings, quiet, lambda done, total: seen.append((done, total)))
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
    await agree(db)
    assert not await check.check(db, SystemClock().now(), quiet)
    assert await check.digest(db, quiet)
    assert seen[-1][0] == seen[-1][1] >= len(DATES)
    assert done.records is not None
    assert done.records >= len(DATES) * len(worlds.PEOPLE)
    assert "with steps" in done.told()
    assert await rows(db, "select * from rebuilding") == []


async def test_a_rebuild_that_is_broken_off_among_its_dates_goes_on_with_them(kafka: str, db: Database) -> None:
    settings = settings_for(db, kafka)
    await a_week(kafka)

    def stop(done: int, _total: int) -> None:
        if done:
            raise KeyError("Ctrl-C")

    with pytest.raises(KeyError):
        await rebuild(settings, quiet, stop)
    known = await digest(db)
    assert len(await rows(db, "select from touched where employee_id is null")) < len(DATES)
    read: list[int] = []
    done = await rebuild(settings, lambda done, _total: read.append(done), quiet)
    assert (read, done.records) == ([], None)
    assert await digest(db) == known
    await agree(db)
    # Now that nothing is left of it, the log is read again.
    done = await rebuild(settings, lambda done, _total: read.append(done), quiet)
    assert done.records == read[-1] > 0


@asynccontextmanager
async def nobody_counts_when_the_facts_are_there(db: Database) -> AsyncGenerator[Callable[[], Awaitable[bool]]]:
    """Ask whether a rebuild stands still before its first counter. Repairs of its facts want the same lock, and
    are let by: whoever is to have it next stands in the queue before it is given up."""
    take = "select pg_advisory_lock(hashtext('hadir.counters'))"
    holds = await db.dedicated()
    await holds.execute(take)

    async def stands_still() -> bool:
        nonlocal holds
        async with db.read() as tx:
            has_its_facts = await lacks_steps(tx)
        if not await waiting(db, "advisory"):
            return False
        if not has_its_facts:
            follows = await db.dedicated()
            taking = asyncio.create_task(follows.execute(take))
            while await waiting(db, "advisory") < 2:  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.05)
            await holds.close()
            await taking
            holds = follows
        return has_its_facts

    try:
        yield stands_still
    finally:
        await holds.close()


@pytest.mark.long
async def test_ctrl_c_stops_a_rebuild_and_the_next_one_ends_it(kafka: str, db: Database, tmp_path: Path) -> None:
    await a_week(kafka)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HADIR_")} | {
        "HADIR_REPORTING_DATABASE_URL": db.url,
        "HADIR_KAFKA_BOOTSTRAP": kafka,
        "HADIR_TOKEN_PUBLIC_KEY_FILE": str(Signer().public_file(tmp_path)),
        "HADIR_STATE_DIR": str(tmp_path),
    }

    async def command(*arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*HADIR, *arguments, env=env, stdout=pipe, stderr=pipe)

    async with nobody_counts_when_the_facts_are_there(db) as stands_still:
        first = await command("rebuild")
        async with asyncio.timeout(60):
            while not await stands_still():
                assert first.returncode is None, await first.communicate()
                await asyncio.sleep(0.05)
        first.send_signal(signal.SIGINT)
        _, said = await first.communicate()
        assert (first.returncode, b"goes on" in said) == (130, True), said
    for arguments, expected in (
        (("rebuild",), b"the facts were complete"),
        (("check",), b"0 person-days"),
        (("digest", "--steps"), b""),
        (("rebuild",), b"with steps"),
    ):
        process = await command(*arguments)
        out, said = await process.communicate()
        assert process.returncode == 0, said
        assert expected in out
    await agree(db)
    async with db.transaction() as tx:
        await tx.connection.execute("update person_day set codes[1] = 0 where employee_id = $1", worlds.PEOPLE[0])
    for arguments, code, expected in (
        (("check",), 1, b"does not follow from the facts"),
        (("check", "--mend"), 0, f"put right: {len(DATES)} of {len(DATES)}".encode()),
        (("check",), 0, b"0 person-days"),
    ):
        process = await command(*arguments)
        out, said = await process.communicate()
        assert process.returncode == code, said
        assert expected in out
    await agree(db)


async def test_two_rebuilds_at_once_are_refused(kafka: str, db: Database) -> None:
    other = await db.dedicated()
    try:
        assert await other.fetchval("select pg_try_advisory_lock(hashtext('hadir.rebuild'))")
        with pytest.raises(RebuildRunning):
            await rebuild(settings_for(db, kafka), quiet, quiet)
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
    await rebuild(settings_for(db, kafka), quiet, quiet)
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
