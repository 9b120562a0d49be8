"""The stored dates of counters: whatever is looked up in them, at any instant, is what counting afresh gives."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.commands import facts
from services.reporting.store import counter_days
from services.reporting.views import counters
from shared.database import Database, Tx
from shared.events import OutageDeclared, ScheduleChanged, UnitChanged
from tests.conftest import DatabaseFor
from tests.integration.test_coverage_matches_reference import compare
from tests.kit import worlds
from tests.kit.oracle import fold
from tests.kit.properties import SLOW_IS_FINE

DATES = [worlds.DATES[0] + dt.timedelta(days=n) for n in range(-1, 5)]
MICROSECOND = dt.timedelta(microseconds=1)


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
    with contextlib.suppress(_Undo):
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            await count_all(tx)
            for t in [*instants, *sampled(draw, edges(world), 12)]:
                local = t.astimezone(worlds.WIB).date()
                for date in (local, local - dt.timedelta(days=1)):
                    await compare(tx, known, date, t)
                    if date in DATES and t >= last_out:
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
