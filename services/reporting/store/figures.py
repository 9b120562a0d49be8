"""The states of one date's people, as verdicts.sql judges them: counted, or one by one."""

import datetime as dt
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.reporting.domain.figures import Counted, States
from services.reporting.store import planner
from services.reporting.store.duties import each_duty
from shared.database import Tx
from shared.events import DUTIES

_COUNTS = f"""
    select opd_code, mode, {each_duty()}, count(*) as n
    from verdicts($1, $1, $2, null, $3) group by opd_code, mode, {each_duty()}
"""  # noqa: S608 - names of the contract
_STATES = f"""
    select employee_id, opd_code, mode, {each_duty()}, next_due
    from verdicts($1, $1, $2, $3)
"""  # noqa: S608 - names of the contract
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
    """One person's date. `next_due`: the earliest instant at which time alone may change a state."""

    employee_id: UUID
    opd_code: str
    states: States
    next_due: dt.datetime | None


class Later(NamedTuple):
    """A fact from a clock ahead of ours: it counts from its instant on."""

    employee_id: UUID
    at: dt.datetime


def states_of(row: asyncpg.Record) -> States:
    """The states in a row that has a column for each."""
    return States(row["mode"], tuple([row[duty] for duty in DUTIES]))


async def counts(tx: Tx, date: dt.date, as_of: dt.datetime, opd_code: str | None = None) -> dict[str, Counted]:
    """How many people of each OPD, or of one, have the same states."""
    await planner.whole_dates(tx)
    people: dict[str, Counted] = {}
    for row in await tx.connection.fetch(_COUNTS, date, as_of, opd_code):
        people.setdefault(row["opd_code"], Counted())[states_of(row)] += row["n"]
    return people


async def states(
    tx: Tx, date: dt.date, as_of: dt.datetime, people: Collection[UUID] | None = None
) -> list[Judged]:
    """The states of everyone with a plan for the date, or of those among `people` who have one."""
    await (planner.whole_dates(tx) if people is None else planner.some_people(tx))
    rows = await tx.connection.fetch(_STATES, date, as_of, None if people is None else list(people))
    return [Judged(row["employee_id"], row["opd_code"], states_of(row), row["next_due"]) for row in rows]


async def later(tx: Tx, date: dt.date, as_of: dt.datetime, people: Collection[UUID] | None = None) -> list[Later]:
    """The date's facts whose instant is still to come, of everyone or of `people`."""
    rows = await tx.connection.fetch(_LATER, date, as_of, None if people is None else list(people))
    return [Later(row["employee_id"], row["at"]) for row in rows]


async def opd_names(tx: Tx, opd_code: str | None = None) -> dict[str, str]:
    """The name of every OPD that has a unit, or of one, by its code."""
    return {row["opd_code"]: row["opd_name"] for row in await tx.connection.fetch(_OPD_NAMES, opd_code)}
