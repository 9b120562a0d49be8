"""A record that rules for ever by its revision is taken back: in every service, at once, and in every rebuild."""

import asyncio
import contextlib
import datetime as dt
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

import services.attendance.handlers
import services.notifications.handlers
import services.reporting.handlers
from services.attendance import facts as attendance
from services.attendance.commands import facts as attendance_commands
from services.notifications import facts as notifications
from services.notifications.commands import notices
from services.reporting import facts as reporting
from services.reporting.commands.facts import digest
from services.reporting.commands.facts import rejoin as reporting_rejoin
from services.reporting.commands.rebuild import rebuild
from shared import repairs
from shared.bus import Bus, HandlerContext, Router, client_arguments
from shared.clock import FixedClock
from shared.database import Database
from shared.events import (
    TOPICS,
    EmployeeChanged,
    Event,
    Place,
    Received,
    ReportReviewed,
    ScheduleChanged,
    UnitChanged,
    encode,
    source_of,
)
from shared.events.base import ServiceName
from shared.projections import Projection
from shared.repairs import Rejoin
from tests.conftest import DatabaseFor
from tests.integration.test_steps_drain import quiet
from tests.kit import worlds
from tests.kit.disowning import NOW, Logs, context_of, disowning
from tests.kit.properties import SLOW_IS_FINE

pytestmark = pytest.mark.asyncio(loop_scope="session")

LATEST = 2**40


class Part(NamedTuple):
    router: Router
    projection: Projection
    rejoin: Rejoin


PARTS: dict[ServiceName, Part] = {
    "reporting": Part(services.reporting.handlers.router, reporting.PROJECTION, reporting_rejoin),
    "attendance": Part(services.attendance.handlers.router, attendance.PROJECTION, attendance_commands.rejoin),
    "notifications": Part(services.notifications.handlers.router, notifications.PROJECTION, notices.rejoin),
}
UNIT_OF: dict[ServiceName, str] = {
    "reporting": "select name from fact_unit where unit_id = $1",
    "attendance": "select places->0->>'lat' from unit_fact where unit_id = $1",
    "notifications": "select name from unit where unit_id = $1",
}
PLAN_OF: dict[ServiceName, str] = {
    "reporting": "select revision from fact_plan where employee_id = $1",
    "attendance": "select revision from plan_fact where employee_id = $1",
    "notifications": "select revision from plan where employee_id = $1",
}


@asynccontextmanager
async def consuming(context: HandlerContext, service: ServiceName) -> AsyncGenerator[None]:
    """The consumers of a service, in groups of their own, and its repairs."""
    router, (declared, projection, rejoin) = Router(), PARTS[service]
    for declaration in declared.declarations:
        router.declarations.append(replace(declaration, group=f"test.{uuid4()}"))
    bus = Bus(context, router, client_arguments(context.settings))

    async def repairing() -> None:
        while True:
            await repairs.settle(projection, rejoin, context)
            await asyncio.sleep(0.1)

    running = [asyncio.create_task(bus.run()), asyncio.create_task(repairing())]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def until(db: Database, query: str, *arguments: Any, is_: Any) -> None:
    """Until the query answers so; the time limit is there for a hang, and decides nothing."""
    found: Any = None
    try:
        async with asyncio.timeout(60):
            while True:
                async with db.read() as tx:
                    found = await tx.connection.fetchval(query, *arguments)
                if found == is_:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{query}: {found!r}, not {is_!r}")


async def send(kafka: str, *events: Received) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for one in events:
            message = encode(one.event, id=one.id, time=one.time, source=one.source, topic=one.type, key=one.key)
            await producer.send_and_wait(message.topic, message.value, key=message.key, headers=message.headers)
    finally:
        await producer.stop()


def sent(event: Event, ce_id: UUID | None = None) -> Received:
    source = source_of(TOPICS[event.topic].owner)
    return Received(event, ce_id or uuid4(), event.topic, source, NOW, event.key, None)


def unit(unit_id: str, revision: int, name: str, lat: float) -> UnitChanged:
    return UnitChanged(
        unit_id=unit_id,
        revision=revision,
        opd_code="9.01",
        opd_name="Dinas Uji",
        name=name,
        is_service_point=True,
        places=[Place(lat=lat, lon=107.0, radius_m=100)],
    )


def employee(employee_id: UUID) -> EmployeeChanged:
    return EmployeeChanged(
        employee_id=employee_id,
        revision=1,
        nip="198704122010121003",
        name="Siti",
        opd_code="9.01",
        unit_id="UJI-A",
        employment="PNS",
    )


def plan(person: UUID, revision: int, mode: Any, date: dt.date | None = None) -> ScheduleChanged:
    day = date or NOW.date()
    hours = mode in ("WFO", "WFH")
    return ScheduleChanged(
        employee_id=person,
        opd_code="9.01",
        unit_id="UJI-A",
        work_date=day,
        revision=revision,
        mode=mode,
        starts_at=NOW.replace(hour=7, minute=30) if hours else None,
        ends_at=NOW.replace(hour=16) if hours else None,
    )


async def test_the_owners_own_record_wins_again_in_every_service_and_a_revocation_brings_the_other_back(
    kafka: str, database_for: DatabaseFor
) -> None:
    unit_id, person = f"UJI-{uuid4().hex[:8]}", uuid4()
    true, false = unit(unit_id, 1, "Loket Uji", -6.24), unit(unit_id, LATEST, "PALSU", 0.5)
    false_unit, false_plan, told = uuid4(), uuid4(), uuid4()
    contexts: dict[ServiceName, HandlerContext] = {
        service: replace(context_of(service, await database_for(service), kafka), clock=FixedClock(NOW))
        for service in PARTS
    }

    async def everywhere(name: str, lat: float, plan_revision: int) -> None:
        for service, context in contexts.items():
            shown = str(lat) if service == "attendance" else name
            await until(context.db, UNIT_OF[service], unit_id, is_=shown)
            await until(context.db, PLAN_OF[service], person, is_=plan_revision)

    await send(kafka, sent(true), sent(plan(person, 3, "WFO")))
    await send(kafka, sent(false, false_unit), sent(plan(person, LATEST, "OFF"), false_plan))
    async with contextlib.AsyncExitStack() as stack:
        for service, context in contexts.items():
            await stack.enter_async_context(consuming(context, service))
        await everywhere("PALSU", 0.5, LATEST)

        said = [disowning(false_unit, false.topic), disowning(false_plan, ScheduleChanged.topic, ce_id=told)]
        await send(kafka, *said)
        await everywhere("Loket Uji", -6.24, 3)
        # Whoever was told the false plan is told the one that holds.
        notified = contexts["notifications"].db
        message = (
            "select coalesce(params->'days'->-1, params)->>'mode' from message"
            " where employee_id = $1 order by place desc limit 1"
        )
        await until(notified, message, person, is_="WFO")

        # The owner goes on as if nothing had been; the false record comes once more and is passed over.
        await send(kafka, sent(false, false_unit), sent(plan(person, LATEST, "OFF"), false_plan))
        await send(kafka, sent(unit(unit_id, 2, "Loket Baru", -6.25)), sent(plan(person, 4, "WFH")))
        await everywhere("Loket Baru", -6.25, 4)

        revoked = [
            disowning(e, t, 2, revoked=True)
            for e, t in ((false_unit, false.topic), (false_plan, ScheduleChanged.topic))
        ]
        await send(kafka, *revoked, *said)
        await everywhere("PALSU", 0.5, LATEST)
        await send(kafka, disowning(false_unit, false.topic, 3), disowning(false_plan, ScheduleChanged.topic, 3))
        await everywhere("Loket Baru", -6.25, 4)
    for context in contexts.values():
        await until(context.db, "select count(*) from repair", is_=0)

    # From the log alone, into empty tables that have never heard of a disowning.
    live = await digest(contexts["reporting"].db)
    await rebuild(contexts["reporting"].settings, quiet, quiet)
    assert await digest(contexts["reporting"].db) == live
    empty = context_of("reporting", await database_for("reporting"), kafka)
    await rebuild(empty.settings, quiet, quiet)
    assert await digest(empty.db) == live
    await until(empty.db, UNIT_OF["reporting"], unit_id, is_="Loket Baru")


async def rows(db: Database, projection: Projection) -> dict[str, list[str]]:
    """Every row of every fact table, as text."""
    found: dict[str, list[str]] = {}
    async with db.read() as tx:
        for table in projection.tables:
            query = f"select t::text as line from {table.name} as t order by 1"  # noqa: S608 - declared names
            found[table.name] = [row["line"] for row in await tx.connection.fetch(query)]
    return found


async def fold(
    context: HandlerContext, service: ServiceName, batches: Sequence[Sequence[Received]], logs: Logs
) -> dict[str, list[str]]:
    """The fact tables of a service after these batches, with repairs now and then."""
    router, projection, rejoin = PARTS[service]
    handler = router.declarations[0].handler
    async with context.db.transaction() as tx:
        for name in (*(table.name for table in projection.tables), "disowned", "repair"):
            await tx.connection.execute(f"delete from {name}")  # noqa: S608 - declared names
    for number, batch in enumerate(batches):
        await handler([one for one in batch if one.type in router.declarations[0].topics], context)
        if number % 2:
            await repairs.settle(projection, rejoin, context, logs.open)
    await repairs.settle(projection, rejoin, context, logs.open)
    return await rows(context.db, projection)


@pytest.fixture(params=["attendance", "notifications"])
def service(request: pytest.FixtureRequest) -> ServiceName:
    return request.param


@pytest.fixture
def place(database_for: DatabaseFor, service: ServiceName) -> Callable[[], Awaitable[HandlerContext]]:
    made: list[HandlerContext] = []

    async def once() -> HandlerContext:
        if not made:
            # A year later: everything is old news, and nobody is told anything.
            clock = FixedClock(NOW + dt.timedelta(days=365))
            made.append(replace(context_of(service, await database_for(service)), clock=clock))
        return made[0]

    return once


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(world=worlds.worlds(counters=True), seed=st.integers(0, 2**32))
async def test_what_a_service_keeps_of_others_is_what_the_log_says_without_the_disowned(
    place: Callable[[], Awaitable[HandlerContext]],
    service: ServiceName,
    world: tuple[worlds.World, object],
    seed: int,
) -> None:
    context = await place()
    topics = PARTS[service].projection.by_topic
    events = [one for one in worlds.received(world[0]) if one.type in topics]
    chaos = random.Random(seed)
    said: list[Received] = []
    gone: set[tuple[str, UUID]] = set()
    for one in chaos.sample(events, k=min(len(events), 4)):
        last = chaos.randint(1, 3)
        said += [disowning(one.id, one.type, n, revoked=n == 2) for n in range(1, last + 1)]
        gone |= {(one.type, one.id)} if last != 2 else set()
    logs = Logs(events)
    expected = await fold(context, service, [[one for one in events if (one.type, one.id) not in gone]], logs)
    shuffled = [*events, *said, *chaos.choices([*events, *said], k=len(events) // 2 if events or said else 0)]
    chaos.shuffle(shuffled)
    batches: list[list[Received]] = []
    while shuffled:
        size = chaos.randint(1, len(shuffled))
        batches.append(shuffled[:size])
        shuffled = shuffled[size:]
    assert await fold(context, service, batches, logs) == expected


async def test_a_fact_whose_table_keeps_no_record_key_is_found_through_the_log(database_for: DatabaseFor) -> None:
    """Notifications keep of a review its report, not its person: the key is looked up where it stands."""
    report, false = uuid4(), uuid4()

    def review(revision: int, ce_id: UUID) -> Received:
        event = ReportReviewed(
            report_id=report,
            employee_id=worlds.PEOPLE[0],
            work_date=NOW.date(),
            report_revision=1,
            revision=revision,
            reviewed_at=NOW,
            reviewer_id=worlds.BOSS,
            decision="accepted",
            items=[],
        )
        return sent(event, ce_id)

    events = [review(1, uuid4()), review(LATEST, false)]
    context = replace(context_of("notifications", await database_for("notifications")), clock=FixedClock(NOW))
    await fold(context, "notifications", [events, [disowning(false, ReportReviewed.topic)]], Logs(events))
    await until(context.db, "select revision from review where report_id = $1", report, is_=1)
    await until(context.db, "select count(*) from repair", is_=0)


async def test_a_false_erasure_gives_back_what_the_log_still_holds(database_for: DatabaseFor) -> None:
    person, false = worlds.PEOPLE[0], uuid4()
    known = worlds.received([(uuid4(), employee(person))])[0]
    erasure = structs.replace(known, given=None, id=false)
    context = context_of("reporting", await database_for("reporting"))
    name = "select name from fact_employee where employee_id = $1"
    await fold(context, "reporting", [[known, erasure]], Logs())
    await until(context.db, name, person, is_=None)
    said = [disowning(false, known.type)]
    await fold(context, "reporting", [[known, erasure], said], Logs([known, erasure]))
    await until(context.db, name, person, is_="Siti")
    # The log was compacted meanwhile: nobody is known, and nobody is erased either.
    await fold(context, "reporting", [[known, erasure], said], Logs([erasure]))
    await until(context.db, "select count(*) from fact_employee", is_=0)
