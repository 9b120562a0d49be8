"""Composition of the scheduling service."""

from fastapi import FastAPI

from services.scheduling import handlers
from services.scheduling.api import (
    absences,
    calendar,
    changes,
    directory,
    disowned,
    hours,
    imports,
    people,
    plans,
    policies,
    proposals,
    readiness,
    requests,
    rosters,
    rules,
    swaps,
)
from services.scheduling.commands import facts
from services.scheduling.facts import PROJECTION
from services.scheduling.tasks import beat, keep_in_force
from services.scheduling.views.requests import DIRECTORY
from shared import audit_doors, repairs, request_doors
from shared.audit import AuditRow
from shared.clock import Clock
from shared.service import build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """The application; `clock` is for tests."""
    return build(
        settings,
        routers=[
            directory.router,
            imports.router,
            rules.router,
            proposals.router,
            audit_doors.router("/scheduling/v1", AuditRow, "proposals"),
            policies.router,
            rosters.router,
            plans.router,
            calendar.router,
            changes.router,
            absences.router,
            people.router,
            requests.router,
            request_doors.router("/scheduling/v1", DIRECTORY, "requests"),
            swaps.router,
            readiness.router,
            hours.router,
            disowned.router,
        ],
        clock=clock,
        handlers=handlers.router,
        tasks={"directory": keep_in_force, "heartbeat": beat, "repairs": repairs.task(PROJECTION, facts.rejoin)},
        body_limits={"/scheduling/v1/imports": imports.BODY_LIMIT},
    )
