"""A consumer that is too slow, loses its coordinator, or finds that the log has gone: it says so and goes on."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import CommitFailedError, NotCoordinatorForGroupError
from faststream.kafka import KafkaBroker

from shared.bus import HandlerContext, Router
from shared.events import Received
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_bus import Seen, good
from tests.kit.kafka import committed, eventually, probe_topic, produce, running_bus


@pytest.mark.fault(14)
async def test_what_a_handler_sleeps_over_for_too_long_is_done_by_another_and_then_the_first_goes_on(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not ask for records within `max.poll.interval.ms` leaves the group, though its heart beats."""
    really: Any = KafkaBroker.subscriber

    def impatient(self: Any, *topics: str, **how: Any) -> Any:
        return really(self, *topics, **{**how, "max_poll_interval_ms": 2_000})

    monkeypatch.setattr(KafkaBroker, "subscriber", impatient)
    monkeypatch.setattr("shared.consumer.REBALANCE_TIMEOUT_MS", 3_000)
    monkeypatch.setattr("shared.consumer.MAX_PAUSE_S", 0.1)
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka, partitions=1)
    async with db.transaction() as tx:
        await tx.connection.execute("create table done (id uuid primary key, times int not null default 1)")
    group = f"attendance.test-{uuid4().hex[:8]}"
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def apply(batch: list[Received], context: HandlerContext) -> None:
        async with context.db.transaction() as tx:
            await tx.connection.execute(
                "insert into done (id) select unnest($1::uuid[]) on conflict do nothing",
                [received.id for received in batch],
            )

    async def sleepy(batch: list[Received], context: HandlerContext) -> None:
        asleep.set()
        await wake.wait()
        await apply(batch, context)

    first, second = Router(), Router()
    first.batch(topic.name, group=group)(sleepy)
    second.batch(topic.name, group=group)(apply)
    messages, ids = good(topic, 40)
    await produce(kafka, messages[:30])

    async def kept() -> set[UUID]:
        async with db.read() as tx:
            return {row["id"] for row in await tx.connection.fetch("select id from done")}

    async def read_to(count: int) -> bool:
        return await committed(kafka, group, topic) == count

    async with running_bus(db, kafka, first, batch_max_records=10):
        await asyncio.wait_for(asleep.wait(), 60)
        async with running_bus(db, kafka, second, batch_max_records=10):
            await eventually(lambda: read_to(30))
            assert await kept() == set(ids[:30])
            wake.set()
        # The other one has left: who had slept is back among the members, and what it had in hand did nothing.
        await produce(kafka, messages[30:])
        await eventually(lambda: read_to(40))
    assert await kept() == set(ids)


@pytest.mark.fault(15)
@pytest.mark.parametrize("error", [CommitFailedError, NotCoordinatorForGroupError])
async def test_an_acknowledgement_that_fails_is_counted_and_all_of_it_is_read_again(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    really, failures = AIOKafkaConsumer.commit, [error(), error()]

    async def commit(self: Any, offsets: Any = None) -> None:
        if failures:
            raise failures.pop()
        await really(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", commit)
    monkeypatch.setattr("shared.consumer.MAX_PAUSE_S", 0.1)
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics = Seen(topic), Metrics("attendance")
    messages, ids = good(topic, 20)
    await produce(kafka, messages[:10])
    async with running_bus(db, kafka, seen.router, metrics=metrics) as bus:

        async def read_to(count: int) -> bool:
            return await committed(kafka, seen.group, topic) == count

        await eventually(lambda: read_to(10))
        labels = {"group": seen.group, "error": error.__name__}
        assert metrics.registry.get_sample_value("hadir_handler_failures_total", labels) == 2
        await produce(kafka, messages[10:])
        await eventually(lambda: read_to(20))
        assert bus.stuck() == bus.stopped() == []
    assert set(seen.ids) == set(ids)


@pytest.mark.fault(25)
async def test_records_deleted_while_a_consumer_was_away_are_counted_and_what_is_left_is_read(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics = Seen(topic), Metrics("attendance")
    messages, ids = good(topic, 60)

    async def read_to(count: int) -> bool:
        return await committed(kafka, seen.group, topic) == count

    def gone() -> float | None:
        labels = {"group": seen.group, "topic": topic.name}
        return metrics.registry.get_sample_value("hadir_consumer_records_gone_total", labels)

    await produce(kafka, messages[:20])
    async with running_bus(db, kafka, seen.router, metrics=metrics):
        await eventually(lambda: read_to(20))
    assert gone() is None
    await produce(kafka, messages[20:50])
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        # As retention does, without waiting for it.
        await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(before_offset=45)})
    finally:
        await admin.close()
    await produce(kafka, messages[50:])
    async with running_bus(db, kafka, seen.router, metrics=metrics):
        await eventually(lambda: read_to(60))
    assert gone() == 25
    assert set(seen.ids) == set(ids) - set(ids[20:45])
    assert "deleted before they were read" in caplog.text
