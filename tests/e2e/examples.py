"""The programs of docs/subscribe.md in a bad week, each on a plain broker of its own: `make examples`.

A client that behaves otherwise than the page says fails here, and then the page is changed.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from deploy.local.kafka import Kafka
from tests import kit
from tests.kit.backing import temporary_state
from tests.kit.copying import made, made_again
from tests.kit.subscriber import (
    KAFKA,
    KEEPING,
    PATIENCE_S,
    Running,
    clone,
    commands,
    set_to,
    settings,
    typed,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broker() -> AsyncIterator[Kafka]:
    with temporary_state() as state:
        broker = Kafka(state)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()


@dataclass
class Program:
    name: str
    folder: Path
    broker: Kafka

    @asynccontextmanager
    async def reading(self, topic: str, *, anew: bool = True) -> AsyncGenerator[Running]:
        """At work on a topic; `anew`: it has read nothing yet."""
        there = (self.folder / "subscriber").is_dir()
        lines = ["cd subscriber", commands(self.name)[-1]] if there else commands(self.name)
        if anew:
            (self.folder / "subscriber" / "state.json").unlink(missing_ok=True)
        plain = set_to(settings()[1], {"HADIR_KAFKA_BOOTSTRAP": self.broker.bootstrap})
        async with typed(self.folder, [plain, *lines], {"HADIR_TOPICS": topic}) as running:
            yield running


@pytest.fixture(scope="module", params=KEEPING)
def program(request: pytest.FixtureRequest, broker: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp(request.param)
    clone(folder)
    return Program(request.param, folder, broker)


@pytest_asyncio.fixture
async def topic(broker: Kafka) -> str:
    name = f"probe.{uuid4().hex}.v1"
    await made(broker.bootstrap, name)
    return name


async def forget(broker: Kafka, topic: str, before: int) -> None:
    """Delete the records before an offset, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})
    finally:
        await admin.close()


async def widened(broker: Kafka, topic: str) -> None:
    """Give a topic of one partition three more, for a second process to have some."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(4)})
    finally:
        await admin.close()


async def send(broker: Kafka, topic: str, *keys: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await producer.start()
    try:
        for key in keys:
            said = {"specversion": "1.0", "id": str(uuid4()), "type": topic, "source": "/hadir/test"}
            headers = [(f"ce_{name}", text.encode()) for name, text in said.items()]
            await producer.send_and_wait(
                topic, json.dumps({"key": key}).encode(), key=key.encode(), headers=headers
            )
    finally:
        await producer.stop()


def seen(running: Running, topic: str) -> set[str]:
    return set(running.records().get(topic, {}))


async def until_seen(running: Running, topic: str, *keys: str) -> None:
    await running.keeps(lambda records: set(records.get(topic, {})) >= set(keys))


def names(prefix: str, count: int) -> Iterator[str]:
    return (f"{prefix}{number}" for number in range(count))


@pytest.mark.parametrize("name", KAFKA)
async def test_five_commands_lead_to_the_first_event_on_a_plain_kafka_and_without_an_address_a_program_says_so(
    broker: Kafka, topic: str, tmp_path: Path, name: str
) -> None:
    clone(tmp_path)
    await send(broker, topic, "first")
    async with Program(name, tmp_path, broker).reading(topic) as running:
        assert await running.until(lambda line: line.startswith(f"{topic} first "))
    there = ["cd subscriber"] if name in KEEPING else []
    async with typed(tmp_path, [*there, commands(name)[-1]], {}) as running:
        assert await running.process.wait() == 1
    assert "HADIR_KAFKA_BOOTSTRAP" in running.trouble()
    assert "is not set: docs/subscribe.md" in running.trouble()


async def test_a_program_goes_on_when_the_broker_is_back(program: Program, broker: Kafka, topic: str) -> None:
    await send(broker, topic, "before")
    async with program.reading(topic) as running:
        await until_seen(running, topic, "before")
        await broker.stop()
        await broker.start()
        await send(broker, topic, "after")
        await until_seen(running, topic, "after")


async def test_a_program_that_is_started_before_the_broker_says_why_it_waits_and_goes_on(
    program: Program, broker: Kafka, topic: str
) -> None:
    await send(broker, topic, "there")
    await broker.stop()
    async with program.reading(topic) as running:
        async with asyncio.timeout(PATIENCE_S):
            while not (program.folder / "errors").read_text():
                assert running.process.returncode is None, running.trouble()
                await asyncio.sleep(0.1)
        await broker.start()
        await until_seen(running, topic, "there")


async def test_a_second_process_that_comes_and_goes_ends_no_first_one_and_together_they_read_all(
    program: Program, broker: Kafka, topic: str, tmp_path: Path
) -> None:
    """Each with a store of its own, of one group: the programs' file is for one process."""
    await widened(broker, topic)
    other = Program(program.name, tmp_path, broker)
    sent: list[str] = []

    async def go_on_sending() -> None:
        for key in names("key", 10**6):
            await send(broker, topic, key)
            sent.append(key)

    async with program.reading(topic) as running:
        sending = asyncio.create_task(go_on_sending())
        await running.keeps(lambda records: topic in records)
        shutil.copytree(program.folder / "subscriber", tmp_path / "subscriber", symlinks=True)
        before = len(seen(running, topic))
        async with other.reading(topic, anew=False) as second:
            await second.keeps(lambda records: len(records[topic]) > before + 20)
        sending.cancel()
        await running.keeps(lambda records: {*records[topic]} | seen(second, topic) >= {*sent})


async def test_a_topic_that_was_made_again_meanwhile_is_read_from_its_beginning(
    program: Program, broker: Kafka, topic: str
) -> None:
    await send(broker, topic, *names("old", 6))
    async with program.reading(topic) as running:
        await until_seen(running, topic, *names("old", 6))
    await made_again(broker.bootstrap, topic, [])
    await send(broker, topic, *names("new", 3))
    async with program.reading(topic, anew=False) as running:
        await until_seen(running, topic, *names("new", 3))


async def test_after_a_topic_was_made_again_under_a_running_program_an_empty_store_finds_all(
    program: Program, broker: Kafka, topic: str
) -> None:
    await send(broker, topic, *names("old", 6))
    async with program.reading(topic) as running:
        await until_seen(running, topic, *names("old", 6))
        await made_again(broker.bootstrap, topic, [])
        await send(broker, topic, *names("new", 10))
        # What it reads of these is the client's affair, and nothing to build on: the page has what was seen.
    async with program.reading(topic) as running:
        await until_seen(running, topic, *names("new", 10))
        assert not seen(running, topic) & set(names("old", 6))


async def test_records_that_are_gone_are_passed_over_without_a_word(
    program: Program, broker: Kafka, topic: str
) -> None:
    await send(broker, topic, "kept")
    async with program.reading(topic) as running:
        await until_seen(running, topic, "kept")
    await send(broker, topic, *names("gone", 3), "there")
    await forget(broker, topic, 4)
    async with program.reading(topic, anew=False) as running:
        await until_seen(running, topic, "there")
        assert seen(running, topic) == {"kept", "there"}


async def test_a_share_group_begins_at_the_end_and_hands_a_released_record_over_after_later_ones(
    broker: Kafka, topic: str, tmp_path: Path
) -> None:
    clone(tmp_path)
    folder, *_ = commands("java")
    plain = set_to(settings()[1], {"HADIR_KAFKA_BOOTSTRAP": broker.bootstrap})
    source = Path(kit.__file__).with_name("share_group") / "ShareGroup.java"
    lines = [
        plain,
        folder,
        f"cp {source} src/main/java",
        "mvn -q -B compile exec:java -Dexec.mainClass=ShareGroup",
    ]
    async with typed(tmp_path, lines, {"HADIR_TOPICS": topic}) as running:
        assert await running.until(lambda line: line.startswith("a group")) == "a group as it is begins with late"
        assert await running.line() == "what was released came [2, 1]"
