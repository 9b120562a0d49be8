"""Attendance, put together."""

from fastapi import FastAPI

from services.attendance import handlers
from services.attendance.api import corrections, outages, punches
from services.attendance.commands import facts
from services.attendance.commands.punches import record
from services.attendance.facts import PROJECTION
from services.attendance.views.audit import AuditOut
from shared import audit_doors, repairs
from shared.clock import Clock
from shared.database import GroupCommit
from shared.service import Service, build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """The attendance service: punches, corrections, outages."""
    return build(
        settings,
        routers=[
            punches.router,
            corrections.router,
            outages.router,
            audit_doors.router("/attendance/v1", AuditOut),
        ],
        handlers=handlers.router,
        tasks={"repairs": repairs.task(PROJECTION, facts.rejoin)},
        clock=clock,
        body_limits={"/attendance/v1/punches/batch": 1024 * 1024},
        # At 07:30 a check-in that is turned away is an absence.
        never_refused=["/attendance/v1/punches"],
        direct={"/attendance/v1/punches": punches.SHORT},
        prepare=_prepare,
    )


def _prepare(service: Service, app: FastAPI) -> None:
    app.state.intakes = GroupCommit(service.db, record, sizes=service.metrics.group_commit_items)
