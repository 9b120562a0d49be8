"""Tables of the reporting service that hold facts and what has been said about them.

The fact tables are the projections of product.md section 5: each row is the newest event of its fact key.
Verdicts and coverage are never stored; `published_*` only remember what was last announced.
"""

import datetime as dt
import re
import uuid
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, Double, Integer, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel


def _column(kind: Any, *, key: bool = False, null: bool = False) -> Any:
    column = Column[Any](kind, primary_key=key, nullable=null, autoincrement=False)
    return Field(sa_column=column)


def _uuid(*, key: bool = False, null: bool = False) -> Any:
    return _column(Uuid, key=key, null=null)


def _text(*, key: bool = False, null: bool = False) -> Any:
    return _column(Text, key=key, null=null)


def _date(*, key: bool = False, null: bool = False) -> Any:
    return _column(Date, key=key, null=null)


def _instant(*, null: bool = False) -> Any:
    return _column(DateTime(timezone=True), null=null)


def _bigint(*, key: bool = False) -> Any:
    return _column(BigInteger, key=key)


def _integer(*, key: bool = False) -> Any:
    return _column(Integer, key=key)


def _json() -> Any:
    return _column(JSONB)


class Stored(SQLModel):
    """A table of this service, named after its class: FactPlan is `fact_plan`."""

    metadata = MetaData()  # of its own: other services in the same process have tables of the same names

    @declared_attr.directive
    def __tablename__(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - SQLAlchemy's way
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class FactPlan(Stored, table=True):
    """What one employee is to do on one work date."""

    employee_id: uuid.UUID = _uuid(key=True)
    work_date: dt.date = _date(key=True)
    opd_code: str = _text()
    unit_id: str = _text()
    mode: str = _text()
    starts_at: dt.datetime | None = _instant(null=True)
    ends_at: dt.datetime | None = _instant(null=True)
    policy_version: str | None = _text(null=True)
    reason: str | None = _text(null=True)
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactPunch(Stored, table=True):
    """One recorded check-in or check-out."""

    punch_id: uuid.UUID = _uuid(key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    opd_code: str = _text()
    unit_id: str = _text()
    kind: str = _text()
    at: dt.datetime = _instant()
    received_at: dt.datetime = _instant()
    device_at: dt.datetime | None = _instant(null=True)
    zone: str = _text()
    source: str = _text()
    flags: list[str] = _json()
    time_trust: str = _text()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactVoid(Stored, table=True):
    """A punch that no longer counts; it may come before its punch."""

    punch_id: uuid.UUID = _uuid(key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    voided_at: dt.datetime = _instant()
    voided_by: str = _text()
    reason: str = _text()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactOutage(Stored, table=True):
    """A declared interval in which the city's own systems failed."""

    outage_id: uuid.UUID = _uuid(key=True)
    scope: dict[str, Any] = _json()
    starts_at: dt.datetime = _instant()
    ends_at: dt.datetime = _instant()
    reason: str = _text()
    declared_by: str = _text()
    revoked: bool
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactUnit(Stored, table=True):
    """One unit of an OPD; a service point has requirements."""

    unit_id: str = _text(key=True)
    opd_code: str = _text()
    opd_name: str = _text()
    name: str = _text()
    is_service_point: bool
    requirements: list[dict[str, Any]] = _json()
    slo: float = _column(Double)
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactEmployee(Stored, table=True):
    """Who belongs where and who their superiors are. nip, mail and phone are not needed here and not kept.

    An erased employee has `erased` true, no personal data, and a revision that nothing exceeds.
    """

    employee_id: uuid.UUID = _uuid(key=True)
    name: str | None = _text(null=True)
    opd_code: str | None = _text(null=True)
    unit_id: str | None = _text(null=True)
    supervisor_id: uuid.UUID | None = _uuid(null=True)
    acting_supervisor_id: uuid.UUID | None = _uuid(null=True)
    heads: list[str] = _json()
    active: bool
    erased: bool
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactCalendar(Stored, table=True):
    """All holidays of one year."""

    year: int = _integer(key=True)
    holidays: list[dict[str, Any]] = _json()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactRules(Stored, table=True):
    """One version of the rules of judgement."""

    rules_version: str = _text(key=True)
    effective_from: dt.date = _date()
    tolerance_minutes: int = _integer()
    report_modes: list[str] = _json()
    report_cutoff: str = _text()
    review_sla_working_days: int = _integer()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactReport(Stored, table=True):
    """One revision of one day's work report."""

    report_id: uuid.UUID = _uuid(key=True)
    report_revision: int = _bigint(key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    opd_code: str = _text()
    submitted_at: dt.datetime = _instant()
    items: list[dict[str, Any]] = _json()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class FactReview(Stored, table=True):
    """One revision of the review of one revision of a report."""

    report_id: uuid.UUID = _uuid(key=True)
    report_revision: int = _bigint(key=True)
    review_revision: int = _bigint(key=True)
    employee_id: uuid.UUID = _uuid()
    work_date: dt.date = _date()
    reviewed_at: dt.datetime = _instant()
    reviewer_id: uuid.UUID = _uuid()
    decision: str = _text()
    accepted_total: Decimal = _column(Numeric)
    items: list[dict[str, Any]] = _json()
    revision: int = _bigint()
    ce_id: uuid.UUID = _uuid()


class Touched(Stored, table=True):
    """Work dates whose facts changed since the ticker last judged them; null stands for every date.

    Append-only for the fold, emptied by the ticker: the order of rows means nothing.
    """

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    work_date: dt.date | None = _date(null=True)


class NextDue(Stored, table=True):
    """The earliest instant at which time alone may change a verdict of the work date."""

    work_date: dt.date = _date(key=True)
    due_at: dt.datetime = _instant()


class PublishedDay(Stored, table=True):
    """The states of one person-day's duties as last announced; revision counts the announcements."""

    work_date: dt.date = _date(key=True)
    employee_id: uuid.UUID = _uuid(key=True)
    on_time: str = _text()
    place: str = _text()
    hours: str = _text()
    report: str = _text()
    output: str = _text()
    revision: int = _bigint()


class PublishedCoverage(Stored, table=True):
    """The status of one service point as last announced."""

    unit_id: str = _text(key=True)
    status: str = _text()
    revision: int = _bigint()


class GonePlan(Stored, table=True):
    """A plan that was taken out with a disowned event, until the ticker has looked for another in its place."""

    employee_id: uuid.UUID = _uuid(key=True)
    work_date: dt.date = _date(key=True)
    opd_code: str = _text()


class GoneUnit(Stored, table=True):
    """A unit that was taken out with a disowned event, likewise."""

    unit_id: str = _text(key=True)
    opd_code: str = _text()


class Rebuilding(Stored, table=True):
    """Has its one row while the fact tables are incomplete: no transition is announced then."""

    unfinished: bool = Field(default=True, primary_key=True)
