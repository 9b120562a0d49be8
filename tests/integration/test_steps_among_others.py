"""What is worked off beside what: nothing waits for ever, and nobody is told what the facts do not say."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.reporting.commands import facts
from services.reporting.commands.steps import Drain, drain
from services.reporting.store import counter_days, steps
from services.reporting.tasks import transitions as ticker
from shared.database import Database, Tx
from shared.events import AttendanceRecorded, AttendanceVoided
from tests.conftest import DatabaseFor
from tests.integration.test_steps_drain import NOON, agree, fold, planned, rows
from tests.kit import worlds
from tests.kit.kafka import eventually
from tests.kit.locks import waiting

SAID = """
    select convert_from(value, 'utf8')::jsonb ->> 'employee_id' as who,
        convert_from(value, 'utf8')::jsonb ->> 'state' as state
    from outbox where topic like '%compliance%' order by id
"""
UNIT = worlds.counter(worlds.hours("08:00", "15:00", 1)).model_copy(update={"unit_id": "counter-a"})


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def somebody_waits(db: Database) -> bool:
    return await waiting(db) > 0


def came(
    person: UUID, clock: str = "07:20", punch_id: UUID | None = None, date: dt.date = worlds.THURSDAY
) -> AttendanceRecorded:
    return AttendanceRecorded(
        punch_id=punch_id or uuid4(),
        employee_id=person,
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=date,
        kind="in",
        at=worlds.at(date, clock),
        received_at=worlds.at(date, clock),
        zone="office",
        source="app",
    )


async def test_whole_dates_are_worked_off_while_single_touches_keep_coming(db: Database) -> None:
    await fold(db, [(uuid4(), planned(person)) for person in worlds.PEOPLE])
    await drain(db, NOON)
    async with db.transaction() as tx:
        await tx.connection.execute("truncate person_day")
        await steps.touch(tx, [(None, None)])
    work = Drain(db)
    for _ in range(20):
        async with db.transaction() as tx:
            await steps.touch(tx, [(worlds.THURSDAY, worlds.PEOPLE[0])])
        await work.once(NOON)
    computed = {row["employee_id"] for row in await rows(db, "select employee_id from person_day")}
    assert computed == set(worlds.PEOPLE)
    assert not await rows(db, "select * from touched where employee_id is null")


async def test_nobody_is_told_what_is_not_so_any_more(db: Database) -> None:
    """The check-in is known, but not yet what follows from it, when the deadline passes."""
    one, other = worlds.PEOPLE[:2]
    await fold(db, [(uuid4(), planned(one)), (uuid4(), planned(other))])
    await drain(db, worlds.at(worlds.THURSDAY, "06:00"))
    await ticker.tick(db, worlds.at(worlds.THURSDAY, "06:00"))
    await fold(db, [(uuid4(), came(one))])
    late = worlds.at(worlds.THURSDAY, "07:31")
    await ticker.tick(db, late)
    assert {row["who"] for row in await rows(db, SAID)} == {str(other)}
    await drain(db, late)
    await ticker.tick(db, late)
    assert [row["state"] for row in await rows(db, SAID) if row["who"] == str(one)] == ["met", "met"]


async def test_whoever_waits_in_a_whole_date_is_told_nothing_that_is_not_so_any_more(db: Database) -> None:
    first = min(worlds.PEOPLE)
    morning, late = worlds.at(worlds.THURSDAY, "06:00"), worlds.at(worlds.THURSDAY, "07:31")
    await fold(db, [(uuid4(), planned(person)) for person in worlds.PEOPLE])
    await drain(db, morning)
    await ticker.tick(db, morning)
    for touched in ((worlds.THURSDAY, None), (None, None)):
        async with db.transaction() as tx:
            await steps.touch(tx, [touched])
            if touched[0] is not None:
                await steps.advance(tx, touched[0], first)
        await ticker.tick(db, late)
        said = await rows(db, SAID)
        assert {row["who"] for row in said} == {str(first)}
    await drain(db, late)
    await ticker.tick(db, late)
    assert {row["who"] for row in await rows(db, SAID)} == {str(person) for person in worlds.PEOPLE}


async def test_a_void_of_another_persons_punch_is_computed_however_they_meet(db: Database) -> None:
    """The punch comes in and is computed while the void, which does not know of it, is still being written."""
    one, other = worlds.PEOPLE[:2]
    await fold(db, [(uuid4(), planned(one)), (uuid4(), planned(other))])
    await drain(db, NOON)
    punch = came(one)
    void = AttendanceVoided(
        punch_id=punch.punch_id,
        employee_id=other,
        work_date=worlds.THURSDAY,
        voided_at=NOON,
        voided_by="x",
        reason="x",
    )
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received([(uuid4(), void)]))
        coming = asyncio.create_task(fold(db, [(uuid4(), punch)]))
        done, _ = await asyncio.wait([coming], timeout=1)
        if done:
            await drain(db, NOON)
    await coming
    await drain(db, NOON)
    await agree(db)


async def test_who_works_a_whole_date_off_writes_nothing_older_over_whom_another_computes_meanwhile(
    db: Database,
) -> None:
    """It has read the facts and waits for a row; then one of them changes, and another drain takes that person."""
    first, second = sorted(worlds.PEOPLE)[:2]
    plan = planned(second)
    await fold(db, [(uuid4(), planned(first)), (uuid4(), plan)])
    await drain(db, NOON)
    async with db.transaction() as tx:
        await tx.connection.execute("update person_day set codes[1] = 0")
        await steps.touch(tx, [(worlds.THURSDAY, None)])

    async def whole() -> None:
        async with db.transaction() as tx:
            date = await steps.take_date(tx, worlds.THURSDAY)
            assert date is not None
            people = await steps.people_of(tx, date, 10)
            await steps.compute(tx, date.date, people, worlds.THURSDAY, whole=True)
            await steps.advance(tx, date.date, people[-1])

    async def single() -> None:
        async with db.transaction() as tx:
            assert await steps.take_people(tx, worlds.THURSDAY, 10, ()) == (worlds.THURSDAY, [second], [])
            await steps.compute(tx, worlds.THURSDAY, [second], worlds.THURSDAY)

    async with asyncio.TaskGroup() as tasks, db.transaction() as holds:
        await holds.connection.execute("select from person_day where employee_id = $1 for update", first)
        tasks.create_task(whole())
        await eventually(lambda: somebody_waits(db))
        await fold(db, [(uuid4(), plan.model_copy(update={"revision": 2, "mode": "LEAVE"}))])
        other = tasks.create_task(single())
        await asyncio.wait([other], timeout=1)  # it may wait for the whole date, or be done
    await drain(db, NOON)
    await agree(db)


COUNTER = steps.Counter(worlds.THURSDAY, "counter-a")


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "under way"])
async def test_who_touches_a_counter_that_is_being_counted_does_not_wait_and_it_is_counted_again(
    db: Database, committed: bool
) -> None:
    await fold(db, [(uuid4(), UNIT)])
    async with db.transaction() as tx:
        await steps.touch_counters(tx, [COUNTER])

    async def counting(tx: Tx, taken: dict[steps.Counter, int]) -> None:
        await counter_days.count(tx, list(taken))
        await steps.counted(tx, taken)

    async with db.transaction() as counts:
        taken = await steps.take_counters(counts, worlds.THURSDAY, 10)
        assert list(taken) == [COUNTER]
        async with db.transaction() as other:
            assert not await steps.take_counters(other, worlds.THURSDAY, 10), "one counts it at a time"
            assert not await steps.take_these_counters(other, [COUNTER])
        async with asyncio.timeout(20), db.transaction() as touches:
            await steps.touch_counters(touches, [COUNTER])
            ending = None if committed else asyncio.create_task(counting(counts, taken))
            if ending is not None:
                await eventually(lambda: somebody_waits(db))
        await (ending or counting(counts, taken))
    assert await rows(db, "select day, unit_id from touched_counter") == [COUNTER._asdict()]
    assert await Drain(db).counters(NOON) == 1
    assert not await rows(db, "select day, unit_id from touched_counter")


@pytest.mark.parametrize("date", [dt.date.min, dt.date.max])
async def test_a_plan_of_no_date_that_a_calendar_has_keeps_nobody_waiting(db: Database, date: dt.date) -> None:
    """As it stands in the facts of older versions, which did not bound dates."""
    person = worlds.PEOPLE[0]
    await fold(db, [(uuid4(), planned(person))])
    async with db.transaction() as tx:
        await tx.connection.execute("create table odd (like fact_plan)")
        await tx.connection.execute("insert into odd select * from fact_plan")
        await tx.connection.execute("update odd set work_date = $1", date)
        await tx.connection.execute("insert into fact_plan select * from odd")
        await steps.touch(tx, [(date, person), (date, None)])
    await fold(db, [(uuid4(), UNIT)])
    async with db.transaction() as tx:
        await steps.touch(tx, [(None, None)])
    await drain(db, NOON)
    await agree(db)
    await ticker.tick(db, NOON)
