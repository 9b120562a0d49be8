"""Lag and liveness against what may be read: open and aborted transactions, control records, lost partitions."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from confluent_kafka import Producer

from deploy.behind import lags
from shared import consumer
from shared.bus import Bus
from shared.events import Message, Topic
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_bus import Seen, good
from tests.kit.kafka import committed, eventually, probe_topic, produce, running_bus


class Foreign:
    """A program of somebody else's that writes in transactions, on librdkafka."""

    def __init__(self, kafka: str) -> None:
        self.producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"foreign-{uuid4()}"})
        self.producer.init_transactions(20)

    def begin(self, messages: list[Message]) -> None:
        self.producer.begin_transaction()
        for one in messages:
            self.producer.produce(one.topic, one.value, one.key, headers=list(one.headers))
        assert self.producer.flush(20) == 0

    def end(self, *, commit: bool) -> None:
        (self.producer.commit_transaction if commit else self.producer.abort_transaction)(20)


def told(metrics: Metrics, name: str, seen: Seen, topic: Topic, partition: int = 0) -> float | None:
    labels = {"group": seen.group, "topic": topic.name, "partition": str(partition)}
    return metrics.registry.get_sample_value(name, labels)


def consumers(bus: Bus) -> list[consumer.Consumer]:
    return bus._consumers  # pyright: ignore[reportPrivateUsage] - nobody else looks at one of them


async def sampled(bus: Bus) -> None:
    """As if two minutes without movement had gone by, with a look at the broker."""
    for one in consumers(bus):
        one._moved_at -= consumer.STUCK_AFTER_S + 1  # pyright: ignore[reportPrivateUsage] - two minutes are not waited for
        await one.sample()


@pytest.mark.parametrize("commit", [True, False])
async def test_a_transaction_left_open_is_held_records_and_neither_lag_nor_stuck(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, commit: bool
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics = Seen(topic), Metrics("attendance")
    monkeypatch.setattr("shared.bus.SAMPLE_S", 0.1)
    before, before_ids = good(topic, 3)
    inside, inside_ids = good(topic, 5)
    after, after_ids = good(topic, 2)
    await produce(kafka, before)
    foreign = await asyncio.to_thread(Foreign, kafka)
    async with running_bus(await database_for("attendance"), kafka, seen.router, metrics=metrics) as bus:
        await eventually(lambda: set(seen.ids) == set(before_ids))
        await asyncio.to_thread(foreign.begin, inside)
        await produce(kafka, after)
        await eventually(lambda: told(metrics, "hadir_consumer_held_records", seen, topic) == 7)
        assert told(metrics, "hadir_consumer_lag_records", seen, topic) == 0
        await sampled(bus)
        assert bus.stuck() == []
        await asyncio.to_thread(foreign.end, commit=commit)
        expected = {*before_ids, *after_ids, *(inside_ids if commit else ())}
        await eventually(lambda: expected <= set(seen.ids))
        # The last record in the log may be a control record, which nobody is handed.
        await eventually(lambda: told(metrics, "hadir_consumer_held_records", seen, topic) == 0)
        await eventually(lambda: told(metrics, "hadir_consumer_lag_records", seen, topic) == 0)
        await sampled(bus)
        assert bus.stuck() == []
    assert set(seen.ids) == expected


@pytest.mark.parametrize("commit", [True, False])
async def test_control_records_at_the_end_are_no_lag(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, commit: bool
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics = Seen(topic), Metrics("attendance")
    monkeypatch.setattr("shared.bus.SAMPLE_S", 0.1)
    messages, ids = good(topic, 4)

    def transact() -> None:
        foreign = Foreign(kafka)
        foreign.begin(messages)
        foreign.end(commit=commit)

    await asyncio.to_thread(transact)
    async with running_bus(await database_for("attendance"), kafka, seen.router, metrics=metrics) as bus:
        if commit:
            await eventually(lambda: set(seen.ids) == set(ids))
        await eventually(lambda: told(metrics, "hadir_consumer_lag_records", seen, topic) == 0)
        # Before the first fetch nothing is known to be behind, and then for a moment the control record is.
        await sampled(bus)
        await eventually(lambda: told(metrics, "hadir_consumer_lag_records", seen, topic) == 0)
        await sampled(bus)
        assert bus.stuck() == []
    (behind,) = await lags({"bootstrap_servers": kafka}, {seen.group: [topic.name]})
    assert (behind.records, behind.seconds) == (0, 0.0)


async def test_a_client_that_has_stopped_fetching_is_stuck_though_it_believes_that_there_is_nothing_to_read(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics = Seen(topic), Metrics("attendance")
    first, ids = good(topic, 3)
    await produce(kafka, first)
    async with running_bus(await database_for("attendance"), kafka, seen.router, metrics=metrics) as bus:
        await eventually(lambda: set(seen.ids) == set(ids))
        await sampled(bus)
        assert bus.stuck() == []
        (only,) = consumers(bus)
        only.subscriber.consumer.pause(TopicPartition(topic.name, 0))  # as silent as a client that hangs
        await asyncio.sleep(0.6)  # a fetch under way ends
        more, _ = good(topic, 2)
        await produce(kafka, more)
        await sampled(bus)
        assert bus.stuck() == [seen.group]
        assert told(metrics, "hadir_consumer_lag_records", seen, topic) == 2


@pytest.mark.fault(14)
async def test_a_handler_that_never_returns_is_stuck_and_its_batch_is_lag(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics, inside = Seen(topic), Metrics("attendance"), asyncio.Event()

    async def hang(*_: Any) -> None:
        inside.set()
        await asyncio.Event().wait()

    seen.router.declarations[0] = consumer.Declaration((topic.name,), seen.group, hang)
    await produce(kafka, good(topic, 6)[0])
    db = await database_for("attendance")
    async with running_bus(db, kafka, seen.router, metrics=metrics, grace_s=4.1) as bus:
        await asyncio.wait_for(inside.wait(), 60)
        await sampled(bus)  # the first look notices that the client has moved on
        await sampled(bus)
        assert told(metrics, "hadir_consumer_lag_records", seen, topic) == 6
        assert bus.stuck() == [seen.group]


async def test_a_broker_that_does_not_answer_makes_nobody_stuck(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    seen = Seen(topic)
    await produce(kafka, good(topic, 1)[0])
    async with running_bus(await database_for("attendance"), kafka, seen.router) as bus:
        await eventually(lambda: seen.ids)

        async def away(*_: Any) -> Any:
            raise ConnectionError

        (only,) = consumers(bus)
        monkeypatch.setattr(only.subscriber.consumer, "end_offsets", away)
        await sampled(bus)
        assert bus.stuck() == []


async def test_the_series_of_a_partition_that_moved_away_are_gone(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=4)
    db = await database_for("attendance")
    monkeypatch.setattr("shared.bus.SAMPLE_S", 0.1)
    first, second = Seen(topic), Seen(topic)
    second.router.declarations[0] = consumer.Declaration((topic.name,), first.group, second.handle)
    mine, others = Metrics("attendance"), Metrics("attendance")

    def partitions(metrics: Metrics) -> set[int]:
        every = range(topic.partitions)
        return {one for one in every if told(metrics, "hadir_consumer_lag_records", first, topic, one) is not None}

    async with running_bus(db, kafka, first.router, metrics=mine):
        await eventually(lambda: partitions(mine) == {0, 1, 2, 3})
        async with running_bus(db, kafka, second.router, metrics=others):
            await eventually(lambda: len(partitions(mine)) == 2 and len(partitions(others)) == 2)
            await eventually(lambda: partitions(mine) | partitions(others) == {0, 1, 2, 3})
        await eventually(lambda: partitions(mine) == {0, 1, 2, 3})
        messages, ids = good(topic, 8)
        await produce(kafka, messages)

        async def all_read() -> bool:
            return await committed(kafka, first.group, topic) == 8

        await eventually(all_read)
    assert set(ids) <= set(first.ids)
