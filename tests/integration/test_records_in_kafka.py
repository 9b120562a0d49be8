"""One record of each kind, as Kafka has it after outbox and relay, read by a client that knows nothing of us."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from deploy.local.kafka import Kafka
from deploy.local.topics import create_topics
from shared import heartbeat, outbox
from shared.database import Database
from shared.events import HEARTBEAT, TOPICS, UnknownType, decode, schemas, source_of
from shared.events.structured import structured
from shared.events.topics import schema_address
from shared.outbox import Outgoing
from tests.conftest import drop_database, make_database
from tests.contract.test_readers_agree import ajv
from tests.integration.test_outbox import relay
from tests.kit.backing import temporary_state
from tests.kit.sdks import SDKS, check

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
INSTALLATION = "https://hadir.contoh.go.id"
AT = dt.datetime(2025, 11, 6, 3, 12, 0, 250_000, tzinfo=dt.UTC)
"""In milliseconds: JavaScript's dates hold no finer ones."""
ERASED = str(UUID(int=7))


@dataclass(frozen=True)
class Found:
    """A record as it lies in Kafka."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @property
    def type(self) -> str:
        return dict(self.headers)["ce_type"].decode()


def outgoing(owner: str) -> list[Outgoing]:
    """One event of each topic of a service, and a tombstone and heartbeats where there are any."""
    found: list[Outgoing] = []
    for topic in TOPICS.values():
        if topic.owner == owner:
            event = topic.event.model_validate_json(json.dumps(dict(topic.event.example)))
            found.append(Outgoing(event, uuid4(), AT))
            if topic.tombstones:
                found.append(Outgoing(None, uuid4(), AT, topic=topic.name, key=ERASED))
                found += heartbeat.of(topic, AT)
    return found


def read_back(bootstrap: str, count: int) -> list[Found]:
    """So many records of all topics, from their beginning."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "raw", "enable.auto.commit": False})
    try:
        consumer.assign(
            [
                TopicPartition(name, partition, OFFSET_BEGINNING)
                for name, topic in TOPICS.items()
                for partition in range(topic.partitions)
            ]
        )
        found: list[Found] = []
        while len(found) < count:
            record: Any = consumer.poll(60)
            assert record is not None, f"{len(found)} of {count} records came"
            assert record.error() is None, record.error()
            found.append(Found(record.topic(), record.key(), record.value(), record.headers()))
        return found
    finally:
        consumer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def records(
    postgres: str, migrated_template: Callable[[str], Awaitable[str]]
) -> AsyncIterator[Sequence[Found]]:
    owners = sorted({topic.owner for topic in TOPICS.values()})
    name = f"scheduling_{uuid4().hex[:12]}"
    db = Database(await make_database(postgres, name, template=await migrated_template("scheduling")))
    with temporary_state() as state:
        broker = Kafka(state)
        await broker.start()
        try:
            await create_topics(broker.bootstrap)
            count = 0
            for owner in owners:
                async with db.transaction() as tx:
                    await outbox.add(tx, sent := outgoing(owner), source=source_of(owner))
                count += len(sent)

            def served(name: str) -> str:
                return schema_address(INSTALLATION, TOPICS[name].owner, name)

            async with relay(db, broker.bootstrap, schemas=served):
                yield await asyncio.to_thread(read_back, broker.bootstrap, count)
        finally:
            await broker.stop()
            await db.close()
            await drop_database(postgres, name)


async def test_every_kind_of_record_is_there_and_read_by_us(records: Sequence[Found]) -> None:
    assert {record.topic for record in records} == set(TOPICS)
    without = [record for record in records if record.value is None]
    beats = [record for record in without if record.type == HEARTBEAT]
    assert len(beats) == sum(topic.partitions for topic in TOPICS.values() if topic.tombstones)
    assert [record.key.decode() for record in without if record not in beats] == [ERASED]
    for record in records:
        if record in beats:
            with pytest.raises(UnknownType, match=HEARTBEAT):
                decode(record.topic, record.key, record.value, record.headers)
        else:
            received = decode(record.topic, record.key, record.value, record.headers)
            assert received.time == AT


@pytest.mark.parametrize("language", SDKS)
async def test_every_record_is_read_by_the_cloudevents_sdks(records: Sequence[Found], language: str) -> None:
    whole = [structured(record) for record in records]
    check(language, records, await asyncio.to_thread(SDKS[language], records, whole))


async def test_ajv_in_strict_mode_takes_every_value_by_its_schema_and_all_headers_by_the_catalogue(
    records: Sequence[Found],
) -> None:
    catalogue: dict[str, Any] = json.loads(schemas.asyncapi_text())
    components = catalogue["components"]
    asked: dict[str, Any] = {name: schemas.schema(name) for name in TOPICS}
    cases: list[tuple[str, Any]] = []
    for record in records:
        kind = "event" if record.value is not None else "heartbeat" if record.type == HEARTBEAT else "tombstone"
        place: str = catalogue["channels"][record.topic]["messages"][kind]["$ref"].rsplit("/", 1)[-1]
        message = components["messages"][place]
        if record.value is not None:
            cases.append((record.topic, json.loads(record.value)))
        else:
            asked[f"{place} payload"] = message["payload"]
            cases.append((f"{place} payload", None))
        headers = json.loads(json.dumps(message["headers"]).replace("#/components/schemas/", "#/$defs/"))
        asked[f"{place} headers"] = {**headers, "$defs": {"headers": components["schemas"]["headers"]}}
        said = {name: raw.decode() for name, raw in record.headers}
        cases += [(f"{place} headers", said), (f"{place} headers", {**said, "ce_type": "other"})]
        asked[f"{place} key"] = message["bindings"]["kafka"]["key"]
        cases.append((f"{place} key", record.key.decode()))
    answers = await asyncio.to_thread(ajv, asked, cases)
    # The check itself: headers of a type that is not the message's are refused.
    forged = [name.endswith(" headers") and value["ce_type"] == "other" for name, value in cases]
    assert [case for case, taken, bad in zip(cases, answers, forged, strict=True) if taken is bad] == []
