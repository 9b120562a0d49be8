"""The slow, obvious fold: all events in, the winning ones out, and what the second opinion makes of them."""

import datetime as dt
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any
from uuid import UUID

from demo import expect
from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    CalendarChanged,
    Event,
    OutageDeclared,
    ReportItem,
    ReportReviewed,
    ReportSubmitted,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)

KEYS: dict[type, tuple[str, ...]] = {
    ScheduleChanged: ("employee_id", "work_date"),
    AttendanceRecorded: ("punch_id",),
    AttendanceVoided: ("punch_id",),
    OutageDeclared: ("outage_id",),
    UnitChanged: ("unit_id",),
    CalendarChanged: ("year",),
    RulesChanged: ("rules_version",),
    ReportSubmitted: ("report_id", "revision"),
    ReportReviewed: ("report_id", "report_revision", "revision"),
}


@dataclass
class Facts:
    plans: list[ScheduleChanged] = field(default_factory=list)
    punches: list[AttendanceRecorded] = field(default_factory=list)
    voided: set[UUID] = field(default_factory=set)
    outages: list[OutageDeclared] = field(default_factory=list)
    units: list[UnitChanged] = field(default_factory=list)
    calendars: list[CalendarChanged] = field(default_factory=list)
    rules: list[RulesChanged] = field(default_factory=list)
    reports: list[ReportSubmitted] = field(default_factory=list)
    reviews: list[ReportReviewed] = field(default_factory=list)

    @property
    def holidays(self) -> set[Any]:
        return {holiday.date for calendar in self.calendars for holiday in calendar.holidays}


def fold(events: list[tuple[UUID, Event]]) -> Facts:
    """Of the events with one fact key the one with the highest (revision, ce_id); no revision counts as 0."""
    winners: dict[Any, tuple[tuple[int, int], Event]] = {}
    for ce_id, event in events:
        key = (type(event), *(getattr(event, name) for name in KEYS[type(event)]))
        rank = (getattr(event, "revision", 0), ce_id.int)
        if key not in winners or rank > winners[key][0]:
            winners[key] = (rank, event)
    facts = Facts()
    for _, event in winners.values():
        match event:
            case ScheduleChanged():
                facts.plans.append(event)
            case AttendanceRecorded():
                facts.punches.append(event)
            case AttendanceVoided():
                facts.voided.add(event.punch_id)
            case OutageDeclared():
                facts.outages.append(event)
            case UnitChanged():
                facts.units.append(event)
            case CalendarChanged():
                facts.calendars.append(event)
            case RulesChanged():
                facts.rules.append(event)
            case ReportSubmitted():
                facts.reports.append(event)
            case ReportReviewed():
                facts.reviews.append(event)
            case _:
                raise AssertionError(type(event))
    return facts


def verdict(facts: Facts, employee_id: UUID, work_date: dt.date, t: dt.datetime) -> dict[str, str]:
    """The five states of one person-day as of `t`."""
    plans = [plan for plan in facts.plans if (plan.employee_id, plan.work_date) == (employee_id, work_date)]
    if not plans:
        return dict.fromkeys(expect.DUTIES, "not_due")
    return expect.verdicts(day_of(facts, plans[0]), outages_of(facts), rules_in_force(facts, work_date), t)


@dataclass(frozen=True)
class Output:
    """What reports come to: minutes by the norm, person-days, and decisions to return one."""

    earned: Fraction = Fraction()
    waiting: Fraction = Fraction()
    submitted: int = 0
    without_review: int = 0
    returned: int = 0

    def __add__(self, other: "Output") -> "Output":
        return Output(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def output_of(facts: Facts, plan: ScheduleChanged, t: dt.datetime) -> dict[str, Output]:
    """What the report of a person-day comes to as of `t`: of each task that any revision held; as "", in all."""
    reports = [
        report
        for report in facts.reports
        if (report.employee_id, report.work_date) == (plan.employee_id, plan.work_date)
        and report.submitted_at <= t
    ]
    reviews = [
        (report, review)
        for report in reports
        for review in facts.reviews
        if (review.report_id, review.report_revision) == (report.report_id, report.revision)
        and review.reviewed_at <= t
    ]
    found: dict[str, Output] = {}
    for task in {"", *(task_of(item) for report in reports for item in report.items)}:

        def held(report: ReportSubmitted, task: str = task) -> list[ReportItem]:
            return [item for item in report.items if task in ("", task_of(item))]

        def holds(report: ReportSubmitted, task: str = task) -> bool:
            return task == "" or bool(held(report, task))

        returned = sum(holds(report) and review.decision == "returned" for report, review in reviews)
        if not reports:
            continue
        newest = max(reports, key=lambda report: report.revision)
        decisions = [review for report, review in reviews if report is newest]
        decision = max(decisions, key=lambda review: review.revision, default=None)
        earned = waiting = Fraction()
        for item in held(newest):
            norm = exact(item.norm_minutes or 0.0)
            if decision is None:
                waiting += exact(item.quantity) * norm
            elif decision.decision == "accepted":
                earned += sum(
                    exact(given.accepted_quantity) * norm
                    for given in decision.items
                    if given.item_id == item.item_id
                )
        here = holds(newest)
        found[task] = Output(earned, waiting, int(here), int(here and decision is None), returned)
    return found


def task_of(item: ReportItem) -> str:
    """By its code; by name where there is a norm without one; else it is free text."""
    return item.task_code or (item.task if item.norm_minutes is not None else "") or "free_text"


def exact(number: float) -> Fraction:
    """The number as people write it."""
    return Fraction(repr(number))


def coverage(facts: Facts, date: dt.date, t: dt.datetime) -> dict[str, dict[str, Any]]:
    """The figures of every service point for one date, by unit_id."""
    holiday = date in facts.holidays
    return {
        unit.unit_id: {
            "name": unit.name,
            **expect.coverage(
                point_of(unit, date), days_at(facts, unit), outages_of(facts), on=date, holiday=holiday, as_of=t
            ),
        }
        for unit in facts.units
        if unit.is_service_point
    }


def timeline(
    facts: Facts, unit: UnitChanged, date: dt.date, t: dt.datetime
) -> list[tuple[dt.datetime, dt.datetime, expect.Moment]]:
    """The date of a service point up to `t`, cut where its state changes."""
    holiday = date in facts.holidays
    return expect.timeline(
        point_of(unit, date), days_at(facts, unit), outages_of(facts), on=date, holiday=holiday, as_of=t
    )


def rules_in_force(facts: Facts, date: dt.date) -> expect.Rules:
    holidays = frozenset(facts.holidays)
    in_force = [rules for rules in facts.rules if rules.effective_from <= date]
    if not in_force:
        return expect.Rules(0, frozenset({"WFO", "WFH"}), dt.time(23, 59, 59), 3, holidays)
    rules = max(in_force, key=lambda rules: (rules.effective_from, rules.rules_version))
    return expect.Rules(
        rules.tolerance_minutes,
        frozenset(rules.report_modes),
        dt.time.fromisoformat(rules.report_cutoff),
        rules.review_sla_working_days,
        holidays,
    )


def day_of(facts: Facts, plan: ScheduleChanged) -> expect.Day:
    """A plan with what was recorded of its person and work date."""

    def is_of_day(event: AttendanceRecorded | ReportSubmitted | ReportReviewed) -> bool:
        return (event.employee_id, event.work_date) == (plan.employee_id, plan.work_date)

    return expect.Day(
        expect.Plan(
            plan.employee_id, plan.opd_code, plan.unit_id, plan.work_date, plan.mode, plan.starts_at, plan.ends_at
        ),
        [
            expect.Punch(
                str(punch.punch_id),
                punch.work_date,
                punch.kind,
                punch.at,
                punch.zone,
                punch.received_at,
                verified=punch.time_trust != "unverified",
            )
            for punch in facts.punches
            if is_of_day(punch) and punch.punch_id not in facts.voided
        ],
        [expect.Report(report.revision, report.submitted_at) for report in facts.reports if is_of_day(report)],
        [
            expect.Review(
                review.report_revision,
                review.revision,
                review.reviewed_at,
                review.decision,
                sum(item.accepted_quantity for item in review.items),
            )
            for review in facts.reviews
            if is_of_day(review)
        ],
    )


def days_at(facts: Facts, unit: UnitChanged) -> list[expect.Day]:
    return [day_of(facts, plan) for plan in facts.plans if plan.unit_id == unit.unit_id]


def outages_of(facts: Facts) -> list[expect.Outage]:
    return [
        expect.Outage(
            outage.starts_at,
            outage.ends_at,
            outage.scope.all,
            frozenset(outage.scope.opd_codes),
            frozenset(outage.scope.unit_ids),
        )
        for outage in facts.outages
        if not outage.revoked
    ]


def point_of(unit: UnitChanged, date: dt.date) -> expect.ServicePoint:
    """A service point with the openings in force on a date: those of the latest `effective_from` not after it."""
    begun = [requirement for requirement in unit.requirements if requirement.effective_from <= date]
    latest = max((requirement.effective_from for requirement in begun), default=None)
    openings = (
        expect.Opening(
            frozenset(requirement.weekdays),
            _local(date, requirement.opens),
            _local(date, requirement.closes),
            requirement.min_staff,
            requirement.on_holidays,
        )
        for requirement in begun
        if requirement.effective_from == latest
    )
    return expect.ServicePoint(unit.unit_id, unit.opd_code, tuple(openings), unit.slo)


def _local(date: dt.date, clock: str) -> dt.datetime:
    """The instant of local wall time `HH:MM[:SS]` on `date`; 24:00 is the next midnight."""
    if clock.startswith("24:"):
        return dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), expect.WIB)
    return dt.datetime.combine(date, dt.time.fromisoformat(clock), expect.WIB)
