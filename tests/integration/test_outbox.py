"""The outbox: what a transaction promises is published, in order, whoever carries it."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import UUID, uuid4

import pytest

from shared import outbox, schema_doors
from shared.database import Database
from shared.events import Topic, envelope, source_of
from shared.events.envelope import EventTooLarge
from shared.events.lean import Lean
from shared.outbox import Outgoing, Relay
from shared.settings import Settings
from shared.telemetry import Metrics
from tests.conftest import DatabaseFor
from tests.kit.kafka import eventually, plan_event, probe_topic, reading

SOURCE = source_of("scheduling")
"""Who owns a probe's topic: consumers take its events from nobody else."""


async def promise(db: Database, topic: Topic, keys: Sequence[UUID], *, each: int) -> list[str]:
    """`each` events for every key, a transaction for each round; their ids in the order of promising."""
    ids: list[str] = []
    for revision in range(each):
        outgoing = [
            Outgoing(plan_event(topic, key, revision=revision), uuid4(), dt.datetime.now(dt.UTC)) for key in keys
        ]
        async with db.transaction() as tx:
            await outbox.add(tx, outgoing, source=SOURCE)
        ids += [str(one.id) for one in outgoing]
    return ids


@asynccontextmanager
async def relay(
    db: Database,
    kafka: str,
    *,
    batch: int = 1000,
    metrics: Metrics | None = None,
    schemas: Callable[[str], str] | None = None,
) -> AsyncGenerator[Relay]:
    client = {"bootstrap_servers": kafka}
    carrier = Relay(db, client, metrics or Metrics("attendance"), batch=batch, schemas=schemas)
    task = asyncio.create_task(carrier.run())
    try:
        yield carrier
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def waiting(db: Database) -> int:
    async with db.read() as tx:
        return await tx.connection.fetchval("select count(*) from outbox")


async def empty(db: Database) -> bool:
    return await waiting(db) == 0


async def test_what_is_promised_arrives_in_order_for_each_key_and_leaves_the_table(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    keys = [uuid4() for _ in range(20)]
    ids = await promise(db, topic, keys, each=30)
    async with relay(db, kafka, batch=70), reading(kafka, topic.name) as tail:
        await tail.until(lambda: len(tail.records) >= len(ids))
        await eventually(lambda: empty(db))
        await tail.to_the_end()
    assert Counter(tail.ids) == Counter(ids)
    for number, key in enumerate(keys):
        assert tail.ids_by_key()[str(key).encode()] == ids[number :: len(keys)]


async def test_a_record_is_a_cloudevent_in_binary_mode(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    event, id = plan_event(topic), uuid4()
    at = dt.datetime(2025, 11, 6, 0, 25, tzinfo=dt.UTC)
    async with db.transaction() as tx:
        await outbox.add(tx, [Outgoing(event, id, at, "00-abc-def-01")], source=SOURCE)
    async with relay(db, kafka), reading(kafka, topic.name) as tail:
        await tail.until(lambda: len(tail.records))
    (record,) = tail.records
    assert record.key == event.key.encode()
    assert record.value == event.model_dump_json().encode()
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(id).encode(),
        "ce_type": topic.name.encode(),
        "ce_source": SOURCE.encode(),
        "ce_subject": event.key.encode(),
        "ce_time": b"2025-11-06T00:25:00+00:00",
        "ce_dataschema": f"urn:hadir:schema:{topic.name}".encode(),
        "content-type": b"application/json",
        "traceparent": b"00-abc-def-01",
    }


async def test_a_record_names_its_schema_where_this_installation_serves_it(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before the address was known, or under another one, names the one of today."""
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    await promise(db, topic, [uuid4()], each=1)
    settings = Settings.model_construct(service="attendance", public_url="https://hadir.contoh.go.id/")
    served = partial(schema_doors.address, settings)
    async with relay(db, kafka, schemas=served), reading(kafka, topic.name) as tail:
        await tail.until(lambda: len(tail.records))
    (record,) = tail.records
    named = dict(record.headers)["ce_dataschema"].decode()
    assert named == f"https://hadir.contoh.go.id/attendance/schemas/{topic.name}.json"


@pytest.mark.parametrize("traced", [True, False])
async def test_what_the_relay_sends_is_read_the_short_way(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, traced: bool
) -> None:
    """Wherever its schema is served, and though a jsonb keeps an order of its own."""
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    await promise(db, topic, [uuid4()], each=1)
    if not traced:
        async with db.transaction() as tx:
            await tx.connection.execute("update outbox set headers = headers - 'traceparent'")
    async with relay(db, kafka, schemas=lambda name: f"https://a/{name}"), reading(kafka, topic.name) as tail:
        await tail.until(lambda: len(tail.records))
    (record,) = tail.records
    headers = list(record.headers)
    received = envelope.decode(topic.name, record.key, record.value, headers)
    assert isinstance(received.given, Lean)
    assert (received.traceparent is not None) == traced


async def test_a_transaction_that_fails_publishes_nothing(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)

    async def promise_and_fail() -> None:
        async with db.transaction() as tx:
            lost = Outgoing(plan_event(topic), uuid4(), dt.datetime.now(dt.UTC))
            await outbox.add(tx, [lost], source=SOURCE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await promise_and_fail()
    (kept,) = await promise(db, topic, [uuid4()], each=1)
    async with relay(db, kafka), reading(kafka, topic.name) as tail:
        await tail.until(lambda: len(tail.records))
        await tail.to_the_end()
    assert tail.ids == [kept]


async def test_a_tombstone_is_a_record_without_a_value(database_for: DatabaseFor, kafka: str) -> None:
    db, erased = await database_for("attendance"), str(uuid4())
    async with db.transaction() as tx:
        outgoing = Outgoing(None, uuid4(), dt.datetime.now(dt.UTC), topic="directory.employee.v1", key=erased)
        await outbox.add(tx, [outgoing], source=SOURCE)
    async with relay(db, kafka), reading(kafka, "directory.employee.v1") as tail:
        await tail.until(lambda: any(record.key == erased.encode() for record in tail.records))
    assert [record.value for record in tail.records if record.key == erased.encode()] == [None]


@pytest.mark.fault(10)
async def test_an_event_that_no_record_can_hold_is_refused_before_it_blocks_the_others(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    huge = plan_event(topic).model_copy(update={"reason": "x" * 1_000_000})
    with pytest.raises(EventTooLarge):
        async with db.transaction() as tx:
            await outbox.add(tx, [Outgoing(huge, uuid4(), dt.datetime.now(dt.UTC))], source=SOURCE)
    assert await empty(db)


@pytest.mark.fault(2)
async def test_of_two_relays_one_carries_and_nothing_is_sent_twice(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    keys = [uuid4() for _ in range(10)]
    async with relay(db, kafka, batch=50), relay(db, kafka, batch=50), reading(kafka, topic.name) as tail:
        ids = await promise(db, topic, keys, each=100)
        await tail.until(lambda: len(tail.records) >= len(ids))
        await eventually(lambda: empty(db))
        await tail.to_the_end()
    assert Counter(tail.ids) == Counter(ids)
    for number, key in enumerate(keys):
        assert tail.ids_by_key()[str(key).encode()] == ids[number :: len(keys)]


@pytest.mark.fault(22)
async def test_when_the_active_relay_loses_its_session_the_other_goes_on_and_nothing_is_lost(
    database_for: DatabaseFor, postgres: str, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    keys = [uuid4() for _ in range(10)]
    async with relay(db, kafka, batch=20), relay(db, kafka, batch=20), reading(kafka, topic.name) as tail:
        promising = asyncio.create_task(promise(Database(db.url), topic, keys, each=100))
        for seen in (100, 300, 500, 700):
            await tail.until(lambda seen=seen: len(tail.records) >= seen)
            await cut_relays(postgres, db)
        ids = await promising
        await tail.until(lambda: set(ids) <= set(tail.ids))
        await eventually(lambda: empty(db))
    assert set(tail.ids) == set(ids)


@pytest.mark.fault(2)
async def test_exactly_one_of_two_relays_says_that_it_leads_and_the_other_takes_over(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    first, second = Metrics("attendance"), Metrics("attendance")

    def leads() -> list[float]:
        found = [one.registry.get_sample_value("hadir_outbox_relay_leads") for one in (first, second)]
        return [value or 0 for value in found]

    async with relay(db, kafka, metrics=second), reading(kafka, topic.name) as tail:
        async with relay(db, kafka, metrics=first):
            await eventually(lambda: sum(leads()) == 1)
            seen = set[tuple[float, ...]]()
            for _ in range(4):  # through work and idleness the same one leads
                ids = await promise(db, topic, [uuid4() for _ in range(5)], each=4)
                await tail.until(lambda ids=ids: set(ids) <= set(tail.ids))
                seen.add(tuple(leads()))
            assert len(seen) == 1
            assert sum(leads()) == 1
        await eventually(lambda: leads() == [0, 1])
        ids = await promise(db, topic, [uuid4()], each=3)
        await tail.until(lambda: set(ids) <= set(tail.ids))


async def cut_relays(postgres: str, db: Database) -> None:
    """End the sessions in which a relay is taking rows, as a failing server or network would."""
    import asyncpg

    connection: asyncpg.Connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = $1 and query like '%delete from outbox%' and pid <> pg_backend_pid()",
            db.url.rsplit("/", 1)[1],
        )
    finally:
        await connection.close()


async def test_the_backlog_tells_how_much_waits_and_for_how_long(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, topic = await database_for("attendance"), await probe_topic(monkeypatch, kafka)
    idle = Relay(db, {"bootstrap_servers": kafka}, Metrics("attendance"))
    assert await idle.backlog() == (0, 0.0)
    await promise(db, topic, [uuid4()], each=3)
    async with db.transaction() as tx:
        await tx.connection.execute("update outbox set created_at = created_at - interval '90 s'")
    rows, age = await idle.backlog()
    assert rows == 3
    assert 90 <= age < 150
