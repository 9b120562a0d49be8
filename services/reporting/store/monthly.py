# ruff: noqa: S608 - statements are put together from constants of this file
"""What the person-days of a span came to: looked up in `person_day` with their punches, or judged afresh.

As in `store/figures.py`, whoever is touched is judged by verdicts.sql from the facts of the same snapshot.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.figures import STATES, States, states_of
from services.reporting.domain.monthly import Gap, Group, Mark
from services.reporting.store import planner, sparing
from services.reporting.store.duties import each_duty
from shared import failures
from shared.database import Tx
from shared.events import DUTIES, Mode
from shared.failures import Fault

SOME = 50
"""Up to so many people are looked up person-day by person-day, whatever the planner believes of a date's size."""
MOST_TOGETHER = 62
"""Touched dates of some people that are judged in one statement."""

_BASE = len(STATES)


def _is(duty: str, state: str) -> str:
    """Whether `code` (domain/figures.py, `code_of`) says so of a duty."""
    place = [*DUTIES].index(duty)  # pyright: ignore[reportArgumentType] - a name of this file
    return f"code / {_BASE**place} % {_BASE} = {STATES.index(state)}"  # pyright: ignore[reportArgumentType]


# Everywhere: $1 to $2 the work dates, $3 the instant, $4 the people or null. Those of whole dates $5, and these
# people of dates ($6, $7), are touched, and judged below.
_STEPS = """
    select held.work_date, held.employee_id, held.opd_code, held.mode, held.starts_at, held.ends_at,
        held.codes[width_bucket($3::timestamptz, held.since)] as code
    from {held} where held.work_date between $1 and $2 and held.work_date <> all($5::date[])
        and not exists (
            select from unnest($6::date[], $7::uuid[]) as waiting(day, person)
            where waiting.day = held.work_date and waiting.person = held.employee_id
        )
"""
_EVERYONE = _STEPS.format(held="person_day as held") + "and $4::uuid[] is null"
_MANY = _STEPS.format(held="person_day as held") + "and held.employee_id = any($4::uuid[])"
_FEW = _STEPS.format(
    held="""
    unnest($4::uuid[]) as person(id) cross join generate_series(0, $2::date - $1::date) as days(nth)
    cross join lateral (
        select * from person_day
        where person_day.work_date = $1::date + days.nth and person_day.employee_id = person.id
            and person_day.work_date between $1 and $2  -- so that no other month is planned for
        offset 0
    ) as held"""
)
_PUNCHES = """
    min(punch.at) filter (where punch.kind = 'in') as first_in_at,
    max(punch.at) filter (where punch.kind = 'out') as last_out_at
"""
_EACH_LOOKED_UP = f"""
    select judged.*, seen.* from ({{judged}}) as judged cross join lateral (
        select {_PUNCHES} from fact_punch as punch
        where punch.work_date = judged.work_date and punch.employee_id = judged.employee_id and punch.at <= $3
            and (select true from fact_void as void where void.punch_id = punch.punch_id) is null
    ) as seen
"""
_ALL_JOINED = f"""
    select judged.*, seen.first_in_at, seen.last_out_at from ({{judged}}) as judged left join (
        select punch.work_date, punch.employee_id, {_PUNCHES} from fact_punch as punch
        where punch.work_date between $1 and $2 and punch.at <= $3
            and ($4::uuid[] is null or punch.employee_id = any($4))
            and not exists (select from fact_void as void where void.punch_id = punch.punch_id)
        group by punch.work_date, punch.employee_id
    ) as seen using (work_date, employee_id)
"""
_JUDGED = f"""
    select work_date, employee_id, opd_code, mode, starts_at, ends_at, state_code({each_duty()}) as code,
        first_in_at, last_out_at
    from verdicts($1, $2, $3, $4)
"""
# Minutes are whole ones that are over, from the start of the plan and not from the end of the tolerance.
_MEASURED = f"""
    select work_date, employee_id, opd_code, mode, code,
        case when {_is("on_time", "not_met")} and first_in_at is not null
            then floor(extract(epoch from first_in_at - starts_at) / 60)::bigint end as late_minutes,
        case when {_is("hours", "not_met")} and last_out_at > first_in_at and last_out_at < ends_at
            then floor(extract(epoch from ends_at - last_out_at) / 60)::bigint end as early_minutes,
        {_is("on_time", "not_met")} and {_is("hours", "not_met")} and first_in_at is null as absent,
        case when not {_is("hours", "not_due")} and last_out_at > first_in_at
            then (extract(epoch from last_out_at - first_in_at) * 1000000)::bigint else 0 end as worked_us
    from ({{seen}}) as seen
"""
_GROUPS = """
    select employee_id, opd_code, mode, code, count(*) as days, sum(worked_us) as worked_us, max(work_date) as last
    from ({measured}) as measured group by employee_id, opd_code, mode, code
"""
_MARKED = f"""
    select * from ({{source}}) as judged where ({_is("on_time", "not_met")} or {_is("hours", "not_met")})
"""
_TOUCHED = """
    select work_date, employee_id, from_date from touched
    where work_date between $1 and $2 or work_date is null and coalesce(from_date <= $2, true)
"""
_PLANNED = """
    select distinct employee_id from fact_plan
    where work_date between $1 and $2 and ($3::uuid[] is null or employee_id = any($3))
    order by employee_id
"""
_UNBROKEN = """
    select gap.employee_id, gap.since, gap.until
    from unnest($1::uuid[], $2::date[], $3::date[]) as gap(employee_id, since, until)
    where not exists (
        select from fact_plan as plan
        where plan.employee_id = gap.employee_id and plan.mode <> 'OFF'
            and plan.work_date > gap.since and plan.work_date < gap.until
    )
"""
_OF_OPD = """
    select distinct employee_id from fact_plan
    where work_date between $1 and $2 and opd_code = $3 and ($4::uuid is null or employee_id > $4)
    order by employee_id limit $5
"""
_WITH_PLAN = "select distinct employee_id from fact_plan where work_date between $1 and $2 order by employee_id"


class _Touched(NamedTuple):
    """Whose steps are not computed yet: everyone's of whole dates, or some people's of others."""

    dates: frozenset[dt.date]
    people: Mapping[dt.date, frozenset[UUID]]


async def groups(
    tx: Tx, first: dt.date, last: dt.date, as_of: dt.datetime, people: Sequence[UUID] | None = None
) -> list[Group]:
    """The person-days of a span, of everyone or of `people`: those of an employee that are alike, together."""
    few = people is not None and len(people) <= SOME
    seen = (_EACH_LOOKED_UP if few else _ALL_JOINED).format(judged=_source(people))
    steps, afresh = (_GROUPS.format(measured=_MEASURED.format(seen=source)) for source in (seen, _JUDGED))
    rows = await _rows(tx, steps, afresh, first, last, as_of, people)
    return [
        Group(
            row["employee_id"],
            row["opd_code"],
            _states(row),
            row["days"],
            int(row["worked_us"]),  # PostgreSQL sums bigints as numeric
            row["last"],
        )
        for row in rows
    ]


async def marks(
    tx: Tx,
    first: dt.date,
    last: dt.date,
    as_of: dt.datetime,
    people: Sequence[UUID] | None = None,
) -> list[Mark]:
    """The person-days of a span on which on_time or hours was not met, of everyone or of `people`."""
    looked_up = _EACH_LOOKED_UP.format(judged=_MARKED.format(source=_source(people)))
    steps, afresh = (_MEASURED.format(seen=source) for source in (looked_up, _MARKED.format(source=_JUDGED)))
    return [
        Mark(
            row["employee_id"],
            row["work_date"],
            row["late_minutes"],
            row["early_minutes"],
            row["absent"],
        )
        for row in await _rows(tx, steps, afresh, first, last, as_of, people)
    ]


async def unbroken(tx: Tx, gaps: Sequence[Gap]) -> set[Gap]:
    """Those with no day between them that was planned otherwise than as a rest day."""
    await planner.some_people(tx)
    columns = [gap.employee_id for gap in gaps], [gap.since for gap in gaps], [gap.until for gap in gaps]
    rows = await tx.connection.fetch(_UNBROKEN, *columns) if gaps else []
    return {Gap(row["employee_id"], row["since"], row["until"]) for row in rows}


async def people_of_opd(  # noqa: PLR0917 - a page of a list
    tx: Tx, opd_code: str, first: dt.date, last: dt.date, after: UUID | None, limit: int | None
) -> list[UUID]:
    """Who has a plan in the span that names the OPD, by employee_id, at most `limit` after `after`."""
    rows = await tx.connection.fetch(_OF_OPD, first, last, opd_code, after, limit)
    return [row["employee_id"] for row in rows]


async def people(tx: Tx, first: dt.date, last: dt.date) -> list[UUID]:
    """Everyone with a plan in the span, by employee_id."""
    return [row["employee_id"] for row in await tx.connection.fetch(_WITH_PLAN, first, last)]


def _source(people: Sequence[UUID] | None) -> str:
    if people is None:
        return _EVERYONE
    return _FEW if len(people) <= SOME else _MANY


async def _rows(  # noqa: PLR0917 - whom, when
    tx: Tx,
    steps: str,
    afresh: str,
    first: dt.date,
    last: dt.date,
    as_of: dt.datetime,
    people: Sequence[UUID] | None,
) -> list[asyncpg.Record]:
    """What `steps` says of those who are not touched, and then `afresh` of those who are."""
    touched = await _touched(tx, first, last)
    waiting = [(date, person) for date, some in touched.people.items() for person in some]
    whom = None if people is None else list(people)
    few = people is not None and len(people) <= SOME
    await (planner.some_people(tx) if few else planner.whole_dates(tx))
    rows = await tx.connection.fetch(
        steps,
        first,
        last,
        as_of,
        whom,
        list(touched.dates),
        [date for date, _ in waiting],
        [person for _, person in waiting],
    )
    for since, until in _spans(touched.dates, MOST_TOGETHER if few else 1):
        rows += await _whole_dates(tx, afresh, since, until, as_of, whom)
    for date, some in sorted(touched.people.items()):
        theirs = some if people is None else some.intersection(people)
        rows += await _each(tx, afresh, date, date, as_of, sorted(theirs))
    return rows


async def _whole_dates(  # noqa: PLR0917 - whom, when
    tx: Tx, afresh: str, first: dt.date, last: dt.date, as_of: dt.datetime, people: list[UUID] | None
) -> list[asyncpg.Record]:
    if people is None:
        # One after another where somebody cannot be judged.
        try:
            async with tx.connection.transaction():
                await planner.whole_dates(tx)
                return await tx.connection.fetch(afresh, first, last, as_of, None)
        except Exception as error:
            if failures.fault_of(error) is not Fault.DATA:
                raise
    planned = [row["employee_id"] for row in await tx.connection.fetch(_PLANNED, first, last, people)]
    return await _each(tx, afresh, first, last, as_of, planned)


async def _each(  # noqa: PLR0917 - whom, when
    tx: Tx, afresh: str, first: dt.date, last: dt.date, as_of: dt.datetime, people: Sequence[UUID]
) -> list[asyncpg.Record]:
    async def judge(some: Sequence[UUID]) -> list[asyncpg.Record]:
        await planner.some_people(tx)
        return await tx.connection.fetch(afresh, first, last, as_of, list(some))

    return await sparing.each_that_can_be(tx, people, judge)


def _spans(dates: Collection[dt.date], most: int) -> list[tuple[dt.date, dt.date]]:
    """Dates as spans without a gap, of at most so many."""
    spans: list[tuple[dt.date, dt.date]] = []
    for date in sorted(dates):
        since, until = spans[-1] if spans else (date, dt.date.min)
        if date - until == dt.timedelta(1) and (date - since).days < most:
            spans[-1] = (since, date)
        else:
            spans.append((date, date))
    return spans


async def _touched(tx: Tx, first: dt.date, last: dt.date) -> _Touched:
    dates: set[dt.date] = set()
    some: dict[dt.date, set[UUID]] = {}
    for row in await tx.connection.fetch(_TOUCHED, first, last):
        if row["employee_id"] is not None:
            some.setdefault(row["work_date"], set()).add(row["employee_id"])
        elif row["work_date"] is not None:
            dates.add(row["work_date"])
        else:
            since = max(first, row["from_date"] or first)
            dates.update(since + dt.timedelta(nth) for nth in range((last - since).days + 1))
    return _Touched(frozenset(dates), {day: frozenset(who) for day, who in some.items() if day not in dates})


@cache
def _shared(mode: Mode, code: int) -> States:
    """The same object for the same states: a city's month has a hundred thousand of few kinds."""
    return States(mode, states_of(code))


def _states(row: asyncpg.Record) -> States:
    return _shared(row["mode"], row["code"])
