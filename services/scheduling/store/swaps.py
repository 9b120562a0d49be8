"""SQL of swaps, of wishes for days, and of pairs who share a task."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.scheduling.domain.spans import Days
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
    values ($1, $2, $3, $4, $5, $6, $7)
"""
_SWAP = """
    select swap_id, asker_id, partner_id, asker_date, partner_date, status from swap where swap_id = $1 for update
"""
_PARTNERS = """
    select other.employee_id, there.work_date as their_date
    from employee me
    join employee other on other.unit_id = me.unit_id and other.employee_id <> me.employee_id and other.active
    join plan mine on mine.employee_id = me.employee_id and mine.work_date = $2 and mine.mode = 'WFH'
    join plan here on here.employee_id = other.employee_id and here.work_date = $2 and here.mode = 'WFO'
    join plan there on there.employee_id = other.employee_id and there.work_date between $3 and $4
        and there.work_date <> $2 and there.mode = 'WFH'
    join plan away on away.employee_id = me.employee_id and away.work_date = there.work_date and away.mode = 'WFO'
    where me.employee_id = $1 and least(mine.starts_at, here.starts_at, there.starts_at, away.starts_at) > $5
"""
_KEY = "select key from swap_key"
_OPEN = (
    "select count(*) from swap where asker_id = $1 and status = 'asked' and least(asker_date, partner_date) >= $2"
)
_SET_SWAP = "update swap set status = $2, decided_by = $3, decided_at = $4 where swap_id = $1"

_SWAPS = f"""
    select swap_id, asker_id, partner_id, asker_date, partner_date, status, asked_at from swap
    where asker_id = $1 or partner_id = $1
        or exists (select from {MEMBERS} person, {MEMBERS} officer
                   where person.employee_id = asker_id and officer.employee_id = $1 and {SUPERIOR})
    order by asked_at desc limit 1000
"""  # noqa: S608


class Swap(NamedTuple):
    """The asker gives up their WFH day `asker_date` for the partner's, `partner_date`."""

    swap_id: UUID
    asker_id: UUID
    partner_id: UUID
    asker_date: dt.date
    partner_date: dt.date
    status: str


async def set_wish(tx: Tx, employee_id: UUID, day: dt.date, *, mode: str, weight: int, at: dt.datetime) -> None:
    """Store a person's request for a date, over one that they had."""
    await tx.connection.execute(_WISH, employee_id, day, mode, weight, at)


async def wishes(tx: Tx, employee_id: UUID, day: dt.date) -> Sequence[Any]:
    return await tx.connection.fetch(_WISHES, employee_id, day)


async def drop_wish(tx: Tx, employee_id: UUID, day: dt.date) -> None:
    await tx.connection.execute(_DROP_WISH, employee_id, day)


async def set_apart(tx: Tx, unit_id: str, one: UUID, other: UUID, reason: str) -> None:
    await tx.connection.execute(_APART, unit_id, min(one, other), max(one, other), reason)


async def add_swap(tx: Tx, swap: Swap, at: dt.datetime) -> None:
    """Store one that was asked for."""
    await tx.connection.execute(_ADD_SWAP, *swap, at)


async def swap(tx: Tx, swap_id: UUID) -> Swap | None:
    """One swap, locked until the end of the transaction."""
    row = await tx.connection.fetchrow(_SWAP, swap_id)
    return None if row is None else Swap(*row)


class Partner(NamedTuple):
    """A colleague of the unit whose day at home, `their_date`, could be swapped for one's own."""

    employee_id: UUID
    their_date: dt.date


async def partners(tx: Tx, me: UUID, my_date: dt.date, their_dates: Days, now: dt.datetime) -> list[Partner]:
    """Who of the unit could take a person's day at home for one of theirs, of which no day has begun."""
    return [Partner(*row) for row in await tx.connection.fetch(_PARTNERS, me, my_date, *their_dates, now)]


async def key(tx: Tx) -> bytes:
    """By which colleagues are hidden from who looks for a partner."""
    return await tx.connection.fetchval(_KEY)


async def asked_by(tx: Tx, employee_id: UUID, day: dt.date) -> int:
    """How many swaps of days from `day` on a person has asked for that nobody has answered."""
    return await tx.connection.fetchval(_OPEN, employee_id, day)


async def set_swap(tx: Tx, swap_id: UUID, status: str, by: str, at: dt.datetime) -> None:
    """Note what was decided, by whom and when."""
    await tx.connection.execute(_SET_SWAP, swap_id, status, by, at)


async def swaps(tx: Tx, employee_id: UUID) -> Sequence[Any]:
    """Swaps that a person asked for, is asked in, or may approve; newest first."""
    return await tx.connection.fetch(_SWAPS, employee_id)
