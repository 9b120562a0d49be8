"""SQL of postings to come, acting periods, erasure, wishes, pairs and swaps."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from shared.access import SUPERIOR

_ADD_CHANGE = """
    insert into posting_change (change_id, employee_id, effective_from, kind, body, status, created_at, created_by)
    values ($1, $2, $3, $4, $5::jsonb, 'due', $6, $7)
"""
_DUE = """
    update posting_change set status = 'applied'
    where change_id in (select change_id from posting_change where status = 'due' and effective_from <= $1)
    returning employee_id, effective_from, kind, body, change_id
"""
_CHANGES_OF = """
    select change_id, employee_id, effective_from, kind, body, status from posting_change
    where employee_id = $1 order by effective_from, created_at
"""
_CANCEL_CHANGE = (
    "update posting_change set status = 'cancelled' where change_id = $1 and status = 'due' returning 1"
)
_APPLY = """
    update employee set
        opd_code = coalesce($2::jsonb ->> 'opd_code', opd_code),
        unit_id = coalesce($2::jsonb ->> 'unit_id', unit_id),
        supervisor_id = case when $2::jsonb ? 'supervisor_id' then ($2::jsonb ->> 'supervisor_id')::uuid
                             else supervisor_id end,
        timetable = coalesce($2::jsonb ->> 'timetable', timetable),
        shift_group = case when $2::jsonb ? 'timetable' then ($2::jsonb ->> 'shift_group')::smallint
                           else shift_group end,
        echelon = case when $2::jsonb ? 'echelon' then $2::jsonb ->> 'echelon' else echelon end,
        heads = case when $2::jsonb ? 'heads'
                     then array(select jsonb_array_elements_text($2::jsonb -> 'heads')) else heads end,
        post_since = coalesce(($2::jsonb ->> 'post_since')::date, post_since),
        discipline_until = coalesce(($2::jsonb ->> 'until')::date, discipline_until),
        active = coalesce(($2::jsonb ->> 'active')::boolean, active)
    where employee_id = $1
"""
_ADD_ACTING = """
    insert into acting (acting_id, absent_id, deputy_id, kind, from_date, to_date, letter, created_at, created_by)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_ACTING_OVERLAP = """
    select from_date, to_date from acting
    where absent_id = $1 and not cancelled and from_date <= $3 and to_date >= $2 limit 1
"""
_CANCEL_ACTING = "update acting set cancelled = true where acting_id = $1 and not cancelled returning absent_id"
_ACTING = """
    select acting_id, absent_id, deputy_id, kind, from_date, to_date, letter from acting
    where not cancelled and to_date >= $1 order by from_date, acting_id limit 1000
"""
_SUPERVISORS = "select employee_id, supervisor_id from employee where supervisor_id is not null"
_COMING_PLANS = """
    select employee_id, work_date, opd_code, unit_id from plan
    where employee_id = $1 and work_date >= $2 and mode <> 'OFF' order by work_date
"""
_PLANS_OF_DEPARTED = """
    select p.employee_id, p.work_date, p.opd_code, p.unit_id
    from employee e join plan p on p.employee_id = e.employee_id and p.work_date >= $1 and p.mode <> 'OFF'
    where not e.active order by p.employee_id, p.work_date
"""
_REMOTE = "update employee set remote_places = $2::jsonb where employee_id = $1"
_ERASE = "delete from employee where employee_id = $1 and not active returning 1"
_UNLINK = (
    "update employee set supervisor_id = null where supervisor_id = $1",
    "update employee set acting_supervisor_id = null where acting_supervisor_id = $1",
)
_AGAIN = (
    "update unit set published = null",
    "update employee set published = null",
    "update calendar set published = null",
)
_WISH = """
    insert into wish (employee_id, work_date, mode, weight, created_at) values ($1, $2, $3, $4, $5)
    on conflict (employee_id, work_date) do update set mode = excluded.mode, weight = excluded.weight
"""
_WISHES = "select work_date, mode, weight from wish where employee_id = $1 and work_date >= $2 order by work_date"
_DROP_WISH = "delete from wish where employee_id = $1 and work_date = $2"
_APART = """
    insert into apart (unit_id, one_id, other_id, reason) values ($1, $2, $3, $4)
    on conflict (unit_id, one_id, other_id) do update set reason = excluded.reason
"""
_ADD_SWAP = """
    insert into swap (swap_id, asker_id, partner_id, asker_date, partner_date, status, asked_at)
    values ($1, $2, $3, $4, $5, 'asked', $6)
"""
_SWAP = """
    select swap_id, asker_id, partner_id, asker_date, partner_date, status from swap where swap_id = $1 for update
"""
_SET_SWAP = "update swap set status = $2, decided_by = $3, decided_at = $4 where swap_id = $1"
_SWAPS = f"""
    select swap_id, asker_id, partner_id, asker_date, partner_date, status, asked_at from swap
    where asker_id = $1 or partner_id = $1
        or exists (select from employee person, employee officer
                   where person.employee_id = asker_id and officer.employee_id = $1 and {SUPERIOR})
    order by asked_at desc limit 1000
"""  # noqa: S608


async def add_change(
    connection: asyncpg.Connection, change_id: UUID, employee_id: UUID, *rest: Any, body: dict[str, Any]
) -> None:
    """`rest` is effective_from, kind, created_at, created_by."""
    effective_from, kind, *made = rest
    text = json.dumps(body, default=str)
    await connection.execute(_ADD_CHANGE, change_id, employee_id, effective_from, kind, text, *made)


async def take_due(connection: asyncpg.Connection, today: dt.date) -> list[Any]:
    """Posting changes whose date has come, oldest first; they count as applied with this transaction."""
    rows = await connection.fetch(_DUE, today)
    return sorted(rows, key=lambda row: (row["effective_from"], row["change_id"]))


async def changes_of(connection: asyncpg.Connection, employee_id: UUID) -> Sequence[Any]:
    return await connection.fetch(_CHANGES_OF, employee_id)


async def cancel_change(connection: asyncpg.Connection, change_id: UUID) -> bool:
    """False if it is not waiting any more."""
    return bool(await connection.fetchval(_CANCEL_CHANGE, change_id))


async def apply_change(connection: asyncpg.Connection, employee_id: UUID, body: dict[str, Any]) -> None:
    """Put the fields that `body` names into the directory."""
    await connection.execute(_APPLY, employee_id, json.dumps(body, default=str))


async def acting_overlap(
    connection: asyncpg.Connection, absent_id: UUID, first: dt.date, last: dt.date
) -> Any | None:
    """A period of the same absent superior that touches the span."""
    return await connection.fetchrow(_ACTING_OVERLAP, absent_id, first, last)


async def add_acting(connection: asyncpg.Connection, *values: Any) -> None:
    """acting_id, absent_id, deputy_id, kind, from_date, to_date, letter, created_at, created_by."""
    await connection.execute(_ADD_ACTING, *values)


async def cancel_acting(connection: asyncpg.Connection, acting_id: UUID) -> bool:
    return bool(await connection.fetchval(_CANCEL_ACTING, acting_id))


async def acting(connection: asyncpg.Connection, today: dt.date) -> Sequence[Any]:
    """Periods that have not ended, by start."""
    return await connection.fetch(_ACTING, today)


async def supervisors(connection: asyncpg.Connection) -> dict[UUID, UUID]:
    """Superior by person."""
    return {row[0]: row[1] for row in await connection.fetch(_SUPERVISORS)}


async def coming_plans(connection: asyncpg.Connection, employee_id: UUID, day: dt.date) -> Sequence[Any]:
    """Plans from `day` on that are not OFF."""
    return await connection.fetch(_COMING_PLANS, employee_id, day)


async def plans_of_departed(connection: asyncpg.Connection, day: dt.date) -> Sequence[Any]:
    """Plans from `day` on, other than OFF, of people who have left."""
    return await connection.fetch(_PLANS_OF_DEPARTED, day)


async def set_remote_places(connection: asyncpg.Connection, employee_id: UUID, places: list[Any]) -> None:
    await connection.execute(_REMOTE, employee_id, json.dumps(places))


async def erase(connection: asyncpg.Connection, employee_id: UUID) -> bool:
    """Delete a person who has left. False if unknown or still active."""
    for statement in _UNLINK:
        await connection.execute(statement, employee_id)
    return bool(await connection.fetchval(_ERASE, employee_id))


async def forget_published(connection: asyncpg.Connection) -> None:
    """After this every entry of the directory counts as changed."""
    for statement in _AGAIN:
        await connection.execute(statement)


async def set_wish(connection: asyncpg.Connection, *values: Any) -> None:
    """employee_id, work_date, mode, weight, created_at."""
    await connection.execute(_WISH, *values)


async def wishes(connection: asyncpg.Connection, employee_id: UUID, day: dt.date) -> Sequence[Any]:
    return await connection.fetch(_WISHES, employee_id, day)


async def drop_wish(connection: asyncpg.Connection, employee_id: UUID, day: dt.date) -> None:
    await connection.execute(_DROP_WISH, employee_id, day)


async def set_apart(connection: asyncpg.Connection, unit_id: str, one: UUID, other: UUID, reason: str) -> None:
    await connection.execute(_APART, unit_id, min(one, other), max(one, other), reason)


async def add_swap(connection: asyncpg.Connection, *values: Any) -> None:
    """swap_id, asker_id, partner_id, asker_date, partner_date, asked_at."""
    await connection.execute(_ADD_SWAP, *values)


async def swap(connection: asyncpg.Connection, swap_id: UUID) -> Any | None:
    """One swap, locked until the end of the transaction."""
    return await connection.fetchrow(_SWAP, swap_id)


async def set_swap(connection: asyncpg.Connection, swap_id: UUID, status: str, *decided: Any) -> None:
    """`decided` is decided_by, decided_at."""
    await connection.execute(_SET_SWAP, swap_id, status, *decided)


async def swaps(connection: asyncpg.Connection, employee_id: UUID) -> Sequence[Any]:
    """Swaps that a person asked for, is asked in, or may approve; newest first."""
    return await connection.fetch(_SWAPS, employee_id)
