"""SQL of swaps, of wishes for days, and of pairs who share a task."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.scheduling.store.superiors import MEMBERS
from shared.access import SUPERIOR
from shared.database import Tx

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
        or exists (select from {MEMBERS} person, {MEMBERS} officer
                   where person.employee_id = asker_id and officer.employee_id = $1 and {SUPERIOR})
    order by asked_at desc limit 1000
"""  # noqa: S608


async def set_wish(tx: Tx, *values: Any) -> None:
    """employee_id, work_date, mode, weight, created_at."""
    await tx.connection.execute(_WISH, *values)


async def wishes(tx: Tx, employee_id: UUID, day: dt.date) -> Sequence[Any]:
    return await tx.connection.fetch(_WISHES, employee_id, day)


async def drop_wish(tx: Tx, employee_id: UUID, day: dt.date) -> None:
    await tx.connection.execute(_DROP_WISH, employee_id, day)


async def set_apart(tx: Tx, unit_id: str, one: UUID, other: UUID, reason: str) -> None:
    await tx.connection.execute(_APART, unit_id, min(one, other), max(one, other), reason)


async def add_swap(tx: Tx, *values: Any) -> None:
    """swap_id, asker_id, partner_id, asker_date, partner_date, asked_at."""
    await tx.connection.execute(_ADD_SWAP, *values)


async def swap(tx: Tx, swap_id: UUID) -> Any | None:
    """One swap, locked until the end of the transaction."""
    return await tx.connection.fetchrow(_SWAP, swap_id)


async def set_swap(tx: Tx, swap_id: UUID, status: str, *decided: Any) -> None:
    """`decided` is decided_by, decided_at."""
    await tx.connection.execute(_SET_SWAP, swap_id, status, *decided)


async def swaps(tx: Tx, employee_id: UUID) -> Sequence[Any]:
    """Swaps that a person asked for, is asked in, or may approve; newest first."""
    return await tx.connection.fetch(_SWAPS, employee_id)
