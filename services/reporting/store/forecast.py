"""The near future of service points: which may fall short, who is awaited there, what was last said of them."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

from services.reporting.domain.forecast import Awaited, ForecastStatus
from services.reporting.store import planner, rebuild
from shared.database import Tx

_POINTS = "select unit_id, opd_code from fact_unit where is_service_point"
# Who is inside by now counts in the pieces already: only shortages of these can become true.
_SUSPECTS = """
    select counted.unit_id from counter_day as counted
    where counted.day = $1 and exists (
        select from unnest(counted.since, counted.status) with ordinality as piece(from_at, status, nth)
        where piece.status = 'short' and piece.from_at <= $3
            and coalesce(counted.since[piece.nth + 1], 'infinity') > $2
    )
"""
_DOWN = """
    select unit.unit_id from fact_unit as unit
    where unit.unit_id = any($2) and exists (
        select from down_times($1, $1) as down
        where down.starts_at <= $1 and $1 < down.ends_at and (
            down.whose = 'all'
            or down.whose = 'opd' and down.code = unit.opd_code
            or down.whose = 'unit' and down.code = unit.unit_id)
    )
"""
# A plan begins within a day of its work date. Who has checked in is inside, or somewhere else: not awaited here;
# who has left again before they were due, is.
_AWAITED = """
    with in_force as materialized (
        select dates.work_date, rules.tolerance
        from unnest(
            array(select $2::date + n from generate_series(-2, $3::date - $2::date + 1) as n)
        ) as dates(work_date) cross join lateral rules_in_force(dates.work_date) as rules
    )
    select plan.unit_id, plan.employee_id, plan.starts_at, plan.ends_at
    from unnest($1::text[]) as point(unit_id) cross join in_force cross join lateral (
        select plan.unit_id, plan.employee_id, plan.work_date, plan.starts_at, plan.ends_at from fact_plan as plan
        where plan.unit_id = point.unit_id and plan.mode = 'WFO' and plan.work_date = in_force.work_date
            and plan.starts_at + in_force.tolerance >= $4 and plan.ends_at > $4
        offset 0
    ) as plan left join lateral (
        select punch.kind from fact_punch as punch
        where punch.work_date = plan.work_date and punch.employee_id = plan.employee_id
            and (select true from fact_void as void where void.punch_id = punch.punch_id) is null
        order by punch.at desc, punch.kind = 'out' desc, punch.punch_id desc limit 1
    ) as latest on true
    where latest.kind is distinct from 'in'
"""
_SAID = """
    select unit_id, opd_code, status, at, starts_at, ends_at, required, expected, as_of, revision
    from published_forecast
"""
_SAY = """
    insert into published_forecast
        (unit_id, opd_code, status, at, starts_at, ends_at, required, expected, as_of, revision)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (unit_id) do update
    set opd_code = excluded.opd_code, status = excluded.status, at = excluded.at, starts_at = excluded.starts_at,
        ends_at = excluded.ends_at, required = excluded.required, expected = excluded.expected,
        as_of = excluded.as_of, revision = excluded.revision
"""


class Said(NamedTuple):
    """What was last said of a service point, as of which instant, and how often something was said of it."""

    unit_id: str
    opd_code: str
    status: ForecastStatus
    at: dt.datetime
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    required: int
    expected: int
    as_of: dt.datetime
    revision: int


async def may_look(tx: Tx) -> bool:
    """Take the lock of who looks, for this transaction: false if another has it or a rebuild is not done."""
    return await rebuild.may_follow(tx, "hadir.forecast")


async def points(tx: Tx) -> dict[str, str]:
    """All service points: the OPD of each, by unit_id."""
    return {row["unit_id"]: row["opd_code"] for row in await tx.connection.fetch(_POINTS)}


async def suspects(tx: Tx, date: dt.date, now: dt.datetime, until: dt.datetime) -> set[str]:
    """Service points that fall short between two instants of a date if nobody comes who is not there yet."""
    return {row["unit_id"] for row in await tx.connection.fetch(_SUSPECTS, date, now, until)}


async def down(tx: Tx, now: dt.datetime, unit_ids: Collection[str]) -> set[str]:
    """Those of these units in an outage at an instant."""
    return {row["unit_id"] for row in await tx.connection.fetch(_DOWN, now, list(unit_ids))}


async def awaited(
    tx: Tx, unit_ids: Collection[str], first: dt.date, last: dt.date, now: dt.datetime
) -> list[Awaited]:
    """Who is planned at these units on these dates, not there, and as of `now` not late yet."""
    await planner.by_key(tx)
    return [Awaited(**row) for row in await tx.connection.fetch(_AWAITED, list(unit_ids), first, last, now)]


async def said(tx: Tx) -> dict[str, Said]:
    """What was last said of each unit of which something was said."""
    return {row["unit_id"]: Said(**row) for row in await tx.connection.fetch(_SAID)}


async def said_of(tx: Tx, unit_id: str) -> Said | None:
    """What was last said of one unit."""
    row = await tx.connection.fetchrow(_SAID + " where unit_id = $1", unit_id)
    return Said(**row) if row else None


async def say(tx: Tx, news: Sequence[Said]) -> None:
    """Remember what is said from now on."""
    await tx.connection.executemany(_SAY, news)
