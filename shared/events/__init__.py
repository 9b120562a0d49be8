"""The contract: every event, the table of topics, and the envelope around them."""

from shared.events.attendance import AttendanceRecorded, AttendanceVoided, CorrectionDecided, OutageDeclared
from shared.events.base import DUTIES, Audience, Duty, Event, Mode, Place, PunchKind, Scope, State, Zone
from shared.events.disowned import RecordDisowned
from shared.events.envelope import InvalidEvent, Message, Received, UnknownType, decode, encode, source_of
from shared.events.notifications import NotificationSent
from shared.events.reporting import (
    BudgetWindow,
    ComplianceChanged,
    CoverageBudget,
    CoverageChanged,
    CoverageForecast,
    LogCheckpoint,
    PilotRegistered,
    ReportItem,
    ReportReviewed,
    ReportSubmitted,
    ReviewedItem,
)
from shared.events.scheduling import (
    AbsenceDecided,
    CalendarChanged,
    EmployeeChanged,
    Holiday,
    Requirement,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from shared.events.topics import TOPICS, Topic

__all__ = [
    "DUTIES",
    "TOPICS",
    "AbsenceDecided",
    "AttendanceRecorded",
    "AttendanceVoided",
    "Audience",
    "BudgetWindow",
    "CalendarChanged",
    "ComplianceChanged",
    "CorrectionDecided",
    "CoverageBudget",
    "CoverageChanged",
    "CoverageForecast",
    "Duty",
    "EmployeeChanged",
    "Event",
    "Holiday",
    "InvalidEvent",
    "LogCheckpoint",
    "Message",
    "Mode",
    "NotificationSent",
    "OutageDeclared",
    "PilotRegistered",
    "Place",
    "PunchKind",
    "Received",
    "RecordDisowned",
    "ReportItem",
    "ReportReviewed",
    "ReportSubmitted",
    "Requirement",
    "ReviewedItem",
    "RulesChanged",
    "ScheduleChanged",
    "Scope",
    "State",
    "Topic",
    "UnitChanged",
    "UnknownType",
    "Zone",
    "decode",
    "encode",
    "source_of",
]
