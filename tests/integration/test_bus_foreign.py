"""The bus and what programs of others write: their compression, their transactions, their sizes."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from shared.dead_letters import MAX_BYTES as MAX_DEAD_LETTER_BYTES
from shared.events import Message
from tests.conftest import DatabaseFor
from tests.integration.test_bus import Seen, good, with_value
from tests.kit.kafka import eventually, message, plan_event, probe_topic, reading, running_bus


def write(kafka: str, messages: list[Message], **options: object) -> None:
    """As a program on librdkafka writes, acknowledged before this returns."""
    producer = Producer({"bootstrap.servers": kafka, **options})
    for one in messages:
        producer.produce(one.topic, one.value, one.key, headers=list(one.headers))
    assert producer.flush(20) == 0


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_another_producer_s_compression_is_read(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    messages, ids = good(topic, 20)
    await asyncio.to_thread(write, kafka, messages, **{"compression.type": codec})
    async with running_bus(await database_for("attendance"), kafka, seen.router):
        await eventually(lambda: set(ids) == set(seen.ids))


async def test_what_another_producer_took_back_is_not_read(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    taken_back, _ = good(topic, 5)
    kept, ids = good(topic, 5)

    def transact() -> None:
        producer = Producer({"bootstrap.servers": kafka, "transactional.id": f"test-{uuid4()}"})
        producer.init_transactions(20)
        for batch, end in ((taken_back, producer.abort_transaction), (kept, producer.commit_transaction)):
            producer.begin_transaction()
            for one in batch:
                producer.produce(one.topic, one.value, one.key, headers=list(one.headers))
            producer.flush(20)
            end(20)

    await asyncio.to_thread(transact)
    async with running_bus(await database_for("attendance"), kafka, seen.router):
        await eventually(lambda: set(ids) <= set(seen.ids))
    assert set(seen.ids) == set(ids)


async def test_an_unreadable_record_too_large_for_a_dead_letter_is_set_aside_shortened(
    database_for: DatabaseFor, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await probe_topic(monkeypatch, kafka)
    seen = Seen(topic)
    messages, ids = good(topic, 3)
    huge = with_value(message(plan_event(topic)), b"x" * (2 * MAX_DEAD_LETTER_BYTES))
    # Compressed, it is small enough for the broker.
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", compression_type="gzip", max_request_size=5 * MAX_DEAD_LETTER_BYTES
    )
    await producer.start()
    for one in (messages[0], huge, *messages[1:]):
        await producer.send_and_wait(one.topic, one.value, key=one.key, headers=one.headers)
    await producer.stop()
    async with (
        running_bus(await database_for("attendance"), kafka, seen.router),
        reading(kafka, topic.dead_letters) as dead,
    ):
        await eventually(lambda: set(ids) == set(seen.ids))
        await dead.until(lambda: len(dead.records) >= 1)
    letter = dead.records[0]
    assert letter.value is not None
    assert len(letter.value) == MAX_DEAD_LETTER_BYTES
    assert dict(letter.headers)["hadir_truncated_bytes"] == str(2 * MAX_DEAD_LETTER_BYTES).encode()
