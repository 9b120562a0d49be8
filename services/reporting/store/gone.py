"""Facts that were taken out with a disowned event, and what had been announced of them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

Connection = Any
"""An asyncpg connection inside a transaction."""

_PLANS = """
    insert into gone_plan select * from unnest($1::uuid[], $2::date[], $3::text[])
    on conflict (employee_id, work_date) do update set opd_code = excluded.opd_code
"""
_UNITS = """
    insert into gone_unit select * from unnest($1::text[], $2::text[])
    on conflict (unit_id) do update set opd_code = excluded.opd_code
"""
_DAYS = """
    with gone as (delete from gone_plan returning employee_id, work_date, opd_code)
    select published.*, gone.opd_code from gone join published_day as published using (employee_id, work_date)
    where work_date >= $1
        and (on_time, place, hours, report, output) <> ('not_due', 'not_due', 'not_due', 'not_due', 'not_due')
        and not exists (
            select from fact_plan as plan
            where plan.employee_id = gone.employee_id and plan.work_date = gone.work_date
        )
    order by work_date, employee_id
"""
_NOT_DUE = """
    update published_day set on_time = 'not_due', place = 'not_due', hours = 'not_due', report = 'not_due',
        output = 'not_due', revision = revision + 1
    where (employee_id, work_date) in (select * from unnest($1::uuid[], $2::date[]))
"""
_COUNTERS = """
    with gone as (delete from gone_unit returning unit_id, opd_code)
    select published.*, gone.opd_code from gone join published_coverage as published using (unit_id)
    where status <> 'closed' and not exists (select from fact_unit as unit where unit.unit_id = gone.unit_id)
    order by unit_id
"""
_CLOSED = "update published_coverage set status = 'closed', revision = revision + 1 where unit_id = any($1)"


async def note_plans(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Remember plans that were taken out, as rows of `fact_plan`."""
    columns = [[row[name] for row in rows] for name in ("employee_id", "work_date", "opd_code")]
    await connection.execute(_PLANS, *columns)


async def note_units(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Remember units that were taken out, as rows of `fact_unit`."""
    await connection.execute(_UNITS, *([row[name] for row in rows] for name in ("unit_id", "opd_code")))


async def days(connection: Connection, first: dt.date) -> list[dict[str, Any]]:
    """Person-days from `first` on that have no plan any more although more than `not_due` was announced of them:
    as they were announced, with the OPD of the plan. Remembered as `not_due` from now on."""
    rows = [dict(row) for row in await connection.fetch(_DAYS, first)]
    if rows:
        await connection.execute(_NOT_DUE, *([row[name] for row in rows] for name in ("employee_id", "work_date")))
    return rows


async def counters(connection: Connection) -> list[dict[str, Any]]:
    """Counters that are no units any more although they were not announced as closed, as they were announced.
    Remembered as closed from now on."""
    rows = [dict(row) for row in await connection.fetch(_COUNTERS)]
    if rows:
        await connection.execute(_CLOSED, [row["unit_id"] for row in rows])
    return rows
