"""docs/subscribe.md on a broker with users, access lists and TLS: typed as it stands, it does what it says."""

import asyncio
import datetime as dt
import json
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import confluent_kafka
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from shared.events import CoverageChanged, Event, Message, RecordDisowned, encode
from tests.kit.attendance import DAY, employee, plan
from tests.kit.kafka import eventually
from tests.kit.secured import Secured, secured_system
from tests.kit.subscriber import (
    HADIR_ADD,
    KEEPING,
    PATIENCE_S,
    Records,
    Running,
    block,
    clone,
    commands,
    set_to,
    settings,
    typed,
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]
NOW = dt.datetime(2025, 11, 6, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=7)))
BUDI, SITI = UUID(int=0xB), UUID(int=0x5)
COVERAGE, DIRECTORY, PLANS = "coverage.changed.v1", "directory.employee.v1", "schedule.changed.v1"
DISOWNED = "record.disowned.v1"
TOPICS = ",".join([COVERAGE, DIRECTORY, PLANS, DISOWNED])


def counter(unit_id: str, revision: int, status: str) -> Event:
    given = {"unit_id": unit_id, "opd_code": "DISDUKCAPIL", "revision": revision, "status": status, "as_of": NOW}
    counts = {"previous": "closed", "required": 2, "present_low": 1, "present_high": 2}
    return CoverageChanged.model_validate(given | counts)


def disowning(ce_id: int, revision: int = 1, *, revoked: bool = False) -> Event:
    given = {"ce_id": UUID(int=ce_id), "topic": COVERAGE, "revision": revision, "disowned_at": NOW}
    return RecordDisowned.model_validate(given | {"disowned_by": "BKPSDM", "reason": "test", "revoked": revoked})


def event(id_: int, event: Event, **headers: bytes | None) -> Message:
    message = encode(event, id=UUID(int=id_), time=NOW, source=f"/hadir/{event.owner}")
    kept = [(name, value) for name, value in message.headers if name not in headers]
    return Message(message.topic, message.key, message.value, [*kept, *headers.items()])  # pyright: ignore[reportArgumentType]


ERASURE = encode(None, id=UUID(int=0x42), time=NOW, source="/hadir/scheduling", topic=DIRECTORY, key=str(BUDI))
LATER = event(0x13, counter("one", 3, "met"))
STORY = [
    event(0x11, counter("one", 1, "short")),
    event(0x11, counter("one", 1, "short")),  # twice
    LATER,
    event(0x12, counter("one", 2, "unknown")),  # late
    event(0x22, counter("two", 1, "short")),  # of two with one revision the one with the greater id holds
    event(0x21, counter("two", 1, "met")),
    event(0x31, counter("three", 1, "met"), hadir_future=None),  # a header of the future, without a value
    event(0x32, counter("three", 2, "short"), ce_type=b"coverage.changed.v2"),
    event(0x33, counter("three", 3, "short"), ce_specversion=b"2.0"),
    Message(COVERAGE, b"three", b"{", event(0x34, counter("three", 4, "short")).headers),
    event(0xD1, disowning(0x13)),
    event(0xD2, disowning(0x22)),
    event(0xD3, disowning(0x22, 2, revoked=True)),
    event(0x41, employee(BUDI)),
    ERASURE,
    event(0x43, employee(BUDI, revision=2)),  # an erasure ranks above every revision
    event(0x51, employee(SITI)),
    event(0x61, plan(SITI)),
    event(0x62, plan(SITI, DAY + dt.timedelta(days=1))),
]
IN_FORCE = {
    (COVERAGE, "one"): 0x12,
    (COVERAGE, "two"): 0x22,
    (COVERAGE, "three"): 0x31,
    (DIRECTORY, str(BUDI)): None,
    (DIRECTORY, str(SITI)): 0x51,
    (PLANS, f"{SITI}/{DAY}"): 0x61,
    (PLANS, f"{SITI}/{DAY + dt.timedelta(days=1)}"): 0x62,
    (DISOWNED, str(UUID(int=0x13))): 0xD1,
    (DISOWNED, str(UUID(int=0x22))): 0xD3,
}
"""What follows from the story, by hand; None: erased."""

PASSWORDS: dict[str, str] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    folder = tmp_path_factory.mktemp("subscribe")
    async with secured_system(folder) as system:
        (command,) = block(HADIR_ADD)
        # The story has the directory in it, which the page's `internal` does not give.
        await added(system, "payroll", command.replace("internal", "restricted"))
        await send(system, STORY)
        yield system


async def added(system: Secured, user: str, command: str) -> None:
    """A user made by the operators' command; its password is kept."""
    said = await system.typed(command, system.folder)
    PASSWORDS[user] = said.rsplit("said this once: ", 1)[1].strip()


async def send(system: Secured, messages: Sequence[Message]) -> None:
    producer = AIOKafkaProducer(**system.client("admin"), acks="all")
    await producer.start()
    try:
        for one in messages:
            await producer.send_and_wait(one.topic, one.value, key=one.key, headers=one.headers)
    finally:
        await producer.stop()


@asynccontextmanager
async def at_work(
    system: Secured, folder: Path, lines: list[str], user: str = "payroll", topics: str = TOPICS, **changes: str
) -> AsyncGenerator[Running]:
    values = {
        "HADIR_KAFKA_BOOTSTRAP": system.outside,
        "HADIR_KAFKA_USERNAME": user,
        "HADIR_KAFKA_PASSWORD": PASSWORDS[user],
        "HADIR_KAFKA_CA_FILE": str(system.ca_file),
        **changes,
    }
    async with typed(folder, [set_to(settings()[0], values), *lines], {"HADIR_TOPICS": topics}) as running:
        yield running


async def committed(system: Secured, group: str) -> int:
    """How many records the group has behind it, of all partitions."""
    admin = AIOKafkaAdminClient(**system.client("admin"))
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return sum(max(0, offset.offset) for offset in offsets.values())


def in_force(kept: Records) -> dict[tuple[str, str], int | None]:
    """What a program's file says, by a second opinion on the law: the id of an event by topic and identity."""
    disownings = [
        (record["value"]["ce_id"], record["revision"], record["value"]["revoked"])
        for records in kept.get(DISOWNED, {}).values()
        for record in (records or {}).values()
    ]
    counts = {ce_id: revoked for ce_id, _, revoked in sorted(disownings)}
    found: dict[tuple[str, str], int | None] = {}
    for topic, things in kept.items():
        for identity, records in things.items():
            ranked = sorted(
                (record["revision"], ce_id) for ce_id, record in (records or {}).items() if counts.get(ce_id, True)
            )
            found[topic, identity] = UUID(ranked[-1][1]).int if ranked else None
    return found


@pytest.mark.parametrize("program", KEEPING)
async def test_a_program_keeps_what_is_in_force_and_goes_on_where_it_was(
    system: Secured, tmp_path: Path, program: str
) -> None:
    clone(tmp_path)
    said: dict[tuple[str, str], str] = {}

    async def listen(running: Running, last: str) -> None:
        while last not in (line := await running.line()):
            topic, identity, what = line.split(" ", 2)
            said[topic, identity] = what

    async with at_work(system, tmp_path, commands(program)) as running:
        told = asyncio.create_task(listen(running, "never said"))
        await running.keeps(lambda records: IN_FORCE.items() <= in_force(records).items())
        group = running.group()
        assert group.startswith("payroll.")

        async def all_committed() -> bool:
            return await committed(system, group) >= len(STORY)

        await eventually(all_committed)
        told.cancel()
    assert running.records()[DIRECTORY][str(BUDI)] is None
    things: dict[tuple[str, str], Any] = {
        thing: what if what in {"erased", "none"} else json.loads(what) for thing, what in said.items()
    }
    assert things[DIRECTORY, str(BUDI)] == "erased"
    assert things[COVERAGE, "one"]["revision"] == 2
    assert things[COVERAGE, "two"]["status"] == "short"
    assert things[DISOWNED, str(UUID(int=0x22))]["revoked"] is True
    for what in (
        "coverage.changed.v1, key three: of a type",
        "coverage.changed.v1, key three: not what the contract",
    ):
        assert what in (tmp_path / "errors").read_text()
    mark = str(uuid4())
    await send(system, [event(uuid4().int, counter(mark, 1, "met"))])
    again = ["cd subscriber", commands(program)[-1]]
    async with at_work(system, tmp_path, again) as running:
        assert mark in await running.line()  # and nothing that was said before


async def test_kcat_shows_a_topic_over_tls_with_a_librdkafka_that_is_new_enough(
    system: Secured, tmp_path: Path
) -> None:
    """That of confluent-kafka in the place of the distribution's, which the page says is too old."""
    clone(tmp_path)
    (library,) = Path(confluent_kafka.__file__).parents[1].glob("confluent_kafka.libs/librdkafka*")
    lines = [*commands("kcat")[:-1], f"export LD_PRELOAD={library}", commands("kcat")[-1]]
    async with at_work(system, tmp_path, lines, topics=COVERAGE) as running:
        await running.until(lambda line: line.startswith(f"{COVERAGE} one "))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An authority's certificate that is not the city's."""
    file = tmp_path_factory.mktemp("stranger") / "ca.pem"
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stranger -keyout /dev/null -out"
    subprocess.run(["openssl", *make.split(), str(file)], check=True, capture_output=True)
    return str(file)


async def refused(running: Running, *words: str) -> None:
    """It ends as a failure, after one line that has these words; AssertionError with what it said else."""
    assert running.process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        said = (await running.process.stdout.read()).decode()
        assert await running.process.wait() == 1, said + running.trouble()
    text = (running.folder / "errors").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("refused: ")] or [f"nothing of it: {text}"]
    assert all(word in line for word in words), line


@pytest.mark.parametrize("program", KEEPING)
async def test_what_only_somebody_can_mend_ends_a_program_with_one_line_that_says_how(
    system: Secured, stranger: str, tmp_path: Path, program: str
) -> None:
    clone(tmp_path)
    await added(system, f"{program}-1", f".venv/bin/hadir subscriber add {program}-1 --audience internal --yes")
    lines, again = commands(program), ["cd subscriber", commands(program)[-1]]
    async with at_work(system, tmp_path, lines, f"{program}-1") as running:
        await refused(running, DIRECTORY, "ask the operators whether your user may read it", "HADIR_TOPICS")
    topics = f"{COVERAGE},coverage.changed.v9"
    async with at_work(system, tmp_path, again, f"{program}-1", topics) as running:
        await refused(running, "coverage.changed.v9", "whether there is such a topic")
    async with at_work(system, tmp_path, again, f"{program}-1", COVERAGE, HADIR_KAFKA_PASSWORD="x") as running:
        await refused(running, "ask the operators for a new password")
    async with at_work(system, tmp_path, again, f"{program}-1", COVERAGE, HADIR_KAFKA_CA_FILE=stranger) as running:
        await refused(running, "HADIR_KAFKA_CA_FILE has to be the file that the operators gave you")
    # Whoever takes a store over from another user takes that user's group over.
    (tmp_path / "subscriber" / "state.json").write_text('{"group": "payroll.a", "records": {}}')
    async with at_work(system, tmp_path, again, f"{program}-1", COVERAGE) as running:
        await refused(running, "delete it")


@pytest.mark.parametrize("program", KEEPING)
async def test_a_running_program_ends_when_a_topic_is_taken_from_it_goes_on_without_it_and_ends_when_it_is_revoked(
    system: Secured, tmp_path: Path, program: str
) -> None:
    clone(tmp_path)
    user = f"{program}-2"
    both = f"{COVERAGE},{PLANS}"
    await added(system, user, f".venv/bin/hadir subscriber add {user} --topics {both} --yes")
    async with at_work(system, tmp_path, commands(program), user, both) as running:
        await running.keeps(lambda records: {COVERAGE, PLANS} <= records.keys())
        await system.typed(f".venv/bin/hadir subscriber narrow {user} --topics {COVERAGE} --yes", system.folder)
        await refused(running, PLANS, "leave it out of HADIR_TOPICS")
    mark = str(uuid4())
    await send(system, [event(uuid4().int, counter(mark, 1, "met")), event(uuid4().int, plan(UUID(mark)))])
    again = ["cd subscriber", commands(program)[-1]]
    async with at_work(system, tmp_path, again, user, COVERAGE) as running:
        await running.keeps(lambda records: mark in records[COVERAGE])
        await system.typed(f".venv/bin/hadir subscriber revoke {user} --yes", system.folder)
        await refused(running, "ask the operators")
    assert not any(mark in identity for identity in running.records()[PLANS])
