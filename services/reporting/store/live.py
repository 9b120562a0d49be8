"""Today's people and service points as rows of `person_day` and `counter_day`: what the live board remembers."""

import datetime as dt
from collections.abc import Collection
from itertools import groupby
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
_TOUCHED = "select employee_id from touched where work_date = $1 or work_date is null"
_AFRESH = "select employee_id, opd_code, mode, since[2:] as since, codes from verdict_steps($1, $1, $2)"
_COUNTERS = """
    select unit.unit_id, unit.name, unit.opd_code, unit.slo, counter.since, counter.required, counter.present_low,
        counter.present_high, counter.status,
        case when isempty(counter.inexact) then counter.since[1]
            else least(coalesce(upper(counter.inexact), $3), $3) end as exact_from
    from counter_day as counter join fact_unit as unit using (unit_id)
    where counter.day = $1 and ($2::text[] is null or counter.unit_id = any($2)) and unit.is_service_point
"""
_UNCOUNTED = "select unit_id from uncounted($1, $2)"


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
    """One service point's date, and when its pieces begin. Before `exact_from` it cannot be cut off."""

    point: Point
    day: CounterDay
    edges: list[dt.datetime]
    exact_from: dt.datetime


async def people(tx: Tx, date: dt.date, among: Collection[UUID] | None = None) -> list[PersonSteps]:
    """The steps of everyone who has a plan for the date, or of those among some people who have one."""
    rows = await tx.connection.fetch(_PEOPLE, date, None if among is None else list(among))
    return [PersonSteps(**row) for row in rows]


async def people_afresh(tx: Tx, date: dt.date) -> list[PersonSteps]:
    """The steps of everyone who has a plan for the date, computed now where they are not computed yet."""
    touched = {row["employee_id"] for row in await tx.connection.fetch(_TOUCHED, date)}
    if not touched:
        return await people(tx, date)
    known = [] if None in touched else await people(tx, date)
    await (planner.whole_dates(tx) if None in touched else planner.some_people(tx))
    rows = await tx.connection.fetch(_AFRESH, date, None if None in touched else list(touched))
    return [PersonSteps(**row) for row in rows] + [person for person in known if person.employee_id not in touched]


async def points(tx: Tx, date: dt.date, among: Collection[str]) -> list[Counter]:
    """Those of these units that are service points and are counted."""
    return await _counted(tx, date, list(among))


async def points_afresh(tx: Tx, date: dt.date, now: dt.datetime) -> list[Counter]:
    """Every service point, counted now where it is not counted yet."""
    found = await _counted(tx, date, None)
    rows = await tx.connection.fetch(_UNCOUNTED, date, now)
    inexact = {counter.point.unit_id for counter in found if now < counter.exact_from}
    uncounted = {row["unit_id"] for row in rows} - inexact
    if not uncounted:
        return found
    known = {point.unit_id: point for point in await counters.points(tx)}
    pieces = await counters.pieces(tx, date, unit_ids=uncounted)
    return [counter for counter in found if counter.point.unit_id not in uncounted] + [
        _counter(known[unit_id], list(of_unit), midnight(date))
        for unit_id, of_unit in groupby(pieces, key=lambda piece: piece.unit_id)
    ]


async def _counted(tx: Tx, date: dt.date, among: list[str] | None) -> list[Counter]:
    ends = midnight(date + dt.timedelta(days=1))
    return [_of_row(row, ends) for row in await tx.connection.fetch(_COUNTERS, date, among, ends)]


def _of_row(row: asyncpg.Record, ends: dt.datetime) -> Counter:
    until = [*row["since"][1:], ends]
    held = zip(
        row["since"], until, row["required"], row["present_low"], row["present_high"], row["status"], strict=True
    )
    point = Point(row["unit_id"], row["name"], row["opd_code"], row["slo"])
    return _counter(point, [Piece(point.unit_id, *piece) for piece in held], row["exact_from"])


def _counter(point: Point, pieces: list[Piece], exact_from: dt.datetime) -> Counter:
    return Counter(point, CounterDay(pieces), [piece.from_at for piece in pieces], exact_from)
