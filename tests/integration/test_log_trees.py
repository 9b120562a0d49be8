"""The follower: what Kafka holds becomes trees, whatever restarts, markers and copies there are, and is signed."""

import asyncio
import datetime as dt
import json
from base64 import b64decode
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.reporting.commands import transparency
from services.reporting.commands.transparency import leaf_of
from services.reporting.domain.merkle import Growing
from services.reporting.domain.transparency import Checkpoint, LogName
from services.reporting.store import transparency as store
from services.reporting.store.transparency import Tree
from shared.database import Database
from shared.events import Event, LogCheckpoint, Topic
from shared.log import Record
from shared.proof_keys import ProofKeys, PublicKeys
from tests.conftest import DatabaseFor
from tests.integration.test_bus_lag import Foreign
from tests.kit.copying import everything, made_again, written
from tests.kit.kafka import message, plan_event, probe_topic, produce

NOW = dt.datetime(2025, 11, 6, 3, 10, tzinfo=dt.UTC)
KEYS = ProofKeys(Ed25519PrivateKey.generate())
ANYBODY = PublicKeys.of(json.dumps({"keys": KEYS.jwks()}))


async def grown(db: Database, kafka: str, topic: Topic, now: dt.datetime = NOW) -> int:
    return await transparency.grow(db, {"bootstrap_servers": kafka}, [topic.name], now, rest=0)


async def tree_of(db: Database, log: LogName) -> Tree:
    async with db.read() as tx:
        return (await store.trees(tx))[log]


async def root_of(db: Database, log: LogName, size: int) -> bytes:
    async with db.read() as tx:
        return await transparency.root_of(tx, log, size)


def root_over(records: list[Record]) -> bytes:
    tree = Growing()
    tree.extend([leaf_of(record) for record in records])
    return tree.root()


async def is_followed(db: Database, kafka: str, topic: Topic, partition: int = 0) -> int:
    """The tree is that of what Kafka holds; returns its size."""
    records = [record for record in await everything(kafka, topic.name) if record.partition == partition]
    log = LogName(topic.name, partition)
    assert (await tree_of(db, log)).size == len(records)
    assert await root_of(db, log, len(records)) == root_over(records)
    return len(records)


async def test_every_record_is_a_leaf_of_its_partitions_tree_through_restarts_and_transactions(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=2)
    db = await database_for("reporting")
    assert await grown(db, kafka, topic) == 0
    events: list[Event] = [plan_event(topic) for _ in range(700)]
    await produce(kafka, [message(event) for event in events])
    assert await grown(db, kafka, topic) == 700
    assert await grown(db, kafka, topic) == 0
    assert await is_followed(db, kafka, topic, 0) + await is_followed(db, kafka, topic, 1) == 700
    foreign = await asyncio.to_thread(Foreign, kafka)
    for commit in (True, False, True):
        await asyncio.to_thread(foreign.begin, [message(plan_event(topic)) for _ in range(20)])
        assert await grown(db, kafka, topic) == 0  # what is not committed is no record yet
        await asyncio.to_thread(foreign.end, commit=commit)
        assert await grown(db, kafka, topic) == (20 if commit else 0)
    await produce(kafka, [message(plan_event(topic))])
    assert await grown(db, kafka, topic) == 1
    assert await is_followed(db, kafka, topic, 0) + await is_followed(db, kafka, topic, 1) == 741


async def test_a_tree_is_signed_hourly_where_it_has_grown_and_each_checkpoint_is_of_what_was(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    log, db = LogName(topic.name, 0), await database_for("reporting")
    minutes = [0, 20, 55, 56, 115]
    signed = list[int]()
    for minute, more in zip(minutes, [3, 4, 5, 0, 0], strict=True):
        now = NOW + dt.timedelta(minutes=minute)
        await produce(kafka, [message(plan_event(topic)) for _ in range(more)])
        await grown(db, kafka, topic, now)
        waiting = await transparency.standing(db, now)
        assert waiting.waiting_s == (2100.0 if minute == 55 else 0.0)
        signed.append(await transparency.sign(db, KEYS, "hadir.local", now))
    assert signed == [1, 0, 1, 0, 0]
    async with db.read() as tx:
        rows = await tx.connection.fetch("select topic, key, value, headers from outbox order by id")
        kept = await store.checkpoints(tx, topic.name, 0, None, 100)
    records = await everything(kafka, topic.name)
    assert [one.size for one in kept] == [3, 12]
    for row, one in zip(rows, kept, strict=True):
        event = LogCheckpoint.model_validate_json(row["value"])
        assert (row["topic"], row["key"].decode(), event.log) == ("log.checkpoint.v1", str(log), str(log))
        checkpoint = Checkpoint.of(ANYBODY.opened(event.checkpoint, event.origin))
        assert (event.origin, event.size) == (f"hadir.local/{log}", one.size)
        assert b64decode(event.root_hash) == checkpoint.root == root_over(records[: one.size]) == one.root
        assert event.signature in event.checkpoint
        assert one.note == event.checkpoint
        assert UUID(row["headers"]["ce_id"]).version == 5


async def test_a_topic_that_is_made_again_goes_on_where_it_is_the_same_and_stands_still_where_it_is_not(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    log, db = LogName(topic.name, 0), await database_for("reporting")
    await produce(kafka, [message(plan_event(topic)) for _ in range(3)])
    foreign = await asyncio.to_thread(Foreign, kafka)
    await asyncio.to_thread(foreign.begin, [message(plan_event(topic)) for _ in range(300)])
    await asyncio.to_thread(foreign.end, commit=True)
    await grown(db, kafka, topic)
    records = await everything(kafka, topic.name)
    root = await root_of(db, log, 303)

    await made_again(kafka, topic.name, records[:100])
    await grown(db, kafka, topic)
    assert (await tree_of(db, log)).differs == "it ends after 100 of the 303 records that were counted"
    assert (await transparency.standing(db, NOW)).differing == 1
    assert await transparency.sign(db, KEYS, "hadir.local", NOW) == 0

    await written(kafka, topic.name, [*records[100:], message(plan_event(topic))])
    await grown(db, kafka, topic)
    await grown(db, kafka, topic)
    assert await is_followed(db, kafka, topic) == 304
    assert await root_of(db, log, 303) == root
    assert await transparency.sign(db, KEYS, "hadir.local", NOW) == 1

    other = [message(plan_event(topic))]
    await made_again(kafka, topic.name, [*records[:200], *other, *records[201:], *records[:50]])
    await grown(db, kafka, topic)
    differs = (await tree_of(db, log)).differs
    assert differs is not None
    assert differs.startswith(f"record 200 (offset 200, ce_id {dict(other[0].headers)['ce_id'].decode()})")
    assert await root_of(db, log, 303) == root
    assert await transparency.sign(db, KEYS, "hadir.local", NOW + dt.timedelta(hours=3)) == 0


async def test_of_two_processes_that_follow_one_gives_way(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    db = await database_for("reporting")
    await produce(kafka, [message(plan_event(topic)) for _ in range(20)])
    put = store.put_tiles

    async def late(*arguments: object) -> None:
        monkeypatch.setattr(store, "put_tiles", put)
        await grown(db, kafka, topic)
        await put(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(store, "put_tiles", late)
    with pytest.raises(transparency.AnotherFollows):
        await grown(db, kafka, topic)
    assert await is_followed(db, kafka, topic) == 20


async def test_marks_find_a_record_by_its_id(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka, partitions=1)
    log, db = LogName(topic.name, 0), await database_for("reporting")
    ids = [uuid4() for _ in range(600)]
    for part in (ids[:100], ids[100:]):
        await produce(kafka, [message(plan_event(topic), id=one) for one in part])
        await grown(db, kafka, topic)
    for index in (0, 99, 100, 255, 256, 599):
        async with db.read() as tx:
            found = await store.marked(tx, topic.name, ids[index].bytes[-4:])
        assert (log, index // 256, index // 256 * 256, index % 256) in found
