"""Today's people and service points as rows of `person_day` and `counter_day`: what the live board remembers."""

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.counters import CounterDay, Piece, Point
from services.reporting.domain.figures import States, states_of
from services.reporting.store import counters, planner
from shared.database import Tx
from shared.dates import midnight
from shared.events import Mode

# The first step has held since ever; asyncpg has no instant for that.
_PEOPLE = """
    select employee_id, opd_code, mode, since[2:] as since, codes from person_day
    where work_date = $1 and ($2::uuid[] is null or employee_id = any($2))
"""
# Of a date that is touched as a whole, whoever is not after `done_to` has been computed.
_TOUCHED = """
    select employee_id, done_to from touched
    where work_date = $1 and ($2::uuid[] is null or employee_id is null or employee_id = any($2))
    union all
    select employee_id, done_to from touched where work_date is null and coalesce(from_date <= $1, true)
"""
_AFRESH = "select employee_id, opd_code, mode, since[2:] as since, codes from verdict_steps($1, $1, $2)"
# Both: $1 the date, $2 the units, $3 when the date ends.
_POINTS = """
    select unit.unit_id, unit.name, unit.opd_code, unit.slo, counter.since, counter.required, counter.present_low,
        counter.present_high, counter.status,
        case when isempty(counter.inexact) then counter.since[1]
            else least(coalesce(upper(counter.inexact), $3), $3) end as exact_from
    from {} as counter join fact_unit as unit using (unit_id) where unit.is_service_point
"""
_COUNTED = _POINTS.format(
    "(select * from counter_day where day = $1 and ($2::text[] is null or unit_id = any($2)))"
)
_COUNTED_AFRESH = _POINTS.format("counted_days($1, $2)")


class PersonSteps(NamedTuple):
    """One person's date: `codes[0]` holds until `since[0]`, `codes[i]` from `since[i - 1]` until `since[i]`."""

    employee_id: UUID
    opd_code: str
    mode: Mode
    since: list[dt.datetime]
    codes: list[int]

    def states(self, step: int) -> States:
        return States(self.mode, states_of(self.codes[step]))


class Counter(NamedTuple):
    """One service point's date, and when its pieces begin. Before `exact_from` it cannot be cut off.

    `is_afresh`: it was counted from facts that its row of `counter_day` did not hold.
    """

    point: Point
    day: CounterDay
    edges: list[dt.datetime]
    exact_from: dt.datetime
    is_afresh: bool


async def people(tx: Tx, date: dt.date, among: Collection[UUID] | None = None) -> list[PersonSteps]:
    """The steps of everyone who has a plan for the date, or of those among some people who have one.

    Computed now where they are not computed yet: what an earlier look has seen so is never taken back.
    """
    some = None if among is None else list(among)
    touched = await tx.connection.fetch(_TOUCHED, date, some)
    done_to = [row["done_to"] for row in touched if row["employee_id"] is None]
    if done_to and among is None:
        afresh = None
    else:
        afresh = {row["employee_id"] for row in touched if row["employee_id"] is not None}
        afresh.update(person for person in among or () if any(done is None or done < person for done in done_to))
    known = [] if afresh is None else await tx.connection.fetch(_PEOPLE, date, some)
    found = [PersonSteps(**row) for row in known if afresh is None or row["employee_id"] not in afresh]
    if afresh is None or afresh:
        await (planner.whole_dates(tx) if afresh is None else planner.some_people(tx))
        rows = await tx.connection.fetch(_AFRESH, date, None if afresh is None else list(afresh))
        found += [PersonSteps(**row) for row in rows]
    return found


async def points(tx: Tx, date: dt.date, among: Collection[str]) -> list[Counter]:
    """Those of these units that are service points and are counted, as they were counted last."""
    return await _points(tx, _COUNTED, date, list(among))


async def points_afresh(
    tx: Tx, date: dt.date, now: dt.datetime, among: Collection[str] | None = None
) -> list[Counter]:
    """Every service point, or those among some units, counted now where it is not counted yet."""
    uncounted = set(await counters.uncounted(tx, date, now, among))
    found = await _points(tx, _COUNTED, date, None if among is None else list(among))
    counted = [counter for counter in found if counter.point.unit_id not in uncounted]
    if not uncounted:
        return counted
    await counters.plan_for(tx, uncounted)
    fresh = await _points(tx, _COUNTED_AFRESH, date, list(uncounted), is_afresh=True)
    return counted + fresh


async def _points(
    tx: Tx, query: str, date: dt.date, among: list[str] | None, *, is_afresh: bool = False
) -> list[Counter]:
    ends = midnight(date + dt.timedelta(days=1))
    return [_of_row(row, ends, is_afresh) for row in await tx.connection.fetch(query, date, among, ends)]


def _of_row(row: asyncpg.Record, ends: dt.datetime, is_afresh: bool) -> Counter:
    since, point = row["since"], Point(row["unit_id"], row["name"], row["opd_code"], row["slo"])
    held = (row["required"], row["present_low"], row["present_high"], row["status"])
    pieces = [Piece(point.unit_id, *piece) for piece in zip(since, [*since[1:], ends], *held, strict=True)]
    return Counter(point, CounterDay(pieces), since, row["exact_from"], is_afresh)
