"""Requests of staff about their own record, and the decisions on them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field, TypeAdapter

from services.attendance.api import PREFIX, Running, described, read
from services.attendance.commands import Act
from services.attendance.commands import requests as commands
from services.attendance.domain import Exact
from services.attendance.domain.requests import ASKED_TAGS, MOST_PUNCHES, REQUEST, StatedPunch
from shared.auth import Caller
from shared.dates import local_date
from shared.events.base import UUID as ExactUUID
from shared.personal import Reason
from shared.request_doors import Decider
from shared.requests import Request as Asked
from shared.requests import earliest

router = APIRouter(prefix=PREFIX)


class DecisionIn(Exact):
    """`punches` and `voids` are for an appeal that is granted: what is recorded and void, otherwise than asked."""

    decision: Literal["granted", "refused"]
    reason: Reason
    punches: Annotated[list[StatedPunch], Field(max_length=MOST_PUNCHES)] = []
    voids: Annotated[list[ExactUUID], Field(max_length=MOST_PUNCHES)] = []


class WithdrawalIn(Exact):
    reason: Reason | None = None


DECISION = TypeAdapter(DecisionIn)
WITHDRAWAL = TypeAdapter(WithdrawalIn)


@router.post(
    "/requests",
    status_code=201,
    responses={200: {"model": Asked, "description": "The same had been asked for"}},
    openapi_extra=described(REQUEST),
)
async def ask(request: Request, response: Response, who: Caller, service: Running) -> Asked:
    """Ask for a correction of your own record, or appeal a verdict; your superior or their deputy decides."""
    body = await read(request, REQUEST, tags=ASKED_TAGS)
    act = Act(who, service.clock.now())
    settings = service.settings
    first = earliest(local_date(act.now), settings.request_days, settings.month_closes_on)
    async with service.db.transaction() as tx:
        asked, created = await commands.ask(tx, act, body, first)
    response.status_code = 201 if created else 200
    return asked


@router.post("/requests/{request_id}/decision", openapi_extra=described(DECISION))
async def decide(request_id: UUID, request: Request, who: Decider, service: Running) -> Asked:
    """Grant a request, which corrects the record at once, or refuse it; never your own. The first one stands."""
    body = await read(request, DECISION)
    ruling = commands.Ruling(body.decision, body.reason, body.punches, body.voids)
    async with service.db.transaction() as tx:
        return await commands.decide(tx, Act(who, service.clock.now()), request_id, ruling)


@router.post("/requests/{request_id}/withdrawal", openapi_extra=described(WITHDRAWAL))
async def withdraw(request_id: UUID, request: Request, who: Caller, service: Running) -> Asked:
    """Take back your own request while nobody has decided on it. The body may be left out."""
    body = await read(request, WITHDRAWAL) if await request.body() else WithdrawalIn()
    async with service.db.transaction() as tx:
        return await commands.withdraw(tx, Act(who, service.clock.now()), request_id, body.reason)
