"""Coverage in SQL is exact: it equals, to the microsecond, the slow reading of the rules."""

import datetime as dt
from collections.abc import AsyncIterator

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting import facts
from services.reporting.store import views
from shared.database import Database
from tests.conftest import DatabaseFor
from tests.reference import coverage, worlds
from tests.reference.facts import fold


class _Undo(Exception):
    pass


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    world=worlds.worlds(worlds.counters_work, max_size=60),
    t=worlds.instants,
    date=st.sampled_from(worlds.DATES),
)
async def test_coverage_equals_the_reference(
    db: Database, world: worlds.World, t: dt.datetime, date: dt.date
) -> None:
    known = fold(world)
    try:
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            got = {unit["unit_id"]: unit for unit in await views.units(tx.connection, date, t)}
            assert got == coverage.coverage(known, date, t)
            for unit in known.units:
                timeline = await views.unit_timeline(tx.connection, unit.unit_id, date, t)
                if not unit.is_service_point:
                    assert timeline is None
                    continue
                assert timeline is not None
                segments = [
                    (
                        dt.datetime.fromisoformat(s["from"]),
                        dt.datetime.fromisoformat(s["to"]),
                        coverage.Moment(s["required"], s["present_low"], s["present_high"], s["status"]),
                    )
                    for s in timeline["segments"]
                ]
                assert segments == coverage.timeline(known, unit, date, t)
            raise _Undo
    except _Undo:
        pass
