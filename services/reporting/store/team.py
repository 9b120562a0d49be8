# ruff: noqa: S608 - statements are put together from constants of this file and of shared
"""The SQL of a team's day: who they are, whether they came, and their reports as of an instant."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.reporting.domain.reports import Decision
from services.reporting.store import planner
from services.reporting.store.reports import as_of as reports_as_of
from shared.access import REVIEWER
from shared.database import Tx
from shared.events import Mode

_MEMBERS = f"""
    select person.employee_id, person.name, plan.mode, plan.starts_at, plan.ends_at,
        person.supervisor_id, supervisor.name as supervisor, person.acting_supervisor_id as deputy_id,
        deputy.name as deputy
    from fact_employee as officer
        cross join fact_employee as person
        left join fact_plan as plan on plan.employee_id = person.employee_id and plan.work_date = $2
        left join fact_employee as supervisor on supervisor.employee_id = person.supervisor_id
        left join fact_employee as deputy on deputy.employee_id = person.acting_supervisor_id
    where officer.employee_id = $1 and {REVIEWER}
        -- the indexes know of columns only
        and (person.supervisor_id = $1 or person.acting_supervisor_id = $1)
        and not person.erased and (person.active or plan.employee_id is not null)
    order by person.name, person.employee_id
"""
_WEEK = f"""
    select person.employee_id, person.name, plan.work_date, plan.mode
    from fact_employee as officer
        cross join fact_employee as person
        left join fact_plan as plan on plan.employee_id = person.employee_id and plan.work_date between $2 and $3
    where officer.employee_id = $1 and {REVIEWER}
        and (person.supervisor_id = $1 or person.acting_supervisor_id = $1)
        and not person.erased and (person.active or plan.employee_id is not null)
    order by person.name, person.employee_id, plan.work_date
"""
# As verdicts.sql chooses the first check-in.
_CAME = """
    select person.id as employee_id, came.at
    from unnest($1::uuid[]) as person(id) cross join lateral (
        select min(punch.at) as at from fact_punch as punch
        where punch.work_date = $2 and punch.employee_id = person.id and punch.kind = 'in' and punch.at <= $3
            and not exists (select from fact_void as void where void.punch_id = punch.punch_id)
    ) as came
    where came.at is not null
"""
_REPORTS = f"""
    with report as materialized (
        select *, (submitted_at at time zone 'Asia/Jakarta')::date as day
        from ({reports_as_of("held.work_date = $2 and held.employee_id = any($1::uuid[])", "$3")}) as handed
    ), due as (
        select days.day, local_midnight(working_day_after(days.day, rules.review_sla_working_days) + 1) as until
        from (select distinct day from report) as days cross join rules_in_force($2) as rules
    )
    select report_id, employee_id, revision, submitted_at, jsonb_array_length(items) as items, decision,
        due.until as review_due,
        coalesce(first_submitted_at > report_cutoff(employee_id, $2), false) as late
    from report join due using (day)
"""


class Member(NamedTuple):
    """One of a team: the plan of the date, and who reviews their reports, by id and name."""

    employee_id: UUID
    name: str | None
    mode: Mode | None
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    supervisor_id: UUID | None
    supervisor: str | None
    deputy_id: UUID | None
    deputy: str | None


class Planned(NamedTuple):
    """One of a team, and the mode of one date; both are null where nothing is planned in the span."""

    employee_id: UUID
    name: str | None
    work_date: dt.date | None
    mode: Mode | None


class Handed(NamedTuple):
    """A report as of an instant: how many items, the newest decision, until when there is time for one."""

    report_id: UUID
    employee_id: UUID
    revision: int
    submitted_at: dt.datetime
    items: int
    decision: Decision | None
    review_due: dt.datetime
    late: bool

    @property
    def decided(self) -> bool:
        return self.decision is not None


async def members(tx: Tx, superior: UUID, date: dt.date) -> list[Member]:
    """Those whose supervisor or acting deputy `superior` is, by name."""
    return [Member(**dict(row)) for row in await tx.connection.fetch(_MEMBERS, superior, date)]


async def planned(tx: Tx, superior: UUID, first: dt.date, last: dt.date) -> list[Planned]:
    """The plans of a superior's people from `first` to `last`, by name and date; everybody at least once."""
    return [Planned(**dict(row)) for row in await tx.connection.fetch(_WEEK, superior, first, last)]


async def came(tx: Tx, people: Sequence[UUID], date: dt.date, as_of: dt.datetime) -> dict[UUID, dt.datetime]:
    """When each came first on the date; nobody who has not."""
    await planner.by_key(tx)
    rows = await tx.connection.fetch(_CAME, people, date, as_of)
    return {row["employee_id"]: row["at"] for row in rows}


async def reports(tx: Tx, people: Sequence[UUID], date: dt.date, as_of: dt.datetime) -> dict[UUID, Handed]:
    """Their reports of the date that had been handed in, by employee_id."""
    await planner.by_key(tx)
    rows = await tx.connection.fetch(_REPORTS, people, date, as_of)
    return {row["employee_id"]: Handed(**dict(row)) for row in rows}
