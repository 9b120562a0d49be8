"""SQL of reading plans."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from shared.access import SUPERIOR

_COLUMNS = "employee_id, opd_code, unit_id, work_date, revision, mode, starts_at, ends_at, policy_version, reason"
_NAMED = ", ".join(f"p.{name}" for name in _COLUMNS.split(", "))
_MINE = f"select {_COLUMNS} from plan where employee_id = $1 and work_date between $2 and $3 order by work_date"  # noqa: S608
_OF_DATE = f"""
    select {_COLUMNS} from plan where work_date = $1 and ($2::text is null or opd_code = $2)
        and employee_id > $3 order by employee_id limit $4
"""  # noqa: S608 - the columns are a constant
_TEAM = f"""
    select {_NAMED}, person.name
    from plan p join employee person on person.employee_id = p.employee_id
        join employee officer on officer.employee_id = $1
    where p.work_date between $2 and $3 and ({SUPERIOR}
        or officer.active and person.supervisor_id in (
            select absent_id from acting
            where deputy_id = $1 and not cancelled and $4::date between from_date and to_date))
    order by p.work_date, person.name, p.employee_id limit 5000
"""  # noqa: S608
_UNIT = f"""
    select {_NAMED}, e.name
    from plan p left join employee e using (employee_id)
    where p.unit_id = $1 and p.work_date between $2 and $3
    order by p.work_date, e.name, p.employee_id limit 5000
"""  # noqa: S608
_WFH = """
    select p.employee_id, e.name, p.unit_id, u.name as unit_name, p.starts_at, p.ends_at, p.policy_version
    from plan p join employee e using (employee_id) join unit u on u.unit_id = p.unit_id
    where p.opd_code = $1 and p.work_date = $2 and p.mode = 'WFH'
    order by u.name, e.name, p.employee_id
"""
_EXPORT = f"""
    select {_NAMED} from plan p
    where p.work_date between $1 and $2 and ($3::text is null or p.opd_code = $3)
    order by p.work_date, p.employee_id
"""  # noqa: S608
_UNIT_OPD = "select opd_code from unit where unit_id = $1"
_REVOKE = "update feed set revoked_at = $2 where employee_id = $1 and revoked_at is null"
_FEED = "insert into feed (token_hash, employee_id, created_at) values ($1, $2, $3)"
_FEED_OWNER = "select employee_id from feed where token_hash = $1 and revoked_at is null"


async def mine(connection: asyncpg.Connection, employee_id: UUID, first: dt.date, last: dt.date) -> Sequence[Any]:
    """One person's plans, by date."""
    return await connection.fetch(_MINE, employee_id, first, last)


async def of_date(
    connection: asyncpg.Connection, day: dt.date, opd_code: str | None, after: UUID, limit: int
) -> Sequence[Any]:
    """Plans of a date, by employee_id, after `after`."""
    return await connection.fetch(_OF_DATE, day, opd_code, after, limit)


async def team(
    connection: asyncpg.Connection, superior: UUID, first: dt.date, last: dt.date, today: dt.date
) -> Sequence[Any]:
    """Plans, with names, of those whose superior or acting superior this is today."""
    return await connection.fetch(_TEAM, superior, first, last, today)


async def unit(connection: asyncpg.Connection, unit_id: str, first: dt.date, last: dt.date) -> Sequence[Any]:
    """Plans of a unit, with names."""
    return await connection.fetch(_UNIT, unit_id, first, last)


async def opd_of_unit(connection: asyncpg.Connection, unit_id: str) -> str | None:
    return await connection.fetchval(_UNIT_OPD, unit_id)


async def at_home(connection: asyncpg.Connection, opd_code: str, day: dt.date) -> Sequence[Any]:
    """The WFH list of an OPD and date (SE 150/KPG.03/BKD asks for it beforehand)."""
    return await connection.fetch(_WFH, opd_code, day)


async def export(
    connection: asyncpg.Connection, first: dt.date, last: dt.date, opd_code: str | None
) -> AsyncIterator[Any]:
    """All plans of a span, one after the other; needs the transaction to stay open."""
    async for row in connection.cursor(_EXPORT, first, last, opd_code, prefetch=2000):
        yield row


async def replace_feed(
    connection: asyncpg.Connection, employee_id: UUID, token_hash: bytes | None, now: dt.datetime
) -> None:
    """Revoke a person's feed tokens, and store the new one if there is one."""
    await connection.execute(_REVOKE, employee_id, now)
    if token_hash is not None:
        await connection.execute(_FEED, token_hash, employee_id, now)


async def feed_owner(connection: asyncpg.Connection, token_hash: bytes) -> UUID | None:
    """Whose feed a token opens; None for an unknown or revoked one."""
    return await connection.fetchval(_FEED_OWNER, token_hash)
