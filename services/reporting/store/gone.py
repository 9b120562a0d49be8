"""Facts that were taken out with a disowned event, and what had been announced of them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from services.reporting.domain.figures import NOTHING_DUE
from services.reporting.store.transitions import CounterChange, DayChange
from shared.database import Tx

_PLANS = """
    insert into gone_plan select * from unnest($1::uuid[], $2::date[], $3::text[])
    on conflict (employee_id, work_date) do update set opd_code = excluded.opd_code
"""
_UNITS = """
    insert into gone_unit select * from unnest($1::text[], $2::text[])
    on conflict (unit_id) do update set opd_code = excluded.opd_code
"""
_DAYS = """
    with gone as (delete from gone_plan returning employee_id, work_date, opd_code), said as (
        select published.*, gone.opd_code
        from gone join published_day as published using (employee_id, work_date)
        where work_date >= $1 and published.code <> $2 and not exists (
            select from fact_plan as plan
            where plan.employee_id = gone.employee_id and plan.work_date = gone.work_date
        )
    ), written as (
        update published_day as published set code = $2, revision = published.revision + 1
        from said
        where published.employee_id = said.employee_id and published.work_date = said.work_date
    )
    select employee_id, opd_code, work_date, null as rules_version, revision + 1 as revision,
        code as previous, $2::smallint as code
    from said order by work_date, employee_id
"""
_COUNTERS = """
    with gone as (delete from gone_unit returning unit_id, opd_code), said as (
        select published.*, gone.opd_code from gone join published_coverage as published using (unit_id)
        where status <> 'closed' and not exists (select from fact_unit as unit where unit.unit_id = gone.unit_id)
    ), written as (
        update published_coverage as published set status = 'closed', revision = published.revision + 1
        from said where published.unit_id = said.unit_id
    )
    select unit_id, opd_code, revision + 1 as revision, 'closed' as status, status as previous,
        0 as required, 0 as present_low, 0 as present_high
    from said order by unit_id
"""


async def note_plans(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember plans that were taken out, as rows of `fact_plan`."""
    columns = [[row[name] for row in rows] for name in ("employee_id", "work_date", "opd_code")]
    await tx.connection.execute(_PLANS, *columns)


async def note_units(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Remember units that were taken out, as rows of `fact_unit`."""
    await tx.connection.execute(_UNITS, *([row[name] for row in rows] for name in ("unit_id", "opd_code")))


async def days(tx: Tx, first: dt.date) -> list[DayChange]:
    """Person-days from `first` on that have no plan any more, as far as more than `not_due` was announced of them.
    Remembered as `not_due` from now on."""
    return [DayChange(**row) for row in await tx.connection.fetch(_DAYS, first, NOTHING_DUE)]


async def counters(tx: Tx) -> list[CounterChange]:
    """Counters that are no units any more although they were not announced as closed. Remembered as closed from
    now on."""
    return [CounterChange(**row) for row in await tx.connection.fetch(_COUNTERS)]
