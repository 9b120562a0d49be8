"""A relay that is stopped, overtaken, refused or misled: nothing is lost, and nothing old gets into the facts."""

import asyncio
import datetime as dt
import json
import os
import signal
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import OutOfOrderSequenceNumber

from deploy.kafka import settings
from deploy.local.kafka import Kafka
from shared import outbox
from shared.bus import Router
from shared.events import Topic
from shared.outbox import Outgoing
from shared.tasks import Health
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.faults.part import part
from tests.faults.test_outbox_relay import end_sessions, plans_of
from tests.integration.test_outbox import SOURCE, empty, promise, relay, waiting
from tests.kit.backing import temporary_state
from tests.kit.kafka import committed, eventually, fold_plans, plan_event, probe_topic, reading, running_bus


def outgoing(topic: Topic, key: UUID, revision: int = 1, reason: str = "policy") -> Outgoing:
    event = plan_event(topic, key, revision=revision).model_copy(update={"reason": reason})
    return Outgoing(event, uuid4(), dt.datetime.now(dt.UTC))


async def set_topic(kafka: str, topic: Topic, **changes: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await settings.change(
            admin, {topic.name: {key.replace("_", "."): value for key, value in changes.items()}}
        )
    finally:
        await admin.close()


@pytest.mark.fault(3)
async def test_what_a_relay_sends_after_another_has_taken_over_changes_no_fact(
    database_for: DatabaseFor, postgres: str, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock is no fence: what the first one had in hand comes behind what is newer. The law makes it harmless."""
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    keys = [uuid4() for _ in range(10)]
    old = await promise(db, topic, keys, each=2)
    async with part("stopped_relay", db.url, kafka, "1000") as zombie, reading(kafka, topic.name) as tail:
        await eventually(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_STOPPED)
        await end_sessions(postgres, db, "%delete from outbox%")
        async with part("relay", db.url, kafka, "1000"):
            new: list[str] = []
            for revision in (2, 3):
                async with db.transaction() as tx:
                    promised = [outgoing(topic, key, revision) for key in keys]
                    await outbox.add(tx, promised, source=SOURCE)
                new += [str(one.id) for one in promised]
            await eventually(lambda: empty(db))
            os.kill(zombie.pid, signal.SIGCONT)
            await tail.until(lambda: len(tail.records) >= 2 * len(old) + len(new))
    assert Counter(tail.ids) == Counter([*old, *old, *new])
    for key in keys:
        revisions = [
            json.loads(one.value or b"")["revision"] for one in tail.records if one.key == str(key).encode()
        ]
        assert revisions == [0, 1, 2, 3, 0, 1], "the stale ones came last"
    group = f"attendance.test-{uuid4().hex[:8]}"
    router = Router()
    router.batch(topic.name, group=group)(fold_plans)
    # One record at a time: within one batch only the greatest is written in any case.
    async with running_bus(db, kafka, router, batch_max_records=1):

        async def all_read() -> bool:
            return await committed(kafka, group, topic) == len(tail.records)

        await eventually(all_read)
    assert {row["revision"] for row in await plans_of(db)} == {3}


@pytest.mark.fault(4)
async def test_a_row_that_is_committed_after_a_later_one_was_carried_is_carried_too(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    slow, quick, last = (outgoing(topic, uuid4()) for _ in range(3))
    async with relay(db, kafka), reading(kafka, topic.name) as tail:
        async with db.transaction() as tx:
            await outbox.add(tx, [slow], source=SOURCE)
            async with db.transaction() as other:
                await outbox.add(other, [quick], source=SOURCE)
            await tail.until(lambda: str(quick.id) in tail.ids)
        async with db.transaction() as tx:
            await outbox.add(tx, [last], source=SOURCE)
        await tail.until(lambda: str(last.id) in tail.ids)
        await eventually(lambda: empty(db))
        await tail.to_the_end()
    assert sorted(tail.ids) == sorted(str(one.id) for one in (slow, quick, last))


@pytest.mark.fault(5)
async def test_a_foreign_transaction_that_has_written_and_stays_open_holds_no_event_back(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds back PostgreSQL's oldest snapshot: a cursor by transaction would stand still, but there is none."""
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    foreign = await db.dedicated()
    await foreign.execute("create table of_somebody (id int)")
    async with foreign.transaction():
        await foreign.execute("insert into of_somebody values (1)")
        async with relay(db, kafka, batch=50), reading(kafka, topic.name) as tail:
            ids = await promise(db, topic, [uuid4() for _ in range(10)], each=30)
            await tail.until(lambda: len(tail.records) >= len(ids))
            await eventually(lambda: empty(db))
        assert await foreign.fetchval("select pg_current_xact_id_if_assigned()") is not None, "it is still open"
    assert Counter(tail.ids) == Counter(ids)
    await foreign.close()


@pytest.mark.fault(5)
async def test_a_transaction_of_our_own_that_is_left_open_is_ended_by_the_database(
    database_for: DatabaseFor,
) -> None:
    async with (await database_for("attendance")).read() as tx:
        assert await tx.connection.fetchval("show idle_in_transaction_session_timeout") == "1min"


@pytest.mark.fault(8)
async def test_a_broker_killed_while_it_is_written_to_loses_nothing_that_was_promised(
    database_for: DatabaseFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await database_for("attendance")
    with temporary_state() as state:
        broker = Kafka(state)
        await broker.start()
        topic = await probe_topic(monkeypatch, broker.bootstrap)
        keys = [uuid4() for _ in range(10)]
        metrics = Metrics("attendance")
        try:
            async with relay(db, broker.bootstrap, batch=50, metrics=metrics):
                writer = asyncio.create_task(promise(db, topic, keys, each=150))
                async with reading(broker.bootstrap, topic.name) as tail:
                    await tail.until(lambda: len(tail.records) >= 200)
                assert broker.pid is not None
                os.kill(broker.pid, signal.SIGKILL)
                await broker.wait()
                ids = await writer
                assert await waiting(db) > 0
                await broker.start()
                await eventually(lambda: empty(db))
            async with reading(broker.bootstrap, topic.name) as tail:
                await tail.to_the_end()
        finally:
            await broker.stop()
    assert set(tail.ids) == set(ids)
    for number, key in enumerate(keys):
        assert list(dict.fromkeys(tail.ids_by_key()[str(key).encode()])) == ids[number :: len(keys)]


@pytest.mark.fault(9)
async def test_a_send_that_is_out_of_sequence_is_done_again_by_a_new_producer_at_once(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    producers: list[Any] = []
    really = AIOKafkaProducer.send_batch

    async def send_batch(self: Any, batch: Any, name: str, *, partition: int) -> Any:
        if self not in producers:
            producers.append(self)
            if len(producers) == 1:
                refused = asyncio.get_running_loop().create_future()
                refused.set_exception(OutOfOrderSequenceNumber())
                return refused
        return await really(self, batch, name, partition=partition)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", send_batch)
    ids = await promise(db, topic, [uuid4() for _ in range(5)], each=4)
    metrics = Metrics("attendance")
    async with relay(db, kafka, metrics=metrics), reading(kafka, topic.name) as tail:
        await tail.until(lambda: set(ids) <= set(tail.ids))
        await eventually(lambda: empty(db))
    failures = metrics.registry.get_sample_value(
        "hadir_outbox_failures_total", {"error": "OutOfOrderSequenceNumber"}
    )
    assert (failures, len(producers)) == (1, 2)
    assert [producer._closed for producer in producers[:1]] == [True]


@pytest.mark.fault(10)
async def test_a_record_that_its_topic_does_not_take_holds_back_its_key_and_nobody_else(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone has made the topic's largest record smaller than what the contract promises."""
    monkeypatch.setattr("shared.outbox.HELD_S", 1.0)
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka, partitions=1)
    await set_topic(kafka, topic, max_message_bytes="20000")
    whose, others = uuid4(), [uuid4() for _ in range(40)]
    large = outgoing(topic, whose, 1, "x" * 30_000)
    behind = outgoing(topic, whose, 2)
    async with db.transaction() as tx:
        await outbox.add(tx, [large, behind], source=SOURCE)
    metrics = Metrics("attendance")
    async with relay(db, kafka, metrics=metrics), reading(kafka, topic.name) as tail:
        # Together these are too large as well.
        ids = await promise(db, topic, others, each=2)
        await tail.until(lambda: set(ids) <= set(tail.ids))
        await eventually(lambda: metrics.registry.get_sample_value("hadir_outbox_held_keys") == 1)
        assert not {str(large.id), str(behind.id)} & set(tail.ids), "the later one does not overtake"
        assert await waiting(db) >= 2
        await set_topic(kafka, topic, max_message_bytes="1048588")
        await tail.until(lambda: str(behind.id) in tail.ids)
        await eventually(lambda: empty(db))
        await eventually(lambda: metrics.registry.get_sample_value("hadir_outbox_held_keys") == 0)
    assert tail.ids_by_key()[str(whose).encode()] == [str(large.id), str(behind.id)]


@pytest.mark.fault(26)
async def test_a_relay_whose_clock_is_two_hours_ahead_is_refused_says_so_and_loses_nothing(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka takes no record from more than an hour ahead. A task that fails for a minute is named by readiness."""
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    ids = await promise(db, topic, [uuid4() for _ in range(5)], each=4)
    ahead = [dt.timedelta(hours=2)]

    def put(batch: Any, row: Any, headers: Sequence[Any]) -> bool:
        at = int((dt.datetime.now(dt.UTC) + ahead[0]).timestamp() * 1000)
        return batch.append(timestamp=at, key=row["key"], value=row["value"], headers=headers) is not None

    monkeypatch.setattr(outbox, "_put", put)
    metrics, now = Metrics("attendance"), [0.0]
    health = Health("relay", metrics, clock=lambda: now[0])
    carrier = outbox.Relay(db, {"bootstrap_servers": kafka}, metrics, health)
    task = asyncio.create_task(carrier.run())
    try:
        failed = "hadir_outbox_failures_total", {"error": "InvalidTimestampError"}
        await eventually(lambda: metrics.registry.get_sample_value(*failed))
        now[0] = 59.0
        health.fails(0.0, "as it goes on failing")
        now[0] = 61.0
        assert "task relay has failed for 61 s" in (health.complaint() or "")
        assert await waiting(db) == len(ids)
        ahead[0] = dt.timedelta()
        async with reading(kafka, topic.name) as tail:
            await tail.until(lambda: set(ids) <= set(tail.ids))
            await eventually(lambda: empty(db))
        assert health.complaint() is None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
