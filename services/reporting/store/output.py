"""What people's reports come to: the steps of it (`person_output` and, by task, `person_task`), and sums of them.

Whoever is touched is looked at afresh, by output.sql from the facts of the same snapshot, as in store/figures.py.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.store import planner, sparing
from services.reporting.store.figures import touched_of
from shared.database import Tx

By = Literal["opd", "unit", "task", "mode"]
"""What the output of a date is added up by. Of tasks a report is counted in each that it holds."""

_TABLES = {
    "person_output": ("task = ''", ("employee_id",)),
    "person_task": ("task <> ''", ("employee_id", "task")),
}
"""Each table with which steps it keeps, and what tells its rows of a date apart."""
_STEPS = ("opd_code", "unit_id", "mode", "since", "earned", "waiting", "reported", "returned")


def _listed(table: str, names: Sequence[str] = _STEPS) -> str:
    return ", ".join(f"{table}.{name}" for name in names)


def _writing(table: str) -> str:
    """What is as it was is not written; who has no report any more loses the row."""
    which, key = _TABLES[table]
    same = " and ".join(f"step.{name} = before.{name}" for name in key)
    return f"""
        {table}_before as materialized (
            select old.* from unnest($2::uuid[]) as person(id) cross join lateral (
                select old.ctid as place, old.* from {table} as old
                where old.work_date = $1 and old.employee_id = person.id
                offset 0
            ) as old
        ), {table}_gone as (
            delete from {table} where work_date = $1 and ctid = any (array(
                select before.place from {table}_before as before
                where not exists (select from step where {which} and {same})
            ))
        ), {table}_written as (
            insert into {table} (work_date, {_listed("step", (*key, *_STEPS)).replace("step.", "")})
            select $1, {_listed("step", (*key, *_STEPS))}
            from step left join {table}_before as before on {same}
            where step.{which} and (
                before.employee_id is null or ({_listed("step")}) is distinct from ({_listed("before")})
            )
            order by {_listed("step", key)}
            on conflict (work_date, {", ".join(key)}) do update
                set {", ".join(f"{name} = excluded.{name}" for name in _STEPS)}
        )
    """  # noqa: S608 - constants of this file


WHOSE = """
    select person.id as employee_id from unnest($2::uuid[]) as person(id)
    where (
            select true from fact_report as report
            where report.work_date = $1 and report.employee_id = person.id limit 1
        ) or (
            select true from person_output as held where held.work_date = $1 and held.employee_id = person.id
        )
"""
"""Whose output of a date is to be computed anew, of some people: all others cost two looks into an index."""

# Looked up by person, as store/steps.py does.
_COMPUTE = f"""
    with step as materialized (select * from output_steps($1, $2)),
    {", ".join(_writing(table) for table in _TABLES)}
    select
"""  # noqa: S608 - constants of this file

_KEYS = ("employee_id", "task", *_STEPS)
_STORED = """
    select employee_id, '' as task, {steps} from person_output where work_date = $1 {whose}
    union all
    select employee_id, task, {steps} from person_task where work_date = $1 {whose}
"""
_DIFFERING = f"""
    with stored as materialized ({
    _STORED.format(steps=", ".join(_STEPS), whose="and ($2::uuid[] is null or employee_id = any($2))")
}), fresh as materialized (
        select {", ".join(_KEYS)} from output_steps($1, $2)
    ), differing as (
        select coalesce(stored.employee_id, fresh.employee_id) as employee_id
        from stored full join fresh on fresh.employee_id = stored.employee_id and fresh.task = stored.task
        where stored is distinct from fresh
    )
    select distinct differing.employee_id from differing where not exists (
        select from touched
        where (touched.work_date is null or touched.work_date = $1)
            and (touched.employee_id is null or touched.employee_id = differing.employee_id)
    )
"""  # noqa: S608 - constants of this file
_MD5 = "md5(string_agg(rows::text, chr(10) order by employee_id, task))"
DIGESTS = f"""
    select
        (select {_MD5} from ({_STORED.format(steps=", ".join(_STEPS), whose="")}) as rows) as stored,
        (select {_MD5} from (select {", ".join(_KEYS)} from output_steps($1)) as rows) as fresh
"""  # noqa: S608 - constants of this file

# $1 the work date, $2 the instant, $3 the OPD or null, $4 people.
_AT = """
    select employee_id, task, opd_code, unit_id, mode, earned[place] as earned, waiting[place] as waiting,
        reported[place] as reported, returned[place] as returned
    from (
        select *, width_bucket($2::timestamptz, since) as place
        from ({steps}) as steps where $3::text is null or opd_code = $3
        offset 0
    ) as step where place > 0
"""
_BY_STEPS = "select *{task} from {table} where work_date = $1 and employee_id <> all($4::uuid[])"
_BY_FACTS = "select * from output_steps($1, $4::uuid[]) where task {which} ''"
_SUMMED = """
    select {key} as key, opd_code, sum(earned) as earned, sum(waiting) as waiting,
        count(*) filter (where reported > 0) as submitted, count(*) filter (where reported = 2) as without_review,
        sum(returned) as returned
    from ({at}) as at group by 1, 2
"""
_KEY = {"opd": "opd_code", "unit": "unit_id", "task": "task", "mode": "mode"}
_REPORTERS = "select distinct employee_id from fact_report where work_date = $1 order by 1"


class Sum(NamedTuple):
    """What some person-days of one OPD come to. Minutes are exact; the rest are numbers of person-days, but for
    `returned`: decisions to return."""

    key: str
    opd_code: str
    earned: Decimal
    waiting: Decimal
    submitted: int
    without_review: int
    returned: int


async def compute(tx: Tx, date: dt.date, people: Sequence[UUID]) -> None:
    """Compute the steps of these people's output anew, for `steps.compute`, which finds them by `WHOSE`."""
    if people:
        await tx.connection.execute(_COMPUTE, date, list(people))


async def differing(tx: Tx, date: dt.date, people: Sequence[UUID] | None = None) -> list[UUID]:
    """Whose output of the date, of everyone's or of some, is another than the facts make it, though nothing of
    theirs waits."""
    return [row["employee_id"] for row in await tx.connection.fetch(_DIFFERING, date, people)]


async def sums(
    tx: Tx, date: dt.date, as_of: dt.datetime, opd_code: str | None = None, by: By = "opd"
) -> list[Sum]:
    """The output of one date as of an instant, of every OPD or of one, by OPD and by what is asked for.

    Several rows may have the same key: those who are touched are added up by themselves.
    """
    touched = await touched_of(tx, date)
    asked, table = _KEY[by], "person_task" if by == "task" else "person_output"
    rows: list[asyncpg.Record] = []

    def query(steps: str) -> str:
        return _SUMMED.format(key=asked, at=_AT.format(steps=steps))

    if touched.everyone:
        await planner.whole_dates(tx)
        afresh = [row["employee_id"] for row in await tx.connection.fetch(_REPORTERS, date)]
    else:
        afresh = sorted(touched.people)
        steps = _BY_STEPS.format(table=table, task="" if by == "task" else ", '' as task")
        rows = await tx.connection.fetch(query(steps), date, as_of, opd_code, afresh)

    async def judge(some: Sequence[UUID]) -> list[asyncpg.Record]:
        await planner.some_people(tx)
        steps = _BY_FACTS.format(which="<>" if by == "task" else "=")
        return await tx.connection.fetch(query(steps), date, as_of, opd_code, list(some))

    rows += await sparing.each_that_can_be(tx, afresh, judge)
    return [Sum(**row) for row in rows]
