"""The error budgets of service points: what they are computed from, which are to be looked at, what was last said.

A look takes what is due in one statement and reads the counters in a later one. Whoever counts a counter anew
makes it due in the transaction that counts it, as its last statement: so a look that has not seen the count does
not mark it as seen (`looked`), and nobody who counts waits for a look but while that ends.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from services.reporting.domain.budget import BudgetStatus, Spell
from services.reporting.domain.counters import Piece
from services.reporting.store import planner, rebuild
from shared.database import Tx
from shared.events import BudgetWindow

_TOUCH = """
    insert into budget_due (unit_id, due_at) select unit_id, '-infinity' from unnest($1::text[]) as given(unit_id)
    order by unit_id
    on conflict (unit_id) do update set due_at = excluded.due_at
"""
_DUE = """
    select due.unit_id, due.xmin as version, unit.opd_code, unit.slo
    from budget_due as due
        left join fact_unit as unit on unit.unit_id = due.unit_id and unit.is_service_point
    where due.due_at <= $1 order by due.due_at, due.unit_id limit $2
"""
_LOOKED = """
    update budget_due as due set due_at = looked.due_at
    from (
        select held.ctid, given.due_at
        from unnest($1::text[], $2::xid[], $3::timestamptz[]) as given(unit_id, version, due_at)
            join budget_due as held on held.unit_id = given.unit_id and held.xmin = given.version
        order by held.unit_id for update of held
    ) as looked
    where due.ctid = looked.ctid
"""
_FORGET = """
    delete from budget_due as due
    where unit_id = any($1) and not exists (select from fact_unit where fact_unit.unit_id = due.unit_id)
"""
_DATES = """
    select counted.unit_id, counted.open_us, counted.short_us, dates.day
    from generate_series($1::date, $2::date, '1 day') as series(at)
        cross join lateral (select series.at::date as day) as dates
        cross join lateral counted(dates.day, $3, $4) as counted
    where counted.open_us > 0
    order by counted.unit_id, dates.day desc
"""
_PIECES = """
    select wanted.unit_id, piece.from_at,
        lead(piece.from_at, 1, local_midnight(wanted.day + 1)) over (
            partition by wanted.unit_id, wanted.day order by piece.from_at) as until_at,
        piece.required, piece.present_low, piece.present_high, piece.status
    from unnest($1::text[], $2::date[]) as wanted(unit_id, day)
        join counter_day as counted on counted.day = wanted.day and counted.unit_id = wanted.unit_id
        cross join lateral unnest(
            counted.since, counted.required, counted.present_low, counted.present_high, counted.status
        ) as piece(from_at, required, present_low, present_high, status)
    order by wanted.unit_id, piece.from_at
"""
_SAID = """
    select unit_id, opd_code, of_window, status, since, burn_rate, spent_minutes, budget_minutes, revision
    from published_budget
"""
_SAID_OF = _SAID + " where unit_id = any($1) order by unit_id, of_window for update"
_BURNING = (
    _SAID + " where status <> 'recovered' and (unit_id, of_window) > ($1, $2) order by unit_id, of_window limit $3"
)
_SAY = """
    insert into published_budget
        (unit_id, of_window, opd_code, status, since, burn_rate, spent_minutes, budget_minutes, revision)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (unit_id, of_window) do update
    set opd_code = excluded.opd_code, status = excluded.status, since = excluded.since,
        burn_rate = excluded.burn_rate, spent_minutes = excluded.spent_minutes,
        budget_minutes = excluded.budget_minutes, revision = excluded.revision
"""
_COUNT = "select of_window, count(*) as n from published_budget where status <> 'recovered' group by of_window"


class Due(NamedTuple):
    """A unit that is to be looked at. No service point any more: opd_code and slo are None."""

    unit_id: str
    version: int
    opd_code: str | None
    slo: float | None


class Said(NamedTuple):
    """What was last said of one window of a unit's budget, and since when it is so."""

    unit_id: str
    opd_code: str
    of_window: BudgetWindow
    status: BudgetStatus
    since: dt.datetime
    burn_rate: float | None
    spent_minutes: float
    budget_minutes: float
    revision: int


async def may_look(tx: Tx) -> bool:
    """Take the lock of who looks, for this transaction: false if another has it or a rebuild is not done."""
    return await rebuild.may_follow(tx, "hadir.budget")


async def touch(tx: Tx, unit_ids: Collection[str]) -> None:
    """Have these units looked at. Best as the last statement of a transaction."""
    await tx.connection.execute(_TOUCH, list(unit_ids))


async def due(tx: Tx, now: dt.datetime, limit: int) -> list[Due]:
    """Units to be looked at as of an instant, those that wait longest first."""
    return [Due(*row.values()) for row in await tx.connection.fetch(_DUE, now, limit)]


async def looked(tx: Tx, units: Sequence[Due], again: Mapping[str, dt.datetime]) -> None:
    """These units were looked at, and are next at the times of `again`. What was touched meanwhile stays due, and
    what is no unit any more is forgotten."""
    await tx.connection.execute(_FORGET, [unit.unit_id for unit in units if unit.opd_code is None])
    await tx.connection.execute(
        _LOOKED,
        [unit.unit_id for unit in units],
        [unit.version for unit in units],
        [again[unit.unit_id] for unit in units],
    )


async def open_dates(
    tx: Tx, unit_ids: Collection[str], first: dt.date, last: dt.date, now: dt.datetime
) -> dict[str, dict[dt.date, Spell]]:
    """The dates from `first` to `last` on which units were open by `now`, the latest first, by unit."""
    await planner.some_people(tx)
    found: dict[str, dict[dt.date, Spell]] = {}
    for row in await tx.connection.fetch(_DATES, first, last, now, list(unit_ids)):
        found.setdefault(row["unit_id"], {})[row["day"]] = Spell(row["open_us"], row["short_us"])
    return found


async def pieces(tx: Tx, dates: Collection[tuple[str, dt.date]]) -> dict[str, list[Piece]]:
    """These dates of these units to their end, as they will be if nothing more is recorded; by unit, in order."""
    rows = await tx.connection.fetch(_PIECES, [unit_id for unit_id, _ in dates], [day for _, day in dates])
    return {
        unit_id: list(of_unit)
        for unit_id, of_unit in groupby((Piece(**row) for row in rows), attrgetter("unit_id"))
    }


async def said(tx: Tx, unit_ids: Collection[str]) -> dict[tuple[str, BudgetWindow], Said]:
    """What was last said of the windows of these units."""
    found = [Said(**row) for row in await tx.connection.fetch(_SAID_OF, list(unit_ids))]
    return {(one.unit_id, one.of_window): one for one in found}


async def say(tx: Tx, news: Sequence[Said]) -> None:
    """Remember what is said from now on."""
    await tx.connection.executemany(
        _SAY,
        [
            (
                one.unit_id,
                one.of_window,
                one.opd_code,
                one.status,
                one.since,
                one.burn_rate,
                one.spent_minutes,
                one.budget_minutes,
                one.revision,
            )
            for one in news
        ],
    )


async def burning(tx: Tx, after: tuple[str, str], limit: int) -> list[Said]:
    """The windows that burn or are spent, as was said, by unit and window, at most `limit` after one."""
    return [Said(**row) for row in await tx.connection.fetch(_BURNING, *after, limit)]


async def counts(tx: Tx) -> dict[str, int]:
    """How many service points burn, by window; a window in which none does is left out."""
    return {row["of_window"]: row["n"] for row in await tx.connection.fetch(_COUNT)}
