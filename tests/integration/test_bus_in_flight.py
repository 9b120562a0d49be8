"""Several batches in flight commit in any order, and none is acknowledged before all up to it are committed."""

import asyncio
import random
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from shared.bus import AT_ONCE, HandlerContext, Router
from shared.events import Received, Topic
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_bus import good, schema_broken, settled, with_headers
from tests.kit.kafka import committed, eventually, message, plan_event, probe_topic, produce, reading, running_bus

BATCH = 10


class Held:
    """A handler whose batches commit when told to, each known by its first record."""

    def __init__(self, topic: Topic, at_once: int = AT_ONCE) -> None:
        self.topic = topic
        self.group = f"attendance.test-{uuid4().hex[:8]}"
        self.router = Router()
        self.router.batch(topic.name, group=self.group, at_once=at_once)(self.handle)
        self.begun: list[list[UUID]] = []
        self.committed: list[UUID] = []
        self.doors: dict[UUID, asyncio.Future[None]] = {}
        self.open = False
        self.most = self.now = 0

    async def handle(self, batch: list[Received], context: HandlerContext) -> None:
        ids = [one.id for one in batch]
        self.begun.append(ids)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if not self.open:
                door = self.doors[ids[0]] = asyncio.get_running_loop().create_future()
                await door
        finally:
            self.now -= 1
        self.committed += ids

    def release(self, first: UUID, error: Exception | None = None) -> None:
        door = self.doors.pop(first)
        if error is None:
            door.set_result(None)
        else:
            door.set_exception(error)

    def release_all(self) -> None:
        self.open = True
        for first in list(self.doors):
            self.release(first)


def firsts(ids: list[UUID]) -> list[UUID]:
    return ids[::BATCH]


async def test_batches_commit_in_any_order_and_are_acknowledged_in_theirs(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    held = Held(topic)
    messages, ids = good(topic, 6 * BATCH)
    await produce(kafka, messages)
    one, two, three, four, *_ = firsts(ids)
    async with running_bus(await database_for("attendance"), kafka, held.router, batch_max_records=BATCH):
        await eventually(lambda: len(held.doors) == AT_ONCE)
        held.release(three)
        held.release(two)
        await eventually(lambda: len(held.committed) == 2 * BATCH)
        # They are in, but the first one is not: were this process killed now, it would have to be read again.
        assert await committed(kafka, held.group, topic) == 0
        assert set(held.doors) == {one}
        held.release(one)
        await eventually(lambda: settled(kafka, held.group, topic, 3 * BATCH))
        await eventually(lambda: four in held.doors)
        assert await committed(kafka, held.group, topic) == 3 * BATCH
        held.release_all()
        await eventually(lambda: settled(kafka, held.group, topic, len(ids)))
    assert sorted(held.committed) == sorted(ids)
    assert held.most == AT_ONCE


async def test_a_handler_that_says_nothing_gets_one_batch_after_another(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    held = Held(topic, at_once=1)
    messages, ids = good(topic, 4 * BATCH)
    await produce(kafka, messages)
    async with running_bus(await database_for("attendance"), kafka, held.router, batch_max_records=BATCH):
        for first in firsts(ids):
            await eventually(lambda first=first: first in held.doors)
            assert list(held.doors) == [first]
            held.release(first)
        await eventually(lambda: settled(kafka, held.group, topic, len(ids)))
    assert held.committed == ids
    assert held.most == 1


@pytest.mark.parametrize("which", range(AT_ONCE))
async def test_all_from_a_batch_on_that_the_world_failed_is_read_again(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    held, metrics = Held(topic), Metrics("attendance")
    messages, ids = good(topic, 6 * BATCH)
    await produce(kafka, messages)
    begun = firsts(ids)[:AT_ONCE]
    async with running_bus(
        await database_for("attendance"), kafka, held.router, batch_max_records=BATCH, metrics=metrics
    ):
        await eventually(lambda: len(held.doors) == AT_ONCE)
        held.release(begun[which], ConnectionError("the database is away"))
        for first in reversed(begun):
            if first != begun[which]:
                held.release(first)
        # What is before it is acknowledged; what is behind it was committed, and comes again with it.
        await eventually(lambda: begun[which] in held.doors)
        assert await committed(kafka, held.group, topic) == which * BATCH
        held.release_all()
        await eventually(lambda: settled(kafka, held.group, topic, len(ids)))
    assert set(held.committed) == set(ids)
    assert len(held.committed) == len(ids) + (AT_ONCE - 1 - which) * BATCH
    label = {"group": held.group, "error": "ConnectionError"}
    assert metrics.registry.get_sample_value("hadir_handler_failures_total", label) == 1


async def test_what_cannot_be_read_waits_for_all_that_was_read_before(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    held = Held(topic)
    messages, ids = good(topic, 3 * BATCH)
    messages[BATCH + 3] = schema_broken(messages[BATCH + 3])
    messages[2 * BATCH + 1] = with_headers(message(plan_event(topic)), ce_type=b"probe.v2")
    await produce(kafka, messages)
    one, two, three = firsts(ids)
    async with (
        running_bus(await database_for("attendance"), kafka, held.router, batch_max_records=BATCH),
        reading(kafka, topic.dead_letters) as dead,
    ):
        await eventually(lambda: set(held.doors) == {one, three})
        held.release(three)
        await eventually(lambda: three in held.committed)
        await dead.to_the_end()
        assert dead.records == []
        held.release(one)
        await eventually(lambda: two in held.doors)
        held.release(two)
        await eventually(lambda: settled(kafka, held.group, topic, 3 * BATCH))
        await dead.to_the_end()
    assert len(dead.records) == 1
    assert set(held.committed) == set(ids) - {ids[BATCH + 3], ids[2 * BATCH + 1]}


async def test_records_that_do_not_go_in_are_found_though_others_are_in_flight(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, dice = await probe_topic(monkeypatch, kafka, partitions=3), random.Random(5)
    messages, ids = good(topic, 400)
    bad = set(dice.sample(ids, 7))
    taken: list[UUID] = []
    router, group = Router(), f"attendance.test-{uuid4().hex[:8]}"

    @router.batch(topic.name, group=group, at_once=AT_ONCE)
    async def handle(batch: list[Received], context: HandlerContext) -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        if any(one.id in bad for one in batch):
            raise ValueError("refused")
        taken.extend(one.id for one in batch)

    await produce(kafka, messages)
    async with (
        running_bus(await database_for("attendance"), kafka, router, batch_max_records=25),
        reading(kafka, topic.dead_letters) as dead,
    ):
        await eventually(lambda: settled(kafka, group, topic, len(ids)))
        await dead.to_the_end()
    assert {UUID(dict(record.headers)["ce_id"].decode()) for record in dead.records} == bad
    assert len(dead.records) == len(bad)
    assert set(taken) == set(ids) - bad


async def test_partitions_are_given_up_when_all_in_flight_is_acknowledged(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=4)
    db = await database_for("attendance")
    first, second = Held(topic), Held(topic)
    second.open = True
    messages, ids = good(topic, 40 * BATCH)
    await produce(kafka, messages)
    joining = Router()
    joining.batch(topic.name, group=first.group, at_once=AT_ONCE)(second.handle)
    async with running_bus(db, kafka, first.router, batch_max_records=BATCH):
        await eventually(lambda: len(first.doors) == AT_ONCE)
        async with running_bus(db, kafka, joining, batch_max_records=BATCH):
            first.release_all()
            await eventually(lambda: settled(kafka, first.group, topic, len(ids)))
            await eventually(lambda: set(ids) <= {*first.committed, *second.committed})
    assert sorted([*first.committed, *second.committed]) == sorted(ids)


async def test_stopping_waits_for_what_is_in_flight_and_leaves_what_takes_too_long(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    db, held = await database_for("attendance"), Held(topic)
    messages, ids = good(topic, 5 * BATCH)
    await produce(kafka, messages)

    def when(holds: Callable[[], bool], then: Callable[[], None]) -> "asyncio.Task[None]":
        async def watch() -> None:
            await eventually(holds)
            then()

        return asyncio.create_task(watch())

    async with running_bus(db, kafka, held.router, batch_max_records=BATCH) as bus:
        await eventually(lambda: len(held.doors) == AT_ONCE)
        ending = when(lambda: not bus.started, held.release_all)
    await ending
    assert held.committed == ids[: AT_ONCE * BATCH]
    assert await committed(kafka, held.group, topic) == AT_ONCE * BATCH

    held.open = False
    async with running_bus(db, kafka, held.router, batch_max_records=BATCH, grace_s=4.5):
        await eventually(lambda: len(held.doors) == 2)
    assert await committed(kafka, held.group, topic) == AT_ONCE * BATCH
