"""A superior's evening: the day of each of their people, who is missing, and which report waits."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain.team import WAITS, Waits, chosen, is_missing, is_overdue, state_of
from services.reporting.store import figures
from services.reporting.store import team as store
from services.reporting.store.team import Handed, Member
from shared.database import Tx
from shared.dates import local_date
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

    @property
    def review_until(self) -> dt.date:
        """The last date on which it may be decided in time: the time ends with a date."""
        return local_date(self.review_due - dt.timedelta(microseconds=1))


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


class TeamWeek(NamedTuple):
    """Seven dates, and for each of a team, by name, the mode of each; None where nothing is planned."""

    dates: list[dt.date]
    people: list[tuple[UUID, str | None, Sequence[Mode | None]]]


async def week(tx: Tx, superior: UUID, first: dt.date) -> TeamWeek:
    """The seven dates from `first` of those whose supervisor or acting deputy `superior` is."""
    dates = [first + dt.timedelta(days=days) for days in range(7)]
    modes: dict[tuple[UUID, str | None], dict[dt.date | None, Mode | None]] = {}
    for one in await store.planned(tx, superior, dates[0], dates[-1]):
        modes.setdefault((one.employee_id, one.name), {})[one.work_date] = one.mode
    people: list[tuple[UUID, str | None, Sequence[Mode | None]]] = [
        (employee_id, name, [planned.get(date) for date in dates])
        for (employee_id, name), planned in modes.items()
    ]
    return TeamWeek(dates, people)


async def names(tx: Tx, superior: UUID) -> dict[str, str | None]:
    """The names of those whose supervisor or acting deputy `superior` is, by employee_id as text."""
    return {str(one.employee_id): one.name for one in await store.planned(tx, superior, dt.date.min, dt.date.min)}


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
    day = TeamDay(date=date, as_of=as_of, items=items)
    return day.model_copy(update={"items": narrowed(day, waits)})


def narrowed(day: TeamDay, waits: Waits) -> list[TeamMember]:
    """Those of a day with everyone in it who are asked for."""
    return [
        member
        for member in day.items
        if chosen(
            waits,
            waiting=member.report is not None and member.report.status == "waiting",
            overdue=member.report is not None and member.report.overdue,
            missing=member.missing,
        )
    ]


def counted(day: TeamDay) -> dict[Waits, int]:
    """How many of a day with everyone in it are in each state."""
    return {waits: len(narrowed(day, waits)) for waits in WAITS}


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
