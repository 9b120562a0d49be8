"""The facts of reporting, and what a batch of them leaves to be judged again (docs/rules.md#facts).

Each is the newest event of its fact key. Verdicts and coverage are SQL over these tables.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol, cast
from uuid import UUID

from sqlalchemy import BigInteger, Double, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.reporting.store import facts as store
from services.reporting.store import gone
from services.reporting.store.tables import Stored
from shared.bus import HandlerContext
from shared.database import Database, Tx
from shared.dates import WIB
from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    CalendarChanged,
    EmployeeChanged,
    OutageDeclared,
    Received,
    ReportReviewed,
    ReportSubmitted,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from shared.facts import Fact
from shared.projections import Projection
from shared.repairs import Repaired
from shared.tables import column
from shared.telemetry import Metrics

_MIDNIGHT_BEFORE = f"(work_date::timestamp at time zone '{WIB}')"
_MIDNIGHT_AFTER = f"((work_date + 1)::timestamp at time zone '{WIB}')"


class FactPlan(Stored, Fact, table=True):
    """What one employee is to do on one work date."""

    of = ScheduleChanged

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
            "fact_plan_overnight", "ends_at", "work_date", postgresql_where=text(f"ends_at > {_MIDNIGHT_AFTER}")
        ),
        Index("fact_plan_at_counter", "unit_id", "work_date", postgresql_where=text("mode = 'WFO'")),
    )


class FactPunch(Stored, Fact, table=True):
    """One recorded check-in or check-out."""

    of = AttendanceRecorded

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
            "work_date",
            "at",
            postgresql_where=text(f"at < {_MIDNIGHT_BEFORE} or at >= {_MIDNIGHT_AFTER}"),
        ),
    )


class FactVoid(Stored, Fact, table=True):
    """A punch that no longer counts; it may come before its punch."""

    of = AttendanceVoided

    punch_id: UUID = column(key=True)
    employee_id: UUID
    work_date: dt.date
    voided_at: dt.datetime
    voided_by: str = column(Text)
    reason: str = column(Text)


class FactOutage(Stored, Fact, table=True):
    """A declared interval in which the city's own systems failed."""

    of = OutageDeclared

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

    year: int = column(key=True)
    holidays: list[dict[str, Any]] = column(JSONB)


class FactRules(Stored, Fact, table=True):
    """One version of the rules of judgement."""

    of = RulesChanged

    rules_version: str = column(Text, key=True)
    effective_from: dt.date
    tolerance_minutes: int
    report_modes: list[str] = column(JSONB)
    report_cutoff: str = column(Text)
    review_sla_working_days: int


class FactReport(Stored, Fact, table=True):
    """One revision of one day's work report."""

    of = ReportSubmitted

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


class _OfADay(Protocol):
    """An event that is about one work date, most often of one person."""

    employee_id: UUID
    work_date: dt.date


_OF_NO_DATE = {FactUnit, FactEmployee}
"""No verdict depends on these. On a fact that has no work date either, those of every date may."""


async def take_in(batch: list[Received], context: HandlerContext) -> None:
    """The consumer's handler: one batch, one transaction."""
    async with context.db.transaction() as tx:
        await apply(tx, batch, context.metrics)


async def apply(tx: Tx, batch: Sequence[Received], metrics: Metrics | None = None) -> None:
    """Join a batch into the fact tables and note which work dates it touched. Disowned events are left out."""
    fold = {fact: folded for fact, folded in (await PROJECTION.fold(tx, batch, metrics)).items() if folded.changed}
    touched: set[dt.date | None] = set()
    people: set[UUID] | None = set()
    for fact, folded in fold.items():
        of_one_date = "work_date" in fact.model_fields
        if folded.conflicts or not (of_one_date or fact in _OF_NO_DATE):
            # The loser of a conflict may have had another date, as an earlier revision of an outage may.
            touched.add(None)
        elif of_one_date:
            days = cast("list[_OfADay]", [received.event for received in folded.received])
            touched |= {day.work_date for day in days}
            # A void may name another person than its punch, a plan may leave a unit that it no longer names.
            if fact in (FactVoid, FactPlan) or "employee_id" not in fact.model_fields:
                people = None
            elif people is not None:
                people |= {day.employee_id for day in days}
            if fact is FactVoid:  # the punch may lie on another work date than its void says
                punches = [received.event.punch_id for received in folded.received
                           if isinstance(received.event, AttendanceVoided)]  # fmt: skip
                touched |= await store.dates_of_punches(tx, punches)
    if fold:
        await store.touch(tx, touched, people, counters=FactUnit in fold)


async def rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """What is gone may have had any date, and what it hid another one: every verdict is looked at again."""
    await apply(tx, repaired.events, context.metrics)
    if repaired.topic == ScheduleChanged.topic:
        await gone.note_plans(tx, repaired.gone)
    elif repaired.topic == UnitChanged.topic:
        await gone.note_units(tx, repaired.gone)
    await store.touch(tx, [None], counters=True)


async def digest(db: Database) -> str:
    """SHA-256 over the fact tables, row for row in key order, as hexadecimal text: the name of these facts.

    It depends on the facts alone, not on the order or the number of times in which they came.
    """
    async with db.read() as tx:
        return await store.digest(tx, [(table.name, table.key) for table in PROJECTION.tables])
