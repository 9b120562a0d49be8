"""HTTP in: a person's own inbox and preferences. Nobody reads another's."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict

from services.notifications import store
from services.notifications.domain import KINDS, Channel, Kind
from services.notifications.texts import render
from shared.auth import Employee
from shared.cursors import encode_cursor, read_cursor
from shared.http import page
from shared.messages import Language, language_of, text
from shared.refusals import Missing
from shared.service import Service, service_of

router = APIRouter(prefix="/notifications/v1", tags=["notifications"])

Running = Annotated[Service, Depends(service_of)]
AcceptLanguage = Annotated[str | None, Header()]
Limit = Annotated[int, Query(ge=1, le=1000)]


class Preferences(BaseModel):
    """What a person asks for. `language` null: what their client asks for. Muted messages are not shown."""

    model_config = ConfigDict(extra="forbid")

    language: Language | None = None
    muted_channels: list[Channel] = []
    muted_kinds: list[Kind] = []


@router.get("/me/inbox")
async def inbox(
    me: Employee,
    service: Running,
    *,
    cursor: str | None = None,
    limit: Limit = 100,
    unread: bool = False,
    accept_language: AcceptLanguage = None,
) -> dict[str, Any]:
    """My messages, newest first, with how many I have not read. `unread=true` leaves out the others."""
    before: int | None = read_cursor(cursor, int)[0] if cursor else None
    async with service.db.read() as tx:
        rows = await store.inbox(tx.connection, me, before=before, limit=limit + 1, unread_only=unread)
        waiting = await store.unread(tx.connection, me)
        asked = (await store.preference(tx.connection, me))["language"]
    language: Language = asked or language_of(accept_language)
    shown = rows[:limit]
    next_cursor = encode_cursor(shown[-1]["place"]) if len(rows) > limit else None
    return {**page([_item(row, language) for row in shown], next_cursor), "unread": waiting}


def _item(row: dict[str, Any], language: Language) -> dict[str, Any]:
    title, body = render(row["kind"], row["params"], language, subject=row["subject"], unit_name=row["unit_name"])
    return {
        "notification_id": row["notification_id"],
        "kind": row["kind"],
        "title": title,
        "text": body,
        "params": row["params"],
        "subject": row["subject"],
        "cause_event_id": row["cause_event_id"],
        "at": row["at"],
        "read_at": row["read_at"],
    }


@router.post("/me/inbox/read")
async def read_all(me: Employee, service: Running) -> dict[str, Any]:
    """Mark all my messages as read."""
    async with service.db.transaction() as tx:
        marked = await store.mark_all_read(tx.connection, me, service.clock.now())
    return {"marked": marked}


@router.post("/me/inbox/{notification_id}/read")
async def read(notification_id: UUID, me: Employee, service: Running) -> dict[str, Any]:
    """Mark one of my messages as read. Doing it again changes nothing."""
    async with service.db.transaction() as tx:
        read_at = await store.mark_read(tx.connection, me, notification_id, service.clock.now())
    if read_at is None:
        raise Missing("notification.unknown")
    return {"notification_id": notification_id, "read_at": read_at}


def _shown(preference: dict[str, Any], accept_language: str | None) -> dict[str, Any]:
    """Preferences with the kinds there are to choose from, in the reader's words."""
    language: Language = preference["language"] or language_of(accept_language)
    kinds = [{"kind": kind, "title": text(f"notification.kind.{kind}", language)} for kind in KINDS]
    return {**preference, "kinds": kinds}


@router.get("/me/preferences")
async def preferences(me: Employee, service: Running, accept_language: AcceptLanguage = None) -> dict[str, Any]:
    """What I asked for, and the kinds of message there are."""
    async with service.db.read() as tx:
        return _shown(await store.preference(tx.connection, me), accept_language)


@router.put("/me/preferences")
async def set_preferences(
    wanted: Preferences, me: Employee, service: Running, accept_language: AcceptLanguage = None
) -> dict[str, Any]:
    """Ask for something else, as a whole. A message that comes while muted is never shown, not even later."""
    async with service.db.transaction() as tx:
        await store.set_preference(
            tx.connection,
            me,
            language=wanted.language,
            muted_channels=sorted(set(wanted.muted_channels)),
            muted_kinds=sorted(set(wanted.muted_kinds)),
        )
        return _shown(await store.preference(tx.connection, me), accept_language)
