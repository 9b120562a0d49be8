"""An erasure has a term: what a tombstone erases leaves the log's bytes, by heartbeats and nothing else."""

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import murmur2

from deploy.kafka import settings as topic_settings
from deploy.local.topics import ERASABLE
from services.scheduling import tasks
from services.scheduling.app import create_app
from services.scheduling.commands.publish import SOURCE
from shared.events import HEARTBEAT, TOPICS, UnknownType, decode, encode
from shared.log import readable, reading
from tests.conftest import DatabaseFor
from tests.kit.attendance import employee
from tests.kit.kafka import eventually, message
from tests.kit.secured import Secured
from tests.kit.services import Signer, settings_for

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
DIRECTORY = TOPICS["directory.employee.v1"]
QUIET = "quiet.v1"
SHORT = {
    **DIRECTORY.config,
    **ERASABLE,
    "segment.ms": "1000",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000",
    "file.delete.delay.ms": "100",
}
"""A day and seven of them, as a second and none."""
MARK = b"Siti Erasmina"


def one_in_each_partition() -> list[UUID]:
    found: dict[int, UUID] = {}
    while len(found) < DIRECTORY.partitions:
        person = uuid4()
        found.setdefault((murmur2(str(person).encode()) & 0x7FFFFFFF) % DIRECTORY.partitions, person)
    return [person for _, person in sorted(found.items())]


def holding(data: Path, topic: str) -> set[str]:
    """The folders of the topic in which the name still stands in some file, whatever Kafka calls that."""
    found = set[str]()
    for file in data.glob(f"{topic}-*/*"):
        with suppress(FileNotFoundError):  # Kafka renames and deletes meanwhile
            if file.is_file() and MARK in file.read_bytes():
                found.add(file.parent.name)
    return found


@asynccontextmanager
async def administrator(secured: Secured) -> AsyncGenerator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**secured.client("admin"))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def test_an_erased_name_leaves_the_log_by_heartbeats_alone_and_without_them_it_stays(
    secured: Secured, database_for: DatabaseFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with administrator(secured) as admin:
        await admin.create_topics([NewTopic(QUIET, 1, 1, topic_configs=SHORT)])
        await topic_settings.change(admin, {DIRECTORY.name: SHORT})
    people = one_in_each_partition()
    producer = AIOKafkaProducer(**secured.client("admin"), acks="all")
    await producer.start()
    try:
        for person, where in [*((person, DIRECTORY.name) for person in people), (people[0], QUIET)]:
            entry = message(employee(person, name=MARK.decode()))
            now = dt.datetime.now(dt.UTC)
            erased = encode(None, id=uuid4(), time=now, source=SOURCE, topic=DIRECTORY.name, key=str(person))
            for one in (entry, erased):
                await producer.send_and_wait(where, one.value, key=one.key, headers=one.headers)
        assert holding(secured.data, DIRECTORY.name) == {
            f"{DIRECTORY.name}-{n}" for n in range(DIRECTORY.partitions)
        }

        monkeypatch.setattr(tasks, "BEAT_S", 0.3)
        db, client = await database_for("scheduling"), secured.client("scheduling")
        settings = settings_for(
            "scheduling",
            Signer(),
            tmp_path,
            database_url=db.url,
            kafka=secured.bootstrap,
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_username="scheduling",
            kafka_password=client["sasl_plain_password"],
        )
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            await eventually(lambda: holding(secured.data, DIRECTORY.name) == set())
        assert holding(secured.data, QUIET) == {f"{QUIET}-0"}, "no heartbeat came there"
        # And nothing else kept it there: two records, the first of which closes what the name stands in.
        for _ in range(2):
            await producer.send_and_wait(QUIET, None, key=b"beat")
        await eventually(lambda: holding(secured.data, QUIET) == set())
    finally:
        await producer.stop()
    await nobody_takes_a_heartbeat_for_an_event(secured, people)


async def nobody_takes_a_heartbeat_for_an_event(secured: Secured, people: list[UUID]) -> None:
    """What is left in the topic are the erasures, and one heartbeat or more in each partition."""
    beating, erased = set[int](), set[str]()
    unset = settings_for("reporting", Signer(), Path("/tmp"), database_url="postgresql://unused")  # noqa: S108
    async with reading(secured.client("admin"), [DIRECTORY.name]) as log:
        async for records in log.upto(await log.ends()):
            erased |= {one.key for one in readable(records, unset)}
            for record in records:
                if ("ce_type", HEARTBEAT.encode()) in record.headers:
                    assert record.value is None
                    with pytest.raises(UnknownType, match=HEARTBEAT):
                        decode(record.topic, record.key, record.value, record.headers)
                    beating.add(record.partition)
    assert beating == set(range(DIRECTORY.partitions))
    assert {str(person) for person in people} <= erased
