"""The bus: whatever comes, readable events are handled, unreadable ones set aside whole, nothing is lost."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka.admin import AdminClient
from faststream.kafka import KafkaBroker

from shared.bus import HandlerContext, Router
from shared.events import Message, Received, Topic
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.kit.kafka import (
    committed,
    eventually,
    message,
    plan_event,
    probe_topic,
    produce,
    reading,
    running_bus,
)


class Seen:
    """A handler that remembers what it was given, and fails when told to."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.group = f"attendance.test-{uuid4().hex[:8]}"
        self.router = Router()
        self.calls = 0
        self.failures_left = 0
        self.ids: list[UUID] = []
        self.router.batch(topic.name, group=self.group)(self.handle)

    async def handle(self, batch: list[Received], context: HandlerContext) -> None:
        self.calls += 1
        if self.failures_left:
            self.failures_left -= 1
            raise ConnectionError("the database is away")
        self.ids += [received.id for received in batch]


def good(topic: Topic, count: int) -> tuple[list[Message], list[UUID]]:
    ids = [uuid4() for _ in range(count)]
    return [message(plan_event(topic), id=id) for id in ids], ids


def with_headers(one: Message, **changes: bytes | None) -> Message:
    """`one` with headers replaced; None is the null that Kafka allows."""
    kept = [(name, value) for name, value in one.headers if name not in changes]
    return Message(one.topic, one.key, one.value, kept + list(changes.items()))  # pyright: ignore[reportArgumentType]


def without(one: Message, header: str) -> Message:
    return Message(one.topic, one.key, one.value, [pair for pair in one.headers if pair[0] != header])


def with_value(one: Message, value: bytes | None) -> Message:
    return Message(one.topic, one.key, value, one.headers)


def schema_broken(one: Message) -> Message:
    value = json.loads(one.value or b"")
    del value["unit_id"]
    return with_value(one, json.dumps(value).encode())


POISON: dict[str, Callable[[Message], Message]] = {
    "missing_header": lambda one: without(one, "ce_id"),
    "null_header": lambda one: with_headers(one, ce_type=None),
    "bad_header": lambda one: with_headers(one, ce_source=b"\xff\xfe"),
    "bad_id": lambda one: with_headers(one, ce_id=b"42"),
    "bad_time": lambda one: with_headers(one, ce_time=b"yesterday"),
    "specversion": lambda one: with_headers(one, ce_specversion=b"0.3"),
    "not_json": lambda one: with_value(one, b"{"),
    "not_utf8": lambda one: with_value(one, b'{"a": "\xff"}'),
    "schema": schema_broken,
    "null_value": lambda one: with_value(one, None),
    "nul_character": lambda one: with_value(one, (one.value or b"").replace(b'"unit"', b'"un\\u0000it"')),
    "empty": lambda one: with_value(one, b""),
}


@pytest.mark.fault(17)
async def test_poison_is_set_aside_byte_for_byte_and_everything_else_is_handled(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    messages, ids = good(topic, len(POISON) + 1)
    poison = [spoil(message(plan_event(topic))) for spoil in POISON.values()]
    mixed = [one for pair in zip(messages, poison, strict=False) for one in pair] + messages[-1:]
    await produce(kafka, mixed)
    async with (
        running_bus(await database_for("attendance"), kafka, seen.router),
        reading(kafka, topic.dead_letters) as dead,
    ):
        await eventually(lambda: set(ids) <= set(seen.ids))
        await dead.until(lambda: len(dead.records) >= len(poison))
        await eventually(lambda: settled(kafka, seen.group, topic, len(mixed)))
        await dead.to_the_end()
    assert set(seen.ids) == set(ids)

    def bytes_of(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Any:
        return key, value, tuple(pair for pair in headers if not pair[0].startswith("hadir_"))

    set_aside = [bytes_of(record.key, record.value, record.headers) for record in dead.records]
    assert Counter(set_aside) == Counter(bytes_of(one.key, one.value, one.headers) for one in poison)
    for record in dead.records:
        told = dict(record.headers)
        assert told["hadir_topic"] == topic.name.encode()
        assert told["hadir_group"] == seen.group.encode()
        assert told["hadir_reason"]
        assert int(told["hadir_partition"]) in range(topic.partitions)
        assert int(told["hadir_offset"]) >= 0


async def settled(kafka: str, group: str, topic: Topic, count: int) -> bool:
    return await committed(kafka, group, topic) == count


@pytest.mark.fault(18)
async def test_a_type_of_a_newer_version_is_skipped_and_counted(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen, metrics = Seen(topic), Metrics("attendance")
    messages, ids = good(topic, 2)
    newer = with_headers(message(plan_event(topic)), ce_type=b"probe.v2")
    await produce(kafka, [messages[0], newer, messages[1]])
    async with (
        running_bus(await database_for("attendance"), kafka, seen.router, metrics=metrics),
        reading(kafka, topic.dead_letters) as dead,
    ):
        await eventually(lambda: settled(kafka, seen.group, topic, 3))
        await dead.to_the_end()
    assert set(seen.ids) == set(ids)
    assert dead.records == []
    skipped = metrics.registry.get_sample_value(
        "hadir_events_skipped_total", {"group": seen.group, "reason": "unknown_type"}
    )
    assert skipped == 1


@pytest.mark.fault(18)
async def test_a_newer_producers_extra_fields_and_headers_are_ignored(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    (one,), ids = good(topic, 1)
    value = json.loads(one.value or b"") | {"shade": "green"}
    await produce(kafka, [with_headers(with_value(one, json.dumps(value).encode()), ce_shade=b"1")])
    async with running_bus(await database_for("attendance"), kafka, seen.router):
        await eventually(lambda: seen.ids == ids)


async def test_a_handler_that_fails_gets_the_same_batch_again_until_it_succeeds(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    seen.failures_left = 3
    messages, ids = good(topic, 50)
    await produce(kafka, messages)
    async with running_bus(await database_for("attendance"), kafka, seen.router):
        await eventually(lambda: settled(kafka, seen.group, topic, 50))
    assert seen.failures_left == 0
    assert set(seen.ids) == set(ids)


async def test_an_endless_failure_acknowledges_nothing(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    seen.failures_left = 1_000_000
    messages, ids = good(topic, 20)
    await produce(kafka, messages)
    db = await database_for("attendance")
    async with running_bus(db, kafka, seen.router):
        await eventually(lambda: seen.calls >= 3)
        assert await committed(kafka, seen.group, topic) == 0
    seen.failures_left = 0
    async with running_bus(db, kafka, seen.router):
        await eventually(lambda: set(ids) <= set(seen.ids))


@pytest.mark.fault(19)
async def test_so_many_unreadable_records_in_a_row_stop_the_consumer_instead_of_draining_the_topic(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics = Seen(topic), Metrics("attendance")
    poison = [with_value(message(plan_event(topic)), b"{") for _ in range(8)]
    messages, ids = good(topic, 3)
    await produce(kafka, [*poison, *messages])
    db = await database_for("attendance")

    def stops() -> float:
        sample = metrics.registry.get_sample_value("hadir_dead_letter_stops_total", {"group": seen.group})
        return sample or 0

    async with reading(kafka, topic.dead_letters) as dead:
        async with running_bus(db, kafka, seen.router, metrics=metrics, dead_letter_limit=5):
            await eventually(lambda: stops() >= 2)
            assert await committed(kafka, seen.group, topic) == 0
            await dead.to_the_end()
            assert (dead.records, seen.ids) == ([], [])
        # The mend that the log names: a higher limit, and the same records are set aside.
        async with running_bus(db, kafka, seen.router, dead_letter_limit=20):
            await eventually(lambda: settled(kafka, seen.group, topic, 11))
            await dead.to_the_end()
    assert set(seen.ids) == set(ids)
    assert len(dead.records) == 8


@pytest.mark.fault(13)
async def test_a_rebalance_in_the_middle_of_a_batch_loses_nothing(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=4)
    db = await database_for("attendance")
    messages, ids = good(topic, 400)
    await produce(kafka, messages)
    first, second = Seen(topic), Seen(topic)
    inside, go_on = asyncio.Event(), asyncio.Event()
    remember = first.handle
    router = Router()

    async def slow(batch: list[Received], context: HandlerContext) -> None:
        inside.set()
        await go_on.wait()
        await remember(batch, context)

    router.batch(topic.name, group="attendance." + topic.name)(slow)
    joining = Router()
    joining.batch(topic.name, group="attendance." + topic.name)(second.handle)
    async with running_bus(db, kafka, router, batch_max_records=100):
        await asyncio.wait_for(inside.wait(), 60)
        async with running_bus(db, kafka, joining, batch_max_records=100):
            # The newcomer asks for partitions while a batch is under way: that batch ends first.
            go_on.set()
            await eventually(lambda: set(ids) <= {*first.ids, *second.ids})
            await eventually(lambda: settled(kafka, "attendance." + topic.name, topic, 400))
    again = Counter([*first.ids, *second.ids])
    assert set(again) == set(ids)


@pytest.mark.fault(6)
async def test_consumers_that_wait_for_kafka_are_not_ready_and_not_stuck(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    async with running_bus(await database_for("attendance"), "127.0.0.1:1", seen.router) as bus:
        await eventually(lambda: bus.not_ready() == [seen.group])
        assert bus.stuck() == []


async def test_a_start_that_is_cancelled_halfway_leaves_its_group(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that stays behind holds its partitions until its session ends, and nobody reads them."""
    topic = await probe_topic(monkeypatch, kafka)
    seen, joined = Seen(topic), asyncio.Event()
    really_start = KafkaBroker.start

    async def never_done(self: KafkaBroker) -> None:
        await really_start(self)
        joined.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(KafkaBroker, "start", never_done)
    async with running_bus(await database_for("attendance"), kafka, seen.router):
        await joined.wait()
        assert await asyncio.to_thread(members, kafka, seen.group) == 1
    assert await asyncio.to_thread(members, kafka, seen.group) == 0


def members(kafka: str, group: str) -> int:
    admin: Any = AdminClient({"bootstrap.servers": kafka})  # untyped; answers come only while it lives
    return len(admin.describe_consumer_groups([group])[group].result(timeout=30).members)


async def test_a_client_that_never_lets_go_does_not_keep_the_process_from_ending(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    stuck: list[KafkaBroker] = []
    really_stop = KafkaBroker.stop

    async def never(self: KafkaBroker, *_: object) -> None:
        stuck.append(self)
        await asyncio.Event().wait()

    monkeypatch.setattr(KafkaBroker, "stop", never)
    async with asyncio.timeout(30):
        async with running_bus(await database_for("attendance"), kafka, seen.router, grace_s=3.2) as bus:
            await eventually(lambda: bus.started and not bus.not_ready())
    assert len(stuck) == 1
    await really_stop(stuck[0])


async def test_lag_is_told_for_each_partition(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    seen, metrics = Seen(topic), Metrics("attendance")
    messages, ids = good(topic, 7)
    await produce(kafka, messages)
    label = {"group": seen.group, "topic": topic.name, "partition": "0"}
    async with running_bus(await database_for("attendance"), kafka, seen.router, metrics=metrics):
        await eventually(lambda: metrics.registry.get_sample_value("hadir_consumer_lag_records", label) == 0)
    assert set(seen.ids) <= set(ids)
