"""The states of one date's people, counted or one by one: looked up in `person_day`, or judged afresh.

Whoever is touched, so that their steps are not computed yet, is judged by verdicts.sql from the facts of the same
snapshot: what is read never depends on how far the steps have come.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.figures import Counted, States, states_of
from services.reporting.store import planner, sparing
from services.reporting.store.duties import each_duty
from shared import failures
from shared.database import Tx
from shared.failures import Fault

# Both: $1 the work date, $2 the instant, $3 the OPD or null.
_BY_STEPS = """
    select employee_id, opd_code, mode, codes[width_bucket($2::timestamptz, since)] as code,
        since[width_bucket($2::timestamptz, since) + 1] as next_due
    from person_day where work_date = $1 and {of} and {whom}
"""
# What is not asked for is looked at once, and not of each of 24,000 rows: that would be a fifth of the time.
_OF_OPD, _OF_ALL = "opd_code = $3", "$3::text is null"
_THESE, _BUT_THESE, _BUT_NOBODY = (
    "employee_id = any($4::uuid[])",
    "employee_id <> all($4::uuid[])",
    "cardinality($4::uuid[]) = 0",
)
# A rule may still give a state at the very instant of `next_due`, never after it.
_BY_FACTS = f"""
    select employee_id, opd_code, mode, state_code({each_duty()}) as code, least(
        greatest(next_due, $2::timestamptz + interval '1 microsecond'),
        (select min(at) from fact_punch as punch
        where punch.employee_id = verdict.employee_id and punch.work_date = $1 and punch.at > $2),
        (select min(submitted_at) from fact_report as report
        where report.employee_id = verdict.employee_id and report.work_date = $1 and report.submitted_at > $2),
        (select min(reviewed_at) from fact_review as review
        where review.employee_id = verdict.employee_id and review.work_date = $1 and review.reviewed_at > $2)
    ) as next_due
    from verdicts($1, $1, $2, $4::uuid[], $3) as verdict
"""  # noqa: S608 - names of the contract
# What is asked of each, with `judged` for the people.
_COUNTED = "select opd_code, mode, code, count(*) as n from ({}) as judged group by opd_code, mode, code"
_LISTED = """
    select * from ({}) as judged where $5::uuid is null or employee_id > $5 order by employee_id limit $6
"""
_PLANNED = "select employee_id from fact_plan where work_date = $1 order by employee_id"
_TOUCHED = """
    select count(*) filter (where employee_id is null) > 0 as everyone,
        coalesce(array_agg(employee_id) filter (where employee_id is not null), '{}') as people
    from touched where work_date = $1 or work_date is null and coalesce(from_date <= $1, true)
"""
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
_OPD_NAMES = """
    select distinct on (opd_code) opd_code, opd_name from fact_unit
    where $1::text is null or opd_code = $1
    order by opd_code, revision desc, ce_id desc
"""


class Judged(NamedTuple):
    """One person's date. `next_due`: the earliest later instant at which a state may be another one."""

    employee_id: UUID
    opd_code: str
    states: States
    next_due: dt.datetime | None


class Later(NamedTuple):
    """A fact from a clock ahead of ours: it counts from its instant on."""

    employee_id: UUID
    at: dt.datetime


class Touched(NamedTuple):
    """Whose steps of one date are not computed yet: everyone's, or those of some people."""

    everyone: bool
    people: frozenset[UUID]


async def counts(tx: Tx, date: dt.date, as_of: dt.datetime, opd_code: str | None = None) -> dict[str, Counted]:
    """How many people of each OPD, or of one, have the same states."""
    people: dict[str, Counted] = {}
    for row in await _judged(tx, _COUNTED, date, as_of, opd_code):
        people.setdefault(row["opd_code"], Counted())[_states(row)] += row["n"]
    return people


async def states(
    tx: Tx, date: dt.date, as_of: dt.datetime, people: Collection[UUID] | None = None
) -> list[Judged]:
    """The states of everyone with a plan for the date, or of those among `people` who have one."""
    rows = await _judged(tx, "{}", date, as_of, None, people=people)
    return [Judged(row["employee_id"], row["opd_code"], _states(row), row["next_due"]) for row in rows]


async def later(tx: Tx, date: dt.date, as_of: dt.datetime, people: Collection[UUID] | None = None) -> list[Later]:
    """The date's facts whose instant is still to come, of everyone or of `people`."""
    rows = await tx.connection.fetch(_LATER, date, as_of, None if people is None else list(people))
    return [Later(row["employee_id"], row["at"]) for row in rows]


async def of_opd(  # noqa: PLR0917 - a page of a list
    tx: Tx, opd_code: str, date: dt.date, as_of: dt.datetime, after: UUID | None, limit: int
) -> list[Judged]:
    """Those whose plan for the date names the OPD, by employee_id, at most `limit` after `after`."""
    rows = await _judged(tx, _LISTED, date, as_of, opd_code, more=(after, limit))
    people = [Judged(row["employee_id"], row["opd_code"], _states(row), row["next_due"]) for row in rows]
    return sorted(people, key=lambda person: person.employee_id)[:limit]


async def opd_names(tx: Tx, opd_code: str | None = None) -> dict[str, str]:
    """The name of every OPD that has a unit, or of one, by its code."""
    return {row["opd_code"]: row["opd_name"] for row in await tx.connection.fetch(_OPD_NAMES, opd_code)}


async def _judged(  # noqa: PLR0917 - whom, when
    tx: Tx,
    asked: str,
    date: dt.date,
    as_of: dt.datetime,
    opd_code: str | None = None,
    people: Collection[UUID] | None = None,
    more: Sequence[object] = (),
) -> list[asyncpg.Record]:
    """What is `asked` of those who are not touched, and then of those who are."""
    touched = await touched_of(tx, date)
    of = _OF_ALL if opd_code is None else _OF_OPD
    if touched.everyone:
        afresh = None if people is None else list(people)
        rows: list[asyncpg.Record] = []
    elif people is None:
        afresh = list(touched.people)
        untouched = _BY_STEPS.format(of=of, whom=_BUT_THESE if afresh else _BUT_NOBODY)
        rows = await tx.connection.fetch(asked.format(untouched), date, as_of, opd_code, afresh, *more)
    else:
        afresh = list(set(people) & touched.people)
        known = list(set(people) - touched.people)
        these = _BY_STEPS.format(of=of, whom=_THESE)
        rows = await tx.connection.fetch(asked.format(these), date, as_of, opd_code, known, *more)
    if afresh is None:
        # One after another where somebody cannot be judged: then who they all are has to be known.
        try:
            async with tx.connection.transaction():
                await planner.whole_dates(tx)
                return await tx.connection.fetch(asked.format(_BY_FACTS), date, as_of, opd_code, None, *more)
        except Exception as error:
            if failures.fault_of(error) is not Fault.DATA:
                raise
        afresh = [row["employee_id"] for row in await tx.connection.fetch(_PLANNED, date)]

    async def judge(some: Sequence[UUID]) -> list[asyncpg.Record]:
        await planner.some_people(tx)
        return await tx.connection.fetch(asked.format(_BY_FACTS), date, as_of, opd_code, list(some), *more)

    return rows + await sparing.each_that_can_be(tx, afresh, judge)


async def touched_of(tx: Tx, date: dt.date) -> Touched:
    """Whose steps of the date are not to be read."""
    row = await tx.connection.fetchrow(_TOUCHED, date)
    assert row is not None  # noqa: S101 - an aggregate without group by has one row
    return Touched(row["everyone"], frozenset(row["people"]))


def _states(row: asyncpg.Record) -> States:
    return States(row["mode"], states_of(row["code"]))
