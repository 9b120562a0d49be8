"""What the transitions ticker reads and writes: one transaction for each work date it judges."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.reporting.domain.counters import Status
from services.reporting.store import counter_days, counters, planner
from services.reporting.store.duties import each_duty
from shared.database import Tx
from shared.events import Duty, State
from shared.events.base import LAST_DATE

# `previous` of a person-day never seen before: `pending` while the local date on which it ends is not over,
# because this morning it was so; else its first state, which is no transition.
_JUDGE = f"""
    with judged as materialized (
        select employee_id, work_date, opd_code, ends_at, rules_version, {each_duty()}, next_due
        from verdicts($1, $1, $2)
    ), compared as materialized (
        select judged.employee_id, judged.opd_code, judged.rules_version, {each_duty("judged.{duty}")},
            published.code is null as is_new, coalesce(published.revision, 0) as revision,
            {
    each_duty("coalesce(state_of(published.code, {place}), first_state(judged.{duty}, running)) as {duty}_before")
}
        from judged
            cross join lateral (
                select coalesce((judged.ends_at at time zone 'Asia/Jakarta')::date, judged.work_date) >= $3
                    as running
            ) as day
            left join published_day as published
                on published.work_date = $1 and published.employee_id = judged.employee_id
    ), changed as materialized (
        select compared.*, ({each_duty()}) <> ({each_duty("{duty}_before")}) as is_transition
        from compared
    ), written as (
        insert into published_day (work_date, employee_id, code, revision, due_at)
        select $1, employee_id, state_code({each_duty()}), revision + is_transition::int, '-infinity'
        from changed where is_new or is_transition
        on conflict (work_date, employee_id) do update set code = excluded.code, revision = excluded.revision
    ), due as (
        insert into next_due (work_date, due_at)
        select $1, coalesce(least(
            (select min(judged.next_due) from judged),
            -- facts from a clock ahead of ours count once their time has come
            (select min(at) from fact_punch where work_date = $1 and at > $2),
            (select min(submitted_at) from fact_report where work_date = $1 and submitted_at > $2),
            (select min(reviewed_at) from fact_review where work_date = $1 and reviewed_at > $2)
        ), 'infinity')
        on conflict (work_date) do update set due_at = excluded.due_at
    )
    select changed.employee_id, changed.opd_code, $1::date as work_date, changed.rules_version,
        changed.revision + 1 as revision, side.duty, side.previous, side.state
    from changed cross join lateral (
        values {each_duty("({place}, '{duty}', {duty}_before, {duty})")}
    ) as side(place, duty, previous, state)
    where changed.is_transition and side.previous <> side.state
    order by changed.employee_id, side.place
"""  # noqa: S608 - names of the contract
_COVER = """
    with covered as (
        select * from unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::int[])
            as covered(unit_id, status, required, present_low, present_high)
    ), compared as materialized (
        select unit.unit_id, unit.opd_code, coalesce(published.status, 'closed') as previous,
            coalesce(covered.status, 'closed') as status, coalesce(covered.required, 0) as required,
            coalesce(covered.present_low, 0) as present_low, coalesce(covered.present_high, 0) as present_high,
            coalesce(published.revision, 0) + 1 as revision
        from fact_unit as unit
            left join covered on covered.unit_id = unit.unit_id
            left join published_coverage as published on published.unit_id = unit.unit_id
        where ($1::text[] is null or unit.unit_id = any($1))
            -- A service point that became one a moment ago is compared the next time.
            and (covered.unit_id is not null or not unit.is_service_point)
    ), written as (
        insert into published_coverage (unit_id, status, revision)
        select unit_id, status, revision from compared where status <> previous
        on conflict (unit_id) do update set status = excluded.status, revision = excluded.revision
    )
    select unit_id, opd_code, revision, status, previous, required, present_low, present_high
    from compared where status <> previous order by unit_id
"""


class DutyChange(NamedTuple):
    """One duty of a person-day that is no longer in the state last announced."""

    employee_id: UUID
    opd_code: str
    work_date: dt.date
    rules_version: str | None
    revision: int
    duty: Duty
    previous: State
    state: State


class CounterChange(NamedTuple):
    """A service point that no longer stands as was last announced."""

    unit_id: str
    opd_code: str
    revision: int
    status: Status
    previous: Status
    required: int
    present_low: int
    present_high: int


async def may_announce(tx: Tx) -> bool:
    """Take the ticker's lock for this transaction: false if another ticker has it or a rebuild is not done."""
    locked = await tx.connection.fetchval("select pg_try_advisory_xact_lock(hashtext('hadir.transitions'))")
    return bool(locked) and not await tx.connection.fetchval("select exists (select from rebuilding)")


async def tidy(tx: Tx, first: dt.date) -> None:
    """Turn a touch of every date into the dates from `first` on that have plans; forget what is long past."""
    # Facts of older versions may hold dates that no calendar has; nothing is ever judged for them.
    await tx.connection.execute(
        "delete from touched_date where work_date < $1 or work_date > $2", first, LAST_DATE
    )
    # Twice the time, so that a clock set back by a few days announces nothing again.
    long_past = first - dt.timedelta(days=35)
    await tx.connection.execute("delete from next_due where work_date < $1", long_past)
    await tx.connection.execute("delete from published_day where work_date < $1", long_past)
    if await tx.connection.fetchval(
        "with gone as (delete from touched_date where work_date is null returning 1) select count(*) from gone"
    ):
        await tx.connection.execute(
            """
            insert into touched_date (work_date)
            select distinct work_date from fact_plan where work_date between $1 and $2
            """,
            first,
            LAST_DATE,
        )


async def dates_to_judge(tx: Tx, first: dt.date, today: dt.date, now: dt.datetime) -> list[dt.date]:
    """Work dates from `first` on whose facts changed or whose next instant has come, nearest to today first."""
    rows = await tx.connection.fetch(
        """
        select work_date from (
            select work_date from touched_date
            union select work_date from next_due where due_at <= $3
        ) as dates
        where work_date between $1 and $4
        order by case when isfinite(work_date) then abs(work_date - $2::date) end, work_date
        """,
        first,
        today,
        now,
        LAST_DATE,
    )
    return [row["work_date"] for row in rows]


async def judge(tx: Tx, date: dt.date, now: dt.datetime, today: dt.date) -> list[DutyChange]:
    """Judge one work date, remember it as announced, and return each duty whose state changed."""
    await planner.whole_dates(tx)
    # Taken away before the facts are read: what is folded after that touches the date anew.
    await tx.connection.execute("delete from touched_date where work_date = $1", date)
    return [DutyChange(**row) for row in await tx.connection.fetch(_JUDGE, date, now, today)]


async def units(tx: Tx) -> list[str]:
    """The ids of all units."""
    return [row["unit_id"] for row in await tx.connection.fetch("select unit_id from fact_unit order by unit_id")]


async def cover(
    tx: Tx, today: dt.date, now: dt.datetime, only: Sequence[str] | None = None
) -> list[CounterChange]:
    """Service points whose status differs from what was announced; remembered as announced from now on.

    A unit never seen, or no longer a service point, is closed. `only`: of these units.
    """
    found = await counters.standings(tx, today, now, unit_ids=only)
    await counter_days.want(tx, today)
    rows = await tx.connection.fetch(
        _COVER,
        only,
        [standing.point.unit_id for standing in found],
        [standing.status for standing in found],
        [standing.required for standing in found],
        [standing.present_low for standing in found],
        [standing.present_high for standing in found],
    )
    return [CounterChange(**row) for row in rows]
