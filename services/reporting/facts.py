"""The facts of reporting (docs/rules.md#facts).

Each is the newest event of its fact key. Verdicts and coverage are SQL over these tables.
"""

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.reporting.store import steps
from services.reporting.store.tables import Stored
from shared.dates import WIB
from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    CalendarChanged,
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

_MIDNIGHT_AFTER = f"((work_date + 1)::timestamp at time zone '{WIB}')"


class FactPlan(Stored, Fact, table=True):
    """What one employee is to do on one work date."""

    of = ScheduleChanged
    noting = steps.PERSON_DAY

    employee_id: UUID = column(key=True)
    work_date: dt.date = column(key=True)
    opd_code: str = column(Text)
    unit_id: str = column(Text)
    mode: str = column(Text)
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    policy_version: str | None = column(Text)
    reason: str | None = column(Text)

    __table_args__ = (
        Index("fact_plan_by_date", "work_date", "employee_id"),
        Index(
            "fact_plan_overnight",
            "unit_id",
            "work_date",
            postgresql_where=text(f"mode = 'WFO' and ends_at > {_MIDNIGHT_AFTER}"),
        ),
        Index("fact_plan_at_counter", "unit_id", "work_date", postgresql_where=text("mode = 'WFO'")),
        {"postgresql_partition_by": "RANGE (work_date)"},
    )


class FactPunch(Stored, Fact, table=True):
    """One recorded check-in or check-out.

    `punch_reach(work_date, at)` (migration 0009) sorts those that lie outside their work date, so that a counter
    finds who reaches into its date: 0 for the date before or the next, 1 for others to which a plan may
    lead, 2 for those to which only a false clock does. Of the own date it is null.
    """

    of = AttendanceRecorded
    noting = steps.CHECKED_IN

    punch_id: UUID = column(key=True)
    employee_id: UUID
    work_date: dt.date
    opd_code: str = column(Text)
    unit_id: str = column(Text)
    kind: str = column(Text)
    at: dt.datetime
    received_at: dt.datetime
    device_at: dt.datetime | None
    zone: str = column(Text)
    source: str = column(Text)
    flags: list[str] = column(JSONB)
    time_trust: str = column(Text)

    __table_args__ = (
        Index("fact_punch_by_date", "work_date", "employee_id"),
        Index(
            "fact_punch_overnight",
            text("punch_reach(work_date, at)"),
            "work_date",
            "employee_id",
            "at",
            postgresql_where=text("punch_reach(work_date, at) is not null"),
        ),
    )


class FactVoid(Stored, Fact, table=True):
    """A punch that no longer counts; it may come before its punch."""

    of = AttendanceVoided
    noting = steps.VOIDED

    punch_id: UUID = column(key=True)
    employee_id: UUID
    work_date: dt.date
    voided_at: dt.datetime
    voided_by: str = column(Text)
    reason: str = column(Text)


class FactOutage(Stored, Fact, table=True):
    """A declared interval in which the city's own systems failed."""

    of = OutageDeclared
    noting = steps.DOWN

    outage_id: UUID = column(key=True)
    scope: dict[str, Any] = column(JSONB)
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str = column(Text)
    declared_by: str = column(Text)
    revoked: bool


class FactUnit(Stored, Fact, table=True):
    """One unit of an OPD; a service point has requirements."""

    of = UnitChanged

    unit_id: str = column(Text, key=True)
    opd_code: str = column(Text)
    opd_name: str = column(Text)
    name: str = column(Text)
    is_service_point: bool
    requirements: list[dict[str, Any]] = column(JSONB)
    slo: float = column(Double)


class FactEmployee(Stored, Fact, table=True):
    """Who belongs where and who their superiors are. nip, mail and phone are not needed here and not kept."""

    of = EmployeeChanged
    forgotten = {"heads": [], "active": False, "erased": True}

    employee_id: UUID = column(key=True)
    name: str | None = column(Text)
    opd_code: str | None = column(Text)
    unit_id: str | None = column(Text)
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    heads: list[str] = column(JSONB)
    active: bool
    erased: bool = column(of=lambda _: False)

    __table_args__ = (
        Index("fact_employee_supervisor", "supervisor_id", postgresql_where=text("supervisor_id is not null")),
        Index(
            "fact_employee_acting",
            "acting_supervisor_id",
            postgresql_where=text("acting_supervisor_id is not null"),
        ),
        Index("fact_employee_heads", "heads", postgresql_using="gin", postgresql_where=text("heads <> '[]'")),
    )


class FactCalendar(Stored, Fact, table=True):
    """All holidays of one year."""

    of = CalendarChanged
    noting = steps.CALENDAR

    year: int = column(key=True)
    holidays: list[dict[str, Any]] = column(JSONB)


class FactRules(Stored, Fact, table=True):
    """One version of the rules of judgement."""

    of = RulesChanged
    noting = steps.RULES

    rules_version: str = column(Text, key=True)
    effective_from: dt.date
    tolerance_minutes: int
    report_modes: list[str] = column(JSONB)
    report_cutoff: str = column(Text)
    review_sla_working_days: int


class FactReport(Stored, Fact, table=True):
    """One revision of one day's work report."""

    of = ReportSubmitted
    noting = steps.PERSON_DAY

    report_id: UUID = column(key=True)
    report_revision: int = column(BigInteger, key=True, of="revision")
    employee_id: UUID
    work_date: dt.date
    opd_code: str = column(Text)
    submitted_at: dt.datetime
    items: list[dict[str, Any]] = column(JSONB)

    __table_args__ = (Index("fact_report_by_date", "work_date", "employee_id"),)


def _accepted_total(event: ReportReviewed) -> Decimal:
    # Decimal of the shortest text: a sum of quantities as people write them.
    return sum((Decimal(repr(item.accepted_quantity)) for item in event.items), Decimal(0))


class FactReview(Stored, Fact, table=True):
    """One revision of the review of one revision of a report."""

    of = ReportReviewed
    noting = steps.PERSON_DAY

    report_id: UUID = column(key=True)
    report_revision: int = column(BigInteger, key=True)
    review_revision: int = column(BigInteger, key=True, of="revision")
    employee_id: UUID
    work_date: dt.date
    reviewed_at: dt.datetime
    reviewer_id: UUID
    decision: str = column(Text)
    accepted_total: Decimal = column(of=_accepted_total)
    items: list[dict[str, Any]] = column(JSONB)

    __table_args__ = (Index("fact_review_by_date", "work_date", "employee_id"),)


PROJECTION = Projection(
    FactPlan,
    FactPunch,
    FactVoid,
    FactOutage,
    FactUnit,
    FactEmployee,
    FactCalendar,
    FactRules,
    FactReport,
    FactReview,
)
