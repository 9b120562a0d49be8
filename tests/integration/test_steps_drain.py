"""Whatever is folded, and in whatever pieces: what the drain leaves is what follows from the facts."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.commands import check, facts
from services.reporting.commands.steps import Drain, drain
from services.reporting.facts import PROJECTION
from services.reporting.store import counter_days, notices, steps
from services.reporting.tasks import transitions as ticker
from shared.database import Database
from shared.events import Event
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.locks import waiting
from tests.kit.properties import SLOW_IS_FINE

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=SLOW_IS_FINE)
NOON = worlds.at(worlds.THURSDAY, "12:00")
SPAN = (worlds.DATES[0], worlds.DATES[-1])
STEPS = (
    "work_date, employee_id, opd_code, unit_id, mode, starts_at, ends_at, rules_version, since, codes, "
    "first_day, last_day"
)
WIPED = ", ".join([*(table.name for table in PROJECTION.tables), "touched", "touched_counter", "person_day",
                   "person_output", "person_task", "counter_day", "published_day"])  # fmt: skip


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def fold(db: Database, world: Sequence[tuple[UUID, Event]]) -> None:
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received(world))


async def rows(db: Database, query: str, *values: object) -> list[dict[str, Any]]:
    async with db.read() as tx:
        return [dict(row) for row in await tx.connection.fetch(query, *values)]


async def agree(db: Database) -> None:
    """What stands there follows from the facts, and nothing waits."""
    order = "order by work_date, employee_id"
    stored = await rows(db, f"select {STEPS} from person_day {order}")  # noqa: S608 - a constant
    fresh = await rows(db, f"select {STEPS} from verdict_steps($1, $2) {order}", *SPAN)  # noqa: S608 - a constant
    assert stored == fresh
    async with db.read() as tx:
        for day in {row["day"] for row in await tx.connection.fetch("select distinct day from counter_day")}:
            assert await counter_days.differing(tx, day) == []
    assert await rows(db, "select 1 from touched union all select 1 from touched_counter") == []


def planned(person: UUID, date: dt.date = worlds.THURSDAY) -> worlds.ScheduleChanged:
    return worlds.ScheduleChanged(
        employee_id=person,
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=date,
        revision=1,
        mode="WFO",
        starts_at=worlds.at(date, "07:30"),
        ends_at=worlds.at(date, "16:00"),
    )


def quiet(_done: int, _total: int) -> None:
    """Nobody waits for it."""


async def wipe(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.connection.execute(f"truncate {WIPED}")


@QUIET
@given(given=st.data())
async def test_after_each_fold_the_steps_are_those_of_the_facts(db: Database, given: st.DataObject) -> None:
    await wipe(db)
    world, _ = given.draw(worlds.worlds(counters=given.draw(st.booleans())))
    left = given.draw(st.permutations(world))
    while left:
        many = given.draw(st.integers(1, len(left)))
        part, left = left[:many], left[many:]
        await fold(db, part)
        if given.draw(st.booleans()):
            await drain(db, NOON)
            await agree(db)
    await drain(db, NOON)
    await agree(db)


@QUIET
@given(world=worlds.worlds(counters=True), other=worlds.worlds(counters=True))
@pytest.mark.long
async def test_two_drains_beside_folds_leave_what_follows_from_the_facts(
    db: Database, world: Any, other: Any
) -> None:
    await wipe(db)
    (first, _), (second, _) = world, other

    async def folding(events: Sequence[tuple[UUID, Event]]) -> None:
        for event in events:
            while True:
                with contextlib.suppress(asyncpg.SerializationError):  # as the consumer does
                    await fold(db, [event])
                    break

    async def draining() -> None:
        for _ in range(20):
            await drain(db, NOON)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for events in (first, second):
            tasks.create_task(folding(events))
        for _ in range(2):
            tasks.create_task(draining())
    await drain(db, NOON)
    await agree(db)


async def test_a_fold_that_meets_a_drain_is_computed_after_it(db: Database) -> None:
    """The drain has taken the person-day and read its facts; the fold waits for it, and is not lost."""
    person = worlds.PEOPLE[0]
    plan = planned(person)
    await fold(db, [(uuid4(), plan)])
    async with db.transaction() as tx:
        assert await steps.may_compute(tx)
        taken = await steps.take_people(tx, worlds.THURSDAY, 10, ())
        assert taken == (worlds.THURSDAY, [person], [])
        await steps.compute(tx, worlds.THURSDAY, [person], worlds.THURSDAY)
        meeting = asyncio.create_task(
            fold(db, [(uuid4(), plan.model_copy(update={"revision": 2, "mode": "LEAVE"}))])
        )
        async with asyncio.timeout(30):
            while not await waiting(db):  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.01)
    await meeting
    assert await drain(db, NOON) == 1
    await agree(db)


async def test_what_cannot_be_computed_stops_nothing_else_and_is_named(db: Database) -> None:
    await fold(db, [(uuid4(), planned(person)) for person in worlds.PEOPLE])
    bad = worlds.PEOPLE[1]
    async with db.transaction() as tx:
        await tx.connection.execute(
            "update fact_plan set ends_at = '294276-12-31 23:59:59+00' where employee_id = $1", bad
        )
    for touched in ([], [(worlds.THURSDAY, None)]):
        async with db.transaction() as tx:
            await steps.touch(tx, touched)
        with pytest.raises(ExceptionGroup) as caught:
            await drain(db, NOON)
        assert [error.__notes__ for error in caught.value.exceptions] == [[f"person-day {bad} {worlds.THURSDAY}"]]
        computed = {row["employee_id"] for row in await rows(db, "select employee_id from person_day")}
        assert computed == set(worlds.PEOPLE) - {bad}
        assert await rows(db, "select employee_id from touched") == [{"employee_id": bad}]


async def test_a_touch_of_every_date_is_worked_off_date_by_date_the_nearest_first(db: Database) -> None:
    dates = [worlds.THURSDAY + dt.timedelta(days=n) for n in (-400, 0, 30)]
    await fold(db, [(uuid4(), planned(person, date)) for person in worlds.PEOPLE for date in dates])
    await drain(db, NOON)
    async with db.transaction() as tx:
        await tx.connection.execute("truncate person_day")
        await steps.touch(tx, [(None, None)])
    order: list[dt.date] = []
    work = Drain(db)
    while await work.once(NOON):
        for row in await rows(db, "select distinct work_date from person_day"):
            if row["work_date"] not in order:
                order.append(row["work_date"])
    assert order == [dates[1], dates[2], dates[0]]


def test_a_notice_says_what_changed_and_is_never_too_long() -> None:
    people = [uuid4() for _ in range(1000)]
    counters = [steps.Counter(worlds.THURSDAY, f"counter-{n}") for n in range(30)]
    payloads = notices.Changed(worlds.THURSDAY, people, counters).payloads()
    assert all(len(payload) < 8000 for payload in payloads)
    told = [notices.heard(payload) for payload in payloads]
    assert [person for one in told for person in one.people or ()] == people
    assert [counter for one in told for counter in one.counters or ()] == counters
    many = notices.Changed(
        worlds.THURSDAY, [*people, *people, *people], [steps.Counter(worlds.THURSDAY, "x" * 100)] * 90
    )
    assert [notices.heard(notice) for notice in many.payloads()] == [
        notices.Changed(worlds.THURSDAY, None, []),
        notices.Changed(None, [], None),
    ]
    assert notices.Changed(worlds.THURSDAY, (), ()).payloads() == []


async def test_what_does_not_follow_from_the_facts_is_named_and_mended(db: Database) -> None:
    await fold(db, [(uuid4(), planned(person)) for person in worlds.PEOPLE])
    with pytest.raises(check.StillWaiting):
        await check.digest(db, quiet)
    await drain(db, NOON)
    right = await check.digest(db, quiet)
    assert not await check.check(db, NOON, quiet)
    bad, gone = worlds.PEOPLE[:2]
    async with db.transaction() as tx:
        await tx.connection.execute("update person_day set codes[1] = 0 where employee_id = $1", bad)
        await tx.connection.execute("delete from person_day where employee_id = $1", gone)
    found = await check.check(db, NOON, quiet)
    assert sorted(found.days) == sorted((worlds.THURSDAY, person) for person in (bad, gone))
    assert found.counters == []
    with pytest.raises(check.NotOfTheFacts, match="hadir check --mend"):
        await check.digest(db, quiet)
    assert not await check.mend(db, found, NOON)
    assert not await check.check(db, NOON, quiet)
    assert await check.digest(db, quiet) == right


async def test_a_counter_that_does_not_follow_from_the_facts_is_named_though_somebody_elsewhere_waits(
    db: Database,
) -> None:
    unit = worlds.counter(worlds.hours("08:00", "15:00", 1)).model_copy(update={"unit_id": "counter-a"})
    elsewhere = planned(worlds.PEOPLE[1]).model_copy(update={"unit_id": "office"})
    await fold(db, [(uuid4(), unit), (uuid4(), planned(worlds.PEOPLE[0])), (uuid4(), elsewhere)])
    await drain(db, NOON)
    async with db.transaction() as tx:
        await tx.connection.execute("update counter_day set required[1] = 7 where unit_id = 'counter-a'")
        await steps.touch(tx, [(worlds.THURSDAY, worlds.PEOPLE[1])])
    found = await check.check(db, NOON, quiet)
    assert found.counters == [(worlds.THURSDAY, "counter-a")]
    await check.mend(db, found, NOON)
    assert not await check.check(db, NOON, quiet)


async def test_each_kind_of_row_that_is_spoiled_is_named_and_mended_at_once(db: Database) -> None:
    unit = worlds.counter(worlds.hours("08:00", "15:00", 1)).model_copy(update={"unit_id": "counter-a"})
    await fold(db, [(uuid4(), unit), *((uuid4(), planned(person)) for person in worlds.PEOPLE)])
    await drain(db, NOON)
    await ticker.tick(db, NOON)
    assert not await check.check(db, NOON, quiet)
    one, other, third = worlds.PEOPLE[:3]
    async with db.transaction() as tx:
        for spoil, whose in (
            ("update person_day set codes[1] = 0 where employee_id = $1", one),
            ("update counter_day set status[1] = 'met' where unit_id = $1", "counter-a"),
            ("update published_day set code = 0 where employee_id = $1", one),
            ("update published_day set due_at = 'infinity' where employee_id = $1", other),
            ("delete from published_day where employee_id = $1", third),
        ):
            await tx.connection.execute(spoil, whose)
    found = await check.check(db, NOON, quiet)
    assert found.days == [(worlds.THURSDAY, one)]
    assert found.counters == [(worlds.THURSDAY, "counter-a")]
    assert sorted(found.announced) == sorted((worlds.THURSDAY, person) for person in (one, other, third))
    assert [line.split(" ")[:3] for line in found.told()] == [
        ["person-day", str(one), "2025-11-06"],
        ["counter", "counter-a", "2025-11-06"],
        *(["person-day", str(person), "2025-11-06"] for person in sorted((one, other, third))),
    ]
    assert not await check.mend(db, found, NOON)
    await agree(db)
    await ticker.tick(db, NOON)
    assert not await check.check(db, NOON, quiet)
    # What was wrongly thought to have been said is said again, as it is.
    said = "select count(*) as n from outbox where topic like '%compliance%' and key = $1"
    assert (await rows(db, said, str(one).encode()))[0]["n"] > 0


async def test_what_cannot_be_judged_hides_nothing_else_from_a_check(db: Database) -> None:
    units = [
        worlds.counter(worlds.hours("08:00", "15:00", 1)).model_copy(update={"unit_id": f"counter-{letter}"})
        for letter in "ab"
    ]
    await fold(db, [(uuid4(), event) for event in [*units, *map(planned, worlds.PEOPLE)]])
    async with db.transaction() as tx:
        await steps.touch(tx, [(worlds.THURSDAY, None)])
    await drain(db, NOON)
    bad, one = worlds.PEOPLE[:2]
    async with db.transaction() as tx:
        await tx.connection.execute(
            "update fact_plan set ends_at = '294276-12-31 23:59:59+00' where employee_id = $1", bad
        )
        await tx.connection.execute(
            """update fact_unit set requirements = '[{"effective_from": "kapan"}]' where unit_id = 'counter-b'"""
        )
        await tx.connection.execute("update person_day set codes[1] = 0 where employee_id = $1", one)
        await tx.connection.execute("update counter_day set required[1] = 7 where unit_id = 'counter-a'")
    found = await check.check(db, NOON, quiet)
    assert (found.days, found.counters) == ([(worlds.THURSDAY, one)], [(worlds.THURSDAY, "counter-a")])
    assert list(found.bad_days) == [(worlds.THURSDAY, bad)]
    assert list(found.bad_counters) == [(worlds.THURSDAY, "counter-b")]
    with pytest.raises(check.NotOfTheFacts, match="hadir check"):
        await check.digest(db, quiet)
    left = await check.mend(db, found, NOON)
    assert (left.days, left.counters, left.announced) == ([], [], [])
    assert (left.bad_days.keys(), left.bad_counters.keys()) == (found.bad_days.keys(), found.bad_counters.keys())
    assert any("cannot be judged" in line for line in left.told())


async def test_a_touch_from_before_the_calendar_keeps_nothing_waiting(db: Database) -> None:
    await fold(db, [(uuid4(), planned(person)) for person in worlds.PEOPLE])
    async with db.transaction() as tx:
        # An outage in the calendar's first days, under rules of a long tolerance, reaches back so far.
        await tx.connection.execute("insert into touched (from_date) values ('0044-03-15 BC')")
    await drain(db, NOON)
    assert await rows(db, "select from touched") == []
    await agree(db)
