"""The SQL of somebody's own days: their name, their plans with the unit's name, their punches, their states."""

import datetime as dt
from typing import NamedTuple
from uuid import UUID

from services.reporting.store import planner
from shared.database import Tx
from shared.events import DUTIES, Duty, Mode, PunchKind, State, Zone

_NAME = "select name from fact_employee where employee_id = $1 and not erased"
_PLANS = """
    select plan.work_date, plan.mode, plan.starts_at, plan.ends_at, unit.name as unit_name
    from fact_plan as plan left join fact_unit as unit using (unit_id)
    where plan.employee_id = $1 and plan.work_date between $2 and $3
    order by plan.work_date
"""
_PUNCHES = """
    select punch.punch_id, punch.kind, punch.at, punch.zone, punch.source, punch.time_trust,
        void.punch_id is not null as voided
    from fact_punch as punch left join fact_void as void using (punch_id)
    where punch.employee_id = $1 and punch.work_date = $2
    order by punch.at, punch.kind, punch.punch_id
"""
_STATES = "select * from verdicts($1, $2, $3, $4)"


class Plan(NamedTuple):
    """What a person is to do on a date, and where; `unit_name` is None while the unit is not known."""

    work_date: dt.date
    mode: Mode
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    unit_name: str | None


class Punch(NamedTuple):
    """What is recorded of a person."""

    punch_id: UUID
    kind: PunchKind
    at: dt.datetime
    zone: Zone
    source: str
    time_trust: str
    voided: bool


async def name_of(tx: Tx, employee_id: UUID) -> str | None:
    """The person's name; None where the directory does not tell it."""
    return await tx.connection.fetchval(_NAME, employee_id)


async def plans(tx: Tx, employee_id: UUID, first: dt.date, last: dt.date) -> list[Plan]:
    """A person's plans of the dates from `first` to `last`, by date."""
    return [Plan(**dict(row)) for row in await tx.connection.fetch(_PLANS, employee_id, first, last)]


async def punches(tx: Tx, employee_id: UUID, date: dt.date) -> list[Punch]:
    """A person's punches of a work date by time, voided ones included."""
    return [Punch(**dict(row)) for row in await tx.connection.fetch(_PUNCHES, employee_id, date)]


async def states(
    tx: Tx, employee_id: UUID, first: dt.date, last: dt.date, as_of: dt.datetime
) -> dict[dt.date, dict[Duty, State]]:
    """The states of a person's dates from `first` to `last` that have a plan."""
    await planner.some_people(tx)
    rows = await tx.connection.fetch(_STATES, first, last, as_of, [employee_id])
    return {row["work_date"]: {duty: row[duty] for duty in DUTIES} for row in rows}
