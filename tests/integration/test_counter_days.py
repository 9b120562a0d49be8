"""The stored dates of counters: whatever is looked up in them, at any instant, is what counting afresh gives."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.commands import facts
from services.reporting.store import counter_days
from services.reporting.tasks.transitions import tick
from services.reporting.views import counters
from shared.database import Database, Tx
from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    OutageDeclared,
    ReportReviewed,
    ReportSubmitted,
    ScheduleChanged,
    UnitChanged,
)
from tests.conftest import DatabaseFor
from tests.integration.test_coverage_matches_reference import compare
from tests.kit import worlds
from tests.kit.oracle import fold
from tests.kit.properties import SLOW_IS_FINE

DATES = [worlds.DATES[0] + dt.timedelta(days=n) for n in range(-1, 5)]
MICROSECOND = dt.timedelta(microseconds=1)
OF_DAYS = (ScheduleChanged, AttendanceRecorded, AttendanceVoided, ReportSubmitted, ReportReviewed)


class _Undo(Exception):
    pass


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


def edges(world: worlds.World) -> set[dt.datetime]:
    """Every instant at which something may change at a counter, and the microseconds beside it."""
    found: set[dt.datetime] = {worlds.at(date, "00:00") for date in DATES}
    for _, event in world:
        match event:
            case ScheduleChanged() | OutageDeclared():
                found |= {at for at in (event.starts_at, event.ends_at) if at is not None}
            case UnitChanged():
                for wanted in event.requirements:
                    found |= {worlds.at(date, wanted.opens) for date in worlds.DATES[:3]}
            case _:
                if at := getattr(event, "at", None):
                    found.add(at)
    return {edge + by for edge in found for by in (-MICROSECOND, dt.timedelta(0), MICROSECOND)}


async def count_all(tx: Tx) -> None:
    """All counters of all dates, with nothing left to be counted."""
    units = await tx.connection.fetch("select unit_id from fact_unit")
    await counter_days.count(tx, [(date, row["unit_id"]) for date in DATES for row in units])
    for queue in ("touched", "touched_counter"):
        await tx.connection.execute(f"delete from {queue}")  # noqa: S608 - two names


async def afresh(tx: Tx, date: dt.date, t: dt.datetime) -> list[Any]:
    """What `units` and the timelines of the service points say when no row is kept; the rows stay."""
    kept = await tx.connection.fetchval("select coalesce(json_agg(c), '[]')::text from counter_day as c")
    await tx.connection.execute("delete from counter_day")
    found = await shown(tx, date, t)
    await tx.connection.execute(
        "insert into counter_day select * from json_populate_recordset(null::counter_day, $1::text::json)", kept
    )
    return found


async def shown(tx: Tx, date: dt.date, t: dt.datetime) -> list[Any]:
    units = await counters.units(tx, date, t)
    return [units, [await counters.timeline(tx, unit.unit_id, date, t) for unit in units]]


async def uncounted(tx: Tx, date: dt.date, t: dt.datetime) -> set[str]:
    return {row["unit_id"] for row in await tx.connection.fetch("select * from uncounted($1, $2)", date, t)}


def sampled(draw: st.DataObject, instants: Iterable[dt.datetime], most: int) -> list[dt.datetime]:
    return draw.draw(st.lists(st.sampled_from(sorted(instants)), min_size=1, max_size=most, unique=True))


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(given=worlds.worlds(counters=True, dates=worlds.DATES[:3]), draw=st.data())
async def test_what_is_looked_up_is_what_the_rules_say_at_every_instant(
    db: Database, given: tuple[worlds.World, list[dt.datetime]], draw: st.DataObject
) -> None:
    world, instants = given
    known = fold(world)
    last_out = max((punch.at for punch in known.punches), default=instants[0])
    # Whoever reaches further than a plan leads is always counted afresh.
    away = [punch.at.astimezone(worlds.WIB).date() - punch.work_date for punch in known.punches]
    believable = all(dt.timedelta(days=-2) <= days <= dt.timedelta(days=4) for days in away)
    with contextlib.suppress(_Undo):
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            await count_all(tx)
            for t in [*instants, *sampled(draw, edges(world), 12)]:
                local = t.astimezone(worlds.WIB).date()
                for date in (local, local - dt.timedelta(days=1)):
                    await compare(tx, known, date, t)
                    if date in DATES and t >= last_out and believable:
                        assert not await uncounted(tx, date, t)
            for date in DATES:
                assert await counter_days.differing(tx, date) == []
            raise _Undo


@settings(max_examples=10, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(given=worlds.worlds(counters=True, dates=worlds.DATES[:3]))
async def test_a_row_says_the_same_as_none_at_each_edge(
    db: Database, given: tuple[worlds.World, list[dt.datetime]]
) -> None:
    world, instants = given
    with contextlib.suppress(_Undo):
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            await count_all(tx)
            for t in sorted(edges(world) | set(instants)):
                date = t.astimezone(worlds.WIB).date()
                assert await shown(tx, date, t) == await afresh(tx, date, t), t
            raise _Undo


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(given=worlds.worlds(counters=True, dates=worlds.DATES[:3]), draw=st.data())
async def test_what_is_not_counted_yet_is_never_looked_up(
    db: Database, given: tuple[worlds.World, list[dt.datetime]], draw: st.DataObject
) -> None:
    """Some of the days' facts come after the counting; only the person-days that they touched are noted."""
    world, instants = given
    of_days: worlds.World = [(ce_id, event) for ce_id, event in world if isinstance(event, OF_DAYS)]
    later = draw.draw(st.lists(st.sampled_from(of_days), max_size=4))
    known = fold(world)
    with contextlib.suppress(_Undo):
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received([one for one in world if one not in later]))
            await count_all(tx)
            await tx.connection.execute(
                """
                insert into person_day
                select work_date, employee_id, opd_code, unit_id, mode, starts_at, ends_at, null,
                    '{-infinity}', '{0}', work_date, work_date
                from fact_plan on conflict do nothing
                """
            )
            await facts.apply(tx, worlds.received(later))
            await touch(tx, world, later)
            for t in [*instants, *sampled(draw, edges(world), 8)]:
                local = t.astimezone(worlds.WIB).date()
                for date in (local, local - dt.timedelta(days=1)):
                    await compare(tx, known, date, t)
            raise _Undo


async def touch(tx: Tx, world: worlds.World, later: worlds.World) -> None:
    """The person-days of what came later, of what it replaced, and of the punches it voids."""
    punches = {event.punch_id for _, event in later if isinstance(event, AttendanceRecorded | AttendanceVoided)}
    same = [event for _, event in world if isinstance(event, AttendanceRecorded) and event.punch_id in punches]
    touched = {
        (event.work_date, event.employee_id)
        for event in (*same, *(event for _, event in later))
        if isinstance(event, OF_DAYS)
    }
    await tx.connection.executemany(
        "insert into touched (work_date, employee_id) values ($1, $2) on conflict do nothing", list(touched)
    )


async def test_a_date_touched_as_a_whole_is_counted_as_a_whole(db: Database) -> None:
    world = [(UUID(int=1), worlds.counter(worlds.hours("08:00", "15:00", 1)))]
    noon = worlds.at(worlds.THURSDAY, "12:00")
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received(world))
        await count_all(tx)
        assert not await uncounted(tx, worlds.THURSDAY, noon)
        for touched in (worlds.THURSDAY, worlds.THURSDAY - dt.timedelta(days=1), None):
            await tx.connection.execute("insert into touched (work_date) values ($1)", touched)
            assert await uncounted(tx, worlds.THURSDAY, noon) == {"counter"}
            await tx.connection.execute("delete from touched")
        await tx.connection.execute("insert into touched_counter values ($1, 'counter')", worlds.THURSDAY)
        assert await uncounted(tx, worlds.THURSDAY, noon) == {"counter"}
        assert not await uncounted(tx, worlds.THURSDAY + dt.timedelta(days=1), noon)


async def test_a_row_that_is_another_than_the_facts_make_it_is_named(db: Database) -> None:
    units = [worlds.counter(worlds.hours("08:00", "15:00", 1)).model_copy(update={"unit_id": u}) for u in "ab"]
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received([(UUID(int=n), unit) for n, unit in enumerate(units)]))
        await count_all(tx)
        assert await counter_days.differing(tx, worlds.THURSDAY) == []
        await tx.connection.execute(
            "update counter_day set met_us[2] = 1 where unit_id = 'a' and day = $1", worlds.THURSDAY
        )
        assert await counter_days.differing(tx, worlds.THURSDAY) == ["a"]
        await counter_days.count(tx, [(worlds.THURSDAY, "a")])
        assert await counter_days.differing(tx, worlds.THURSDAY) == []
        await tx.connection.execute("update fact_unit set is_service_point = false where unit_id = 'b'")
        assert await counter_days.differing(tx, worlds.THURSDAY) == ["b"]
        await counter_days.count(tx, [(worlds.THURSDAY, "b")])
        assert (
            await tx.connection.fetchval("select count(*) from counter_day where unit_id = 'b'") == len(DATES) - 1
        )


async def test_a_counter_at_which_nobody_works_is_counted_once_a_date(db: Database) -> None:
    sunday = worlds.THURSDAY + dt.timedelta(days=3)
    async with db.transaction() as tx:
        await facts.apply(tx, worlds.received([(UUID(int=1), worlds.counter(worlds.hours("08:00", "15:00", 1)))]))
        await tx.connection.execute("delete from touched_counter")
    await tick(db, worlds.at(sunday, "09:00"))
    async with db.transaction() as tx:
        taken = await tx.connection.fetch("delete from touched_counter returning day, unit_id")
        assert [(row["day"], row["unit_id"]) for row in taken] == [(sunday, "counter")]
        await counter_days.count(tx, [(sunday, "counter")])
    await tick(db, worlds.at(sunday, "09:01"))
    async with db.read() as tx:
        assert not await tx.connection.fetchval("select count(*) from touched_counter")
