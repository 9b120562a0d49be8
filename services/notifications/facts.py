"""What notifications keeps of what it hears: whom to tell, and what was heard last, to see whether news differs.

No name and no NIP is kept here. Where a person is reached by e-mail or phone is, until they are erased.
"""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.domain import news
from services.notifications.store.tables import Base
from shared.events import (
    AbsenceDecided,
    CalendarChanged,
    ComplianceChanged,
    CorrectionDecided,
    CoverageBudget,
    CoverageChanged,
    CoverageForecast,
    EmployeeChanged,
    OutageDeclared,
    ReportReviewed,
    ReportSubmitted,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from shared.facts import Fact
from shared.projections import Projection
from shared.tables import column


class Recipient(Base, Fact, table=True):
    """Who someone reports to, what they head, can do and where they are reached; nothing else of the directory."""

    of = EmployeeChanged
    forgotten = {"heads": [], "skills": [], "active": False}

    employee_id: UUID = column(key=True)
    opd_code: str | None = column(Text)
    unit_id: str | None = column(Text)
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    heads: list[str] = column(JSONB)
    skills: list[str] = column(JSONB)
    active: bool
    email: str | None = column(Text)
    """As the directory has it: whether it is an address is looked at when a letter is sent (shared/mailbox.py)."""
    phone: str | None = column(Text)

    __table_args__ = (
        Index("recipient_unit", "unit_id"),
        Index("recipient_opd", "opd_code"),
        Index("recipient_heads", "heads", postgresql_using="gin"),
    )


class Unit(Base, Fact, table=True):
    """The name of a unit, for texts; where it is and whom it needs when, for substitutes."""

    of = UnitChanged

    unit_id: str = column(Text, key=True)
    opd_code: str = column(Text)
    name: str = column(Text)
    places: list[dict[str, float]] = column(JSONB)
    requirements: list[dict[str, Any]] = column(JSONB)


class Plan(Base, Fact, table=True):
    """The plan as last heard, to see whether a new one really differs."""

    of = ScheduleChanged

    employee_id: UUID = column(key=True)
    work_date: dt.date = column(key=True)
    opd_code: str = column(Text)
    unit_id: str = column(Text)
    mode: str = column(Text)
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None

    __table_args__ = (
        Index("plan_work_date", "work_date"),
        Index("plan_unit", "unit_id", "work_date", postgresql_where=text("mode in ('WFO', 'WFH')")),
    )


class DutyRules(Base, Fact, table=True):
    """Of a version of the rules of judgement, who owes a report, and until when."""

    of = RulesChanged

    rules_version: str = column(Text, key=True)
    effective_from: dt.date
    report_modes: list[str] = column(JSONB)
    report_cutoff: str = column(Text)


class Calendar(Base, Fact, table=True):
    """All holidays of one year."""

    of = CalendarChanged

    year: int = column(key=True)
    holidays: list[dict[str, Any]] = column(JSONB)


class Report(Base, Fact, table=True):
    """That somebody has handed in the report of a day; its newest revision."""

    of = ReportSubmitted

    report_id: UUID = column(key=True)
    employee_id: UUID
    work_date: dt.date
    submitted_at: dt.datetime

    __table_args__ = (Index("report_of_day", "work_date", "employee_id"),)


class Review(Base, Fact, table=True):
    """The newest decision on one revision of a report."""

    of = ReportReviewed

    report_id: UUID = column(key=True)
    report_revision: int = column(BigInteger, key=True)
    work_date: dt.date
    content: str | None = column(Text, of=news.review_content)
    """A digest of what was decided; null when it was heard before this was kept."""

    __table_args__ = (Index("review_work_date", "work_date"),)


class DutyState(Base, Fact, table=True):
    """The state of one duty of one person-day as last heard.

    `tell_at`: when the person will be told that it is not met, where that was not said at once.
    """

    of = ComplianceChanged
    beside = frozenset({"tell_at"})

    employee_id: UUID = column(key=True)
    work_date: dt.date = column(key=True)
    duty: str = column(Text, key=True)
    state: str = column(Text)
    tell_at: dt.datetime | None

    __table_args__ = (
        Index("duty_state_work_date", "work_date"),
        Index("duty_state_tell_at", "tell_at", postgresql_where=text("tell_at is not null")),
    )


class CorrectionDecision(Base, Fact, table=True):
    """What became of a person's request for a correction of their record."""

    of = CorrectionDecided

    employee_id: UUID = column(key=True)
    request_id: UUID = column(key=True)
    state: str = column(Text)
    decided_at: dt.datetime


class AbsenceDecision(Base, Fact, table=True):
    """What became of a person's request for other plans, a swap among them."""

    of = AbsenceDecided

    employee_id: UUID = column(key=True)
    request_id: UUID = column(key=True)
    state: str = column(Text)
    decided_at: dt.datetime


class Counter(Base, Fact, table=True):
    """A service point's counter as last heard; `alert` is the event by which people were told that it is short."""

    of = CoverageChanged
    beside = frozenset({"alert"})

    unit_id: str = column(Text, key=True)
    opd_code: str = column(Text)
    status: str = column(Text)
    required: int = column(BigInteger)
    present_low: int = column(BigInteger)
    as_of: dt.datetime
    alert: UUID | None
    heard_at: dt.datetime = column(of="ce_time")


class Forecast(Base, Fact, table=True):
    """What was last said of a service point's near future; `told` is the event by which people were told of it."""

    of = CoverageForecast
    beside = frozenset({"told"})

    unit_id: str = column(Text, key=True)
    opd_code: str = column(Text)
    status: str = column(Text)
    at: dt.datetime
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    required: int = column(BigInteger)
    expected: int = column(BigInteger)
    as_of: dt.datetime
    told: UUID | None
    heard_at: dt.datetime = column(of="ce_time")


class Budget(Base, Fact, table=True):
    """What was last said of one window of a service point's error budget; `told` is the event by which people were
    told that it burns or is spent."""

    of = CoverageBudget
    beside = frozenset({"told"})

    unit_id: str = column(Text, key=True)
    of_window: str = column(Text, key=True, of="window")
    opd_code: str = column(Text)
    status: str = column(Text)
    burn_rate: float | None = column(Double)
    spent_minutes: float = column(Double)
    budget_minutes: float = column(Double)
    as_of: dt.datetime
    told: UUID | None


class Outage(Base, Fact, table=True):
    """An outage as last heard."""

    of = OutageDeclared

    outage_id: UUID = column(key=True)
    scope: dict[str, Any] = column(JSONB)
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str = column(Text)
    revoked: bool
    heard_at: dt.datetime = column(of="ce_time")


PROJECTION = Projection(
    Recipient,
    Unit,
    Calendar,
    DutyRules,
    Plan,
    Report,
    Review,
    CorrectionDecision,
    AbsenceDecision,
    DutyState,
    Counter,
    Forecast,
    Budget,
    Outage,
)
"""The directory and the plans come first: they say who is concerned by the rest."""
