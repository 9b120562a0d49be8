"""Somebody's own days as they read them: the one that runs, one of them with its reasons, a month, what comes."""

import datetime as dt
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel

from services.reporting.domain.intentions import check_open
from services.reporting.domain.own_days import NEAR, month_of, running
from services.reporting.domain.reports import report_id_of
from services.reporting.store import own_days as store
from services.reporting.store import people, reports
from services.reporting.store.own_days import Plan, Punch
from services.reporting.views import drafts, evidence, intentions
from services.reporting.views.drafts import DraftView
from services.reporting.views.evidence import EvidenceView
from services.reporting.views.intentions import IntentionView
from services.reporting.views.people import PersonDay, explained
from services.reporting.views.reports import ReportView, shown
from shared.database import Tx
from shared.dates import local_date, time_text
from shared.events import Duty, State
from shared.messages import Language, heading
from shared.refusals import Missing, Refused

T = TypeVar("T")

COMING = dt.timedelta(days=13)
"""So many days after today are shown beside it, and kept by the person's phone for when there is no network."""


@dataclass(frozen=True, slots=True)
class OwnDay:
    """One date with everything that is known of it. `deadline` and `cutoff`: until when to check in and report."""

    day: PersonDay
    plan: Plan | None
    deadline: dt.datetime | None
    cutoff: dt.datetime | None
    punches: Sequence[Punch]
    report: ReportView | None

    @property
    def needs_place(self) -> bool:
        """Whether a position still says something: a place is owed, and nobody has checked in yet."""
        return self.day.duties["place"].state != "not_due" and not self.first_in

    @property
    def first_in(self) -> Punch | None:
        return next((punch for punch in self.punches if punch.kind == "in" and not punch.voided), None)

    @property
    def last_out(self) -> Punch | None:
        return next((punch for punch in reversed(self.punches) if punch.kind == "out" and not punch.voided), None)


@dataclass(frozen=True, slots=True)
class Today:
    """The date that runs, and the plans from it on."""

    name: str | None
    own: OwnDay
    coming: Sequence[Plan]


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A date of a month; without a plan there are no states."""

    date: dt.date
    plan: Plan | None
    states: dict[Duty, State] | None


class KeptPlan(BaseModel):
    """A plan as the person's phone keeps it for when there is no network: in words."""

    work_date: str
    mode: str
    hours: str
    unit: str


def kept(plan: Plan, language: Language) -> KeptPlan:
    return KeptPlan(
        work_date=str(plan.work_date),
        mode=heading(f"mode.{plan.mode}", language),
        hours=hours_text(plan, language),
        unit=plan.unit_name if plan.unit_name and plan.mode == "WFO" else "",
    )


def hours_text(plan: Plan, language: Language) -> str:
    """`07.30–16.00 WIB`; nothing where the plan has no hours."""
    if plan.starts_at is None or plan.ends_at is None:
        return ""
    return f"{time_text(plan.starts_at, language)}–{time_text(plan.ends_at, language)} WIB"


async def name_of(tx: Tx, me: UUID) -> str | None:
    """The person's own name; None where the directory does not tell it."""
    return await store.name_of(tx, me)


@dataclass(frozen=True, slots=True)
class Work:
    """What a person has written about a date and not handed in, and the files that they have added."""

    draft: DraftView | None
    intention: IntentionView | None
    evidence: Sequence[EvidenceView]


async def work_of(tx: Tx, me: UUID, date: dt.date) -> Work:
    """What a person has written about a date beside their report."""
    return Work(
        await or_none(drafts.of_day(tx, me, date)),
        await or_none(intentions.of_day(tx, me, date)),
        await evidence.own(tx, me, date),
    )


async def or_none(looked_up: Awaitable[T]) -> T | None:
    """What was looked up; None where it is missing."""
    try:
        return await looked_up
    except Missing:
        return None


def may_intend(own: OwnDay, date: dt.date, now: dt.datetime) -> bool:
    """Whether the door of intentions still takes one for the date."""
    try:
        check_open(date, own.plan.starts_at if own.plan else None, now)
    except Refused:
        return False
    return True


async def running_date(tx: Tx, me: UUID, now: dt.datetime) -> dt.date:
    """The date that a person is in."""
    date = local_date(now)
    return running(date, now, await store.plans(tx, me, date - NEAR, date + NEAR))


async def plans_of(tx: Tx, me: UUID, first: dt.date, last: dt.date) -> list[Plan]:
    """A person's plans of the dates from `first` to `last`, by date."""
    return await store.plans(tx, me, first, last)


async def today(tx: Tx, me: UUID, now: dt.datetime, language: Language) -> Today:
    """The date that a person is in, and what comes after it."""
    date = local_date(now)
    plans = await store.plans(tx, me, date - NEAR, date + COMING)
    runs = running(date, now, [plan for plan in plans if plan.work_date <= date + NEAR])
    own = await of_date(tx, me, runs, now, language)
    coming = [plan for plan in plans if plan.work_date >= min(runs, date)]
    return Today(await name_of(tx, me), own, coming)


async def of_date(tx: Tx, me: UUID, date: dt.date, now: dt.datetime, language: Language) -> OwnDay:
    """One date: the plan, the punches, the report, and each state with its reason."""
    punches = await store.punches(tx, me, date)
    plans = await store.plans(tx, me, date, date)
    report = await reports.get(tx, report_id_of(me, date))
    late = bool(report and await reports.late(tx, [report.report_id]))
    verdict = await people.verdict(tx, me, date, now)
    day = await explained(tx, me, date, verdict, now, language)
    return OwnDay(
        day=day,
        plan=plans[0] if plans else None,
        deadline=verdict.deadline if verdict else None,
        cutoff=verdict.cutoff_at if verdict and day.duties["report"].state != "not_due" else None,
        punches=punches,
        report=shown(report, late=late) if report else None,
    )


async def month(tx: Tx, me: UUID, first: dt.date, now: dt.datetime) -> list[MonthDay]:
    """Every date of the month that `first` lies in. What is still to come has a plan and no states."""
    begin, end = month_of(first)
    plans = {plan.work_date: plan for plan in await store.plans(tx, me, begin, end)}
    last = min(end, local_date(now))
    states = await store.states(tx, me, begin, last, now) if begin <= last else {}
    dates = [begin + dt.timedelta(days=day) for day in range((end - begin).days + 1)]
    return [MonthDay(date, plans.get(date), states.get(date)) for date in dates]
