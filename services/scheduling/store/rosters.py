"""SQL of rosters: what the method needs, and the merge of what it found."""

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from services.scheduling.domain.planning import Away, Person, UnitInput
from services.scheduling.domain.records import RequirementSet
from services.scheduling.domain.timetable import Pattern
from services.scheduling.store.directory import opening_of

_UNITS = """
    select u.unit_id, u.opd_code, o.kind, u.direct_service
    from unit u join opd o using (opd_code)
    where $1 or u.opd_code = any($2::text[]) or u.unit_id = any($3::text[])
    order by u.opd_code, u.unit_id
"""
_PEOPLE = """
    select employee_id, unit_id, timetable, shift_group, echelon, cardinality(heads) > 0, post_since,
        discipline_until
    from employee where active and unit_id = any($1::text[])
    order by employee_id
"""
_AWAY = """
    select a.employee_id, a.from_date, a.to_date, a.category
    from absence a join employee e using (employee_id)
    where e.unit_id = any($1::text[]) and a.to_date >= $2 and a.from_date <= $3
    order by a.category desc, a.from_date
"""
_EARLIER = """
    select p.employee_id, count(*), count(*) filter (where p.work_date >= date_trunc('week', $2::date)::date)
    from plan p join employee e using (employee_id)
    where e.unit_id = any($1::text[]) and p.mode = 'WFH'
        and p.work_date >= $2::date - 28 and p.work_date < $2::date
    group by p.employee_id
"""
_REQUIREMENTS = """
    select r.unit_id, r.effective_from, r.openings from requirement r join unit u using (unit_id)
    where r.unit_id = any($1::text[]) and u.is_service_point order by r.unit_id, r.effective_from
"""
_HOLIDAYS = """
    select (holiday ->> 'date')::date from calendar, jsonb_array_elements(holidays) as holiday
    where year between $1 and $2
"""
_INCOMING = """
    unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
           $8::text[], $9::text[])
    as i (employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, policy_version, reason)
    left join plan p using (employee_id, work_date)
    where p.employee_id is null
       or (p.opd_code, p.unit_id, p.mode, p.starts_at, p.ends_at, p.policy_version, p.reason)
          is distinct from
          (i.opd_code, i.unit_id, i.mode, i.starts_at, i.ends_at, i.policy_version, i.reason)
"""
_MERGE = f"""
    insert into plan as stored (employee_id, work_date, opd_code, unit_id, revision, mode, starts_at, ends_at,
        policy_version, reason)
    select i.employee_id, i.work_date, i.opd_code, i.unit_id, coalesce(p.revision, 0) + 1, i.mode, i.starts_at,
        i.ends_at, i.policy_version, i.reason
    from {_INCOMING}
    on conflict (employee_id, work_date) do update set opd_code = excluded.opd_code, unit_id = excluded.unit_id,
        revision = excluded.revision, mode = excluded.mode, starts_at = excluded.starts_at,
        ends_at = excluded.ends_at, policy_version = excluded.policy_version, reason = excluded.reason
    returning employee_id, work_date, opd_code, unit_id, revision, mode, starts_at, ends_at, policy_version, reason
"""  # noqa: S608 - built from constants
_CHANGES = f"""
    select i.employee_id, i.work_date, p.mode, i.mode from {_INCOMING} order by i.work_date, i.employee_id
"""  # noqa: S608 - built from constants


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which units a roster is for."""

    all: bool
    opd_codes: tuple[str, ...] = ()
    unit_ids: tuple[str, ...] = ()


PlanRow = tuple[UUID, dt.date, str, str, str, dt.datetime | None, dt.datetime | None, str | None, str | None]
"""employee_id, work_date, opd_code, unit_id, mode, starts_at, ends_at, policy_version, reason."""


async def holidays(connection: asyncpg.Connection, first: dt.date, last: dt.date) -> frozenset[dt.date]:
    """The holidays of the years that touch the span."""
    rows = await connection.fetch(_HOLIDAYS, first.year - 1, last.year + 1)
    return frozenset(row[0] for row in rows)


async def units(
    connection: asyncpg.Connection, wanted: Wanted, first: dt.date, last: dt.date
) -> AsyncIterator[list[UnitInput]]:
    """The input of the method, some thousands of people at a time."""
    rows = await connection.fetch(_UNITS, wanted.all, list(wanted.opd_codes), list(wanted.unit_ids))
    for start in range(0, len(rows), 200):
        yield await _inputs(connection, rows[start : start + 200], first, last)


async def _inputs(
    connection: asyncpg.Connection, rows: Sequence[Any], first: dt.date, last: dt.date
) -> list[UnitInput]:
    ids = [row[0] for row in rows]
    near, far = first - dt.timedelta(1), last + dt.timedelta(1)
    away: dict[UUID, list[Away]] = {}
    for row in await connection.fetch(_AWAY, ids, near, far):
        away.setdefault(row[0], []).append(Away(row[1], row[2], row[3]))
    earlier = {row[0]: (row[1], row[2]) for row in await connection.fetch(_EARLIER, ids, first)}
    requirements: dict[str, list[RequirementSet]] = {}
    for unit_id, effective_from, openings in await connection.fetch(_REQUIREMENTS, ids):
        found = RequirementSet(unit_id, effective_from, tuple(opening_of(one) for one in openings))
        requirements.setdefault(unit_id, []).append(found)
    people: dict[str, list[Person]] = {}
    for row in await connection.fetch(_PEOPLE, ids):
        days, in_week = earlier.get(row[0], (0, 0))
        people.setdefault(row[1], []).append(
            Person(
                UUID(int=row[0].int),
                Pattern(row[2], row[3]),
                row[4],
                row[5],
                row[6],
                row[7],
                tuple(away.get(row[0], ())),
                earlier_days=days,
                earlier_in_week=in_week,
            )
        )
    return [
        UnitInput(
            row[0], row[1], row[2], row[3], tuple(people.get(row[0], ())), tuple(requirements.get(row[0], ()))
        )
        for row in rows
    ]


async def merge(connection: asyncpg.Connection, rows: Iterable[PlanRow]) -> Sequence[Any]:
    """Write what differs from the stored plans; each change gets the next revision. Returns those rows."""
    columns = list(zip(*rows, strict=True))
    return await connection.fetch(_MERGE, *columns) if columns else []


async def changes(connection: asyncpg.Connection, rows: Iterable[PlanRow]) -> Sequence[Any]:
    """(employee_id, work_date, old mode or None, new mode) of each plan that `merge` would write."""
    columns = list(zip(*rows, strict=True))
    return await connection.fetch(_CHANGES, *columns) if columns else []
