"""SQL of the plans that stand: what a change after publication looks at."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from services.scheduling.domain.changes import Standing
from services.scheduling.domain.effects import Stretch
from services.scheduling.domain.records import Absence, RequirementSet
from services.scheduling.store.directory import opening_of

_PLANS = """
    select employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, policy_version, reason
    from plan where employee_id = $1 and work_date between $2 and $3 order by work_date
"""
_OF_UNITS = """
    select employee_id, work_date, unit_id, mode, starts_at, ends_at
    from plan where unit_id = any($1::text[]) and work_date between $2 and $3 order by work_date, employee_id
"""
_REQUIREMENTS = """
    select r.unit_id, r.effective_from, r.openings from requirement r join unit u using (unit_id)
    where u.unit_id = any($1::text[]) and u.is_service_point order by 1, 2
"""
_HOME_DAYS = """
    select employee_id, count(*) from plan
    where unit_id = any($1::text[]) and mode = 'WFH' and work_date between $2::date - 28 and $2::date + 28
    group by employee_id
"""
_PERSON = """
    select employee_id, opd_code, unit_id, supervisor_id, acting_supervisor_id, heads, active
    from employee where employee_id = $1
"""
_OVERLAPS = """
    select employee_id, category, from_date, to_date, kind, letter from absence
    where employee_id = $1 and from_date <= $3 and to_date >= $2 order by from_date
"""
_ADD_ABSENCE = """
    insert into absence (employee_id, category, from_date, to_date, kind, letter) values ($1, $2, $3, $4, $5, $6)
"""
_END_ABSENCE = """
    delete from absence where employee_id = $1 and category = $2 and from_date = $3 and to_date = $4
"""
_ABSENCE = """
    select employee_id, category, from_date, to_date, kind, letter from absence
    where employee_id = $1 and category = $2 and from_date = $3 and to_date = $4
"""
_ABSENCES = """
    select a.employee_id, a.category, a.from_date, a.to_date, a.kind, a.letter
    from absence a join employee e using (employee_id)
    where ($1::text is null or e.opd_code = $1) and a.to_date >= $2 and a.from_date <= $3
    order by a.from_date, a.employee_id, a.category limit 1000
"""
_STRETCHES = "unnest($1::text[], $2::date[], $3::date[], $4::bool[]) as s (unit_id, first, until, frees)"
_NEEDING = f"""
    select p.work_date, count(*)
    from {_STRETCHES}
    join plan p on p.work_date >= greatest(s.first, $5::date) and p.work_date < s.until
        and (s.unit_id is null or p.unit_id = s.unit_id)
        and case when s.frees then p.mode = 'OFF' else p.mode in ('WFO', 'WFH') end
    group by p.work_date order by p.work_date
"""  # noqa: S608
_NEEDING_OF = """
    select work_date, count(*) from plan
    where employee_id = any($1::uuid[]) and work_date >= $2 and mode <> 'LEAVE'
    group by work_date order by work_date
"""
_AWAY_PLANS = """
    select p.employee_id, p.work_date, p.opd_code, p.unit_id
    from unnest($1::uuid[], $2::date[], $3::date[]) as a (employee_id, first, last)
    join employee e on e.employee_id = a.employee_id and e.active
    join plan p on p.employee_id = a.employee_id and p.work_date between a.first and a.last
    where p.mode <> all($4::text[])
    order by p.work_date, p.employee_id
"""


@dataclass(frozen=True, slots=True)
class PersonRow:
    employee_id: UUID
    opd_code: str
    unit_id: str
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    heads: Sequence[str]
    active: bool


async def person(connection: asyncpg.Connection, employee_id: UUID) -> PersonRow | None:
    row = await connection.fetchrow(_PERSON, employee_id)
    return None if row is None else PersonRow(*row)


async def plans_of(
    connection: asyncpg.Connection, employee_id: UUID, first: dt.date, last: dt.date
) -> Sequence[Any]:
    """One person's plans in full, by date."""
    return await connection.fetch(_PLANS, employee_id, first, last)


async def plans_of_units(
    connection: asyncpg.Connection, unit_ids: Sequence[str], first: dt.date, last: dt.date
) -> list[Standing]:
    """All plans of some units."""
    rows = await connection.fetch(_OF_UNITS, list(unit_ids), first, last)
    return [Standing(*row) for row in rows]


async def requirements(connection: asyncpg.Connection, unit_ids: Sequence[str]) -> dict[str, list[RequirementSet]]:
    """Opening hours by service point."""
    found: dict[str, list[RequirementSet]] = {}
    for unit_id, effective_from, openings in await connection.fetch(_REQUIREMENTS, list(unit_ids)):
        one = RequirementSet(unit_id, effective_from, tuple(opening_of(opening) for opening in openings))
        found.setdefault(unit_id, []).append(one)
    return found


async def home_days(connection: asyncpg.Connection, unit_ids: Sequence[str], day: dt.date) -> dict[UUID, int]:
    """WFH days of each person of the units in the eight weeks around `day`."""
    return {row[0]: row[1] for row in await connection.fetch(_HOME_DAYS, list(unit_ids), day)}


async def overlapping(
    connection: asyncpg.Connection, employee_id: UUID, first: dt.date, last: dt.date
) -> list[Absence]:
    """Stored absences of a person that touch the span, by date."""
    return [_absence(row) for row in await connection.fetch(_OVERLAPS, employee_id, first, last)]


def _absence(row: Any) -> Absence:
    return Absence(UUID(int=row["employee_id"].int), *row[1:])


async def absence(
    connection: asyncpg.Connection, employee_id: UUID, category: str, first: dt.date, last: dt.date
) -> Absence | None:
    """The stored absence with exactly these dates."""
    row = await connection.fetchrow(_ABSENCE, employee_id, category, first, last)
    return None if row is None else _absence(row)


async def add_absence(connection: asyncpg.Connection, one: Absence) -> None:
    await connection.execute(
        _ADD_ABSENCE, one.employee_id, one.category, one.from_date, one.to_date, one.kind, one.letter
    )


async def end_absence(connection: asyncpg.Connection, one: Absence) -> None:
    """Forget it."""
    await connection.execute(_END_ABSENCE, one.employee_id, one.category, one.from_date, one.to_date)


async def absences(
    connection: asyncpg.Connection, opd_code: str | None, first: dt.date, last: dt.date
) -> Sequence[Any]:
    """Absences that touch the span, the first thousand."""
    return await connection.fetch(_ABSENCES, opd_code, first, last)


def _columns(stretches: Sequence[Stretch]) -> list[list[Any]]:
    return [[getattr(one, name) for one in stretches] for name in ("unit_id", "first", "until", "frees")]


async def needing(
    connection: asyncpg.Connection, stretches: Sequence[Stretch], day: dt.date
) -> Sequence[tuple[dt.date, int]]:
    """(date, plans) from `day` on that the stretches make out of date."""
    return [(row[0], row[1]) for row in await connection.fetch(_NEEDING, *_columns(stretches), day)]


async def needing_of(
    connection: asyncpg.Connection, people: Sequence[UUID], day: dt.date
) -> Sequence[tuple[dt.date, int]]:
    """(date, plans) from `day` on of these people."""
    return [(row[0], row[1]) for row in await connection.fetch(_NEEDING_OF, list(people), day)]


async def plans_in(
    connection: asyncpg.Connection, absences: Sequence[Absence], without: Sequence[str]
) -> Sequence[Any]:
    """(employee_id, work_date, opd_code, unit_id) of plans of active people in absences, without these modes."""
    columns = [[getattr(one, name) for one in absences] for name in ("employee_id", "from_date", "to_date")]
    return await connection.fetch(_AWAY_PLANS, *columns, list(without))
