"""SQL of leave and duty travel."""

import datetime as dt
from uuid import UUID

from asyncpg import Record

from services.scheduling.domain.records import Absence
from services.scheduling.store.directory import plain
from shared.database import Tx

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
_SINCE = """
    select employee_id, category, from_date, to_date, kind, letter from absence
    where employee_id = $1 and to_date >= $2 order by from_date limit 1000
"""
_ABSENCES = """
    select a.employee_id, a.category, a.from_date, a.to_date, a.kind, a.letter
    from absence a join employee e using (employee_id)
    where ($1::text is null or e.opd_code = $1) and a.to_date >= $2 and a.from_date <= $3
    order by a.from_date, a.employee_id, a.category limit 1000
"""


async def overlapping(tx: Tx, employee_id: UUID, first: dt.date, last: dt.date) -> list[Absence]:
    """Stored absences of a person that touch the span, by date."""
    return [_absence(row) for row in await tx.connection.fetch(_OVERLAPS, employee_id, first, last)]


def _absence(row: Record) -> Absence:
    employee_id, *rest = row
    return Absence(plain(employee_id), *rest)


async def since(tx: Tx, employee_id: UUID, day: dt.date) -> list[Absence]:
    """Stored absences of a person that end on a date or after it, by date."""
    return [_absence(row) for row in await tx.connection.fetch(_SINCE, employee_id, day)]


async def absence(tx: Tx, employee_id: UUID, category: str, first: dt.date, last: dt.date) -> Absence | None:
    """The stored absence with exactly these dates."""
    row = await tx.connection.fetchrow(_ABSENCE, employee_id, category, first, last)
    return None if row is None else _absence(row)


async def add_absence(tx: Tx, one: Absence) -> None:
    await tx.connection.execute(
        _ADD_ABSENCE, one.employee_id, one.category, one.from_date, one.to_date, one.kind, one.letter
    )


async def end_absence(tx: Tx, one: Absence) -> None:
    """Forget it."""
    await tx.connection.execute(_END_ABSENCE, one.employee_id, one.category, one.from_date, one.to_date)


async def absences(tx: Tx, opd_code: str | None, first: dt.date, last: dt.date) -> list[Absence]:
    """Absences that touch the span, the first thousand."""
    return [_absence(row) for row in await tx.connection.fetch(_ABSENCES, opd_code, first, last)]
