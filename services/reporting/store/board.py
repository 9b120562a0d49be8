"""What the board reads: one date's states, counted, of everyone or of some people; and every service point."""

import datetime as dt
from collections.abc import Collection
from typing import Any
from uuid import UUID

from services.reporting.store.views import plan_for_one, plan_for_whole_dates

_STATES = "employee_id, opd_code, mode, on_time, place, hours, report, output, next_due"
_EVERYONE = f"select {_STATES} from verdicts($1, $1, $2)"  # noqa: S608 - a constant of this file
_SOME = f"select {_STATES} from verdicts($1, $1, $2, $3)"  # noqa: S608 - a constant of this file
_LATER = """
    select employee_id, at from fact_punch
    where work_date = $1 and at > $2 and ($3::uuid[] is null or employee_id = any($3))
    union all
    select employee_id, submitted_at from fact_report
    where work_date = $1 and submitted_at > $2 and ($3::uuid[] is null or employee_id = any($3))
    union all
    select employee_id, reviewed_at from fact_review
    where work_date = $1 and reviewed_at > $2 and ($3::uuid[] is null or employee_id = any($3))
"""
_COUNTS = """
    select opd_code, mode, on_time, place, hours, report, output, count(*) as n
    from verdicts($1, $1, $2) group by 1, 2, 3, 4, 5, 6, 7
"""
_COVERAGE = 'select * from coverage($1, $2) order by unit_id collate "C"'
_POINTS = """
    select unit_id, name, opd_code, slo from fact_unit where is_service_point order by unit_id collate "C"
"""
_PIECES = """
    select unit_id, from_at, until_at, required, present_low, present_high, status
    from coverage_pieces($1, local_midnight($1::date + 1), $2) order by unit_id, from_at
"""
_COUNTERS_OF = """
    select distinct plan.unit_id from fact_plan as plan join fact_unit as unit using (unit_id)
    where plan.employee_id = any($2) and plan.work_date between $1::date - 2 and $1::date + 2 and plan.mode = 'WFO'
        and unit.is_service_point
"""
_OPD_NAMES = """
    select distinct on (opd_code) opd_code, opd_name from fact_unit order by opd_code, revision desc, ce_id desc
"""


async def states(conn: Any, date: dt.date, as_of: dt.datetime) -> list[Any]:
    """The five states of everyone with a plan for the date, and when time alone may next change one."""
    await plan_for_whole_dates(conn)
    return await conn.fetch(_EVERYONE, date, as_of)


async def states_of(conn: Any, date: dt.date, as_of: dt.datetime, people: Collection[UUID]) -> list[Any]:
    """The same for some people; those without a plan for the date have no row."""
    await plan_for_one(conn)
    return await conn.fetch(_SOME, date, as_of, list(people))


async def later(
    conn: Any, date: dt.date, as_of: dt.datetime, people: Collection[UUID] | None = None
) -> list[tuple[UUID, dt.datetime]]:
    """(person, instant) of facts from a clock ahead of ours: they count from their instant on."""
    rows = await conn.fetch(_LATER, date, as_of, None if people is None else list(people))
    return [(row["employee_id"], row["at"]) for row in rows]


async def counts(conn: Any, date: dt.date, as_of: dt.datetime) -> list[Any]:
    """How many people of each OPD have the same mode and the same five states."""
    await plan_for_whole_dates(conn)
    return await conn.fetch(_COUNTS, date, as_of)


async def coverage(conn: Any, date: dt.date, as_of: dt.datetime) -> list[Any]:
    """Every service point, by unit_id."""
    await plan_for_whole_dates(conn)
    return await conn.fetch(_COVERAGE, date, as_of)


async def points(conn: Any) -> list[Any]:
    """Every service point, by unit_id."""
    return await conn.fetch(_POINTS)


async def pieces(conn: Any, date: dt.date, unit_ids: Collection[str] | None = None) -> list[Any]:
    """The whole of a local date, of these service points or all: what will be if nothing more is recorded.

    Up to any instant after the last fact, that is the day as of the instant, cut off there.
    """
    if unit_ids is None:
        await plan_for_whole_dates(conn)
        return await conn.fetch(_PIECES, date, None)
    await plan_for_one(conn)
    return await conn.fetch(_PIECES, date, list(unit_ids))


async def counters_of(conn: Any, date: dt.date, people: Collection[UUID]) -> list[str]:
    """The service points where these people's plans put them, on the date or near enough to reach into it."""
    return [row["unit_id"] for row in await conn.fetch(_COUNTERS_OF, date, list(people))]


async def opd_names(conn: Any) -> dict[str, str]:
    return {row["opd_code"]: row["opd_name"] for row in await conn.fetch(_OPD_NAMES)}
