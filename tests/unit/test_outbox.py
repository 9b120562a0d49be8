"""The relay over a table and a Kafka in memory: what leaves the outbox, in which order, and what is sent again."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared import outbox
from shared.outbox import Relay
from shared.tasks import Health
from shared.telemetry import Metrics
from tests.kit.kafka import eventually

AT = dt.datetime(2025, 11, 6, 8, 0, tzinfo=dt.UTC)
A_WEEK_S = 7 * 86_400.0


@dataclass
class Table:
    """The outbox of one database, and its sessions."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    last_id: int = 0
    leader: "Session | None" = None
    sessions: list["Session"] = field(default_factory=list["Session"])
    away: bool = False
    backlog: tuple[int, int, float] = (0, 0, 0.0)

    def add(self, count: int, *, notify: bool = True) -> list[int]:
        new = list(range(self.last_id + 1, self.last_id + count + 1))
        self.last_id += count
        for id in new:
            headers = json.dumps({"ce_id": str(UUID(int=id)), "ce_dataschema": "the schema's name"})
            self.rows[id] = {
                "id": id, "topic": "t.v1", "key": b"%d" % (id % 3), "value": b"%d" % id, "headers": headers
            }  # fmt: skip
        if notify:
            for session in self.sessions:
                session.notify()
        return new

    # What the relay asks of a Database.
    async def dedicated(self) -> "Session":
        if self.away:
            raise ConnectionRefusedError("no database")
        self.sessions.append(Session(self))
        return self.sessions[-1]

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[Any]:
        if self.away:
            raise ConnectionRefusedError("no database")

        async def fetchrow(_: str) -> tuple[int, int, float]:
            return self.backlog

        yield SimpleNamespace(connection=SimpleNamespace(fetchrow=fetchrow))


class Session:
    def __init__(self, table: Table) -> None:
        self._table = table
        self._closed = False
        self._heard: list[Callable[..., None]] = []
        self.limits: list[int] = []

    def notify(self) -> None:
        for heard in self._heard:
            heard()

    def end(self) -> None:
        """The server or the network ends it."""
        self._closed = True
        if self._table.leader is self:
            self._table.leader = None
        self.notify()

    def is_closed(self) -> bool:
        return self._closed

    async def execute(self, statement: str) -> None:
        assert "synchronous_commit" in statement

    async def add_listener(self, channel: str, heard: Callable[..., None]) -> None:
        assert channel == outbox.CHANNEL
        self._heard.append(heard)

    def add_termination_listener(self, heard: Callable[..., None]) -> None:
        self._heard.append(heard)

    async def fetchval(self, statement: str) -> bool:
        assert "pg_try_advisory_lock" in statement
        self._table.leader = self._table.leader or self
        return self._table.leader is self

    async def fetch(
        self, _: str, gone: Sequence[int], limit: int, topics: Sequence[str] = (), keys: Sequence[bytes] = ()
    ) -> list[dict[str, Any]]:
        if self._closed:
            raise ConnectionResetError("the session has ended")
        assert self._table.leader is self
        for id in gone:
            self._table.rows.pop(id, None)
        self.limits.append(limit)
        held = set(zip(topics, keys, strict=True))
        rows = [self._table.rows[id] for id in sorted(self._table.rows)]
        return [row for row in rows if (row["topic"], row["key"]) not in held][:limit]

    async def close(self, *, timeout: float) -> None:  # noqa: ASYNC109 - as asyncpg has it
        self._heard.clear()
        self.end()


class Kafka:
    """What producers send, and how each of them fares."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.batches: list[tuple[int, list[int]]] = []
        """What was sent, as the partitions got it."""
        self.partitions = 1
        self.holds_at_most = 1
        """Records in a batch."""
        self.headers: list[dict[str, str]] = []
        self.refused: dict[int, list[Exception]] = {}
        """What the next attempts to send a row meet."""
        self.unacknowledged: dict[int, asyncio.Future[None]] = {}
        self.holds = False
        self.away = False
        self.producers: list[Producer] = []

    def producer(self, **how: Any) -> "Producer":
        assert how["acks"] == "all"
        self.producers.append(Producer(self))
        return self.producers[-1]


class Producer:
    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self.stopped = False

    async def start(self) -> None:
        if self._kafka.away:
            raise KafkaConnectionError("no broker")

    async def stop(self) -> None:
        self.stopped = True

    async def partitions_for(self, topic: str) -> set[int]:
        assert topic == "t.v1"
        return set(range(self._kafka.partitions))

    def create_batch(self) -> "Batch":
        return Batch(self._kafka.holds_at_most)

    async def send_batch(self, batch: "Batch", topic: str, *, partition: int) -> "asyncio.Future[None]":
        assert not self.stopped
        self._kafka.batches.append((partition, batch.ids))
        self._kafka.sent += batch.ids
        self._kafka.headers += batch.headers
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if refusals := self._kafka.refused.get(batch.ids[0]):
            done.set_exception(refusals.pop())
        elif self._kafka.holds:
            self._kafka.unacknowledged[batch.ids[0]] = done
        else:
            done.set_result(None)
        return done


class Batch:
    """Records that are sent together: the first whatever its size, and then as long as there is place."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.ids: list[int] = []
        self.headers: list[dict[str, str]] = []

    def append(
        self, *, timestamp: None, key: bytes, value: bytes, headers: list[tuple[str, bytes]]
    ) -> SimpleNamespace | None:
        if len(self.ids) == self._most:
            return None
        self.ids.append(int(value))
        self.headers.append({name: text.decode() for name, text in headers})
        return SimpleNamespace()


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    kafka = Kafka()
    monkeypatch.setattr(outbox, "AIOKafkaProducer", kafka.producer)
    monkeypatch.setattr(outbox, "_ASK_AGAIN_S", 0.01)
    return kafka


@dataclass
class Running:
    relay: Relay
    metrics: Metrics
    health: Health
    task: "asyncio.Task[None]"

    def told(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def running(
    table: Table, *, batch: int = 10, schemas: Callable[[str], str] | None = None
) -> AsyncGenerator[Running]:
    metrics = Metrics("attendance")
    health = Health("relay", metrics)
    db: Any = table
    relay = Relay(db, {}, metrics, health, batch=batch, idle_s=A_WEEK_S, schemas=schemas)
    task = asyncio.create_task(relay.run())
    try:
        yield Running(relay, metrics, health, task)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def turns() -> None:
    """Lets everything happen that can happen without anything from outside."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_rows_leave_in_the_order_of_their_ids_over_as_many_rounds_as_it_takes(kafka: Kafka) -> None:
    table = Table()
    ids = table.add(35)
    async with running(table) as relay:
        await eventually(lambda: not table.rows)
        assert kafka.sent == ids
        assert relay.told("hadir_outbox_published_total", topic="t.v1") == 35
        assert len(kafka.producers) == 1, "order between rounds holds within one producer"


async def test_rows_travel_in_batches_and_those_of_a_key_stay_in_their_order(kafka: Kafka) -> None:
    kafka.partitions, kafka.holds_at_most = 6, 3
    table = Table()
    ids = table.add(35)
    async with running(table):
        await eventually(lambda: not table.rows)
    of_partitions: dict[int, list[int]] = {}
    for partition, batch in kafka.batches:
        of_partitions.setdefault(partition, []).extend(batch)
    assert all(batch == sorted(batch) for batch in of_partitions.values())
    assert sorted(kafka.sent) == ids
    whose = {partition: {id % 3 for id in batch} for partition, batch in of_partitions.items()}
    assert sorted(key for keys in whose.values() for key in keys) == [0, 1, 2], "a key has one partition"
    assert max(len(batch) for _, batch in kafka.batches) == 3


async def test_a_row_stays_until_kafka_has_acknowledged_it_and_nothing_is_sent_past_it(kafka: Kafka) -> None:
    table = Table()
    ids = table.add(15)
    kafka.holds = True
    async with running(table):
        await eventually(lambda: len(kafka.unacknowledged) == 10)
        for id in ids[1:10]:
            kafka.unacknowledged[id].set_result(None)
        await turns()
        assert set(table.rows) == set(ids)
        assert kafka.sent == ids[:10]
        kafka.holds = False
        kafka.unacknowledged[ids[0]].set_result(None)
        await eventually(lambda: not table.rows)
        assert kafka.sent == ids


async def test_after_a_failed_send_the_whole_round_is_sent_again_by_a_new_producer(kafka: Kafka) -> None:
    table = Table()
    ids = table.add(5)
    kafka.refused = {ids[2]: [KafkaConnectionError("the leader is gone")]}
    async with running(table) as relay:
        await eventually(lambda: not table.rows)
        assert kafka.sent == [*ids, *ids]
        assert [producer.stopped for producer in kafka.producers] == [True, False], "the old one may send late"
        assert relay.told("hadir_outbox_failures_total", error="KafkaConnectionError") == 1
        assert relay.health.failing_s() == 0


async def test_a_row_that_kafka_never_takes_holds_back_its_key_and_nothing_else(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka.holds_at_most = 5
    table = Table()
    ids = table.add(15)
    kafka.refused = {ids[0]: [MessageSizeTooLargeError()] * 1000}
    of_its_key = [id for id in ids if id % 3 == ids[0] % 3]
    async with running(table) as relay:
        await eventually(lambda: set(table.rows) == set(of_its_key))
        await eventually(lambda: relay.told("hadir_outbox_held_keys") == 1)
        assert relay.told("hadir_outbox_failures_total", error="MessageSizeTooLargeError")
        assert len(kafka.producers) == 1, "what Kafka has refused it cannot take later"
        # Its topic takes it now: all of the key leaves in its order.
        del kafka.refused[ids[0]]
        kafka.sent.clear()
        monkeypatch.setattr("shared.outbox.HELD_S", 0.0)
        relay.relay._held_until = 0.0  # pyright: ignore[reportPrivateUsage] - as if the time had gone by
        table.add(1)
        await eventually(lambda: not table.rows)
        assert [id for id in kafka.sent if id in of_its_key] == of_its_key
        await eventually(lambda: relay.told("hadir_outbox_held_keys") == 0)


async def test_records_that_are_too_large_only_together_travel_alone_and_hold_nobody(kafka: Kafka) -> None:
    kafka.holds_at_most = 10
    table = Table()
    ids = table.add(10)
    kafka.refused = {ids[0]: [MessageSizeTooLargeError()]}
    async with running(table) as relay:
        await eventually(lambda: not table.rows)
        assert relay.told("hadir_outbox_held_keys") == 0
        assert relay.told("hadir_outbox_published_total", topic="t.v1") == 10
    assert [id for _, batch in kafka.batches[-10:] for id in batch] == ids


async def test_a_producer_that_cannot_start_is_stopped_and_no_row_is_taken(kafka: Kafka) -> None:
    table = Table()
    ids = table.add(3)
    kafka.away = True
    async with running(table):
        await eventually(lambda: kafka.producers and kafka.producers[0].stopped)
        assert table.sessions[0].limits == [], "no statement waits for Kafka"
        kafka.away = False
        await eventually(lambda: kafka.sent == ids and not table.rows)


async def test_a_notice_wakes_a_relay_that_has_nothing_to_do(kafka: Kafka) -> None:
    table = Table()
    async with running(table):
        await eventually(lambda: table.sessions and table.sessions[0].limits)
        await turns()
        ids = table.add(1)
        await eventually(lambda: kafka.sent == ids and not table.rows)


async def test_of_two_relays_one_sends_and_the_other_takes_over_when_its_session_ends(kafka: Kafka) -> None:
    table = Table()
    async with running(table) as first:
        await eventually(lambda: first.told("hadir_outbox_relay_leads") == 1)
        async with running(table) as second:
            await eventually(lambda: len(table.sessions) == 2)
            ids = table.add(20)
            await eventually(lambda: not table.rows)
            assert kafka.sent == ids
            assert second.told("hadir_outbox_relay_leads") == 0
            first.task.cancel()
            await eventually(lambda: second.told("hadir_outbox_relay_leads") == 1)
            more = table.add(5)
            await eventually(lambda: not table.rows)
            assert kafka.sent == [*ids, *more]
        assert first.told("hadir_outbox_relay_leads") == 0


async def test_what_was_sent_but_not_taken_out_when_the_session_ended_is_sent_again(kafka: Kafka) -> None:
    table = Table()
    kafka.holds = True
    ids = table.add(10)
    async with running(table) as relay:
        await eventually(lambda: len(kafka.unacknowledged) == 10)
        table.sessions[0].end()
        kafka.holds = False
        for done in kafka.unacknowledged.values():
            done.set_result(None)
        await eventually(lambda: not table.rows)
        assert kafka.sent == [*ids, *ids], "another relay may have led meanwhile"
        assert relay.told("hadir_outbox_relay_leads") == 1


async def test_a_relay_waits_for_its_database_and_blames_nothing(kafka: Kafka) -> None:
    table = Table(away=True)
    ids = table.add(3)
    async with running(table) as relay:
        await turns()
        assert relay.told("hadir_outbox_relay_leads") == 0
        assert not relay.task.done()
        table.away = False
        await eventually(lambda: not table.rows)
        assert kafka.sent == ids


async def test_a_relay_that_ends_gives_up_its_lock_and_its_producer(kafka: Kafka) -> None:
    table = Table()
    table.add(1)
    async with running(table):
        await eventually(lambda: not table.rows)
    assert table.leader is None
    assert all(session.is_closed() for session in table.sessions)
    assert all(producer.stopped for producer in kafka.producers)


async def test_the_address_of_a_schema_is_that_of_today_and_not_of_when_the_row_was_written(kafka: Kafka) -> None:
    table = Table()
    table.add(1)
    async with running(table, schemas=lambda topic: f"https://here/{topic}"):
        await eventually(lambda: not table.rows)
    assert kafka.headers == [{"ce_id": str(UUID(int=1)), "ce_dataschema": "https://here/t.v1"}]


@pytest.mark.parametrize(
    ("row", "rows"),
    [((7, 0, 1.5), 7), ((10_000, 3, 1.5), 10_000), ((10_001, 250_000, 1.5), 250_000), ((10_001, 12, 1.5), 10_001)],
)
async def test_the_backlog_is_counted_up_to_ten_thousand_and_estimated_beyond(
    kafka: Kafka, row: tuple[int, int, float], rows: int
) -> None:
    table = Table(backlog=row)
    async with running(table) as relay:
        await eventually(lambda: relay.told("hadir_outbox_rows") == rows)
        assert relay.told("hadir_outbox_age_seconds") == 1.5


@given(st.binary(max_size=40), st.integers(1, 50))
def test_a_key_s_partition_is_the_one_that_kafka_s_own_partitioner_chooses(key: bytes, count: int) -> None:
    partitions = list(range(count))
    ours = outbox._partition(key, partitions)  # pyright: ignore[reportPrivateUsage] - a choice that must not change
    assert ours == DefaultPartitioner()(key, partitions, partitions)


# What a transaction publishes
