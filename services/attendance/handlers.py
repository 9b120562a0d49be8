"""What attendance reads: who there is, where units are, who is planned where."""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from services.attendance.facts import EMPLOYEES, PLANS, UNITS
from services.attendance.store import punches
from shared import disowned
from shared.bus import HandlerContext, Router
from shared.database import Tx
from shared.events import EmployeeChanged, Place, Received, RecordDisowned, ScheduleChanged, UnitChanged
from shared.facts import fold
from shared.repairs import Projection, Repaired

router = Router()

ERASED = 2**53 + 1
"""An erasure has no revision of its own: it counts as later than any, so that a replay cannot undo it."""


TABLE_OF = {EmployeeChanged.topic: EMPLOYEES, UnitChanged.topic: UNITS, ScheduleChanged.topic: PLANS}


@router.batch(RecordDisowned.topic, *TABLE_OF, group="attendance.facts")
async def facts(batch: list[Received], context: HandlerContext) -> None:
    """Keep of other services' facts what a punch is judged by."""
    async with context.db.transaction() as tx:
        await _join(tx, batch, context)


async def _rejoin(tx: Tx, repaired: Repaired, context: HandlerContext) -> None:
    await _join(tx, repaired.events, context)


PROJECTION = Projection(TABLE_OF, _rejoin)


async def _join(tx: Tx, batch: Sequence[Received], context: HandlerContext) -> None:
    rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLE_OF.values()}
    erased: list[UUID] = []
    for received in await disowned.admit(tx, batch, TABLE_OF):
        match received.event:
            case EmployeeChanged() as event:
                rows[EMPLOYEES.name].append(_employee(event, received.id))
            case UnitChanged() as event:
                rows[UNITS.name].append(_unit(event, received.id))
            case ScheduleChanged() as event:
                rows[PLANS.name].append(_plan(event, received.id))
            case None:
                erased.append(UUID(received.key))
                rows[EMPLOYEES.name].append(_erased(UUID(received.key), received.id))
            case _:
                pass
    for table in TABLE_OF.values():
        folded = await fold(tx.connection, table, rows[table.name])
        if folded.conflicts:
            context.metrics.fact_conflicts.labels(table.name).inc(folded.conflicts)
    if erased:
        await punches.forget_positions(tx, erased)


def _places(places: Iterable[Place]) -> str:
    return json.dumps([place.model_dump() for place in places])


def _employee(event: EmployeeChanged, ce_id: UUID) -> dict[str, Any]:
    # Neither name nor NIP: attendance has no use for them.
    return {
        "employee_id": event.employee_id,
        "opd_code": event.opd_code,
        "unit_id": event.unit_id,
        "supervisor_id": event.supervisor_id,
        "acting_supervisor_id": event.acting_supervisor_id,
        "heads": json.dumps(event.heads),
        "remote_places": _places(event.remote_places),
        "active": event.active,
        "revision": event.revision,
        "ce_id": ce_id,
    }


def _erased(employee_id: UUID, ce_id: UUID) -> dict[str, Any]:
    return {
        "employee_id": employee_id,
        "opd_code": None,
        "unit_id": None,
        "supervisor_id": None,
        "acting_supervisor_id": None,
        "heads": "[]",
        "remote_places": "[]",
        "active": False,
        "revision": ERASED,
        "ce_id": ce_id,
    }


def _unit(event: UnitChanged, ce_id: UUID) -> dict[str, Any]:
    return {
        "unit_id": event.unit_id,
        "opd_code": event.opd_code,
        "places": _places(event.places),
        "revision": event.revision,
        "ce_id": ce_id,
    }


def _plan(event: ScheduleChanged, ce_id: UUID) -> dict[str, Any]:
    return {
        "employee_id": event.employee_id,
        "work_date": event.work_date,
        "opd_code": event.opd_code,
        "unit_id": event.unit_id,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "revision": event.revision,
        "ce_id": ce_id,
    }
