"""SQL of reading plans."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

_COLUMNS = "employee_id, opd_code, unit_id, work_date, revision, mode, starts_at, ends_at, policy_version, reason"
_MINE = f"select {_COLUMNS} from plan where employee_id = $1 and work_date between $2 and $3 order by work_date"  # noqa: S608
_OF_DATE = f"""
    select {_COLUMNS} from plan where work_date = $1 and ($2::text is null or opd_code = $2)
        and employee_id > $3 order by employee_id limit $4
"""  # noqa: S608 - the columns are a constant


async def mine(connection: asyncpg.Connection, employee_id: UUID, first: dt.date, last: dt.date) -> Sequence[Any]:
    """One person's plans, by date."""
    return await connection.fetch(_MINE, employee_id, first, last)


async def of_date(
    connection: asyncpg.Connection, day: dt.date, opd_code: str | None, after: UUID, limit: int
) -> Sequence[Any]:
    """Plans of a date, by employee_id, after `after`."""
    return await connection.fetch(_OF_DATE, day, opd_code, after, limit)
