"""The check-in as most would write it: FastAPI's body model, one ORM transaction for each request, one outbox row.

The baseline of `intake_vs_orm`. Same tables, same tokens, same work-date and zone rules, same durability.
"""

import datetime as dt
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel
from sqlmodel import select

from services.attendance.facts import EmployeeFact, PlanFact, UnitFact
from services.attendance.store.tables import Punch
from shared import outbox
from shared.auth import Employee
from shared.dates import local_date
from shared.events import AttendanceRecorded, PunchKind
from shared.http import Problem
from shared.service import build, run, service_of

router = APIRouter(prefix="/attendance/v1")


class Position(BaseModel):
    lat: float
    lon: float
    accuracy_m: float


class PunchIn(BaseModel):
    punch_id: UUID
    kind: PunchKind
    device_at: AwareDatetime | None = None
    position: Position | None = None


@router.post("/punches", status_code=201)
async def punch(body: PunchIn, who: Employee, request: Request) -> dict[str, object]:
    service = service_of(request)
    now = service.clock.now()
    async with service.db.transaction() as tx:
        person = await tx.session.get(EmployeeFact, who)
        if person is None:
            raise Problem(404, "not_found")
        today = local_date(now)
        plans = await tx.session.exec(
            select(PlanFact).where(
                PlanFact.employee_id == who,
                PlanFact.work_date >= today - dt.timedelta(days=2),
                PlanFact.work_date <= today + dt.timedelta(days=2),
            )
        )
        plan = next((one for one in plans if one.work_date == today), None)
        unit = await tx.session.get(UnitFact, plan.unit_id if plan else person.unit_id)
        places = unit.places if unit else []
        near = body.position is not None and any(
            abs(place["lat"] - body.position.lat) < 0.001 and abs(place["lon"] - body.position.lon) < 0.001
            for place in places
        )
        zone = "unknown" if body.position is None else "office" if near else "elsewhere"
        row = Punch(
            punch_id=body.punch_id,
            employee_id=who,
            opd_code=person.opd_code or "",
            unit_id=person.unit_id or "",
            work_date=today,
            kind=body.kind,
            at=now,
            received_at=now,
            device_at=body.device_at,
            zone=zone,
            source="app",
            flags=[],
        )
        tx.session.add(row)
        await tx.session.flush()
        event = AttendanceRecorded.model_validate(row.model_dump(exclude={"lat", "lon", "accuracy_m"}))
        await outbox.add(tx, [outbox.Outgoing(event, uuid4(), now)], source=service.source)
    return {
        "punch_id": row.punch_id,
        "work_date": row.work_date,
        "kind": row.kind,
        "at": row.at,
        "received_at": row.received_at,
        "zone": row.zone,
        "flags": row.flags,
    }


if __name__ == "__main__":
    run("attendance", lambda settings: build(settings, routers=[router]))
