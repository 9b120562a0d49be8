"""What is said of the near future of a counter is what a slow reading of the rules says, instant by instant."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from itertools import cycle

import pytest_asyncio
from hypothesis import given, settings

from demo import expect
from services.reporting.commands import facts
from services.reporting.domain.forecast import AHEAD, CALM
from services.reporting.store import forecast as store
from services.reporting.store.forecast import Said
from services.reporting.tasks.forecast import foresee
from shared.database import Database
from shared.events import ScheduleChanged, UnitChanged
from tests.conftest import DatabaseFor
from tests.kit import worlds
from tests.kit.oracle import Facts, days_at, fold, outages_of, point_of, rules_in_force
from tests.kit.properties import SLOW_IS_FINE

MINUTE = dt.timedelta(minutes=1)


class _Undo(Exception):
    pass


@pytest_asyncio.fixture
async def db(database_for: DatabaseFor) -> AsyncIterator[Database]:
    yield await database_for("reporting")


class Twin:
    """One service point, asked about one instant after another."""

    def __init__(self, known: Facts, unit: UnitChanged, now: dt.datetime) -> None:
        self.known, self.unit, self.now = known, unit, now
        self.days, self.outages = days_at(known, unit), outages_of(known)

    def edges(self) -> list[dt.datetime]:
        """Every instant at which something may begin or end here."""
        found = {edge for day in self.days for edge in (day.plan.starts_at, day.plan.ends_at) if edge}
        found |= {punch.at for day in self.days for punch in day.punches}
        found |= {edge for outage in self.outages for edge in (outage.starts_at, outage.ends_at)}
        first = self.now.astimezone(worlds.WIB).date()
        for date in (first, first + dt.timedelta(days=1)):
            found |= {
                edge
                for one in point_of(self.unit, date).openings
                for edge in (one.opens, one.closes, worlds.at(date, "00:00"))
            }
        return sorted(found)

    def moment(self, instant: dt.datetime) -> expect.Moment:
        on = instant.astimezone(worlds.WIB).date()
        return expect.moment(
            point_of(self.unit, on),
            # What would be recorded after the date is no more known than what would be in it.
            expect.presences(self.days, worlds.at(on + dt.timedelta(days=1), "00:00")),
            self.outages,
            on=on,
            holiday=on in self.known.holidays,
            at=instant,
        )

    def expected(self, instant: dt.datetime) -> int:
        awaited = set[object]()
        for day in self.days:
            plan = day.plan
            if plan.mode != "WFO" or plan.starts_at is None or plan.ends_at is None:
                continue
            deadline = plan.starts_at + rules_in_force(self.known, plan.work_date).tolerance_minutes * MINUTE
            latest = max(day.punches, key=lambda punch: punch.order, default=None)
            came = latest is not None and latest.kind == "in"
            if plan.starts_at <= instant < plan.ends_at and deadline >= self.now and not came:
                awaited.add(plan.employee_id)
        return self.moment(instant).present_high + len(awaited)

    def short(self, instant: dt.datetime) -> bool:
        moment = self.moment(instant)
        return moment.status == "short" and self.expected(instant) < moment.required

    def says(self, *, said: bool) -> tuple[str, dt.datetime | None, int | None, int | None] | None:
        """(status, when the shortage begins, required and expected then); None: nothing can be said now."""
        down = any(
            outage.concerns(self.unit.opd_code, self.unit.unit_id) and outage.covers(self.now)
            for outage in self.outages
        )
        if down or self.moment(self.now).status == "short":
            return None
        until = self.now + AHEAD + (CALM if said else dt.timedelta())
        for instant in self.edges():
            if self.now < instant <= until and self.short(instant):
                return "will_fall_short", instant, self.moment(instant).required, self.expected(instant)
        return "holds", None, None, None

    def ends(self, begun: dt.datetime) -> dt.datetime | None:
        """The first instant after `begun` at which it is over, on the dates that are looked at."""
        last = (self.now + AHEAD + CALM).astimezone(worlds.WIB).date()
        over = worlds.at(last + dt.timedelta(days=1), "00:00")
        return next((edge for edge in self.edges() if begun < edge < over and not self.short(edge)), None)


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW_IS_FINE)
@given(given=worlds.worlds(counters=True, dates=worlds.DATES[:3]))
async def test_what_is_said_is_what_the_reference_says(
    db: Database, given: tuple[worlds.World, list[dt.datetime]]
) -> None:
    world, instants = given
    known = fold(world)
    plans = [event for _, event in world if isinstance(event, ScheduleChanged)]
    starts = [plan.starts_at for plan in plans if plan.starts_at]
    ahead = (AHEAD, AHEAD / 2, AHEAD + CALM / 2)
    asked = [*(at - by for at, by in zip(starts, cycle(ahead), strict=False)), *instants]
    with contextlib.suppress(_Undo):
        async with db.transaction() as tx:
            await facts.apply(tx, worlds.received(world))
            # As if each had been told in the other half of the rounds.
            for said, t in zip(cycle((False, True)), asked, strict=False):
                await tx.connection.execute("delete from published_forecast")
                points = [unit for unit in known.units if unit.is_service_point]
                if said:
                    await store.say(tx, [standing(unit, t) for unit in points])
                got = {one.unit_id: one for one in await foresee(tx, t)}
                for unit in points:
                    twin = Twin(known, unit, t)
                    says = twin.says(said=said)
                    one = got.pop(unit.unit_id, None)
                    if says is None or (says[0] == "will_fall_short") == said:
                        assert one is None
                        continue
                    assert one is not None
                    assert one.status == says[0]
                    if one.status == "will_fall_short":
                        assert (one.at, one.required, one.expected) == says[1:]
                        assert one.starts_at == one.at
                        assert one.ends_at == twin.ends(one.at)
                    else:
                        assert one.required == twin.moment(one.at).required
                        assert one.expected == twin.expected(one.at)
                assert not got
            raise _Undo


def standing(unit: UnitChanged, t: dt.datetime) -> Said:
    return Said(unit.unit_id, unit.opd_code, "will_fall_short", t, t, None, 1, 0, t, 1)
