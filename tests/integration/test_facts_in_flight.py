"""Several transactions fold at once: the facts are the same, and what they touched is noted."""

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.reporting.commands import facts
from shared.database import Database
from shared.events import AttendanceRecorded, AttendanceVoided, Received
from tests.conftest import DatabaseFor
from tests.integration.test_facts_law import employee, fresh, join
from tests.kit import worlds
from tests.kit.disowning import context_of
from tests.kit.locks import waiting


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


async def test_batches_in_flight_leave_the_same_facts_in_any_order_of_commit(db: Database) -> None:
    """Duplicates, later revisions and other events of the same keys, folded by several transactions at once."""
    dice, context = random.Random(7), context_of("reporting", db)
    people = [uuid4() for _ in range(5)]
    events = [employee(dice.choice(people), dice.randrange(4), uuid4(), f"x{n}") for n in range(150)]
    for person in people:
        events += worlds.received([(uuid4(), punch(UUID(int=n % 7), person, n % 3)) for n in range(30)])
    expected, _ = await join(db, [events])
    for _ in range(4):
        shuffled = [*events, *dice.sample(events, 60)]
        dice.shuffle(shuffled)
        batches = [shuffled[first : first + 40] for first in range(0, len(shuffled), 40)]
        await fresh(db)
        waiting = iter(batches)

        async def work(batches: Iterator[list[Received]]) -> None:
            for batch in batches:
                while True:
                    try:
                        await facts.take_in(batch, context)
                    except asyncpg.SerializationError:  # the consumer reads such a batch again
                        continue
                    break

        await asyncio.gather(*(work(waiting) for _ in range(3)))
        assert await facts.digest(db) == expected


def punch(punch_id: UUID, person: UUID, day: int) -> AttendanceRecorded:
    at = dt.datetime(2025, 11, 3 + day, 1, tzinfo=dt.UTC)
    return AttendanceRecorded(
        punch_id=punch_id,
        employee_id=person,
        opd_code="OPD-1",
        unit_id="counter-a",
        work_date=at.date(),
        kind="in",
        at=at,
        received_at=at,
        zone="office",
        source="app",
    )


async def test_a_fold_notes_the_person_days_of_what_it_wrote_and_of_what_that_replaced(db: Database) -> None:
    one, other = uuid4(), uuid4()
    monday, tuesday, wednesday = (dt.date(2025, 11, day) for day in (3, 4, 5))

    async def noted(*events: tuple[UUID, AttendanceRecorded | AttendanceVoided]) -> set[tuple[dt.date, UUID]]:
        await facts.take_in(worlds.received(list(events)), context_of("reporting", db))
        async with db.transaction() as tx:
            rows = await tx.connection.fetch("delete from touched where employee_id is not null returning *")
        return {(row["work_date"], row["employee_id"]) for row in rows}

    small, great = UUID(int=1), UUID(int=2)
    assert await noted((small, punch(UUID(int=9), one, 0))) == {(monday, one)}
    assert await noted((small, punch(UUID(int=9), one, 0))) == set()  # a duplicate changes nothing
    # Another event of the same punch takes its place: both person-days are another matter now.
    assert await noted((great, punch(UUID(int=9), other, 1))) == {(monday, one), (tuesday, other)}
    assert await noted((small, punch(UUID(int=9), one, 0))) == set()
    at = dt.datetime(2025, 11, 5, 1, tzinfo=dt.UTC)
    void = AttendanceVoided(
        punch_id=UUID(int=9), employee_id=one, work_date=wednesday, voided_at=at, voided_by="x", reason="x"
    )
    assert await noted((uuid4(), void)) == {(wednesday, one), (tuesday, other)}


async def test_what_another_batch_wrote_meanwhile_is_not_replaced_unnoted(db: Database) -> None:
    """Two events of one punch, in two transactions that do not see each other: the later one is tried again."""
    one, other, small, great = uuid4(), uuid4(), UUID(int=1), UUID(int=2)
    context = context_of("reporting", db)
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received([(small, punch(UUID(int=9), one, 0))]))
        later = asyncio.create_task(
            facts.take_in(worlds.received([(great, punch(UUID(int=9), other, 1))]), context)
        )
        async with asyncio.timeout(30):
            while not await waiting(db):
                assert not later.done(), "it did not wait for the other"
    with pytest.raises(asyncpg.SerializationError):
        await later
    await facts.take_in(worlds.received([(great, punch(UUID(int=9), other, 1))]), context)
    async with db.read() as tx:
        people = await tx.connection.fetch("select employee_id from touched where employee_id is not null")
    assert {row["employee_id"] for row in people} >= {one, other}
