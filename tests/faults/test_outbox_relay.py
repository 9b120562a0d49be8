"""Relays that die, and a broker that goes away: what was promised arrives, with the same event ids."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from deploy.local.kafka import Kafka
from deploy.local.topics import create_topics
from shared.bus import Router
from shared.database import Database
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.faults.part import kill, part
from tests.integration.test_outbox import empty, promise, relay, waiting
from tests.kit.attendance import AT_OFFICE, attendance
from tests.kit.backing import temporary_state
from tests.kit.kafka import committed, eventually, fold_plans, probe_topic, reading, running_bus

# Holds every commit that empties the outbox until the test lets go: the moment between Kafka's
# acknowledgement and the relay's commit, as long as it takes.
HOLD = (
    "create function hold() returns trigger language plpgsql as"
    " $$begin perform pg_advisory_lock_shared(42); return null; end$$",
    "create constraint trigger hold after delete on outbox deferrable initially deferred"
    " for each row execute function hold()",
)


async def end_sessions(postgres: str, db: Database, query: str) -> None:
    connection: asyncpg.Connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and query ilike $2",
            db.url.rsplit("/", 1)[1],
            query,
        )
    finally:
        await connection.close()


async def plans_of(db: Database) -> list[Any]:
    async with db.read() as tx:
        return await tx.connection.fetch("select * from plan_fact order by employee_id, work_date")


@pytest.mark.fault(1)
async def test_a_relay_killed_between_kafkas_ack_and_its_commit_sends_again_and_the_facts_are_the_same(
    database_for: DatabaseFor, postgres: str, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    for statement in HOLD:
        async with db.transaction() as tx:
            await tx.connection.execute(statement)
    ids = await promise(db, topic, [uuid4() for _ in range(10)], each=20)
    gate = await db.dedicated()
    await gate.execute("select pg_advisory_lock(42)")
    async with reading(kafka, topic.name) as tail:
        async with part("relay", db.url, kafka, "1000") as doomed:
            await tail.until(lambda: len(tail.records) >= len(ids))
            await kill(doomed)
        await end_sessions(postgres, db, "%delete from outbox%")
        await gate.close()
        assert Counter(tail.ids) == Counter(ids)
        assert await waiting(db) == len(ids)
        once = dict(tail.ids_by_key())
        async with part("relay", db.url, kafka, "1000"):
            await eventually(lambda: empty(db))
        await tail.to_the_end()
    assert Counter(tail.ids) == Counter(ids * 2)
    assert tail.ids_by_key() == {key: [*sent, *sent] for key, sent in once.items()}

    group = f"attendance.test-{uuid4().hex[:8]}"
    router = Router()
    router.batch(topic.name, group=group)(fold_plans)
    async with running_bus(db, kafka, router):

        async def all_read() -> bool:
            return await committed(kafka, group, topic) == len(ids) * 2

        await eventually(all_read)
    assert {str(row["ce_id"]) for row in await plans_of(db)} == set(ids[-10:])


async def test_relays_killed_again_and_again_under_load_lose_nothing_and_invent_nothing(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    keys = [uuid4() for _ in range(20)]
    writer = asyncio.create_task(promise(db, topic, keys, each=100))
    async with reading(kafka, topic.name) as tail:
        for seen in (100, 500, 1000):
            async with part("relay", db.url, kafka, "40") as doomed:
                await tail.until(lambda seen=seen: len(tail.records) >= seen)
                await kill(doomed)
        ids = await writer
        async with part("relay", db.url, kafka, "1000"):
            await eventually(lambda: empty(db))
        await tail.to_the_end()
    assert set(tail.ids) == set(ids)
    for number, key in enumerate(keys):
        # A repetition may come, but the first time that each event is seen is in the order of promising.
        assert list(dict.fromkeys(tail.ids_by_key()[str(key).encode()])) == ids[number :: len(keys)]


@pytest.mark.fault(7)
async def test_while_the_broker_is_away_people_check_in_and_when_it_is_back_every_punch_arrives(
    database_for: DatabaseFor, tmp_path: Path
) -> None:
    db = await database_for("attendance")
    with temporary_state() as state:
        broker = Kafka(state)
        await broker.start()
        try:
            await create_topics(broker.bootstrap)
            async with attendance(db, tmp_path, kafka=broker.bootstrap) as rig:
                people = [await rig.staff() for _ in range(10)]
                before = [(await rig.punch(who, position=AT_OFFICE)).json()["punch_id"] for who in people]
                await eventually(lambda: empty(db))
                await broker.stop()
                answers = await asyncio.gather(*(rig.punch(who, kind="out") for who in people))
                assert {answer.status_code for answer in answers} == {201}
                assert await waiting(db) == 10
                await broker.start()
                await eventually(lambda: empty(db))
                async with reading(broker.bootstrap, "attendance.recorded.v1") as tail:
                    await tail.to_the_end()
                during = [answer.json()["punch_id"] for answer in answers]
            assert {json.loads(record.value or b"")["punch_id"] for record in tail.records} == {*before, *during}
        finally:
            await broker.stop()


@pytest.mark.fault(6)
async def test_a_relay_that_starts_before_its_broker_waits_for_it(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await database_for("attendance")
    with temporary_state() as state:
        broker = Kafka(state)
        await broker.start()
        topic = await probe_topic(monkeypatch, broker.bootstrap)
        await broker.stop()
        ids = await promise(db, topic, [uuid4()], each=5)
        try:
            metrics = Metrics("attendance")
            async with relay(db, broker.bootstrap, metrics=metrics):
                failures = "hadir_outbox_failures_total", {"error": "KafkaConnectionError"}
                await eventually(lambda: metrics.registry.get_sample_value(*failures))
                await broker.start()
                async with reading(broker.bootstrap, topic.name) as tail:
                    await tail.until(lambda: len(tail.records) >= 5)
            assert tail.ids == ids
        finally:
            await broker.stop()
