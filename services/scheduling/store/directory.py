"""SQL of the directory: what it knows, how it is read, and what is published of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.scheduling.domain.records import Known
from services.scheduling.store.superiors import ANSWERS
from shared.database import Tx
from shared.events.base import MAX_HEADS

_SIZES = "select unit_id, count(*) from employee where active group by unit_id"
_PEOPLE = "select nip, employee_id, supervisor_id from employee"
_LOCK = "select pg_advisory_xact_lock(hashtext('scheduling.write'))"


_PUBLISH_UNITS = """
    with entry as (
        select u.unit_id, jsonb_build_object(
            'unit_id', u.unit_id, 'opd_code', u.opd_code, 'opd_name', o.name, 'name', u.name,
            'is_service_point', u.is_service_point, 'places', u.places, 'slo', u.slo,
            'requirements', coalesce((
                select jsonb_agg(jsonb_build_object('effective_from', r.effective_from) || opening
                                 order by r.effective_from, position)
                from requirement r, jsonb_array_elements(r.openings) with ordinality as x (opening, position)
                where r.unit_id = u.unit_id), '[]')) as body
        from unit u join opd o using (opd_code)
    ), digest as (select unit_id, body, md5(body::text) as digest from entry)
    update unit set revision = revision + 1, published = digest.digest
    from digest where digest.unit_id = unit.unit_id and unit.published is distinct from digest.digest
    returning unit.revision, digest.body
"""
_PUBLISH_EMPLOYEES = f"""
    with recursive {ANSWERS}, today as (
        select a.absent_id, a.deputy_id, absent.heads
        from acting a
        join employee absent on absent.employee_id = a.absent_id
        join employee deputy on deputy.employee_id = a.deputy_id and deputy.active
        where not a.cancelled and $1::date between a.from_date and a.to_date
    ), entry as (
        select e.employee_id, jsonb_build_object(
            'employee_id', e.employee_id, 'nip', nip, 'name', name, 'opd_code', opd_code, 'unit_id', unit_id,
            'supervisor_id', answers.superior_id,
            -- nobody deputises for their own superior towards themselves; a deputy of one who left stands in too
            'acting_supervisor_id', coalesce(
                (select deputy_id from today
                 where absent_id in (e.supervisor_id, answers.superior_id) and deputy_id <> e.employee_id
                 order by absent_id = e.supervisor_id desc limit 1),
                case when e.acting_supervisor_id is not null then
                    (select one.employee_id from employee one
                     where one.employee_id = e.acting_supervisor_id and one.active) end),
            -- the contract's bound: a deputy of many may reach it
            'heads', array(
                select distinct head from (
                    select unnest(e.heads) as head
                    union select unnest(today.heads) from today where deputy_id = e.employee_id) as all_heads
                order by head limit {MAX_HEADS}),
            'employment', employment, 'echelon', echelon, 'email', email, 'phone', phone,
            'remote_places', remote_places, 'active', active)
            -- not where there is none: an entry that says the same as before is not published again
            || case when skills = '{{}}' then '{{}}'::jsonb else jsonb_build_object('skills', skills) end as body
        from employee e join answers using (employee_id)
    ), digest as (select employee_id, body, md5(body::text) as digest from entry)
    update employee set revision = revision + 1, published = digest.digest,
        effective_supervisor_id = (digest.body ->> 'supervisor_id')::uuid,
        effective_acting_id = (digest.body ->> 'acting_supervisor_id')::uuid
    from digest where digest.employee_id = employee.employee_id
        and employee.published is distinct from digest.digest
    returning employee.revision, digest.body
"""  # noqa: S608 - built from constants
_PUBLISH_CALENDAR = """
    with digest as (
        select year, jsonb_build_object('year', year, 'holidays', holidays) as body, md5(holidays::text) as digest
        from calendar)
    update calendar set revision = revision + 1, published = digest.digest
    from digest where digest.year = calendar.year and calendar.published is distinct from digest.digest
    returning calendar.revision, digest.body
"""

_WITHHOLD = {
    "directory.unit.v1": """
        update unit set published = null, revision = revision - 1 where unit_id = any($1::text[])
    """,
    "directory.employee.v1": """
        update employee set published = null, revision = revision - 1 where employee_id = any($1::text[]::uuid[])
    """,
    "calendar.changed.v1": """
        update calendar set published = null, revision = revision - 1 where year = any($1::text[]::int[])
    """,
}

_LIST_OPDS = "select opd_code, name, short_name, kind, direct_service from opd order by opd_code"

_LIST_UNITS = """
    select u.unit_id, u.opd_code, u.name, u.is_service_point, u.direct_service, u.places, u.slo, u.revision,
        coalesce((select jsonb_agg(jsonb_build_object('effective_from', effective_from, 'openings', openings)
                                   order by effective_from)
                  from requirement r where r.unit_id = u.unit_id), '[]') as requirements
    from unit u where ($1::text is null or opd_code = $1) and unit_id > $2 order by unit_id limit $3
"""
_LIST_EMPLOYEES = """
    select employee_id, nip, name, opd_code, unit_id, supervisor_id, acting_supervisor_id, heads, skills,
        employment, echelon, timetable, shift_group, post_since, discipline_until, active, revision
    from employee
    where ($1::text is null or opd_code = $1) and ($2::text is null or unit_id = $2) and employee_id > $3
    order by employee_id limit $4
"""


async def lock(tx: Tx) -> None:
    """Commands that change the directory or the plans take turns, so that revisions and the outbox agree."""
    await tx.connection.execute(_LOCK)


async def known(tx: Tx, *, sizes: bool = False, people: bool = False) -> Known:
    """The OPD and units there are; with `sizes` how many people units have, with `people` who they are."""
    opds = frozenset(row["opd_code"] for row in await tx.connection.fetch("select opd_code from opd"))
    units = await tx.connection.fetch("select unit_id, opd_code from unit")
    counted = await tx.connection.fetch(_SIZES) if sizes else []
    ids: dict[str, UUID] = {}
    supervisors: dict[UUID, UUID] = {}
    for nip, employee_id, supervisor_id in await tx.connection.fetch(_PEOPLE) if people else []:
        ids[nip] = plain(employee_id)
        if supervisor_id is not None:
            supervisors[plain(employee_id)] = plain(supervisor_id)
    return Known(
        opds,
        {row["unit_id"]: row["opd_code"] for row in units},
        {row["unit_id"]: row["count"] for row in counted},
        ids,
        supervisors,
    )


def plain(value: UUID) -> UUID:
    """An id as everybody knows it: asyncpg gives a subclass, which pickles large and compares slowly."""
    return UUID(int=value.int)


@dataclass(frozen=True, slots=True)
class Entry:
    """The whole of one entity, as its event carries it."""

    revision: int
    body: Mapping[str, Any]


async def _entries(tx: Tx, statement: str, *parameters: Any) -> list[Entry]:
    return [Entry(revision, body) for revision, body in await tx.connection.fetch(statement, *parameters)]


async def changed_units(tx: Tx) -> list[Entry]:
    """Units whose entry differs from the one last published; each gets its next revision."""
    return await _entries(tx, _PUBLISH_UNITS)


async def changed_employees(tx: Tx, today: dt.date) -> list[Entry]:
    """Employees whose entry on `today` differs from the one last published; each gets its next revision.

    While an acting period lasts, the deputy stands beside the superior and heads what the superior heads.
    """
    return await _entries(tx, _PUBLISH_EMPLOYEES, today)


async def withhold(tx: Tx, topic: str, keys: Sequence[str]) -> None:
    """Entries that were named as changed and cannot be published: as if they had not been."""
    await tx.connection.execute(_WITHHOLD[topic], list(keys))


async def changed_years(tx: Tx) -> list[Entry]:
    """Calendar years that differ from what was last published; each gets its next revision."""
    return await _entries(tx, _PUBLISH_CALENDAR)


async def opds(tx: Tx) -> Sequence[Any]:
    return await tx.connection.fetch(_LIST_OPDS)


async def units(tx: Tx, opd_code: str | None, after: str, limit: int) -> Sequence[Any]:
    return await tx.connection.fetch(_LIST_UNITS, opd_code, after, limit)


async def employees(tx: Tx, opd_code: str | None, unit_id: str | None, after: UUID, limit: int) -> Sequence[Any]:
    return await tx.connection.fetch(_LIST_EMPLOYEES, opd_code, unit_id, after, limit)
