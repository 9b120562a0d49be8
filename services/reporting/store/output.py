"""What people's reports come to: the steps of it (`person_output` and, by task, `person_task`), and sums of them.

Whoever is touched is looked at afresh, by output.sql from the facts of the same snapshot, as in store/figures.py.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.output import By, ByOrDay
from services.reporting.domain.periods import AT_WORK, Period
from services.reporting.store import planner, sparing
from services.reporting.store.figures import Touched, touched_of
from shared.database import Tx
from shared.events import Mode

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
    select {columns} from (
        select {kept}, width_bucket($2::timestamptz, since) as place
        from ({steps}) as steps where {of}
        offset 0
    ) as step where place > 0
"""
_PLACED = ("earned", "waiting", "reported", "returned")
_BY_STEPS = "select *{task} from {table} where {when} and {whom}"
_ON_DATE, _ON_DATES = "work_date = $1", "work_date = any($1::date[])"
_BY_FACTS = "select *, $1::date as work_date from output_steps($1, $4::uuid[]) where task {which} ''"
# What is not asked for is looked at once, not of each of 24,000 rows (store/figures.py).
_OF_OPD, _OF_ALL = "opd_code = $3", "$3::text is null"
_BUT_THESE, _BUT_NOBODY = "employee_id <> all($4::uuid[])", "cardinality($4::uuid[]) = 0"
_AT_WORK = ", ".join(f"'{mode}'" for mode in AT_WORK)
_SUMMED = f"""
    select {{key}} as key, opd_code, sum(earned) as earned, sum(waiting) as waiting,
        count(*) filter (where reported > 0) as submitted, count(*) filter (where reported = 2) as without_review,
        sum(returned) as returned, count(*) filter (where reported > 0 and mode in ({_AT_WORK})) as at_work
    from ({{at}}) as at group by 1, 2
"""  # noqa: S608 - names of the contract
_BY_PERSON = """
    select employee_id, task, mode, sum(earned) as earned, count(*) filter (where reported > 0) as submitted,
        count(*) filter (where reported = 2) as without_review
    from ({at}) as at where mode in ('WFO', 'WFH') group by 1, 2, 3
"""
_EACH = "select * from ({at}) as at where $5::uuid is null or employee_id > $5 order by employee_id limit $6"
# Afresh from the facts: one person's steps cost less than to see whether they are computed.
_OF_DAY = """
    select earned[place] as earned, waiting[place] as waiting, reported[place] as reported,
        returned[place] as returned, array(
            select ce_id from (
                select report.ce_id, report.submitted_at as at from fact_report as report
                where report.work_date = $1 and report.employee_id = $3
                union all
                select review.ce_id, greatest(review.reviewed_at, report.submitted_at)
                from fact_review as review
                    join fact_report as report using (work_date, employee_id, report_id, report_revision)
                where review.work_date = $1 and review.employee_id = $3
            ) as told where at <= $2 order by at, ce_id
        ) as event_ids
    from (
        select *, width_bucket($2::timestamptz, since) as place
        from output_steps($1, array[$3::uuid]) where task = ''
    ) as step where place > 0
"""
_KEY = {"opd": "opd_code", "unit": "unit_id", "task": "task", "mode": "mode", "day": "work_date::text"}
_REPORTERS = "select distinct employee_id from fact_report where work_date = $1 order by 1"
_DAYS_AT_WORK = f"""
    select {{key}} as key, opd_code, count(*) as n from fact_plan
    where work_date between $1 and $2 and ($3::text is null or opd_code = $3) and mode in ({_AT_WORK})
    group by 1, 2
"""  # noqa: S608 - names of the contract
_PEOPLE = """
    select key, opd_code, count(*) as n from (
        select distinct {key} as key, opd_code, employee_id from {table}
        where work_date between $1 and $2 and {counts}
    ) as people group by 1, 2
"""
_PLANNED = """
    select employee_id, mode, count(*) as n from fact_plan
    where work_date between $1 and $2 and ($3::text is null or opd_code = $3) and mode in ('WFO', 'WFH')
    group by 1, 2
"""


_NAMES: dict[ByOrDay, str] = {
    "opd": """
        select distinct on (opd_code) opd_code as key, opd_name as name from fact_unit
        where opd_code = any($1::text[]) order by opd_code, revision desc, ce_id desc
    """,
    "unit": "select unit_id as key, name from fact_unit where unit_id = any($1::text[])",
    "task": """
        select distinct on (task_code) task_code as key, name from task
        where task_code = any($1::text[]) order by task_code, effective_from desc
    """,
}


class Sum(NamedTuple):
    """What some person-days of one OPD come to. Minutes are exact; the rest are numbers of person-days, but for
    `returned`: decisions to return. `at_work`: those submitted whose plan is of a mode at work."""

    key: str
    opd_code: str
    earned: Decimal
    waiting: Decimal
    submitted: int
    without_review: int
    returned: int
    at_work: int


class OfPerson(NamedTuple):
    """What one person's days of one mode come to, whole (task '') or of one task."""

    employee_id: UUID
    task: str
    mode: Mode
    earned: Decimal
    submitted: int
    without_review: int


class Reported(NamedTuple):
    """What one person's report of a date comes to as of an instant; `reported` as in output.sql."""

    employee_id: UUID
    opd_code: str
    mode: Mode
    earned: Decimal
    waiting: Decimal
    reported: int
    returned: int


class Produced(NamedTuple):
    """What one report comes to; `event_ids`: of its revisions and their reviews."""

    earned: Decimal
    waiting: Decimal
    reported: int
    returned: int
    event_ids: list[UUID]


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
    columns = ["opd_code", "mode", *([] if by in ("opd", "mode") else [_KEY[by]])]
    asked = _SUMMED.format(key=_KEY[by], at="{at}")
    rows = await _looked_up(tx, asked, columns, date, as_of, opd_code, tasks=by == "task")
    return [Sum(**row) for row in rows]


async def by_person(
    tx: Tx, period: Period, as_of: dt.datetime, opd_code: str | None = None, *, tasks: bool
) -> list[OfPerson]:
    """A period's output person by person, of days at home and in the office; with `tasks`, task by task.

    The dates that nobody is touched of are added up at one go; several rows may be of the same person and mode.
    """
    columns = ["employee_id", "task", "mode"]
    settled = [
        date for date in period if await touched_of(tx, date) == Touched(everyone=False, people=frozenset())
    ]
    query = _BY_PERSON.format(at=_at(columns, _of_table(_ON_DATES, _BUT_NOBODY, tasks=tasks), opd_code))
    rows: list[asyncpg.Record] = await tx.connection.fetch(query, settled, as_of, opd_code, [])
    for date in period:
        if date not in settled:
            rows += await _looked_up(tx, _BY_PERSON, columns, date, as_of, opd_code, tasks=tasks)
    return [OfPerson(**row) for row in rows]


async def reports(  # noqa: PLR0917 - a page of a list
    tx: Tx, date: dt.date, as_of: dt.datetime, opd_code: str, after: UUID | None, limit: int
) -> list[Reported]:
    """What the reports of one OPD's people come to, by employee_id, at most `limit` after `after`."""
    columns = ["employee_id", "opd_code", "mode"]
    rows = await _looked_up(tx, _EACH, columns, date, as_of, opd_code, tasks=False, more=(after, limit))
    return sorted(Reported(**row) for row in rows)[:limit]


async def of_day(tx: Tx, employee_id: UUID, date: dt.date, as_of: dt.datetime) -> Produced | None:
    """What one person's report of a date comes to as of an instant, and the events it follows from, as they
    happened; None without a plan or a report."""
    row = await tx.connection.fetchrow(_OF_DAY, date, as_of, employee_id)
    if row is None:
        return None
    return Produced(row["earned"], row["waiting"], row["reported"], row["returned"], row["event_ids"])


async def days_at_work(
    tx: Tx, period: Period, by: ByOrDay, opd_code: str | None = None
) -> dict[tuple[str, str], int]:
    """How many person-days of a period have a plan of a mode at work, by (OPD, what is asked for). Not by task: no
    plan names one."""
    rows = await tx.connection.fetch(_DAYS_AT_WORK.format(key=_KEY[by]), period.first, period.last, opd_code)
    return {(row["opd_code"], row["key"]): row["n"] for row in rows}


async def people(tx: Tx, period: Period, by: ByOrDay) -> dict[tuple[str, str], int]:
    """How many different people there are in a period, by (OPD, what is asked for): with a plan, or with a report
    that held the task."""
    table = "person_task" if by == "task" else "fact_plan"
    counts = "true" if by in ("task", "mode") else f"mode in ({_AT_WORK})"
    rows = await tx.connection.fetch(
        _PEOPLE.format(key=_KEY[by], table=table, counts=counts), period.first, period.last
    )
    return {(row["opd_code"], row["key"]): row["n"] for row in rows}


async def names(tx: Tx, by: ByOrDay, keys: Sequence[str]) -> dict[str, str]:
    """The names of OPDs, of units, or of tasks of the catalogue, by key."""
    if by not in _NAMES:
        return {}
    return {row["key"]: row["name"] for row in await tx.connection.fetch(_NAMES[by], list(keys))}


async def planned(tx: Tx, period: Period, opd_code: str | None = None) -> dict[tuple[UUID, Mode], int]:
    """How many days each person has at home and in the office."""
    rows = await tx.connection.fetch(_PLANNED, period.first, period.last, opd_code)
    return {(row["employee_id"], row["mode"]): row["n"] for row in rows}


async def _looked_up(  # noqa: PLR0917 - whom, when
    tx: Tx,
    asked: str,
    columns: Iterable[str],
    date: dt.date,
    as_of: dt.datetime,
    opd_code: str | None,
    *,
    tasks: bool,
    more: Sequence[object] = (),
) -> list[asyncpg.Record]:
    """What is `asked` of those who are not touched, and then of those who are."""
    touched: Touched = await touched_of(tx, date)
    rows: list[asyncpg.Record] = []

    def query(steps: str) -> str:
        return asked.format(at=_at(columns, steps, opd_code))

    if touched.everyone:
        await planner.whole_dates(tx)
        afresh = [row["employee_id"] for row in await tx.connection.fetch(_REPORTERS, date)]
    else:
        afresh = sorted(touched.people)
        steps = _of_table(_ON_DATE, _BUT_THESE if afresh else _BUT_NOBODY, tasks=tasks)
        rows = await tx.connection.fetch(query(steps), date, as_of, opd_code, afresh, *more)

    async def judge(some: Sequence[UUID]) -> list[asyncpg.Record]:
        await planner.some_people(tx)
        steps = _BY_FACTS.format(which="<>" if tasks else "=")
        return await tx.connection.fetch(query(steps), date, as_of, opd_code, list(some), *more)

    return rows + await sparing.each_that_can_be(tx, afresh, judge)


def _at(columns: Iterable[str], steps: str, opd_code: str | None) -> str:
    """What holds at the instant, of some columns of these steps."""
    kept, of = ", ".join(columns), _OF_ALL if opd_code is None else _OF_OPD
    placed = ", ".join(f"{name}[place] as {name}" for name in _PLACED)
    return _AT.format(columns=f"{kept}, {placed}", kept=f"{kept}, {', '.join(_PLACED)}", steps=steps, of=of)


def _of_table(when: str, whom: str, *, tasks: bool) -> str:
    """The steps as they are stored."""
    table, task = ("person_task", "") if tasks else ("person_output", ", '' as task")
    return _BY_STEPS.format(table=table, task=task, when=when, whom=whom)
