"""Records that can be read and cannot be handled: one of them stops nothing, and nothing else is blamed for it."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.bus import HandlerContext, Router
from shared.database import Database, Tx
from shared.events import Message, Received, Topic
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.integration.test_bus import good, with_value
from tests.kit.kafka import committed, eventually, probe_topic, produce, reading, running_bus

RECORDS = 500


@dataclass(frozen=True)
class Fails:
    """What the handler does at one record: a statement, or something to raise."""

    reason: str
    sql: str | None = None
    arguments: tuple[Any, ...] = ()
    error: type[Exception] | None = None

    async def do(self, tx: Tx) -> None:
        if self.sql is not None:
            await tx.connection.execute(self.sql, *self.arguments)
        if self.error is not None:
            raise self.error("this record")


FAILURES = [
    Fails("database_22003", "select $1::bigint::int", (2**40,)),
    Fails("database_22P02", "select $1::text::uuid", ("no uuid",)),
    Fails("database_22P05", "select $1::text::jsonb ->> 0", ('["\\u0000"]',)),
    Fails("database_23502", "insert into kept (id) values (null)"),
    Fails("database_23514", "insert into kept (id, number) values (gen_random_uuid(), -1)"),
    Fails("database_54000", "insert into kept (id, indexed) values (gen_random_uuid(), $1)", ("?",)),
    Fails("database_P0001", "do $$begin raise exception 'a trigger of ours refuses'; end$$"),
    Fails("database_22000", "select $1::int", ("no number",)),
    Fails("handler_OverflowError", error=OverflowError),
    Fails("handler_KeyError", error=KeyError),
    Fails("handler_AttributeError", error=AttributeError),
    Fails("handler_RecursionError", error=RecursionError),
]
POSITIONS = [0, 1, 249, 250, 251, 498, RECORDS - 1, 7, 77, 333, 128, 400]


class Keeps:
    """Writes each event's id into a table; fails at those that it is told to fail at, and rolls back with them."""

    def __init__(self, topic: Topic) -> None:
        self.group = f"attendance.{topic.name}"
        self.router = Router()
        self.router.batch(topic.name, group=self.group)(self.handle)
        self.fails: dict[UUID, Fails] = {}
        self.calls = 0

    async def prepare(self, db: Database) -> None:
        async with db.transaction() as tx:
            await tx.connection.execute(
                "create table kept (id uuid primary key, number int check (number >= 0), indexed text)"
            )
            await tx.connection.execute("create index on kept (indexed)")

    async def handle(self, batch: list[Received], context: HandlerContext) -> None:
        self.calls += 1
        ids = [received.id for received in batch]
        async with context.db.transaction() as tx:
            await tx.connection.execute(
                "insert into kept (id) select unnest($1::uuid[]) on conflict do nothing", ids
            )
            await self.trouble(tx, ids)

    async def trouble(self, tx: Tx, ids: Sequence[UUID]) -> None:
        for id in ids:
            if id in self.fails:
                await self.fails[id].do(tx)

    async def kept(self, db: Database) -> set[UUID]:
        async with db.read() as tx:
            return {row["id"] for row in await tx.connection.fetch("select id from kept")}


def indexed() -> str:
    """Too large for an index entry, however it is compressed."""
    return secrets.token_hex(10_000)


async def all_read(kafka: str, group: str, topic: Topic, count: int) -> bool:
    return await committed(kafka, group, topic) == count


def reasons(records: Sequence[Any]) -> list[tuple[UUID, str]]:
    return [
        (UUID(told["ce_id"].decode()), told["hadir_reason"].decode())
        for told in (dict(record.headers) for record in records)
    ]


@pytest.mark.fault(16)
async def test_one_record_of_five_hundred_that_no_handler_can_take_is_set_aside_and_the_others_go_in(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, db = await probe_topic(monkeypatch, kafka, partitions=1), await database_for("attendance")
    keeps, metrics = Keeps(topic), Metrics("attendance")
    await keeps.prepare(db)
    every: set[UUID] = set()
    bad: list[tuple[UUID, str]] = []
    sent: list[Message] = []
    async with (
        running_bus(db, kafka, keeps.router, metrics=metrics) as bus,
        reading(kafka, topic.dead_letters) as dead,
    ):
        for fails, position in zip(FAILURES, POSITIONS, strict=True):
            messages, ids = good(topic, RECORDS)
            arguments = (indexed(),) if fails.arguments == ("?",) else fails.arguments
            keeps.fails[ids[position]] = Fails(fails.reason, fails.sql, arguments, fails.error)
            bad.append((ids[position], fails.reason))
            every |= set(ids)
            sent += messages
            await produce(kafka, messages)
            everything = partial(all_read, kafka, keeps.group, topic, len(sent))
            await eventually(everything)
        await dead.to_the_end()
        assert bus.stopped() == []
    assert reasons(dead.records) == bad
    assert await keeps.kept(db) == every - {id for id, _ in bad}
    # Byte for byte, with its own headers.
    by_id = {dict(one.headers)["ce_id"]: one for one in sent}
    for letter in dead.records:
        told = dict(letter.headers)
        assert letter.value == by_id[told["ce_id"]].value
        assert letter.key == by_id[told["ce_id"]].key
        assert letter.headers[: len(by_id[told["ce_id"]].headers)] == tuple(by_id[told["ce_id"]].headers)
    # Few calls beyond the least: a search takes some twenty transactions, not five hundred.
    assert keeps.calls < len(FAILURES) * 40


async def test_many_bad_records_among_unreadable_ones_and_on_all_partitions_are_each_found(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, db = await probe_topic(monkeypatch, kafka), await database_for("attendance")
    keeps = Keeps(topic)
    await keeps.prepare(db)
    messages, ids = good(topic, 300)
    unreadable = set(range(5, 300, 50))
    cannot = {ids[index] for index in (0, 1, 2, 64, 65, 66, 150, 299)}
    for id in cannot:
        keeps.fails[id] = Fails("database_22003", "select $1::bigint::int", (2**40,))
    await produce(kafka, [with_value(one, b"{") if n in unreadable else one for n, one in enumerate(messages)])
    async with running_bus(db, kafka, keeps.router), reading(kafka, topic.dead_letters) as dead:
        await eventually(lambda: all_read(kafka, keeps.group, topic, 300))
        await dead.to_the_end()
    assert Counter(reasons(dead.records)) == Counter(
        [(id, "database_22003") for id in cannot] + [(ids[index], "schema") for index in unreadable]
    )
    assert await keeps.kept(db) == set(ids) - cannot - {ids[index] for index in unreadable}


async def test_records_that_fail_only_together_and_one_that_fails_only_once_are_not_blamed(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, db = await probe_topic(monkeypatch, kafka, partitions=1), await database_for("attendance")
    messages, ids = good(topic, 60)
    first, second, shy = ids[10], ids[11], ids[41]
    alone_at_first = {shy}

    class Pair(Keeps):
        async def trouble(self, tx: Tx, ids: Sequence[UUID]) -> None:
            if {first, second} <= set(ids):
                raise ValueError("these two do not go into one statement")
            if set(ids) == alone_at_first:
                alone_at_first.clear()
                raise ValueError("once")
            if shy in ids and alone_at_first:
                raise ValueError("not yet")

    keeps = Pair(topic)
    await keeps.prepare(db)
    await produce(kafka, messages)
    async with running_bus(db, kafka, keeps.router), reading(kafka, topic.dead_letters) as dead:
        await eventually(lambda: all_read(kafka, keeps.group, topic, 60))
        await dead.to_the_end()
    assert await keeps.kept(db) == set(ids)
    assert dead.records == []


async def test_the_world_is_never_blamed_on_a_record_not_even_in_the_middle_of_a_search(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, db = await probe_topic(monkeypatch, kafka, partitions=1), await database_for("attendance")
    messages, ids = good(topic, 64)
    poison = ids[20]
    world = [
        Fails("40P01", "do $$begin raise exception using errcode = '40P01'; end$$"),
        Fails("53100", "do $$begin raise exception using errcode = '53100'; end$$"),
        Fails("42P01", "select * from a_table_of_the_next_version"),
        Fails("ends", "select pg_terminate_backend(pg_backend_pid())"),
        Fails("memory", error=MemoryError),
        Fails("reset", error=ConnectionResetError),
    ]
    met: list[str] = []

    class Stormy(Keeps):
        async def trouble(self, tx: Tx, ids: Sequence[UUID]) -> None:
            if poison in ids:
                if len(ids) <= 4 and world:
                    met.append(world[-1].reason)
                    await world.pop().do(tx)
                await tx.connection.execute("select $1::bigint::int", 2**40)

    keeps = Stormy(topic)
    await keeps.prepare(db)
    monkeypatch.setattr("shared.consumer.MAX_PAUSE_S", 0.05)
    await produce(kafka, messages)
    async with running_bus(db, kafka, keeps.router), reading(kafka, topic.dead_letters) as dead:
        await eventually(lambda: all_read(kafka, keeps.group, topic, 64))
        await dead.to_the_end()
    assert len(met) == 6
    assert reasons(dead.records) == [(poison, "database_22003")]
    assert await keeps.kept(db) == set(ids) - {poison}


@pytest.mark.fault(19)
async def test_a_deploy_that_can_handle_nothing_stops_its_partition_and_the_other_partitions_go_on(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, db = await probe_topic(monkeypatch, kafka, partitions=2), await database_for("attendance")
    keeps, metrics = Keeps(topic), Metrics("attendance")
    await keeps.prepare(db)
    bad, bad_ids = good(topic, 40)
    fine, fine_ids = good(topic, 40)
    for id in bad_ids:
        keeps.fails[id] = Fails("database_22003", "select $1::bigint::int", (2**40,))
    await produce(kafka, bad, partition=0)
    await produce(kafka, fine, partition=1)

    def told(name: str) -> float:
        return metrics.registry.get_sample_value(name, {"group": keeps.group}) or 0

    monkeypatch.setattr("shared.consumer.MAX_PAUSE_S", 0.3)
    async with reading(kafka, topic.dead_letters) as dead:
        async with running_bus(db, kafka, keeps.router, metrics=metrics, dead_letter_limit=10) as bus:
            await eventually(lambda: told("hadir_dead_letter_stops_total") >= 2)
            await eventually(lambda: all_read(kafka, keeps.group, topic, 40))
            assert await keeps.kept(db) == set(fine_ids)
            assert told("hadir_consumer_stopped_partitions") == 1
            (complaint,) = bus.stopped()
            assert topic.name in complaint
            assert "HADIR_DEAD_LETTER_LIMIT" in complaint
            assert bus.stuck() == []
            # The mend: a version that can handle them. It goes on by itself, and nothing was lost.
            keeps.fails.clear()
            await eventually(lambda: all_read(kafka, keeps.group, topic, 80))
            await eventually(lambda: bus.stopped() == [])
            assert told("hadir_consumer_stopped_partitions") == 0
        await dead.to_the_end()
    assert dead.records == []
    assert await keeps.kept(db) == {*fine_ids, *bad_ids}


async def test_too_large_a_share_of_the_last_thousand_stops_the_partition_too(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, db = await probe_topic(monkeypatch, kafka, partitions=1), await database_for("attendance")
    keeps = Keeps(topic)
    await keeps.prepare(db)
    limits: dict[str, Any] = {"dead_letter_limit": 10, "dead_letter_per_thousand": 30, "batch_max_records": 10}
    messages, ids = good(topic, 200)
    for id in ids[::2]:
        keeps.fails[id] = Fails("handler_ValueError", error=ValueError)
    await produce(kafka, messages)
    async with reading(kafka, topic.dead_letters) as dead, running_bus(db, kafka, keeps.router, **limits) as bus:
        await eventually(lambda: bus.stopped() != [])
        await dead.to_the_end()
        assert len(dead.records) < 30
        assert "HADIR_DEAD_LETTER_PER_THOUSAND" in bus.stopped()[0]


async def test_a_bug_that_everything_meets_blames_nothing_and_one_that_a_lone_record_meets_is_found_in_time(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, db = await probe_topic(monkeypatch, kafka, partitions=1), await database_for("attendance")
    keeps = Keeps(topic)
    await keeps.prepare(db)
    messages, ids = good(topic, 6)
    for id in ids:
        keeps.fails[id] = Fails("handler_AttributeError", error=AttributeError)
    monkeypatch.setattr("shared.consumer.MAX_PAUSE_S", 0.1)
    async with reading(kafka, topic.dead_letters) as dead:
        await produce(kafka, messages)
        monkeypatch.setattr("shared.consumer.BUG_AFTER_ATTEMPTS", 1_000_000)
        async with running_bus(db, kafka, keeps.router):
            await eventually(lambda: keeps.calls > 100)
            assert await committed(kafka, keeps.group, topic) == 0
            await dead.to_the_end()
            assert dead.records == []
            # Its neighbours are handled now: what still fails is that record's own.
            for id in ids[1:]:
                del keeps.fails[id]
            await eventually(lambda: all_read(kafka, keeps.group, topic, 6))
        await dead.to_the_end()
        assert reasons(dead.records) == [(ids[0], "handler_AttributeError")]
        monkeypatch.setattr("shared.consumer.BUG_AFTER_ATTEMPTS", 3)
        (lone,), (id,) = good(topic, 1)
        keeps.fails[id] = Fails("handler_AttributeError", error=AttributeError)
        await produce(kafka, [lone])
        async with running_bus(db, kafka, keeps.router):
            await eventually(lambda: all_read(kafka, keeps.group, topic, 7))
        await dead.to_the_end()
    assert reasons(dead.records)[-1] == (id, "handler_AttributeError")
