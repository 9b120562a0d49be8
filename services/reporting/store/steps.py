"""The queue of what is to be computed anew, and computing it: the steps of person-days (`person_day`,
and in store/output.py what their reports come to).

A fold notes in its own transaction what it touched. A drain takes touched rows out first and reads the facts in a
later statement, whose snapshot is newer: so it sees what every fold wrote that touched a row before it was taken.
A fold that touches a row which a drain has taken waits for that drain's commit and then puts it in again: for this
its conflicts are `do update`, never `do nothing`. Two drains never work on one person-day or one counter's date at
the same time, and what the later one writes comes from the newer facts.

A counter is touched by many, and takes longer: so its row stays while it is counted, and who touches it again
does not wait. It goes when it is counted, if it is still the version that was read before. A lock keeps two drains
apart.
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.reporting.store import output, planner
from shared.database import Tx
from shared.events.base import FIRST_DATE, LAST_DATE
from shared.facts import Noting

_MOST_DAYS = 60
"""A person-day that claims to last longer reaches counters day by day only so far; see `_COMPUTE`."""

_AGAIN = """
    on conflict (work_date, employee_id) do update set work_date = excluded.work_date, done_to = null,
        checked_in_at = least(touched.checked_in_at, excluded.checked_in_at),
        from_date = case when touched.from_date is not null and excluded.from_date is not null
            then least(touched.from_date, excluded.from_date) end
"""


def _noting(columns: Sequence[str], rows: str, also: str = "") -> Noting:
    # A rebuild computes everything when it ends, and its end waits for whoever has seen here that it runs.
    return Noting(
        tuple(columns),
        f"""
        insert into touched (work_date, employee_id, from_date{also})
        select * from ({rows}) as touching(work_date, employee_id, from_date{also})
        where not exists (select from rebuilding where unfinished for key share)
        order by work_date, employee_id {_AGAIN}
        """,  # noqa: S608 - constants of this file
    )


PERSON_DAY = _noting(("work_date", "employee_id"), "select work_date, employee_id, null::date from changed")
"""What a fold notes of plans, reports and reviews: whose day it is, and was."""
CHECKED_IN = _noting(
    ("work_date", "employee_id", "received_at"),
    "select work_date, employee_id, null::date, min(received_at) from changed group by work_date, employee_id",
    ", checked_in_at",
)
"""What it notes of punches: the same, and when the first of them was accepted."""
VOIDED = _noting(
    ("punch_id", "work_date", "employee_id"),
    # The punch may lie on another person-day than its void says.
    """
    select work_date, employee_id, null::date from changed
    union
    select punch.work_date, punch.employee_id, null from changed join fact_punch as punch using (punch_id)
    """,
)
DOWN = _noting(
    ("starts_at", "ends_at"),
    # A plan begins within a day of its work date and lasts two at most; its cutoff lies on the date it ends on.
    """
    with span as (
        select (starts_at at time zone 'Asia/Jakarta')::date - 5
                - (select coalesce(max(tolerance_minutes), 0) / 1440 from fact_rules) as first,
            (ends_at at time zone 'Asia/Jakarta')::date + 2 as last
        from changed where isfinite(starts_at) and isfinite(ends_at)
    )
    select distinct span.first + i, null::uuid, null::date
    from span cross join lateral generate_series(0, span.last - span.first) as i
    where span.last - span.first <= 100
    union all
    select null, null, min(span.first) from span where span.last - span.first > 100 having count(*) > 0
    """,
)
RULES = _noting(
    ("effective_from",),
    "select null::date, null::uuid, min(effective_from) from changed having count(*) > 0",
)
CALENDAR = _noting(("year",), "select distinct null::date, null::uuid, null::date from changed")

_WAITS = "select pg_advisory_xact_lock(hashtext('hadir.counters'))"
_SHARES = """
    select pg_advisory_xact_lock_shared(hashtext('hadir.counters')),
        exists (select from rebuilding where unfinished) as rebuilding
"""
_TOUCH_UNITS = f"""
    insert into touched_counter (day, unit_id)
    select day, unit_id from counter_day where unit_id = any($1)
    union
    select work_date, unit_id from fact_plan where unit_id = any($1) and mode = 'WFO'
        and work_date between '{FIRST_DATE}' and '{LAST_DATE}'
    order by 1, 2
    on conflict (day, unit_id) do update set day = excluded.day
"""  # noqa: S608 - constants
_TOUCH = f"""
    insert into touched (work_date, employee_id) select * from unnest($1::date[], $2::uuid[]) as given(d, p)
    order by d, p {_AGAIN}
"""  # noqa: S608 - constants of this file

# Each end of the index is read no further than to the first row that nobody else has taken.
_NEAREST = """
    select work_date{also} from (
        select * from (
            select work_date{also} from touched
            where work_date between $1::date and {last} and {which} {but}
            order by work_date, employee_id limit 1 for update skip locked
        ) as later
        union all
        select * from (
            select work_date{also} from touched
            where work_date >= {first} and work_date < $1::date and {which} {but}
            order by work_date desc, employee_id limit 1 for update skip locked
        ) as earlier
    ) as nearest order by abs(work_date - $1::date), work_date limit 1
"""
_BUT = """and not exists (
    select from unnest($2::date[], $3::uuid[]) as bad(d, p) where d = touched.work_date and p = touched.employee_id
)"""
_BOUNDS = {"first": f"date '{FIRST_DATE}'", "last": f"date '{LAST_DATE}'"}
_NEAREST_PEOPLE = _NEAREST.format(also="", which="employee_id is not null", but=_BUT, **_BOUNDS)
_NEAREST_DATE = _NEAREST.format(also=", done_to", which="employee_id is null", but="", **_BOUNDS)
_TAKE_PEOPLE = f"""
    delete from touched where ctid = any (array(
        select ctid from touched
        where work_date = $1 and employee_id is not null {_BUT}
        order by work_date, employee_id limit $4 for update skip locked
    )) returning employee_id, checked_in_at
"""  # noqa: S608 - constants of this file
_TAKE_THESE = """
    delete from touched where ctid = any (array(
        select touched.ctid from unnest($2::uuid[]) as these(id) join touched
            on touched.work_date = $1 and touched.employee_id = these.id
        order by touched.employee_id for update of touched skip locked
    )) returning employee_id
"""
# What failed in the first days of the calendar touches days before them, which Python has no date for.
_SPLIT = f"""
    delete from touched where ctid = any (array(
        select ctid from touched where work_date is null for update skip locked
    )) returning case when from_date is not null then greatest(from_date, date '{FIRST_DATE}') end as from_date
"""  # noqa: S608 - a constant
_EVERY_DATE = """
    with recursive planned as (
        select min(work_date) as date from fact_plan where work_date >= $1
        union all
        select (select min(work_date) from fact_plan where work_date > planned.date) from planned
        where planned.date < $2
    ), computed as (
        select min(work_date) as date from person_day where work_date >= $1
        union all
        select (select min(work_date) from person_day where work_date > computed.date) from computed
        where computed.date < $2
    ), counted as (
        select min(day) as date from counter_day where day >= $1
        union all
        select (select min(day) from counter_day where day > counted.date) from counted
        where counted.date < $2
    )
    select date from planned where date <= $2
    union select date from computed where date <= $2
    union select date from counted where date <= $2
    order by date
"""
_TOUCH_DATES = f"insert into touched (work_date) select unnest($1::date[]) order by 1 {_AGAIN}"
_OF_DATE = f"""
    select employee_id from (
        (select employee_id from fact_plan
        where work_date = $1 and employee_id >= coalesce($2::uuid, '{UUID(int=0)}')
            and employee_id is distinct from $2
        order by work_date, employee_id limit $3)
        union
        (select employee_id from person_day
        where work_date = $1 and employee_id >= coalesce($2::uuid, '{UUID(int=0)}')
            and employee_id is distinct from $2
        order by work_date, employee_id limit $3)
    ) as people order by employee_id limit $3
"""  # noqa: S608 - a constant
# Who computes single people of a date and who works the whole date off wait for each other: of two who write a
# person-day the later one has to have the newer facts.
_OF_DATE_KEY = "hashtext('hadir.steps'), $1::date - date '2000-01-01'"
_SOME_OF_DATE = f"select pg_advisory_xact_lock_shared({_OF_DATE_KEY})"
_ALL_OF_DATE = f"select pg_advisory_xact_lock({_OF_DATE_KEY})"
_ADVANCE = "update touched set done_to = $2 where work_date = $1 and employee_id is null"
_LOCK_DATE = """
    select done_to from touched where work_date = $1 and employee_id is null for update
"""
_END_DATE = """
    with gone as (
        delete from touched where work_date = $1 and employee_id is null
    ), rebuilt as (
        delete from rebuilding where not unfinished and not exists (
            select from touched where employee_id is null and work_date is distinct from $1
        )
    )
    insert into touched_counter (day, unit_id)
    select $1, unit_id from fact_unit where is_service_point
    union select day, unit_id from counter_day where day = $1
    order by 1, 2
    on conflict (day, unit_id) do update set day = excluded.day
"""

KEPT = ("opd_code", "unit_id", "mode", "starts_at", "ends_at", "rules_version", "since", "codes",
         "first_day", "last_day")  # fmt: skip


def _kept(table: str) -> str:
    return ", ".join(f"{table}.{name}" for name in KEPT)


# Everything that is looked up is looked up by person, whatever the planner believes of the size of a date. What is
# as it was is not written. A person-day that has no plan any more loses its row. The counters that it was seen at,
# or will be, are to be counted anew on each of its dates; if it claims to stand for months, on the first of them.
_COMPUTE = f"""
    with step as materialized (
        select * from verdict_steps($1, $1, $2)
    ), before as materialized (
        select old.* from unnest($2::uuid[]) as person(id) cross join lateral (
            select old.ctid as place, old.* from person_day as old
            where old.work_date = $1 and old.employee_id = person.id
            offset 0
        ) as old
    ), gone as (
        delete from person_day where work_date = $1 and ctid = any (array(
            select before.place from before
            where not exists (select from step where step.employee_id = before.employee_id)
        ))
        returning employee_id
    ), written as (
        insert into person_day as old (work_date, employee_id, {", ".join(KEPT)})
        select step.work_date, step.employee_id, {_kept("step")}
        from step left join before on before.employee_id = step.employee_id
        where before.employee_id is null or ({_kept("step")}) is distinct from ({_kept("before")})
        order by step.employee_id
        on conflict (work_date, employee_id) do update
            set {", ".join(f"{name} = excluded.{name}" for name in KEPT)}
        returning old.employee_id
    ), due as (
        insert into published_day (work_date, employee_id, revision, due_at)
        select $1, written.employee_id, 0, '-infinity' from written where $1 >= $3 order by written.employee_id
        on conflict (work_date, employee_id) do update set due_at = excluded.due_at
    ), counter as (
        insert into touched_counter (day, unit_id)
        select distinct reached.first_day + i, reached.unit_id
        from (
                select step.unit_id, step.first_day, step.last_day from step where step.mode = 'WFO'
                union
                select before.unit_id, before.first_day, before.last_day from before where before.mode = 'WFO'
            ) as reached
            join fact_unit as unit on unit.unit_id = reached.unit_id and unit.is_service_point
            cross join lateral generate_series(
                0, least(reached.last_day - reached.first_day, {_MOST_DAYS})
            ) as i
        where not $4 or reached.first_day + i <> $1
        order by 1, 2
        on conflict (day, unit_id) do update set day = excluded.day
    )
    select employee_id, false as has_output from written union all select employee_id, false from gone
    union all select employee_id, true from ({output.WHOSE}) as reporter
"""  # noqa: S608 - constants of this file

_NEAREST_COUNTERS = """
    select day from (
        (select day from touched_counter where day >= $1::date and unit_id <> all ($2) order by day limit 1)
        union all
        (select day from touched_counter where day < $1::date and unit_id <> all ($2) order by day desc limit 1)
    ) as nearest order by abs(day - $1::date), day limit 1
"""
_MINE = "pg_try_advisory_xact_lock(hashtext('hadir.counter'), hashtext(unit_id || day))"
# Of each row it is tried to lock it, in order, until there are enough: beyond those that others have in hand.
_TAKE_COUNTERS = f"""
    select day, unit_id, version from (
        select day, unit_id, xmin as version from touched_counter
        where day between $1::date - $2::int and $1::date + $2::int and unit_id <> all ($3)
        order by abs(day - $1::date), day, unit_id limit 10 * $4::int
    ) as next where {_MINE} limit $4
"""  # noqa: S608 - constants of this file
_TAKE_THESE_COUNTERS = f"""
    select day, unit_id, version from (
        select day, unit_id, touched_counter.xmin as version
        from unnest($1::date[], $2::text[]) as these(day, unit_id) join touched_counter using (day, unit_id)
        order by day, unit_id offset 0
    ) as next where {_MINE}
"""  # noqa: S608 - constants of this file
_COUNTED = """
    delete from touched_counter where ctid = any (array(
        select still.ctid
        from unnest($1::date[], $2::text[], $3::xid[]) as done(day, unit_id, version) cross join lateral (
            select touched_counter.ctid from touched_counter
            where touched_counter.day = done.day and touched_counter.unit_id = done.unit_id
                and touched_counter.xmin = done.version
            offset 0 for update
        ) as still
    ))
"""


class Taken(NamedTuple):
    """Person-days of a date that were taken, and when the check-ins that touched them were accepted (business
    time)."""

    date: dt.date
    people: list[UUID]
    checked_in: list[dt.datetime]


class Date(NamedTuple):
    """A whole date that is being worked off; whoever is not after `done_to` has been computed."""

    date: dt.date
    done_to: UUID | None


class Counter(NamedTuple):
    """A counter's local date."""

    day: dt.date
    unit_id: str


async def touch(tx: Tx, days: Collection[tuple[dt.date | None, UUID | None]]) -> None:
    """These person-days are to be computed anew; (date, None): everyone and every counter of the date;
    (None, None): every date."""
    await tx.connection.execute(_TOUCH, [date for date, _ in days], [person for _, person in days])


async def touch_rows(tx: Tx, table: str, noting: Noting, rows: Sequence[dict[str, Any]]) -> None:
    """What a fold would note of rows of a fact table that were taken out."""
    columns = ", ".join(noting.columns)
    await tx.connection.execute(
        f"with changed as (select distinct {columns} from jsonb_populate_recordset(null::{table}, $1::jsonb)) "  # noqa: S608 - declared names
        + noting.statement,
        json.dumps([{name: row[name] for name in noting.columns} for row in rows], default=str),
    )


async def touch_counters(tx: Tx, days: Collection[Counter]) -> None:
    """These counters' dates are to be counted anew."""
    await tx.connection.execute(
        "insert into touched_counter select * from unnest($1::date[], $2::text[]) as given(day, unit) "
        "order by 1, 2 on conflict (day, unit_id) do update set day = excluded.day",
        [day for day, _ in days],
        [unit_id for _, unit_id in days],
    )


async def touch_units(tx: Tx, unit_ids: Collection[str]) -> None:
    """Every date of these units is to be counted anew. Waits for whoever counts, and they wait for this
    transaction: so no date is counted from what the unit was."""
    await tx.connection.execute(_WAITS)
    await tx.connection.execute(_TOUCH_UNITS, list(unit_ids))


async def may_compute(tx: Tx) -> bool:
    """Said first in each transaction that computes: false while a rebuild is not done."""
    row = await tx.connection.fetchrow(_SHARES)
    return row is not None and not row["rebuilding"]


async def take_people(tx: Tx, today: dt.date, limit: int, but: Collection[tuple[dt.date, UUID]]) -> Taken | None:
    """Take at most so many touched person-days of one date, the nearest to today, but not those of `but`."""
    bad = [date for date, _ in but], [person for _, person in but]
    date = await tx.connection.fetchval(_NEAREST_PEOPLE, today, *bad)
    if date is None:
        return None
    await tx.connection.execute(_SOME_OF_DATE, date)
    rows = await tx.connection.fetch(_TAKE_PEOPLE, date, *bad, limit)
    checked_in = [row["checked_in_at"] for row in rows if row["checked_in_at"] is not None]
    return Taken(date, [row["employee_id"] for row in rows], checked_in)


async def take_these(tx: Tx, date: dt.date, people: Sequence[UUID]) -> list[UUID]:
    """Take those of these person-days that are touched and that nobody else has taken."""
    await tx.connection.execute(_SOME_OF_DATE, date)
    return [row["employee_id"] for row in await tx.connection.fetch(_TAKE_THESE, date, list(people))]


async def take_date(tx: Tx, today: dt.date) -> Date | None:
    """Lock the whole date nearest to today that is touched; None without any."""
    row = await tx.connection.fetchrow(_NEAREST_DATE, today)
    if row is None:
        return None
    await tx.connection.execute(_ALL_OF_DATE, row["work_date"])
    return Date(row["work_date"], row["done_to"])


async def lock_date(tx: Tx, date: Date) -> bool:
    """Lock a whole date; whether it still stands where it stood."""
    row = await tx.connection.fetchrow(_LOCK_DATE, date.date)
    await tx.connection.execute(_ALL_OF_DATE, date.date)
    return row is not None and row["done_to"] == date.done_to


async def people_of(tx: Tx, date: Date, limit: int) -> list[UUID]:
    """The next people of a whole date, at most so many."""
    rows = await tx.connection.fetch(_OF_DATE, date.date, date.done_to, limit)
    return [row["employee_id"] for row in rows]


async def advance(tx: Tx, date: dt.date, done_to: UUID) -> None:
    """Everyone of the date up to this person has been computed."""
    await tx.connection.execute(_ADVANCE, date, done_to)


async def end_date(tx: Tx, date: dt.date) -> None:
    """Everyone of the date has been computed: what is left of it is to count its counters."""
    await tx.connection.execute(_END_DATE, date)


async def split(tx: Tx) -> int:
    """Turn a touch of every date into the dates that there are; returns how many. Forgets dates that no calendar
    has: nothing is ever computed for them."""
    await tx.connection.execute(
        f"delete from touched where work_date < '{FIRST_DATE}' or work_date > '{LAST_DATE}'"  # noqa: S608 - constants
    )
    rows = await tx.connection.fetch(_SPLIT)
    if not rows:
        return 0
    since = [row["from_date"] for row in rows]
    first = FIRST_DATE if None in since else max(FIRST_DATE, min(since))
    dates = [row["date"] for row in await tx.connection.fetch(_EVERY_DATE, first, LAST_DATE)]
    await tx.connection.execute(_TOUCH_DATES, dates)
    return len(dates)


async def dates_left(tx: Tx) -> int:
    """How many dates are touched as a whole; a touch of every date counts as one."""
    return await tx.connection.fetchval("select count(*) from touched where employee_id is null")


async def nobody_computes(tx: Tx) -> None:
    """Wait for whoever computes, and keep everybody from it until this transaction ends."""
    await tx.connection.execute(_WAITS)


async def every_date(tx: Tx) -> list[dt.date]:
    """The dates that have a plan, a person-day or a counter's date, from the newest on."""
    rows = await tx.connection.fetch(_EVERY_DATE, FIRST_DATE, LAST_DATE)
    return [row["date"] for row in reversed(rows)]


async def compute(
    tx: Tx, date: dt.date, people: Sequence[UUID], announced_from: dt.date, *, whole: bool = False
) -> list[UUID]:
    """Compute the steps of person-days that this transaction has taken; returns those whose row is another now.

    Those of dates from `announced_from` on are to be looked at by the ticker. The counters they reach are to be
    counted, those of the date itself not if it is worked off as a `whole`: then all are, in the end.
    """
    await planner.some_people(tx)
    rows = await tx.connection.fetch(_COMPUTE, date, list(people), announced_from, whole)
    await output.compute(tx, date, [row["employee_id"] for row in rows if row["has_output"]])
    return [row["employee_id"] for row in rows if not row["has_output"]]


async def take_counters(
    tx: Tx, today: dt.date, limit: int, but: Collection[str] = (), *, within: int = 1
) -> dict[Counter, int]:
    """At most so many touched counters' dates, the nearest to today's first, but not those of some units; with the
    version of each touch, for `counted`. Nobody else counts them until this transaction ends.
    """
    nearest = await tx.connection.fetchval(_NEAREST_COUNTERS, today, list(but))
    if nearest is None:
        return {}
    rows = await tx.connection.fetch(_TAKE_COUNTERS, nearest, within, list(but), limit)
    return {Counter(row["day"], row["unit_id"]): row["version"] for row in rows}


async def take_these_counters(tx: Tx, counters: Collection[Counter]) -> dict[Counter, int]:
    """Those of these counters' dates that are touched and that nobody else counts; as `take_counters`."""
    days, units = [counter.day for counter in counters], [counter.unit_id for counter in counters]
    rows = await tx.connection.fetch(_TAKE_THESE_COUNTERS, days, units)
    return {Counter(row["day"], row["unit_id"]): row["version"] for row in rows}


async def counted(tx: Tx, taken: Mapping[Counter, int]) -> None:
    """These counters' dates were counted. Those that were touched again since they were taken stay touched."""
    days = sorted(taken)  # as whoever touches them locks them
    await tx.connection.execute(
        _COUNTED,
        [counter.day for counter in days],
        [counter.unit_id for counter in days],
        [taken[counter] for counter in days],
    )


async def anything(tx: Tx) -> bool:
    """Whether anyone is touched. By the index: the table is full of rows that have been worked off."""
    return bool(await tx.connection.fetchval("select true from touched order by work_date, employee_id limit 1"))
