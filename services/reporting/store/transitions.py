"""What the transitions ticker reads and writes: which person-days are due, and what their steps say of them."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from services.reporting.domain.counters import Standing, Status
from services.reporting.store import counter_days, counters, planner, rebuild
from services.reporting.store.duties import all_pending
from shared.database import Tx
from shared.dates import local_date
from shared.events.base import LAST_DATE

# The dates of `published_day`, from one to the next by its index, however many people each has.
_DATES = """
    with recursive dates as (
        (select work_date from published_day where work_date >= $1 order by work_date limit 1)
        union all
        select (
            select next.work_date from published_day as next
            where next.work_date > dates.work_date order by next.work_date limit 1
        )
        from dates where dates.work_date is not null
    )
    select work_date from dates
    where work_date <= $4 and exists (
        select from published_day as published
        where published.work_date = dates.work_date and published.due_at <= $3
    )
    order by abs(work_date - $2::date), work_date
"""
# Whoever is touched is announced when their steps are computed: until then these say what is not so any more.
_DUE = """
    select employee_id from published_day as published
    where work_date = $1 and due_at <= $2 and not exists (
        select from touched
        where touched.work_date = published.work_date and touched.employee_id = published.employee_id
    ) and not exists (
        select from touched
        where touched.work_date = published.work_date and touched.employee_id is null
            and coalesce(touched.done_to < published.employee_id, true)
    ) and not exists (
        select from touched where touched.work_date is null and coalesce(touched.from_date <= $1, true)
    )
    order by due_at limit $3
    for update of published skip locked
"""
# `previous` of a person-day never seen before: `pending` while the local date on which it ends is not over,
# because this morning it was so; else its first state, which is no transition.
_LOOK = f"""
    with looked as materialized (
        select published.employee_id, day.opd_code, day.rules_version, published.revision,
            day.codes[step.place] as code, coalesce(day.since[step.place + 1], 'infinity') as due_at,
            coalesce(published.code, case
                when coalesce((day.ends_at at time zone 'Asia/Jakarta')::date, $1) >= $3
                then {all_pending("day.codes[step.place]")}
                else day.codes[step.place]
            end)::smallint as previous
        from unnest($4::uuid[]) as due(employee_id)
            join published_day as published
                on published.work_date = $1 and published.employee_id = due.employee_id
            left join person_day as day on day.work_date = $1 and day.employee_id = due.employee_id
            cross join lateral (select width_bucket($2::timestamptz, day.since) as place) as step
    ), written as (
        update published_day as published
        set code = coalesce(looked.code, published.code), due_at = looked.due_at,
            revision = looked.revision + coalesce(looked.code <> looked.previous, false)::int
        from looked
        where published.work_date = $1 and published.employee_id = looked.employee_id
    )
    select employee_id, opd_code, $1::date as work_date, rules_version, revision + 1 as revision, previous, code
    from looked where code <> previous order by employee_id
"""  # noqa: S608 - names of the contract
_ANNOUNCED = "select unit_id, status from published_coverage"
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

# A row that is due is looked at in a moment, whatever it says.
_OVERLOOKED = """
    select day.employee_id
    from person_day as day
        cross join lateral (select width_bucket($2::timestamptz, day.since) as place) as step
        left join published_day as published
            on published.work_date = $1 and published.employee_id = day.employee_id
    where day.work_date = $1 and (published.employee_id is null or published.due_at > $2 and (
        published.code is distinct from day.codes[step.place]
        or published.due_at > coalesce(day.since[step.place + 1], 'infinity')
    ))
    order by day.employee_id
"""
_LOOK_AGAIN = """
    insert into published_day (work_date, employee_id, revision, due_at)
    select d, p, 0, '-infinity' from unnest($1::date[], $2::uuid[]) as given(d, p) order by d, p
    on conflict (work_date, employee_id) do update set due_at = excluded.due_at
"""


class DayChange(NamedTuple):
    """A person-day whose states are no longer those last announced: both as domain/figures.py numbers them."""

    employee_id: UUID
    opd_code: str
    work_date: dt.date
    rules_version: str | None
    revision: int
    previous: int
    code: int


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
    return await rebuild.may_follow(tx, "hadir.transitions")


async def forget(tx: Tx, first: dt.date) -> None:
    """What was announced of dates long before `first`, the first that anything is announced of."""
    # Twice the time, so that a clock set back by a few days announces nothing again.
    await tx.connection.execute("delete from published_day where work_date < $1", first - dt.timedelta(days=35))


async def dates_due(tx: Tx, first: dt.date, today: dt.date, now: dt.datetime) -> list[dt.date]:
    """Work dates from `first` on of which a person-day is due, nearest to today first."""
    # Facts of older versions may hold dates that no calendar has; nothing is ever announced of them.
    return [row["work_date"] for row in await tx.connection.fetch(_DATES, first, today, now, LAST_DATE)]


async def take_due(tx: Tx, date: dt.date, now: dt.datetime, limit: int) -> list[UUID]:
    """At most `limit` people whose date is due, kept from everyone else until the transaction ends.

    Their steps are read by a later statement: whoever computes them anew waits here, and what they have computed
    before is seen then.
    """
    await planner.by_key(tx)
    return [row["employee_id"] for row in await tx.connection.fetch(_DUE, date, now, limit)]


async def look(tx: Tx, date: dt.date, people: Sequence[UUID], now: dt.datetime, today: dt.date) -> list[DayChange]:
    """What changed in these people's date since it was announced; kept as announced, with the next instant due.

    The first look at a date that is over finds no change.
    """
    return [DayChange(**row) for row in await tx.connection.fetch(_LOOK, date, now, today, people)]


async def overlooked(tx: Tx, date: dt.date, now: dt.datetime) -> list[UUID]:
    """Of whom something else was announced than their steps say, or nothing, and nothing makes the ticker look
    again when it should. Of a date from which on things are announced."""
    await planner.whole_dates(tx)
    return [row["employee_id"] for row in await tx.connection.fetch(_OVERLOOKED, date, now)]


async def look_again(tx: Tx, days: Collection[tuple[dt.date, UUID]]) -> None:
    """Have the ticker look at these person-days in its next round."""
    await tx.connection.execute(_LOOK_AGAIN, [date for date, _ in days], [person for _, person in days])


async def units(tx: Tx) -> list[str]:
    """The ids of all units."""
    return [row["unit_id"] for row in await tx.connection.fetch("select unit_id from fact_unit order by unit_id")]


async def cover(
    tx: Tx,
    today: dt.date,
    now: dt.datetime,
    only: Sequence[str] | None = None,
    *,
    left_out: set[str] | None = None,
    needed_since: dt.datetime | None = None,
) -> list[CounterChange]:
    """Service points whose status differs from what was announced; remembered as announced from now on.

    A unit never seen, or no longer a service point, is closed. `only`: of these units. `left_out`: those that were
    not counted in the round before and were left to whoever counts them; now those of this round. Without it
    everything that is not counted is counted here. `needed_since`: what needs another number of people than at
    that instant is left as it was announced: who comes for the opening may still be on their way.
    """
    found, missing = await counters.looked_up(tx, today, now, unit_ids=only)
    if left_out is not None:
        missing = sorted(counters.waited(missing, left_out))
    found += await counters.afresh(tx, today, now, missing)
    await counter_days.want(tx, today)
    if needed_since is not None and needed_since < now:
        found = await _as_needed(tx, found, needed_since)
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


async def _as_needed(tx: Tx, found: Sequence[Standing], since: dt.datetime) -> list[Standing]:
    """Without those that would be announced, and need another number of people than they did at `since`."""
    announced = {row["unit_id"]: row["status"] for row in await tx.connection.fetch(_ANNOUNCED)}
    others = {one.point.unit_id for one in found if one.status != announced.get(one.point.unit_id, "closed")}
    if not others:
        return list(found)
    before, _ = await counters.looked_up(tx, local_date(since), since, unit_ids=others)
    required = {one.point.unit_id: one.required for one in before}
    return [one for one in found if required.get(one.point.unit_id, one.required) == one.required]
