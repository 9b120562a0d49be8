"""Coverage in SQL is exact: it equals, to the microsecond, the slow reading of the rules."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import given, settings

from demo.expect import Moment
from services.reporting.commands import facts
from services.reporting.views import counters
from shared.database import Database, Tx
from shared.refusals import Missing
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.oracle import Facts, coverage, fold, timeline
from tests.kit.properties import SLOW_IS_FINE


class _Undo(Exception):
    pass


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(given=worlds.worlds(counters=True, dates=worlds.DATES[:3]))
async def test_coverage_equals_the_reference(db: Database, given: tuple[worlds.World, list[dt.datetime]]) -> None:
    world, instants = given
    known = fold(world)
    with contextlib.suppress(_Undo):
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            for t in instants:
                local = t.astimezone(worlds.WIB).date()
                for date in (local, local - dt.timedelta(days=1)):
                    await compare(tx, known, date, t)
            raise _Undo


async def compare(tx: Tx, known: Facts, date: dt.date, t: dt.datetime) -> None:
    got = {unit.unit_id: unit.model_dump() for unit in await counters.units(tx, date, t)}
    assert got == coverage(known, date, t)
    for unit in known.units:
        if not unit.is_service_point:
            with pytest.raises(Missing):
                await counters.timeline(tx, unit.unit_id, date, t)
            continue
        shown = await counters.timeline(tx, unit.unit_id, date, t)
        segments = [
            (s.from_at, s.until_at, Moment(s.required, s.present_low, s.present_high, s.status))
            for s in shown.segments
        ]
        assert segments == timeline(known, unit, date, t)
