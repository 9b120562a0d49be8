"""Events in, facts out: one upsert per fact table and batch, in one transaction (product.md section 5).

The columns of each fact table are declared once, in models.py; how an event becomes a row is declared here.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from services.reporting import models, store
from shared import disowned
from shared.bus import HandlerContext
from shared.database import Database, Tx
from shared.events import (
    AttendanceRecorded,
    AttendanceVoided,
    CalendarChanged,
    EmployeeChanged,
    Event,
    Holiday,
    OutageDeclared,
    Received,
    RecordDisowned,
    ReportItem,
    ReportReviewed,
    ReportSubmitted,
    Requirement,
    ReviewedItem,
    RulesChanged,
    ScheduleChanged,
    UnitChanged,
)
from shared.facts import FactTable, fold
from shared.repairs import Projection, Repaired
from shared.telemetry import Metrics

Row = dict[str, Any]

ABSORBING = 2**63 - 1
"""The revision of an erasure: no later event about the person can undo it."""


DIALECT = postgresql.dialect()


def _fact_table(model: type[SQLModel]) -> FactTable:
    table = cast("Table", model.__table__)  # pyright: ignore[reportAttributeAccessIssue] - set by SQLModel
    kinds = {column.name: column.type.compile(DIALECT).lower() for column in table.columns}
    columns = {name: kind for name, kind in kinds.items() if name not in ("revision", "ce_id")}
    return FactTable(table.name, tuple(column.name for column in table.primary_key.columns), columns)


PLAN, PUNCH, VOID = (_fact_table(m) for m in (models.FactPlan, models.FactPunch, models.FactVoid))
OUTAGE, UNIT, EMPLOYEE = (_fact_table(m) for m in (models.FactOutage, models.FactUnit, models.FactEmployee))
CALENDAR, RULES = (_fact_table(m) for m in (models.FactCalendar, models.FactRules))
REPORT, REVIEW = (_fact_table(m) for m in (models.FactReport, models.FactReview))

TABLES = (PLAN, PUNCH, VOID, OUTAGE, UNIT, EMPLOYEE, CALENDAR, RULES, REPORT, REVIEW)

# Facts that can change the verdicts of any work date. The dates of an outage are not enough: an earlier
# revision may have had others.
_EVERY_DATE = frozenset({OUTAGE.name, CALENDAR.name, RULES.name})
_OF_ONE_DATE = frozenset({PLAN.name, PUNCH.name, VOID.name, REPORT.name, REVIEW.name})

_report_items = TypeAdapter(list[ReportItem])
_reviewed_items = TypeAdapter(list[ReviewedItem])
_requirements = TypeAdapter(list[Requirement])
_holidays = TypeAdapter(list[Holiday])


def _json(adapter: TypeAdapter[Any], value: object) -> str:
    return adapter.dump_json(value).decode()


def _plan(event: ScheduleChanged, ce_id: UUID) -> Row:
    return {
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "opd_code": event.opd_code,
        "unit_id": event.unit_id,
        "mode": event.mode,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "policy_version": event.policy_version,
        "reason": event.reason,
        "revision": event.revision,
        "ce_id": ce_id,
    }


def _punch(event: AttendanceRecorded, ce_id: UUID) -> Row:
    return {
        "punch_id": event.punch_id,
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "opd_code": event.opd_code,
        "unit_id": event.unit_id,
        "kind": event.kind,
        "at": event.at,
        "received_at": event.received_at,
        "device_at": event.device_at,
        "zone": event.zone,
        "source": event.source,
        "flags": json.dumps(event.flags) if event.flags else "[]",
        "time_trust": event.time_trust,
        "revision": 0,
        "ce_id": ce_id,
    }


def _void(event: AttendanceVoided, ce_id: UUID) -> Row:
    return {
        "punch_id": event.punch_id,
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "voided_at": event.voided_at,
        "voided_by": event.voided_by,
        "reason": event.reason,
        "revision": 0,
        "ce_id": ce_id,
    }


def _outage(event: OutageDeclared, ce_id: UUID) -> Row:
    return {
        "outage_id": event.outage_id,
        "scope": event.scope.model_dump_json(),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "reason": event.reason,
        "declared_by": event.declared_by,
        "revoked": event.revoked,
        "revision": event.revision,
        "ce_id": ce_id,
    }


def _unit(event: UnitChanged, ce_id: UUID) -> Row:
    return {
        "unit_id": event.unit_id,
        "opd_code": event.opd_code,
        "opd_name": event.opd_name,
        "name": event.name,
        "is_service_point": event.is_service_point,
        "requirements": _json(_requirements, event.requirements),
        "slo": event.slo,
        "revision": event.revision,
        "ce_id": ce_id,
    }


def _employee(event: EmployeeChanged, ce_id: UUID) -> Row:
    return {
        "employee_id": event.employee_id,
        "name": event.name,
        "opd_code": event.opd_code,
        "unit_id": event.unit_id,
        "supervisor_id": event.supervisor_id,
        "acting_supervisor_id": event.acting_supervisor_id,
        "heads": json.dumps(event.heads),
        "active": event.active,
        "erased": False,
        "revision": event.revision,
        "ce_id": ce_id,
    }


def _erased(employee_id: UUID, ce_id: UUID) -> Row:
    return {
        "employee_id": employee_id,
        "name": None,
        "opd_code": None,
        "unit_id": None,
        "supervisor_id": None,
        "acting_supervisor_id": None,
        "heads": "[]",
        "active": False,
        "erased": True,
        "revision": ABSORBING,
        "ce_id": ce_id,
    }


def _calendar(event: CalendarChanged, ce_id: UUID) -> Row:
    return {
        "year": event.year,
        "holidays": _json(_holidays, event.holidays),
        "revision": event.revision,
        "ce_id": ce_id,
    }


def _rules(event: RulesChanged, ce_id: UUID) -> Row:
    return {
        "rules_version": event.rules_version,
        "effective_from": event.effective_from,
        "tolerance_minutes": event.tolerance_minutes,
        "report_modes": json.dumps(event.report_modes),
        "report_cutoff": event.report_cutoff,
        "review_sla_working_days": event.review_sla_working_days,
        "revision": 0,
        "ce_id": ce_id,
    }


def _report(event: ReportSubmitted, ce_id: UUID) -> Row:
    return {
        "report_id": event.report_id,
        "report_revision": event.revision,
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "opd_code": event.opd_code,
        "submitted_at": event.submitted_at,
        "items": _json(_report_items, event.items),
        "revision": 0,
        "ce_id": ce_id,
    }


def _review(event: ReportReviewed, ce_id: UUID) -> Row:
    return {
        "report_id": event.report_id,
        "report_revision": event.report_revision,
        "review_revision": event.revision,
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "reviewed_at": event.reviewed_at,
        "reviewer_id": event.reviewer_id,
        "decision": event.decision,
        # Decimal of the shortest text: a sum of quantities as people write them.
        "accepted_total": sum((Decimal(repr(item.accepted_quantity)) for item in event.items), Decimal(0)),
        "items": _json(_reviewed_items, event.items),
        "revision": 0,
        "ce_id": ce_id,
    }


_ROWS: dict[type[Event], tuple[FactTable, Callable[[Any, UUID], Row]]] = {
    ScheduleChanged: (PLAN, _plan),
    AttendanceRecorded: (PUNCH, _punch),
    AttendanceVoided: (VOID, _void),
    OutageDeclared: (OUTAGE, _outage),
    UnitChanged: (UNIT, _unit),
    EmployeeChanged: (EMPLOYEE, _employee),
    CalendarChanged: (CALENDAR, _calendar),
    RulesChanged: (RULES, _rules),
    ReportSubmitted: (REPORT, _report),
    ReportReviewed: (REVIEW, _review),
}

_TABLE_OF = {event.topic: table for event, (table, _) in _ROWS.items()}

CONSUMED = (RecordDisowned.topic, *_TABLE_OF)
"""The topics whose events are facts here, and before them the one that says which of these events count."""


def rows_of(batch: Iterable[Received]) -> dict[str, list[Row]]:
    """The rows of a batch by fact table. A tombstone of the directory is an erasure."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for received in batch:
        if received.event is None:
            rows[EMPLOYEE.name].append(_erased(UUID(received.key), received.id))
        else:
            table, row_of = _ROWS[type(received.event)]
            rows[table.name].append(row_of(received.event, received.id))
    return rows


async def apply(tx: Tx, batch: Sequence[Received], metrics: Metrics | None = None) -> None:
    """Join a batch into the fact tables and note which work dates it touched. Disowned events are left out."""
    rows = rows_of(await disowned.admit(tx, batch, _TABLE_OF))
    touched: set[dt.date | None] = set()
    people: set[UUID] | None = set()
    changed = counters = False
    for table in TABLES:
        given = rows.get(table.name)
        if not given:
            continue
        folded = await fold(tx.connection, table, given)
        if folded.conflicts and metrics is not None:
            metrics.fact_conflicts.labels(table.name).inc(folded.conflicts)
        if not folded.changed:
            continue
        changed = True
        counters = counters or table is UNIT
        if table.name in _EVERY_DATE or folded.conflicts:  # the loser of a conflict may have had another date
            touched.add(None)
        elif table.name in _OF_ONE_DATE:
            touched |= {row["work_date"] for row in given}
            if table is VOID:  # the punch may lie on another work date than its void says
                touched |= await store.facts.dates_of_punches(tx.connection, [row["punch_id"] for row in given])
            # A void may name another person than its punch, a plan may leave a unit that it no longer names.
            if table in (VOID, PLAN):
                people = None
            elif people is not None:
                people |= {row["employee_id"] for row in given}
    if changed:
        await store.facts.touch(tx.connection, touched, people, counters=counters)


async def _rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    """What is gone may have had any date, and what it hid another one: every verdict is looked at again."""
    await apply(tx, repaired.events, context.metrics)
    if repaired.topic == ScheduleChanged.topic:
        await store.gone.note_plans(tx.connection, repaired.gone)
    elif repaired.topic == UnitChanged.topic:
        await store.gone.note_units(tx.connection, repaired.gone)
    await store.facts.touch(tx.connection, [None], counters=True)


PROJECTION = Projection(_TABLE_OF, _rejoin)


async def digest(db: Database) -> str:
    """SHA-256 over the fact tables, row for row in key order, as hexadecimal text: the name of these facts.

    It depends on the facts alone, not on the order or the number of times in which they came.
    """
    async with db.read() as tx:
        return await store.facts.digest(tx.connection, [(table.name, table.key) for table in TABLES])
