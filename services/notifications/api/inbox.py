"""A person's own inbox. Nobody reads another's."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel

from services.notifications.commands import acknowledge as seeing
from services.notifications.commands import inbox
from services.notifications.views import inbox as inbox_views
from services.notifications.views.inbox import Message
from shared.auth import Employee
from shared.cursors import Limit, Page
from shared.service import Service, service_of

router = APIRouter(prefix="/notifications/v1", tags=["notifications"])

Running = Annotated[Service, Depends(service_of)]
AcceptLanguage = Annotated[str | None, Header()]


class Inbox(Page[Message]):
    """Messages, and how many are not read yet, those of other pages included."""

    unread: int


class Marked(BaseModel):
    """How many messages were not read before."""

    marked: int


class Read(BaseModel):
    """When a message was first read."""

    notification_id: UUID
    read_at: dt.datetime


class Acknowledged(BaseModel):
    """When somebody who was told first said that they see to it."""

    notification_id: UUID
    acknowledged_at: dt.datetime


@router.get("/me/inbox")
async def read_inbox(
    me: Employee,
    service: Running,
    *,
    cursor: str | None = None,
    limit: Limit = 100,
    unread: bool = False,
    accept_language: AcceptLanguage = None,
) -> Inbox:
    """My messages, newest first, with how many I have not read. `unread=true` leaves out the others."""
    async with service.db.read() as tx:
        shown = await inbox_views.shown(
            tx, me, cursor=cursor, limit=limit, unread_only=unread, accept_language=accept_language
        )
    return Inbox(items=shown.messages, next=shown.following, unread=shown.unread)


@router.post("/me/inbox/read")
async def read_all(me: Employee, service: Running) -> Marked:
    """Mark all my messages as read."""
    async with service.db.transaction() as tx:
        return Marked(marked=await inbox.read_all(tx, me, service.clock.now()))


@router.post("/me/inbox/{notification_id}/read")
async def read(notification_id: UUID, me: Employee, service: Running) -> Read:
    """Mark one of my messages as read. Doing it again changes nothing."""
    async with service.db.transaction() as tx:
        read_at = await inbox.read(tx, me, notification_id, service.clock.now())
    return Read(notification_id=notification_id, read_at=read_at)


@router.post("/me/inbox/{notification_id}/acknowledge")
async def acknowledge(notification_id: UUID, me: Employee, service: Running) -> Acknowledged:
    """Say that I see to what one of my messages is about; then nobody else is told. Doing it again changes
    nothing, and whoever was first stays so. 409 for a message that asks nobody to see to anything."""
    async with service.db.transaction() as tx:
        seen = await seeing.acknowledge(tx, me, notification_id, service.clock.now())
    return Acknowledged.model_validate(seen._asdict())
