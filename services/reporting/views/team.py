"""A superior's evening: the day of each of their people, who is missing, and which report waits."""

import datetime as dt
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain.team import Waits, chosen, is_missing, is_overdue, state_of
from services.reporting.store import figures
from services.reporting.store import team as store
from services.reporting.store.team import Handed, Member
from shared.database import Tx
from shared.events import Duty, Mode, State


class Reviewer(BaseModel):
    """Who may decide on the report, `acting` as deputy; `name` is null where the directory does not tell it."""

    employee_id: UUID
    name: str | None
    acting: bool


class TeamReport(BaseModel):
    """The report of the date. `items`: how many. `overdue`: nobody had decided on it by `review_due`."""

    report_id: UUID
    revision: int
    submitted_at: dt.datetime
    late: bool
    items: int
    status: Literal["waiting", "accepted", "returned"]
    review_due: dt.datetime
    overdue: bool


class TeamMember(BaseModel):
    """One person's date. Without a plan `mode`, hours and `duties` are null.

    `missing`: the time for the check-in is over, and there is none. `reviewers`: with whom the report lies.
    """

    employee_id: UUID
    name: str | None
    mode: Mode | None
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    duties: dict[Duty, State] | None
    first_in_at: dt.datetime | None
    missing: bool
    report: TeamReport | None
    reviewers: list[Reviewer]


class TeamDay(BaseModel):
    """A team's day as of an instant, by name; `next` is null: a team is one page."""

    date: dt.date
    as_of: dt.datetime
    items: list[TeamMember]
    next: None = None


async def of_superior(tx: Tx, superior: UUID, date: dt.date, as_of: dt.datetime, waits: Waits) -> TeamDay:
    """The date of those whose supervisor or acting deputy `superior` is, narrowed by what waits."""
    members = await store.members(tx, superior, date)
    people = [member.employee_id for member in members]
    # First: whoever is judged afresh is judged by hash joins, which the look-ups after it do without.
    judged = await figures.states(tx, date, as_of, people) if people else []
    came = await store.came(tx, people, date, as_of)
    reports = await store.reports(tx, people, date, as_of)
    duties = {person.employee_id: person.states.by_duty() for person in judged}
    items: list[TeamMember] = []
    for member in members:
        whose = member.employee_id
        report, first_in_at, states = reports.get(whose), came.get(whose), duties.get(whose)
        overdue = is_overdue(report, as_of)
        missing = is_missing(state_of(states, "on_time"), first_in_at)
        if not chosen(waits, report, overdue=overdue, missing=missing):
            continue
        items.append(
            TeamMember(
                employee_id=whose,
                name=member.name,
                mode=member.mode,
                starts_at=member.starts_at,
                ends_at=member.ends_at,
                duties=states,
                first_in_at=first_in_at,
                missing=missing,
                report=None if report is None else _report(report, overdue=overdue),
                reviewers=_reviewers(member),
            )
        )
    return TeamDay(date=date, as_of=as_of, items=items)


def _report(report: Handed, *, overdue: bool) -> TeamReport:
    return TeamReport(
        report_id=report.report_id,
        revision=report.revision,
        submitted_at=report.submitted_at,
        late=report.late,
        items=report.items,
        status=report.decision or "waiting",
        review_due=report.review_due,
        overdue=overdue,
    )


def _reviewers(member: Member) -> list[Reviewer]:
    reviewers: list[Reviewer] = []
    if member.supervisor_id is not None:
        reviewers.append(Reviewer(employee_id=member.supervisor_id, name=member.supervisor, acting=False))
    if member.deputy_id is not None:
        reviewers.append(Reviewer(employee_id=member.deputy_id, name=member.deputy, acting=True))
    return reviewers
