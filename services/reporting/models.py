"""Tables of the reporting service that hold facts and what has been said about them.

The fact tables are the projections of product.md section 5: each row is the newest event of its fact key.
Verdicts and coverage are never stored; `published_*` only remember what was last announced.
"""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, Double, Integer, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _uuid(**options: Any) -> Any:
    return Field(sa_column=Column(Uuid, **{"nullable": False, **options}))


def _text(**options: Any) -> Any:
    return Field(sa_column=Column(Text, **{"nullable": False, **options}))


def _date(**options: Any) -> Any:
    return Field(sa_column=Column(Date, **{"nullable": False, **options}))


def _instant(**options: Any) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), **{"nullable": False, **options}))


def _bigint(**options: Any) -> Any:
    return Field(sa_column=Column(BigInteger, **{"nullable": False, "autoincrement": False, **options}))


def _integer(**options: Any) -> Any:
    return Field(sa_column=Column(Integer, **{"nullable": False, "autoincrement": False, **options}))


def _json(**options: Any) -> Any:
    return Field(sa_column=Column(JSONB, **{"nullable": False, **options}))


class FactPlan(SQLModel, table=True):
    """What one employee is to do on one work date."""

    __tablename__ = "fact_plan"

    employee_id: uuid.UUID = _uuid(primary_key=True)
    work_date: dt.date = _date(primary_key=True)
    opd_code: str = _text()
    unit_id: str = _text()
    mode: str = _text()
    starts_at: dt.datetime | None = _instant(nullable=True)
    ends_at: dt.datetime | None = _instant(nullable=True)
    policy_version: str | None = _text(nullable=True)
    reason: str | None = _text(nullable=True)
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactPunch(SQLModel, table=True):
    """One recorded check-in or check-out."""

    __tablename__ = "fact_punch"

    punch_id: uuid.UUID = _uuid(primary_key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    opd_code: str = _text()
    unit_id: str = _text()
    kind: str = _text()
    at: dt.datetime = _instant()
    received_at: dt.datetime = _instant()
    device_at: dt.datetime | None = _instant(nullable=True)
    zone: str = _text()
    source: str = _text()
    flags: list[str] = _json()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactVoid(SQLModel, table=True):
    """A punch that no longer counts; it may come before its punch."""

    __tablename__ = "fact_void"

    punch_id: uuid.UUID = _uuid(primary_key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    voided_at: dt.datetime = _instant()
    voided_by: str = _text()
    reason: str = _text()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactOutage(SQLModel, table=True):
    """A declared interval in which the city's own systems failed."""

    __tablename__ = "fact_outage"

    outage_id: uuid.UUID = _uuid(primary_key=True)
    scope: dict[str, Any] = _json()
    starts_at: dt.datetime = _instant()
    ends_at: dt.datetime = _instant()
    reason: str = _text()
    declared_by: str = _text()
    revoked: bool
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactUnit(SQLModel, table=True):
    """One unit of an OPD; a service point has requirements."""

    __tablename__ = "fact_unit"

    unit_id: str = _text(primary_key=True)
    opd_code: str = _text()
    opd_name: str = _text()
    name: str = _text()
    is_service_point: bool
    requirements: list[dict[str, Any]] = _json()
    slo: float = Field(sa_column=Column(Double, nullable=False))
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactEmployee(SQLModel, table=True):
    """Who belongs where and who their superiors are. nip, mail and phone are not needed here and not kept.

    An erased employee has `erased` true, no personal data, and a revision that nothing exceeds.
    """

    __tablename__ = "fact_employee"

    employee_id: uuid.UUID = _uuid(primary_key=True)
    name: str | None = _text(nullable=True)
    opd_code: str | None = _text(nullable=True)
    unit_id: str | None = _text(nullable=True)
    supervisor_id: uuid.UUID | None = _uuid(nullable=True)
    acting_supervisor_id: uuid.UUID | None = _uuid(nullable=True)
    heads: list[str] = _json()
    active: bool
    erased: bool
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactCalendar(SQLModel, table=True):
    """All holidays of one year."""

    __tablename__ = "fact_calendar"

    year: int = _integer(primary_key=True)
    holidays: list[dict[str, Any]] = _json()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactRules(SQLModel, table=True):
    """One version of the rules of judgement."""

    __tablename__ = "fact_rules"

    rules_version: str = _text(primary_key=True)
    effective_from: dt.date = _date()
    tolerance_minutes: int = _integer()
    report_modes: list[str] = _json()
    report_cutoff: str = _text()
    review_sla_working_days: int = _integer()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactReport(SQLModel, table=True):
    """One revision of one day's work report."""

    __tablename__ = "fact_report"

    report_id: uuid.UUID = _uuid(primary_key=True)
    report_revision: int = _bigint(primary_key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    opd_code: str = _text()
    submitted_at: dt.datetime = _instant()
    items: list[dict[str, Any]] = _json()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactReview(SQLModel, table=True):
    """One revision of the review of one revision of a report."""

    __tablename__ = "fact_review"

    report_id: uuid.UUID = _uuid(primary_key=True)
    report_revision: int = _bigint(primary_key=True)
    review_revision: int = _bigint(primary_key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    reviewed_at: dt.datetime = _instant()
    reviewer_id: uuid.UUID = _uuid()
    decision: str = _text()
    accepted_total: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    items: list[dict[str, Any]] = _json()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class Touched(SQLModel, table=True):
    """Work dates whose facts changed since the ticker last judged them; null stands for every date.

    Append-only for the fold, emptied by the ticker: the order of rows means nothing.
    """

    __tablename__ = "touched"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True)
    )
    work_date: dt.date | None = _date(nullable=True)


class NextDue(SQLModel, table=True):
    """The earliest instant at which time alone may change a verdict of the work date."""

    __tablename__ = "next_due"

    work_date: dt.date = _date(primary_key=True)
    due_at: dt.datetime = _instant()


class PublishedDay(SQLModel, table=True):
    """The states of one person-day's duties as last announced; revision counts the announcements."""

    __tablename__ = "published_day"

    work_date: dt.date = _date(primary_key=True)
    employee_id: uuid.UUID = _uuid(primary_key=True)
    on_time: str = _text()
    place: str = _text()
    hours: str = _text()
    report: str = _text()
    output: str = _text()
    revision: int = _bigint()


class PublishedCoverage(SQLModel, table=True):
    """The status of one service point as last announced."""

    __tablename__ = "published_coverage"

    unit_id: str = _text(primary_key=True)
    status: str = _text()
    revision: int = _bigint()
