"""Alerts of counters for those who got them: who could help there, asking them, and their answers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from services.notifications.commands import calls
from services.notifications.domain.kinds import Answer
from services.notifications.views import alerts as views
from services.notifications.views.alerts import AlertOut, CallOut
from shared.auth import Caller, Employee
from shared.service import Service, service_of

router = APIRouter(prefix="/notifications/v1/me", tags=["notifications"])

Running = Annotated[Service, Depends(service_of)]


class CallIn(BaseModel):
    """Whom to ask; `call_id` is the caller's own, so that the same call, sent again, is the same."""

    model_config = ConfigDict(extra="forbid")

    call_id: UUID
    employee_id: UUID


class AnswerIn(BaseModel):
    """Whether one can help."""

    model_config = ConfigDict(extra="forbid")

    answer: Answer


@router.get("/alerts/{notification_id}")
async def alert(notification_id: UUID, me: Employee, service: Running) -> AlertOut:
    """A message of mine that a counter is short, or will be: how it stands now, and who could help, ranked."""
    async with service.db.read() as tx:
        return await views.shown(tx, me, notification_id, service.clock.now())


@router.post("/alerts/{notification_id}/calls", status_code=201)
async def call(notification_id: UUID, given: CallIn, who: Caller, service: Running) -> CallOut:
    """Ask one of them to help. They get a message and answer it; no plan is changed."""
    async with service.db.transaction() as tx:
        made = await calls.call(
            tx,
            who,
            notification_id,
            service.clock.now(),
            call_id=given.call_id,
            employee_id=given.employee_id,
        )
    return views.call_out(made)


@router.post("/inbox/{notification_id}/answer")
async def answer(notification_id: UUID, given: AnswerIn, who: Caller, service: Running) -> CallOut:
    """Answer a message that asks for my help at a counter. Whoever was alerted sees it."""
    async with service.db.transaction() as tx:
        made = await calls.answer(tx, who, notification_id, given.answer, service.clock.now())
    return views.call_out(made)
