"""SQL of special hours: Ramadan, half days, a unit's own week."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.scheduling.domain.plans import Planned
from services.scheduling.domain.timetable import Hours, Pattern, SpecialHours, minutes
from shared.database import Tx

_IN_SPAN = """
    select special_id, body, first, last from special_hours
    where not withdrawn and first <= $2 and (last is null or last >= $1) order by created_at, special_id
"""
_ALL = """
    select special_id, body, first, last, withdrawn, created_at, created_by
    from special_hours order by created_at, special_id
"""
_BODY = "select body, last from special_hours where special_id = $1 and not withdrawn"

_PLANS = f"""
    select {", ".join(f"p.{name}" for name in Planned._fields)}, e.shift_group
    from plan p join employee e using (employee_id)
    where p.work_date = $1 and e.timetable = $2 and (p.mode in ('WFO', 'WFH') or p.reason = 'rest_day')
        and (cardinality($3::text[]) + cardinality($4::text[]) = 0
             or p.opd_code = any($3) or p.unit_id = any($4))
    order by p.employee_id
"""  # noqa: S608 - the columns are a constant
_NEEDING = """
    select p.work_date, count(*)
    from plan p join employee e using (employee_id)
    where p.work_date >= $1 and ($2::date is null or p.work_date <= $2) and e.timetable = $3
        and extract(isodow from p.work_date)::int - 1 = any($4::int[])
        and (p.mode in ('WFO', 'WFH')
             or (p.reason = 'rest_day' and extract(isodow from p.work_date)::int - 1 = any($5::int[])))
        and (cardinality($6::text[]) + cardinality($7::text[]) = 0
             or p.opd_code = any($6) or p.unit_id = any($7))
    group by p.work_date order by p.work_date
"""
_ADD = """
    insert into special_hours (special_id, body, first, last, created_at, created_by)
    values ($1, $2::jsonb, $3, $4, $5, $6)
"""
_WITHDRAW = """
    update special_hours set withdrawn = first >= $2,
        last = case when first < $2 then least(last, $2::date - 1) else last end
    where special_id = $1 and not withdrawn
"""


def of_body(body: Any, first: dt.date | None, last: dt.date | None) -> SpecialHours:
    """Hours as they were given, holding from `first` to `last`."""
    weekdays = {
        int(day): None if hours is None else Hours(*(minutes(time) for time in hours))
        for day, hours in body["weekdays"].items()
    }
    return SpecialHours(
        first or dt.date.min,
        last,
        body["timetable"],
        weekdays,
        tuple(body.get("opd_codes", ())),
        tuple(body.get("unit_ids", ())),
    )


async def special_hours(tx: Tx, first: dt.date, last: dt.date) -> list[SpecialHours]:
    """Those that touch the span, oldest first; one day of grace on both sides for night shifts."""
    grace = dt.timedelta(1)
    rows = await tx.connection.fetch(_IN_SPAN, first - grace, last + grace)
    return [of_body(body, since, until) for _, body, since, until in rows]


async def in_force(tx: Tx, day: dt.date) -> dict[UUID, SpecialHours]:
    """Those that hold on a date by id, oldest first."""
    rows = await tx.connection.fetch(_IN_SPAN, day, day)
    return {special_id: of_body(body, since, until) for special_id, body, since, until in rows}


async def body(tx: Tx, special_id: UUID) -> dict[str, Any] | None:
    """What was given, with the end that holds by now; None if there are none in force with this id."""
    row = await tx.connection.fetchrow(_BODY, special_id)
    if row is None:
        return None
    given, last = row
    return {**given, "to": last and str(last)}


async def needing(tx: Tx, hours: SpecialHours, first: dt.date) -> Sequence[tuple[dt.date, int]]:
    """(date, plans) from `first` on, of the people and weekdays of `hours`, that were made before they changed."""
    named = list(hours.weekdays)
    worked = [day for day, span in hours.weekdays.items() if span is not None]
    scope = list(hours.opd_codes), list(hours.unit_ids)
    rows = await tx.connection.fetch(_NEEDING, first, hours.last, hours.timetable, named, worked, *scope)
    return [(row["work_date"], row["count"]) for row in rows]


async def plans_on(
    tx: Tx, day: dt.date, timetable: str, opd_codes: list[str], unit_ids: list[str]
) -> list[tuple[Planned, Pattern]]:
    """Plans of a date, of people of a timetable, that hours of a scope (two empty lists: of all) may change."""
    rows = await tx.connection.fetch(_PLANS, day, timetable, opd_codes, unit_ids)
    return [(Planned(*plan), Pattern(timetable, group)) for *plan, group in rows]


async def everything(tx: Tx) -> Sequence[Any]:
    return await tx.connection.fetch(_ALL)


async def add(
    tx: Tx,
    special_id: UUID,
    body: Mapping[str, Any],
    *,
    first: dt.date,
    last: dt.date | None,
    at: dt.datetime,
    by: str,
) -> None:
    """Store hours that hold from `first` to `last`."""
    await tx.connection.execute(_ADD, special_id, json.dumps(body, default=str), first, last, at, by)


async def withdraw(tx: Tx, special_id: UUID, first: dt.date) -> None:
    """They hold from `first` on no longer."""
    await tx.connection.execute(_WITHDRAW, special_id, first)
