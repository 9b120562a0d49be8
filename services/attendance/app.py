"""Attendance, put together."""

from functools import partial

from fastapi import FastAPI

from services.attendance import handlers
from services.attendance.api import (
    corrections,
    flags,
    networks,
    outages,
    punches,
    receipts,
    requests,
    taps,
    terminals,
)
from services.attendance.commands import facts
from services.attendance.commands.punches import exchanged, record
from services.attendance.domain.terminals import STRANGERS
from services.attendance.facts import PROJECTION
from services.attendance.tasks import flags as looking
from services.attendance.tasks import positions as purging
from services.attendance.tasks import terminals as counting
from services.attendance.views.audit import AuditOut
from services.attendance.views.requests import DIRECTORY
from shared import audit_doors, repairs, request_doors
from shared.clock import Clock
from shared.database import GroupCommit
from shared.receipts import ReceiptKeys
from shared.service import Service, build
from shared.settings import Settings


def create_app(settings: Settings, clock: Clock | None = None) -> FastAPI:
    """The attendance service: punches, corrections, flags, outages, requests, terminals."""
    keys = ReceiptKeys.from_file(settings.receipt_key_file) if settings.receipt_key_file else None
    return build(
        settings,
        routers=[
            punches.router,
            receipts.router,
            corrections.router,
            outages.router,
            flags.router,
            networks.router,
            requests.router,
            request_doors.router("/attendance/v1", DIRECTORY),
            terminals.router,
            taps.router,
            audit_doors.router("/attendance/v1", AuditOut),
        ],
        handlers=handlers.router,
        tasks={
            "repairs": repairs.task(PROJECTION, facts.rejoin),
            "terminals": counting.watch,
            "flags": looking.watch,
            "positions": purging.keep_few,
        },
        clock=clock,
        body_limits={
            "/attendance/v1/punches/batch": 1024 * 1024,
            "/attendance/v1/terminal": terminals.FILE_LIMIT,
            taps.PREFIX: taps.BODY_LIMIT,
        },
        # At 07:30 a check-in that is turned away is an absence.
        never_refused=["/attendance/v1/punches"],
        direct={"/attendance/v1/punches": punches.short(keys)},
        prepare=partial(_prepare, keys),
    )


def _prepare(keys: ReceiptKeys | None, service: Service, app: FastAPI) -> None:
    for why in STRANGERS:  # `increase` does not see a series begin
        service.metrics.terminal_strangers.labels(why)
    app.state.receipts = keys
    app.state.intakes = GroupCommit(service.db, record, sizes=service.metrics.group_commit_items)
    app.state.exchanges = GroupCommit(service.db, exchanged)
