"""docs/subscribe.md on a broker with users, access lists and TLS: typed as it stands, it does what it says."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

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
        said = await system.typed(command.replace("internal", "restricted"), folder)
        PASSWORDS["payroll"] = said.rsplit("said this once: ", 1)[1].strip()
        await send(system, STORY)
        yield system


async def send(system: Secured, messages: Sequence[Message]) -> None:
    producer = AIOKafkaProducer(**system.client("admin"), acks="all")
    await producer.start()
    try:
        for one in messages:
            await producer.send_and_wait(one.topic, one.value, key=one.key, headers=one.headers)
    finally:
        await producer.stop()


@asynccontextmanager
async def at_work(system: Secured, folder: Path, lines: list[str]) -> AsyncGenerator[Running]:
    values = {
        "HADIR_KAFKA_BOOTSTRAP": system.outside,
        "HADIR_KAFKA_USERNAME": "payroll",
        "HADIR_KAFKA_PASSWORD": PASSWORDS["payroll"],
        "HADIR_KAFKA_CA_FILE": str(system.ca_file),
    }
    async with typed(folder, [set_to(settings()[0], values), *lines], {"HADIR_TOPICS": TOPICS}) as running:
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
