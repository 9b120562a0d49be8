"""SQL of reading the directory."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

_OPDS = "select opd_code, name, short_name, kind, direct_service from opd order by opd_code"
_UNITS = """
    select u.unit_id, u.opd_code, u.name, u.is_service_point, u.direct_service, u.places, u.slo, u.revision,
        coalesce((select jsonb_agg(jsonb_build_object('effective_from', effective_from, 'openings', openings)
                                   order by effective_from)
                  from requirement r where r.unit_id = u.unit_id), '[]') as requirements
    from unit u where ($1::text is null or opd_code = $1) and unit_id > $2 order by unit_id limit $3
"""
_EMPLOYEES = """
    select employee_id, nip, name, opd_code, unit_id, supervisor_id, acting_supervisor_id, heads, employment,
        echelon, timetable, shift_group, post_since, discipline_until, active, revision
    from employee
    where ($1::text is null or opd_code = $1) and ($2::text is null or unit_id = $2) and employee_id > $3
    order by employee_id limit $4
"""


async def opds(connection: asyncpg.Connection) -> Sequence[Any]:
    return await connection.fetch(_OPDS)


async def units(connection: asyncpg.Connection, opd_code: str | None, after: str, limit: int) -> Sequence[Any]:
    return await connection.fetch(_UNITS, opd_code, after, limit)


async def employees(
    connection: asyncpg.Connection, opd_code: str | None, unit_id: str | None, after: UUID, limit: int
) -> Sequence[Any]:
    return await connection.fetch(_EMPLOYEES, opd_code, unit_id, after, limit)
