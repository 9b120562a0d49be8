"""A person's own inbox and preferences. Nobody reads another's."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, ConfigDict

from services.notifications.commands import inbox, preferences
from services.notifications.domain.kinds import Channel, Kind
from services.notifications.views import inbox as inbox_views
from services.notifications.views import preferences as preference_views
from services.notifications.views.inbox import Message
from services.notifications.views.preferences import PreferencesOut
from shared.auth import Employee
from shared.cursors import Limit, Page
from shared.messages import Language
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


class Preferences(BaseModel):
    """What a person asks for. `language` null: what their client asks for. Muted messages are not shown."""

    model_config = ConfigDict(extra="forbid")

    language: Language | None = None
    muted_channels: list[Channel] = []
    muted_kinds: list[Kind] = []


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


@router.get("/me/preferences")
async def read_preferences(
    me: Employee, service: Running, accept_language: AcceptLanguage = None
) -> PreferencesOut:
    """What I asked for, and the kinds of message there are."""
    async with service.db.read() as tx:
        return await preference_views.shown(tx, me, accept_language)


@router.put("/me/preferences")
async def set_preferences(
    wanted: Preferences, me: Employee, service: Running, accept_language: AcceptLanguage = None
) -> PreferencesOut:
    """Ask for something else, as a whole. A message that comes while muted is never shown, not even later."""
    async with service.db.transaction() as tx:
        await preferences.ask(
            tx,
            me,
            language=wanted.language,
            muted_channels=wanted.muted_channels,
            muted_kinds=wanted.muted_kinds,
        )
        return await preference_views.shown(tx, me, accept_language)
