"""What is known of people, their plans and their units."""

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from pydantic import TypeAdapter

from services.attendance.domain.punches import Person, Plan, Posted
from shared.database import Tx
from shared.events import Place

_PEOPLE = """
    select employee_id, opd_code, unit_id, supervisor_id, acting_supervisor_id, heads, active
    from employee_fact where employee_id = any($1::uuid[]) and opd_code is not null
"""
# Places are looked at one by one, by every check-in there: a fact that came before they were bounded may hold any
# number of them, of which the first two hundred count. They travel as text: the same few are read again and again.
# Each row is looked up by its key, `offset 0` says so: joined as sets, the tables would be read whole.
_POSTED = """
    select who.*, plan.*
    from unnest($1::uuid[]) as asked (employee_id),
    lateral (
        select employee_id, opd_code, unit_id, active,
            jsonb_path_query_array(remote_places, '$[0 to 199]')::text as remote_places
        from employee_fact where employee_id = asked.employee_id and opd_code is not null offset 0
    ) as who
    left join lateral (
        select work_date, opd_code, unit_id, starts_at, ends_at
        from plan_fact where employee_id = who.employee_id and work_date between $2 and $3
            and (work_date = any($4::date[]) or (starts_at <= $6 and ends_at >= $5)) offset 0
    ) as plan on true
"""
_PLACES = """
    select unit.*
    from unnest($1::text[]) as asked (unit_id),
    lateral (
        select unit_id, jsonb_path_query_array(places, '$[0 to 199]')::text as places
        from unit_fact where unit_id = asked.unit_id offset 0
    ) as unit
"""
_READ_PLACES = TypeAdapter(tuple[Place, ...])


@lru_cache(maxsize=1000)
def _read(text: str) -> tuple[Place, ...]:
    return _READ_PLACES.validate_json(text)


async def people(tx: Tx, employee_ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Those of `employee_ids` that the directory knows; an erased one it does not know."""
    return {
        row["employee_id"]: Person(
            row["employee_id"],
            row["opd_code"],
            row["unit_id"],
            row["supervisor_id"],
            row["acting_supervisor_id"],
            tuple(row["heads"]),
            row["active"],
        )
        for row in await tx.connection.fetch(_PEOPLE, list(employee_ids))
    }


async def posted(
    tx: Tx,
    employee_ids: Iterable[UUID],
    work_dates: tuple[dt.date, dt.date],
    dates: Iterable[dt.date],
    span: tuple[dt.datetime, dt.datetime],
) -> dict[UUID, Posted]:
    """Those of `employee_ids` that the directory knows, with their plans from the first of `work_dates` to the
    last: those of the given `dates`, and those whose hours meet the `span`."""
    known: dict[UUID, Posted] = {}
    rows = await tx.connection.fetch(_POSTED, list(employee_ids), *work_dates, list(dates), *span)
    for employee_id, opd_code, unit_id, active, remote_places, work_date, *rest in rows:
        person = known.get(employee_id)
        if person is None:
            person = known[employee_id] = Posted(opd_code, unit_id, active, _read(remote_places), {})
        if work_date is not None:
            person.plans[work_date] = Plan(work_date, *rest)
    return known


async def places(tx: Tx, unit_ids: Iterable[str]) -> dict[str, tuple[Place, ...]]:
    """Where units are; a unit that the directory does not know is not in the answer."""
    rows = await tx.connection.fetch(_PLACES, list(unit_ids))
    return {row["unit_id"]: _read(row["places"]) for row in rows}
