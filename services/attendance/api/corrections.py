"""Corrections of somebody's record."""

from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, TypeAdapter

from services.attendance.api import PREFIX, Running, described, read
from services.attendance.commands import Act, corrections
from services.attendance.commands.punches import Stated
from services.attendance.domain import Exact
from services.attendance.views.punches import Receipt, VoidOut, signed
from shared.access import CORRECT_RECORDS, Principal
from shared.auth import require
from shared.events import PunchKind
from shared.events.base import UUID, Date, InstantUTC
from shared.personal import Reason

router = APIRouter(prefix=PREFIX)
Corrector = Annotated[Principal, Depends(require(CORRECT_RECORDS))]


class ManualIn(Exact):
    """A punch that an officer vouches for. `work_date` only where the plans would say another one."""

    action: Literal["manual"]
    punch_id: UUID | None = None
    employee_id: UUID
    kind: PunchKind
    at: InstantUTC
    work_date: Date | None = None
    zone: Literal["office", "remote", "elsewhere"] | None = None
    """Where it happened, if the officer vouches for that too; without it the place stays unknown."""
    reason: Reason


class VoidIn(Exact):
    """A punch that shall no longer count."""

    action: Literal["void"]
    punch_id: UUID
    reason: Reason


CORRECTION: TypeAdapter[ManualIn | VoidIn] = TypeAdapter(
    Annotated[ManualIn | VoidIn, Field(discriminator="action")]
)


@router.post(
    "/corrections",
    status_code=201,
    responses={200: {"model": Receipt | VoidOut, "description": "The same correction had been made"}},
    openapi_extra=described(CORRECTION),
)
async def correct(request: Request, response: Response, who: Corrector, service: Running) -> Receipt | VoidOut:
    """Add a punch that you vouch for, or void one: for your own people, never for yourself."""
    body = await read(request, CORRECTION, tags=("manual", "void"))
    act = Act(who, service.clock.now())
    async with service.db.transaction() as tx:
        if isinstance(body, ManualIn):
            recorded = await corrections.add_manual(
                tx,
                act,
                punch_id=body.punch_id or uuid4(),
                employee_id=body.employee_id,
                kind=body.kind,
                stated=Stated(body.at, body.work_date, body.zone),
                reason=body.reason,
            )
            created, answer = recorded.created, signed(recorded.row, request.app.state.receipts)
        else:
            void, created = await corrections.void(tx, act, body.punch_id, body.reason)
            answer = VoidOut.model_validate(void)
    response.status_code = 201 if created else 200
    return answer
