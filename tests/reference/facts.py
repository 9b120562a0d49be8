"""The slow, obvious fold: all events in, the winning ones out (product.md section 5)."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    CalendarChanged,
    Event,
    OutageDeclared,
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


def in_scope(outage: OutageDeclared, opd_code: str, unit_id: str) -> bool:
    scope = outage.scope
    return scope.all or opd_code in scope.opd_codes or unit_id in scope.unit_ids
