"""The broker as the compose files configure it, run from its own jars: who may do what is what the table says."""

import asyncio
import os
import re
import secrets
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import Consumer
from confluent_kafka import KafkaError as ConfluentError

from deploy.kafka import access
from deploy.local import tools
from deploy.local.processes import free_port
from deploy.local.topics import create_topics
from shared.bus import client_arguments
from shared.events.base import SERVICES
from shared.settings import load

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(__file__).parents[2]
CLUSTER = "aGFkaXItdGVzdC1ub2RlMQ"
JVM = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def properties(
    files: list[str],
    environ: Mapping[str, str],
    client_port: int,
    folder: Path,
    changes: Mapping[str, str] | None = None,
) -> str:
    """server.properties as the image makes it from the environment: `_` is a dot, `__` a `_`, `___` a dash."""
    env: dict[str, str] = {}
    for file in files:
        env |= yaml.safe_load((ROOT / file).read_text())["services"]["kafka"]["environment"]
    lines: dict[str, str] = {}
    for name, text in env.items():
        if not name.startswith("KAFKA_") or name == "KAFKA_HEAP_OPTS":
            continue
        key = name.removeprefix("KAFKA_").lower().replace("___", "-").replace("__", "%").replace("_", ".")
        lines[key.replace("%", "_")] = re.sub(r"\$\{(\w+)[:?}][^}]*\}?", lambda found: environ[found[1]], text)
    controller = free_port()
    lines |= {
        "log.dirs": str(folder / "data"),
        "listeners": f"CLIENTS://127.0.0.1:{client_port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENTS://127.0.0.1:{client_port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        # Only to be quick: fifty partitions of an internal topic take a while.
        "offsets.topic.num.partitions": "1",
        **(changes or {}),
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


@asynccontextmanager
async def broker(
    files: list[str], environ: Mapping[str, str], folder: Path, changes: Mapping[str, str] | None = None
) -> AsyncGenerator[str]:
    java, jars = tools.java(), tools.kafka_jars()
    port = free_port()
    file = folder / "server.properties"
    file.write_text(properties(files, environ, port, folder, changes))
    clean = {key: value for key, value in os.environ.items() if key not in {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"}}
    start = [java, *JVM, f"-Dkafka.logs.dir={folder}", "-cp", f"{jars}/*"]
    format_ = [*start, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(file)]
    await asyncio.to_thread(subprocess.run, format_, check=True, env=clean, capture_output=True)
    with (folder / "out.log").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *start, "kafka.Kafka", str(file), env=clean, stdout=out, stderr=out
        )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def until_up(bootstrap: str, folder: Path, **client: Any) -> None:
    for _ in range(120):
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **client)
        try:
            await producer.start()
        except KafkaError:
            await asyncio.sleep(0.25)
        else:
            return
        finally:
            await producer.stop()
    raise AssertionError((folder / "out.log").read_text()[-3000:])


class Secured:
    """A broker with users and access lists, as compose makes it."""

    def __init__(self, bootstrap: str, environ: Mapping[str, str]) -> None:
        self.bootstrap = bootstrap
        self.environ = environ

    def client(self, user: str, password: str | None = None) -> dict[str, Any]:
        """The arguments that a service makes of its settings."""
        name = {"admin": "HADIR_KAFKA_ADMIN_PASSWORD", "board": "HADIR_KAFKA_READER_PASSWORD"}.get(
            user, f"HADIR_{user.upper()}_KAFKA_PASSWORD"
        )
        settings = load(
            "reporting",
            {
                "HADIR_REPORTING_DATABASE_URL": "postgresql://unused",
                "HADIR_TOKEN_PUBLIC_KEY_FILE": "unused",
                "HADIR_KAFKA_BOOTSTRAP": self.bootstrap,
                "HADIR_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "HADIR_KAFKA_USERNAME": user,
                "HADIR_KAFKA_PASSWORD": password or self.environ[name],
            },
        )
        return client_arguments(settings)

    async def write(self, user: str, topic: str) -> None:
        producer = AIOKafkaProducer(**self.client(user), acks="all", request_timeout_ms=5000)
        await producer.start()
        try:
            await producer.send_and_wait(topic, b"{}", key=b"k")
        finally:
            await producer.stop()

    async def read(self, user: str, topic: str, group: str) -> bytes:
        """The first record of the topic, position committed."""
        consumer = AIOKafkaConsumer(
            **self.client(user), group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.subscribe([topic])
            async with asyncio.timeout(20):
                record = await consumer.getone()
            await consumer.commit({TopicPartition(topic, record.partition): record.offset + 1})
            return record.value or b""
        finally:
            await consumer.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    folder = tmp_path_factory.mktemp("kafka")
    names = ["ADMIN_PASSWORD", "READER_PASSWORD"]
    environ = {f"HADIR_KAFKA_{name}": secrets.token_hex(24) for name in names}
    environ |= {f"HADIR_{service.upper()}_KAFKA_PASSWORD": secrets.token_hex(24) for service in SERVICES}
    async with broker(["docker-compose.yml", "deploy/kafka/compose.yml"], environ, folder) as bootstrap:
        plain = {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": "admin",
            "sasl_plain_password": environ["HADIR_KAFKA_ADMIN_PASSWORD"],
        }
        await until_up(bootstrap, folder, **plain)
        environ["HADIR_KAFKA_BOOTSTRAP"] = bootstrap
        await asyncio.to_thread(access.main, [], environ)
        await asyncio.to_thread(access.main, ["reader", "board"], environ)
        system = Secured(bootstrap, environ)
        # The job `topics`, as the administrator.
        arguments = system.client("admin")
        await create_topics(str(arguments.pop("bootstrap_servers")), **arguments)
        yield system


async def test_the_plain_broker_of_compose_starts_and_acknowledges(tmp_path: Path) -> None:
    async with broker(["docker-compose.yml"], {}, tmp_path) as bootstrap:
        await until_up(bootstrap, tmp_path)
        made = await create_topics(bootstrap)
        assert "attendance.recorded.v1" in made
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await producer.start()
        record = await producer.send_and_wait("attendance.recorded.v1", b"{}")
        await producer.stop()
        assert record.offset == 0


async def test_a_service_writes_its_own_topics_and_reads_what_it_declares(secured: Secured) -> None:
    await secured.write("scheduling", "schedule.changed.v1")
    await secured.write("reporting", "coverage.changed.v1")
    assert await secured.read("notifications", "schedule.changed.v1", "notifications.facts") == b"{}"
    await secured.write("notifications", "schedule.changed.v1.dead")


async def test_the_command_of_the_events_page_makes_a_reader(secured: Secured) -> None:
    page = (ROOT / "docs" / "events" / "README.md").read_text()
    (command,) = re.findall(r"^HADIR_KAFKA_READER_PASSWORD=\.\.\. (.+)$", page, re.MULTILINE)
    environ = {**os.environ, **secured.environ}
    made = await asyncio.create_subprocess_shell(command, cwd=ROOT, env=environ)
    assert await made.wait() == 0
    password = secured.environ["HADIR_KAFKA_READER_PASSWORD"]
    producer = AIOKafkaProducer(**secured.client("attendance"), acks="all")
    await producer.start()
    await producer.send_and_wait("attendance.voided.v1", b"{}")
    await producer.stop()
    consumer = AIOKafkaConsumer(
        "attendance.voided.v1",
        **secured.client("payroll", password),
        group_id="payroll.days",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    async with asyncio.timeout(20):
        assert (await consumer.getone()).value == b"{}"
    await consumer.stop()


async def test_a_reader_that_cannot_be_made_is_refused_in_a_line(secured: Secured) -> None:
    for name in ("scheduling", "admin", "a.b", "", "x" * 64):
        with pytest.raises(SystemExit, match="name"):
            access.main(["reader", name], secured.environ)
    wrong = {**secured.environ, "HADIR_KAFKA_ADMIN_PASSWORD": "wrong"}
    with pytest.raises(SystemExit, match="see its address and password"):
        await asyncio.to_thread(access.main, ["reader", "payroll"], wrong)


async def test_a_reader_of_the_city_reads_public_topics_in_its_own_groups(secured: Secured) -> None:
    await secured.write("reporting", "coverage.changed.v1")
    assert await secured.read("board", "coverage.changed.v1", "board.screen") == b"{}"


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("notifications", "schedule.changed.v1"),
        ("attendance", "report.reviewed.v1"),
        ("board", "coverage.changed.v1"),
        ("scheduling", "attendance.recorded.v1"),
    ],
)
async def test_nobody_writes_a_topic_of_another(secured: Secured, user: str, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await secured.write(user, topic)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("board", "attendance.recorded.v1"),
        ("board", "directory.employee.v1"),
        ("notifications", "attendance.recorded.v1"),
    ],
)
async def test_nobody_reads_a_topic_that_was_not_given(secured: Secured, user: str, topic: str) -> None:
    arguments = secured.client(user)
    # librdkafka says what the broker answers; aiokafka waits for rights that may yet come.
    consumer = Consumer(
        {
            "bootstrap.servers": secured.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": arguments["sasl_plain_password"],
            "group.id": f"{user}.facts",
        }
    )
    consumer.subscribe([topic])
    try:
        answer = await asyncio.to_thread(consumer.poll, 20)
    finally:
        consumer.close()
    assert answer is not None
    error = answer.error()
    assert error is not None
    assert error.code() == ConfluentError.TOPIC_AUTHORIZATION_FAILED


async def test_nobody_joins_the_group_of_another(secured: Secured) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await secured.read("board", "coverage.changed.v1", "notifications.facts")


async def test_a_wrong_password_and_no_password_are_refused(secured: Secured) -> None:
    for client in (secured.client("notifications", "wrong"), {"bootstrap_servers": secured.bootstrap}):
        producer = AIOKafkaProducer(**client, request_timeout_ms=3000)
        with pytest.raises(KafkaConnectionError):
            await producer.start()
        await producer.stop()
