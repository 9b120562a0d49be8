"""The broker as docker-compose.yml configures it: who may do what is what the table says."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import Consumer
from confluent_kafka import KafkaError as ConfluentError

from deploy.kafka import access
from tests.kit.secured import Secured, secured_system

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    async with secured_system(tmp_path_factory.mktemp("kafka")) as system:
        await asyncio.to_thread(access.main, ["reader", "board"], system.environ)
        yield system


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


async def test_another_system_reads_over_tls_by_the_certificate_of_the_script(
    secured: Secured,
) -> None:
    await secured.write("reporting", "coverage.changed.v1")
    assert await secured.read("board", "coverage.changed.v1", "board.outside", outside=True) == b"{}"


async def test_nobody_joins_the_group_of_another(secured: Secured) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await secured.read("board", "coverage.changed.v1", "notifications.facts")


async def test_a_wrong_password_and_no_password_are_refused(secured: Secured) -> None:
    for client in (
        secured.client("notifications", "wrong"),
        secured.client("notifications", "wrong", outside=True),
        {"bootstrap_servers": secured.bootstrap},
        {"bootstrap_servers": secured.outside},
    ):
        producer = AIOKafkaProducer(**client, request_timeout_ms=3000)
        with pytest.raises(KafkaConnectionError):
            await producer.start()
        await producer.stop()
