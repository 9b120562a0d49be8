"""What the board reads: the states of one date, counted, of everyone or of some people; and every service point."""

import datetime as dt
from collections.abc import Collection
from typing import Any
from uuid import UUID

from services.reporting.store.views import plan_for_one, plan_for_whole_dates

_STATES = "employee_id, opd_code, mode, on_time, place, hours, report, output, next_due"
_EVERYONE = f"select {_STATES} from verdicts($1, $1, $2)"  # noqa: S608 - a constant of this file
_SOME = f"select {_STATES} from verdicts($1, $1, $2, $3)"  # noqa: S608 - a constant of this file
_COUNTS = """
    select opd_code, mode, on_time, place, hours, report, output, count(*) as n
    from verdicts($1, $1, $2) group by 1, 2, 3, 4, 5, 6, 7
"""
_COVERAGE = 'select * from coverage($1, $2) order by unit_id collate "C"'
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


async def counts(conn: Any, date: dt.date, as_of: dt.datetime) -> list[Any]:
    """How many people of each OPD have the same mode and the same five states."""
    await plan_for_whole_dates(conn)
    return await conn.fetch(_COUNTS, date, as_of)


async def coverage(conn: Any, date: dt.date, as_of: dt.datetime) -> list[Any]:
    """Every service point, by unit_id."""
    await plan_for_whole_dates(conn)
    return await conn.fetch(_COVERAGE, date, as_of)


async def opd_names(conn: Any) -> dict[str, str]:
    return {row["opd_code"]: row["opd_name"] for row in await conn.fetch(_OPD_NAMES)}
