"""Kafka and PostgreSQL as local processes: they log, survive kill -9, keep their data and leave nothing behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from unittest.mock import Mock

import asyncpg
import psutil
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from deploy.kafka import settings
from deploy.kafka.settings import SettingsRefused
from deploy.local import state as state_module
from deploy.local import tools
from deploy.local.hosted import migrations_of
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres, ensure_database
from deploy.local.processes import StartFailed, User, end_leftovers, identity
from deploy.local.state import AlreadyRunning, State, Unusable
from deploy.local.tools import Missing
from deploy.local.topics import DEAD_LETTERS, TopicsFailed, create_topics, wanted
from deploy.local.upgrade import upgrade
from shared.database import migrate
from shared.events import TOPICS
from tests.kit.backing import temporary_state

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def state() -> Iterator[State]:
    with temporary_state() as state:
        yield state


@pytest_asyncio.fixture(loop_scope="session")
async def broker(state: State) -> AsyncIterator[Kafka]:
    kafka = Kafka(state)
    await kafka.start()
    yield kafka
    await kafka.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def server(state: State) -> AsyncIterator[Postgres]:
    postgres = Postgres(state)
    await postgres.start()
    yield postgres
    await postgres.stop()


async def produce(bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait("outage.declared.v1", value)
    finally:
        await producer.stop()


async def first_value(bootstrap: str) -> bytes | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        partition = TopicPartition("outage.declared.v1", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return (await asyncio.wait_for(consumer.getone(), 20)).value
    finally:
        await consumer.stop()


async def test_the_broker_has_the_topics_of_the_contract_and_makes_no_others(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        described = await admin.describe_topics([t.name for t in wanted()])
        partitions = {topic["topic"]: len(topic["partitions"]) for topic in described}
        assert partitions == {t.name: t.partitions for t in wanted()}
        assert set(TOPICS) < set(partitions)
        producer = AIOKafkaProducer(bootstrap_servers=kafka, request_timeout_ms=2000)
        await producer.start()
        try:
            with pytest.raises(UnknownTopicOrPartitionError):
                await producer.send_and_wait("nobody.asked.v1", b"x")
        finally:
            await producer.stop()
        assert "nobody.asked.v1" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_the_broker_writes_its_log_and_its_topics_are_made_once(broker: Kafka) -> None:
    assert "Kafka Server started" in broker.log_file.read_text()
    assert sorted(await create_topics(broker.bootstrap)) == sorted(t.name for t in wanted())
    assert await create_topics(broker.bootstrap) == []


async def test_topics_of_which_the_broker_has_not_heard_yet_are_not_said_to_be_made(
    broker: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_topics(broker.bootstrap)

    async def none(_: AIOKafkaAdminClient) -> list[str]:
        return []

    monkeypatch.setattr(AIOKafkaAdminClient, "list_topics", none)
    assert await create_topics(broker.bootstrap) == []


async def until_they_hold(admin: AIOKafkaAdminClient, wanted: dict[str, dict[str, str]]) -> None:
    """A broker learns from its controller a moment later what it has itself acknowledged."""
    async with asyncio.timeout(20):
        while await settings.read(admin, wanted) != wanted:  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.05)


async def test_topics_made_again_keep_what_an_operator_set_and_what_is_changed_is_said(broker: Kafka) -> None:
    await create_topics(broker.bootstrap)
    topic, dead = "outage.declared.v1", "outage.declared.v1.dead"
    theirs = {"segment.bytes": "1048576", "min.insync.replicas": "2"}
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        changed = {topic: {**theirs, "retention.ms": "1000"}, dead: theirs}
        await settings.change(admin, changed)
        await until_they_hold(admin, changed)
        told: list[str] = []
        assert await create_topics(broker.bootstrap, tell=told.append) == []
        assert told == [f"{topic}: retention.ms was 1000, is -1"]
        kept = {topic: "-1", dead: DEAD_LETTERS["retention.ms"]}
        await until_they_hold(admin, {one: {**theirs, "retention.ms": kept[one]} for one in (topic, dead)})
        told.clear()
        assert await create_topics(broker.bootstrap, min_insync=1, tell=told.append) == []
        assert sorted(told) == sorted(f"{one}: min.insync.replicas was 2, is 1" for one in (topic, dead))
        await until_they_hold(admin, {one: {**theirs, "min.insync.replicas": "1"} for one in (topic, dead)})
        told.clear()
        await create_topics(broker.bootstrap, replication=3, tell=told.append)
        assert f"{topic} has 1 copies, not 3: left as it is" in told
        with pytest.raises(SettingsRefused, match=r"outage\.declared\.v1: .*retention\.ms"):
            await settings.change(admin, {topic: {"retention.ms": "for ever"}})
        with pytest.raises(TopicsFailed, match="cannot be had"):
            await create_topics(broker.bootstrap, min_insync=2)
        with pytest.raises(TopicsFailed, match="has 1 copies, of which 2 cannot be in sync"):
            await create_topics(broker.bootstrap, min_insync=2, replication=2)
    finally:
        await admin.close()


async def test_topics_with_other_partitions_are_all_named_before_anything_is_made(broker: Kafka) -> None:
    """Fewer or more: keys would stand in other partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        with pytest.raises(TopicsFailed, match="InvalidReplicationFactor"):
            await create_topics(broker.bootstrap, replication=3)
        await admin.create_topics([NewTopic("schedule.changed.v1", 2, 1), NewTopic("outage.declared.v1", 9, 1)])
        with pytest.raises(TopicsFailed) as refused:
            await create_topics(broker.bootstrap)
        assert "schedule.changed.v1 has 2 partitions" in str(refused.value)
        assert "outage.declared.v1 has 9 partitions" in str(refused.value)
        assert "rules.changed.v1" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_a_killed_broker_comes_back_on_its_port_with_what_it_acknowledged(broker: Kafka) -> None:
    await create_topics(broker.bootstrap)
    await produce(broker.bootstrap, b"before")
    address, pid = broker.bootstrap, broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await broker.wait() == -signal.SIGKILL
    await broker.start()
    assert broker.bootstrap == address
    assert await first_value(address) == b"before"


async def test_a_killed_database_server_comes_back_with_what_it_committed(state: State, server: Postgres) -> None:
    url = await ensure_database(state, server.url, "attendance")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await server.wait() == -signal.SIGKILL
    await server.start()
    assert await ensure_database(state, server.url, "attendance") == url
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT n FROM kept") == 42
    finally:
        await connection.close()


async def test_the_database_server_is_durable_local_and_not_run_by_root(server: Postgres) -> None:
    process = psutil.Process(server.pid)
    assert process.uids().effective != 0
    assert {c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    connection = await asyncpg.connect(server.url)
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval(f"SHOW {setting}") == "on", setting
        assert await connection.fetchval("SHOW jit") == "off"
    finally:
        await connection.close()


async def test_a_role_may_not_enter_the_database_of_another(state: State, server: Postgres) -> None:
    await ensure_database(state, server.url, "attendance")
    url = await ensure_database(state, server.url, "scheduling")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url.removesuffix("/scheduling") + "/attendance")
    wrong = url.replace("scheduling:", "scheduling:x", 1)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_stopping_leaves_no_process_behind(state: State) -> None:
    kafka, postgres = Kafka(state), Postgres(state)
    await asyncio.gather(kafka.start(), postgres.start())
    assert kafka.pid
    assert postgres.pid
    family = [p.pid for pid in (kafka.pid, postgres.pid) for p in psutil.Process(pid).children(recursive=True)]
    await asyncio.gather(kafka.stop(), postgres.stop())
    assert [p for p in (*family, kafka.pid, postgres.pid) if identity(p)] == []
    assert list(state.pids.iterdir()) == []


async def test_what_a_killed_run_left_is_ended_and_a_stranger_with_a_noted_pid_is_not(state: State) -> None:
    postgres = Postgres(state)
    await postgres.start()
    note = state.pids / "postgres.json"
    stranger = note.read_text().replace('"identity": "', '"identity": "another-boot')
    (state.pids / "stranger.json").write_text(stranger)
    (state.pids / "half.json").write_text(note.read_text()[:20])
    assert postgres.pid is not None
    note.rename(state.pids / "kept-aside")
    assert await end_leftovers(state.pids) == []
    assert postgres.alive
    (state.pids / "kept-aside").rename(note)
    assert await end_leftovers(state.pids) == ["postgres"]
    assert not postgres.alive
    await postgres.stop()


async def test_a_stale_postmaster_note_with_somebody_elses_pid_does_not_stop_a_start(state: State) -> None:
    postgres = Postgres(state)
    await postgres.start()
    await postgres.stop()
    (state.root / "postgres" / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    await postgres.start()
    await postgres.stop()


async def test_a_machine_without_postgresql_gets_it_from_the_wheel(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "postgres_folders", lambda: iter(()))
    postgres = Postgres(state)
    await postgres.start()
    try:
        connection = await asyncpg.connect(await ensure_database(state, postgres.url, "attendance"))
        assert (await connection.fetchval("SHOW server_version")).startswith("18.")
        await connection.close()
    finally:
        await postgres.stop()
    # Later the machine gets one of its own: the data stay with the version that made them.
    monkeypatch.undo()
    await postgres.start()
    try:
        assert await version_of(state, postgres) == 18
    finally:
        await postgres.stop()


async def version_of(state: State, postgres: Postgres) -> int:
    connection = await asyncpg.connect(await ensure_database(state, postgres.url, "attendance"))
    try:
        return int((await connection.fetchval("SHOW server_version")).partition(".")[0])
    finally:
        await connection.close()


async def test_data_of_a_version_that_cannot_be_had_are_left_alone_and_named(state: State) -> None:
    postgres = Postgres(state)
    data = postgres.data_folder()
    data.mkdir()
    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(Missing, match=r"made by PostgreSQL 14.*postgresql-14"):
        await postgres.start()
    (data / "PG_VERSION").write_text("junk")
    with pytest.raises(StartFailed, match="PG_VERSION is no number"):
        await postgres.start()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


async def test_data_of_an_older_version_are_moved_to_a_newer_one_and_the_old_ones_kept(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the machine's own PostgreSQL to the wheel's; where that is all there is, from the wheel's to itself."""
    older = [v for v in map(tools.postgres_version, tools.postgres_folders()) if 15 <= v < 18]
    made_by = max(older, default=18)
    if not older:
        monkeypatch.setattr(tools, "postgres_version", Mock(return_value=19))
    before = Postgres(state)
    await before.start()
    url = await ensure_database(state, before.url, "reporting")
    await asyncio.to_thread(migrate, url, migrations_of("reporting"))
    connection: asyncpg.Connection = await asyncpg.connect(url)
    await connection.execute(
        "insert into outbox (topic, key, headers) select 't', 'k', '{}' from generate_series(1, 7)"
    )
    await connection.close()
    await before.stop()
    assert before.made_by() == made_by
    monkeypatch.setattr(tools, "POSTGRES_MINIMUM", 18)
    with state.lock(), pytest.raises(AlreadyRunning):
        await upgrade(state)
    kept = await upgrade(state)
    assert kept is not None
    assert (kept.name, (kept / "PG_VERSION").read_text().strip()) == (f"data.{made_by}", str(made_by))
    assert sorted(path.name for path in kept.parent.glob("data*")) == ["data", kept.name]
    after = Postgres(state)
    await after.start()
    try:
        connection = await asyncpg.connect(await ensure_database(state, after.url, "reporting"))
        assert (await connection.fetchval("SHOW server_version")).startswith("18.")
        assert await connection.fetchval("select count(*) from outbox") == 7
        assert (
            await connection.fetchval(
                "insert into outbox (topic, key, headers) values ('t', 'k', '{}') returning id"
            )
            == 8
        )
        await connection.close()
    finally:
        await after.stop()
    if older:
        assert await upgrade(state) is None
    state.erase()
    assert not state.root.exists()


async def test_a_folder_closed_to_the_database_servers_account_is_left_for_one_that_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "UNREACHABLE_HOME", tmp_path / "open")
    me = User("me", os.getuid(), os.getgid())
    stranger = User("stranger", os.getuid() + 1, os.getgid() + 1)
    closed = tmp_path / "closed" / "postgres"
    closed.parent.mkdir(mode=0o700)
    assert state_module.reachable(closed, me) == closed
    moved = state_module.reachable(closed, stranger)
    assert moved.parent == tmp_path / "open"
    assert state_module.reachable(closed, stranger) == moved
    assert state_module.reachable(closed, None) == closed


async def test_erasing_takes_a_state_directory_and_no_other_folder(state: State, tmp_path: Path) -> None:
    state.password("attendance")
    with state.lock(), pytest.raises(AlreadyRunning):
        state.erase()
    state.erase()
    assert not state.root.exists()
    mine = tmp_path / "thesis.txt"
    mine.write_text("not a state directory")
    with pytest.raises(Unusable):
        State(tmp_path).erase()
    assert mine.exists()
