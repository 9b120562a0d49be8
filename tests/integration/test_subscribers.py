"""Other systems that read Kafka: who may read what, on a real broker, and how it is given and taken away."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError, TopicAuthorizationFailedError
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.kafka.access import grants_of
from deploy.subscribers import FILE
from shared.events import TOPICS, Audience
from shared.events.base import SERVICES
from tests.kit.secured import Secured

pytestmark = pytest.mark.asyncio(loop_scope="session")
ROOT = Path(__file__).parents[2]
DEAD = {name: topic.dead_letters for name, topic in TOPICS.items()}
ALL = {*DEAD, *DEAD.values()}
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
AT_MOST: dict[Audience, set[str]] = {
    "public": {"public"},
    "internal": {"public", "internal"},
    "restricted": {"public", "internal", "restricted"},
}
Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Without a subscriber: what an earlier test has given goes with the first change."""
    file = tmp_path / "subscribers.toml"
    file.touch()
    return file


def hadir(secured: Secured, file: Path, *arguments: str, **changes: str) -> Result:
    """`hadir subscriber` as an operator runs it on the machine: over TLS, as the administrator."""
    environ = {
        FILE: str(file),
        "HADIR_KAFKA_BOOTSTRAP": secured.outside,
        "HADIR_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "HADIR_KAFKA_CA_FILE": str(secured.ca_file),
        "HADIR_KAFKA_ADMIN_PASSWORD": secured.environ["HADIR_KAFKA_ADMIN_PASSWORD"],
        **changes,
    }
    return CliRunner().invoke(app, ["subscriber", *arguments], env=environ)


def runner(secured: Secured, file: Path) -> Run:
    """`hadir` beside the test's own loop."""

    async def run(*words: str, **changes: str) -> Result:
        return await asyncio.to_thread(hadir, secured, file, *words, **changes)

    return run


def password_of(result: Result, name: str) -> str:
    assert result.exit_code == 0, result.output
    (password,) = re.findall(rf"^password of {name}, said this once: (\S+)$", result.stdout, re.MULTILINE)
    return password


def settings(secured: Secured, user: str, password: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": secured.outside,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(secured.ca_file),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
        "log_level": 0,
    }


def read_of_each(client: dict[str, Any], group: str, topics: Iterable[str]) -> dict[str, object]:
    """For each topic the value of its first record, or the code of the broker's refusal."""
    consumer = Consumer(
        {**client, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    answers: dict[str, object] = {}
    try:
        consumer.subscribe([*topics])
        while len(answers) < len({*topics}):
            record = consumer.poll(20)
            assert record is not None, {*topics} - {*answers}
            error = record.error()
            answers.setdefault(str(record.topic()), error.code() if error else record.value())
    finally:
        consumer.close()
    return answers


def written_to_each(client: dict[str, Any], topics: Iterable[str]) -> dict[str, object]:
    """For each topic None where a record was taken, or the code of the broker's refusal."""
    producer, answers = Producer(client), dict[str, object]()

    def told(error: KafkaError | None, record: Any) -> None:
        answers[record.topic()] = error.code() if error else None

    for topic in topics:
        producer.produce(topic, b"{}", key=b"k", partition=0, on_delivery=told)
    producer.flush(30)
    return answers


async def one_in_each(secured: Secured) -> None:
    """A record in partition 0 of every topic, by the administrator."""
    admin = settings(secured, "admin", secured.environ["HADIR_KAFKA_ADMIN_PASSWORD"])
    answers = await asyncio.to_thread(written_to_each, admin, ALL)
    assert answers == dict.fromkeys(ALL)


@pytest.mark.fault(39)
async def test_each_audience_reads_its_topics_alone_and_no_dead_letters_and_writes_nothing(
    secured: Secured, file: Path
) -> None:
    await one_in_each(secured)
    denied = KafkaError.TOPIC_AUTHORIZATION_FAILED
    for audience in AUDIENCES:
        added = await asyncio.to_thread(hadir, secured, file, "add", audience, "--audience", audience, "--yes")
        client = settings(secured, audience, password_of(added, audience))
        allowed = {name for name, topic in TOPICS.items() if topic.audience in AT_MOST[audience]}
        read = await asyncio.to_thread(read_of_each, client, f"{audience}.all", ALL)
        assert {topic for topic, answer in read.items() if answer != denied} == allowed
        assert {topic for topic, answer in read.items() if isinstance(answer, bytes)} == allowed
        assert await asyncio.to_thread(written_to_each, client, ALL) == dict.fromkeys(ALL, denied)
        foreign = {**client, "group.id": "reporting.facts"}
        assert await asyncio.to_thread(refusal_of_group, foreign) == KafkaError.GROUP_AUTHORIZATION_FAILED
        assert await asyncio.to_thread(shown_to_wildcard, {**client, "group.id": f"{audience}.every"}) == allowed
    await asyncio.to_thread(hadir, secured, file, *["revoke", "restricted", "--yes"])


def refusal_of_group(client: dict[str, Any]) -> int | None:
    consumer = Consumer(client)
    consumer.subscribe(["coverage.changed.v1"])
    try:
        answer = consumer.poll(20)
        assert answer is not None
        error = answer.error()
        return error.code() if error else None
    finally:
        consumer.close()


def shown_to_wildcard(client: dict[str, Any]) -> set[str]:
    """The topics that a subscription to every name is assigned."""
    consumer, shown = Consumer(client), set[str]()

    def assigned(_: Consumer, partitions: list[TopicPartition]) -> None:
        shown.update(one.topic for one in partitions)

    consumer.subscribe(["^.*"], on_assign=assigned)
    try:
        for _ in range(100):
            consumer.poll(0.2)
            if shown:
                break
        assert {*consumer.list_topics(timeout=10).topics} == shown
    finally:
        consumer.close()
    return shown


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.fault(39)
async def test_a_service_writes_and_reads_what_the_table_gives_it_and_nothing_else(
    secured: Secured, service: str
) -> None:
    await one_in_each(secured)
    client = settings(secured, service, secured.environ[f"HADIR_{service.upper()}_KAFKA_PASSWORD"])
    grants = {(grant.name, grant.operation) for grant in grants_of(service)}
    written = await asyncio.to_thread(written_to_each, client, ALL)
    assert {topic for topic, refused in written.items() if refused is None} == {
        name for name, operation in grants if operation == "write"
    }
    if not any(operation == "read" for _, operation in grants):
        return
    read = await asyncio.to_thread(read_of_each, client, f"{service}.all", ALL)
    assert {topic for topic, answer in read.items() if isinstance(answer, bytes)} == {
        name for name, operation in grants if operation == "read" and name in ALL
    }


async def test_a_revoked_system_gets_nothing_more_on_its_open_connections_and_no_new_one(
    secured: Secured, file: Path
) -> None:
    added = await asyncio.to_thread(
        hadir, secured, file, *["add", "tpp", "--topics", "outage.declared.v1", "--yes"]
    )
    password = password_of(added, "tpp")
    client = secured.client("tpp", password, outside=True)
    consumer = AIOKafkaConsumer("outage.declared.v1", **client, group_id="tpp.a", auto_offset_reset="earliest")
    other = Consumer({**settings(secured, "tpp", password), "group.id": "tpp.b", "auto.offset.reset": "earliest"})
    other.subscribe(["outage.declared.v1"])
    await secured.write("attendance", "outage.declared.v1")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            await consumer.getone()
        first = await asyncio.to_thread(other.poll, 20)
        assert first is not None
        assert first.error() is None
        left = await asyncio.to_thread(hadir, secured, file, *["revoke", "tpp", "--yes"])
        assert left.exit_code == 0, left.output
        refused = await asyncio.to_thread(until_refused, other)
        assert refused in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
        denied = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)
        with pytest.raises(denied):
            await asyncio.wait_for(all_of(consumer), 60)
        await secured.write("attendance", "outage.declared.v1", key=b"after")
        with pytest.raises(denied):
            await asyncio.wait_for(consumer.getone(), 60)
        assert await asyncio.to_thread(records_of, other) == []
    finally:
        await consumer.stop()
        await asyncio.to_thread(other.close)
    late = AIOKafkaProducer(**client, request_timeout_ms=3000)
    with pytest.raises(KafkaConnectionError):
        await late.start()
    await late.stop()


async def all_of(consumer: Any) -> None:
    while True:
        await consumer.getone()


def until_refused(consumer: Consumer) -> int:
    """The code of the first refusal, after what was written before."""
    while True:
        record = consumer.poll(60)
        assert record is not None, "neither a record nor a refusal came"
        if (error := record.error()) is not None:
            return error.code()


def records_of(consumer: Consumer) -> list[bytes | None]:
    """What comes within the longest time that a fetch of this client waits, four times over."""
    polled = [consumer.poll(0.1) for _ in range(20)]
    return [record.value() for record in polled if record is not None and record.error() is None]


async def test_a_narrowed_system_keeps_what_is_left_and_cannot_be_widened_so(secured: Secured, file: Path) -> None:
    await one_in_each(secured)
    run = runner(secured, file)
    added = await run("add", "board2", "--audience", "internal", "--yes")
    client = settings(secured, "board2", password_of(added, "board2"))
    wider = await run("narrow", "board2", "--audience", "restricted", "--yes")
    assert (wider.exit_code, "would give board2 more: directory.employee.v1" in wider.stderr) == (1, True)
    only = await run("narrow", "board2", "--topics", "coverage.changed.v1,coverage.changed.v1.dead", "--yes")
    assert only.exit_code == 1  # a dead letter was not in it
    only = await run("narrow", "board2", "--topics", "coverage.changed.v1", "--yes")
    assert only.exit_code == 0, only.output
    assert "password" not in only.stdout
    read = await asyncio.to_thread(read_of_each, client, "board2.x", DEAD)
    assert [topic for topic, answer in read.items() if isinstance(answer, bytes)] == ["coverage.changed.v1"]


async def test_apply_follows_the_file_and_takes_away_what_somebody_gave_by_hand(
    secured: Secured, file: Path
) -> None:
    await asyncio.to_thread(
        file.write_text, '# kept\n[inspektorat]\naudience = "public"\nnote = "audits"\nsince = 2026-01-05\n'
    )
    run = runner(secured, file)
    said = await run("apply")
    assert "inspektorat: becomes a user" in said.stdout
    assert "nothing was changed: say --yes" in said.stdout
    password_of(await run("apply", "--yes"), "inspektorat")
    again = await run("apply", "--yes")
    assert again.stdout.splitlines() == ["the cluster is as the file says"]
    renewed = password_of(await run("password", "inspektorat", "--yes"), "inspektorat")
    client = settings(secured, "inspektorat", renewed)
    await one_in_each(secured)
    read = await asyncio.to_thread(read_of_each, client, "inspektorat.x", ["coverage.changed.v1"])
    assert read == {"coverage.changed.v1": b"{}"}
    await run("add", "byhand", "--topics", "directory.employee.v1", "--note", "gone soon", "--yes")
    listed = await run("list")
    assert "byhand" in listed.stdout
    assert "(audits)" in listed.stdout
    text = await asyncio.to_thread(file.read_text)
    assert text.startswith("# kept\n[inspektorat]")
    await asyncio.to_thread(file.write_text, text[: text.index("[byhand]")])
    assert "byhand: read topic directory.employee.v1: taken away" in (await run("apply")).stdout
    assert (await run("apply", "--yes")).stdout.splitlines()[-1] == "byhand: is no user any more"
    await asyncio.to_thread(file.unlink)
    lost = await run("apply", "--yes")
    assert (lost.exit_code, FILE in lost.stderr) == (1, True)


async def test_the_job_of_the_services_takes_away_what_the_table_does_not_give(secured: Secured) -> None:
    from deploy.kafka import access
    from deploy.kafka.users import Difference, Grant, _binding, connect  # pyright: ignore[reportPrivateUsage]

    admin = secured.environ["HADIR_KAFKA_ADMIN_PASSWORD"]
    ask = sorted({*TOPICS} - {grant.name for grant in grants_of("attendance")})[:1]
    more = _binding(Grant("attendance", "topic", ask[0], "read"))

    def once_too_much() -> None:
        with connect(secured.bootstrap, admin, mechanism="PLAIN") as cluster:
            cluster.make_so(Difference([more], [], [], []), {})

    await asyncio.to_thread(once_too_much)
    await one_in_each(secured)
    client = settings(secured, "attendance", secured.environ["HADIR_ATTENDANCE_KAFKA_PASSWORD"])
    assert await asyncio.to_thread(read_of_each, client, "attendance.x", ask) == {ask[0]: b"{}"}
    await asyncio.to_thread(access.main, secured.environ)
    denied = {ask[0]: KafkaError.TOPIC_AUTHORIZATION_FAILED}
    assert await asyncio.to_thread(read_of_each, client, "attendance.x", ask) == denied


async def test_the_command_of_the_events_page_makes_a_subscriber(secured: Secured, file: Path) -> None:
    page = (ROOT / "docs" / "events" / "README.md").read_text()
    (words,) = re.findall(r"^\.venv/bin/hadir subscriber (add payroll .+)$", page, re.MULTILINE)
    added = await asyncio.to_thread(hadir, secured, file, *words.split())
    client = settings(secured, "payroll", password_of(added, "payroll"))
    await one_in_each(secured)
    read = await asyncio.to_thread(read_of_each, client, "payroll.days", ["attendance.recorded.v1"])
    assert read == {"attendance.recorded.v1": b"{}"}


async def test_what_cannot_be_made_is_refused_in_a_line(secured: Secured, file: Path) -> None:
    run = runner(secured, file)
    for name in ("scheduling", "admin", "a.b", "", "x" * 64):
        result = await run("add", name, "--audience", "public", "--yes")
        assert (result.exit_code, "name" in result.stderr) == (1, True), name
    for words, why in {
        ("add", "x"): "either an audience",
        ("add", "x", "--audience", "everybody"): "x.audience",
        ("add", "x", "--topics", "no.such.v1"): "there is no topic no.such.v1",
        ("narrow", "x", "--audience", "public"): "x is no subscriber",
        ("revoke", "x"): "x is no subscriber",
    }.items():
        result = await run(*words, "--yes")
        assert (result.exit_code, why in result.stderr) == (1, True), (words, result.stderr)
    wrong = await run("apply", HADIR_KAFKA_ADMIN_PASSWORD="wrong")
    assert (wrong.exit_code, "HADIR_KAFKA_ADMIN_PASSWORD" in wrong.stderr) == (1, True)
    local = await run("apply", HADIR_KAFKA_BOOTSTRAP="")
    assert (local.exit_code, "`hadir up`" in local.stderr) == (1, True)
    await asyncio.to_thread(file.write_text, "[x")
    broken = await run("list")
    assert (broken.exit_code, "cannot be read as TOML" in broken.stderr) == (1, True)
    assert not await asyncio.to_thread(os.path.exists, file.with_suffix(".new"))
