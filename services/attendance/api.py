"""The doors for staff: check in, check out, sync what was made offline, see what is recorded."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import ValidationError
from pydantic_core import to_json

from services.attendance import views
from services.attendance.bodies import (
    BATCH,
    PUNCH,
    PunchIn,
    Receipt,
    Unusable,
    described,
    read,
    unreadable,
)
from services.attendance.domain import Position
from services.attendance.recording import Intake, Recorded, record
from shared import failures
from shared.auth import Employee, employee_of, principal
from shared.database import GroupCommit
from shared.dates import local_date
from shared.events.base import Date
from shared.http import Problem, as_problem, page, problem_body, traceparent_of
from shared.messages import Language, language_of
from shared.refusals import Refused
from shared.service import Service, service_of

log = logging.getLogger(__name__)

router = APIRouter(prefix="/attendance/v1")

Running = Annotated[Service, Depends(service_of)]
Intakes = GroupCommit[Intake, Recorded]


@router.post(
    "/punches",
    status_code=201,
    responses={
        200: {"model": Receipt, "description": "The same punch had been recorded; the same receipt"},
        201: {"model": Receipt},
    },
    openapi_extra=described(PUNCH),
)
async def punch(request: Request) -> Response:
    """Check in or out now. The time is the server's; the device's time and position are evidence.

    Bytes in, bytes out: at 07:30 this door serves a whole city, so the framework's own parsing stays out.
    """
    employee_id = employee_of(await principal(request))
    app = request.app.state
    received_at = app.service.clock.now()
    given = await read(request, PUNCH)
    intakes: Intakes = app.intakes
    recorded = await intakes.submit(_intake(given, employee_id, received_at, traceparent_of(request)))
    receipt = Receipt.model_validate(recorded.row)
    return Response(receipt.model_dump_json(), 201 if recorded.created else 200, media_type="application/json")


@router.post("/punches/batch", openapi_extra=described(BATCH))
async def batch(request: Request, me: Employee, service: Running) -> dict[str, Any]:
    """Sync punches made offline, at most 500: for each, in order, {status, receipt} or {status, problem}.

    The status is what the punch would have got alone. An item that fails holds back no other.
    """
    received_at = service.clock.now()
    given = await read(request, BATCH)
    outcomes: list[Recorded | Exception | None] = [None] * len(given.punches)
    intakes: list[tuple[int, Intake]] = []
    for index, one in enumerate(given.punches):
        try:
            # Back to JSON, where a UUID and a time are texts: in Python's terms `strict` would refuse them.
            punch = PUNCH.validate_json(to_json(one))
        except ValidationError as error:
            outcomes[index] = unreadable(error)
        else:
            intakes.append((index, _intake(punch, me, received_at, traceparent_of(request), offline=True)))

    async def commit(some: Sequence[tuple[int, Intake]]) -> None:
        async with service.db.transaction() as tx:
            results = await record(tx, [intake for _, intake in some])
        for (index, _), result in zip(some, results, strict=True):
            outcomes[index] = result

    for (index, _), error in await failures.culprits(intakes, commit):
        trace = traceparent_of(request)
        log.error("a punch of a batch failed", exc_info=error, extra={"fields": {"trace": trace}})
        outcomes[index] = Problem(500, "internal", params={"trace": trace.split("-")[1]})
    language = language_of(request.headers.get("accept-language"))
    return page([_outcome(outcome, language) for outcome in outcomes], None)


@router.get("/me/punches")
async def mine(me: Employee, service: Running, date: Date | None = None) -> dict[str, Any]:
    """What is recorded of the caller for a work date (today when left out), voided punches included."""
    return await views.day(service, me, date or local_date(service.clock.now()))


def _intake(
    given: PunchIn, employee_id: UUID, received_at: dt.datetime, traceparent: str, *, offline: bool = False
) -> Intake:
    device_at, position = given.device_at, given.position
    unusable: list[str] = []
    if isinstance(position, Unusable):
        position = None
        unusable.append("bad_position")
    if isinstance(device_at, Unusable):
        device_at = None
        unusable.append("bad_device_at")
    return Intake(
        given.punch_id,
        employee_id,
        given.kind,
        device_at,
        Position(position.lat, position.lon, position.accuracy_m) if position else None,
        "offline" if offline else "app",
        received_at,
        traceparent,
        unusable=tuple(unusable),
    )


def _outcome(outcome: Recorded | Exception | None, language: Language) -> dict[str, Any]:
    if isinstance(outcome, Recorded):
        return {"status": 201 if outcome.created else 200, "receipt": Receipt.model_validate(outcome.row)}
    if isinstance(outcome, Refused):
        outcome = as_problem(outcome)
    if isinstance(outcome, Problem):
        return {"status": outcome.status_code, "problem": problem_body(outcome, language)}
    raise outcome or RuntimeError("a punch of the batch was not judged")
