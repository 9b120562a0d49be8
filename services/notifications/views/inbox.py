"""Messages as a person reads them: stored parameters put into the catalogue's words when they are opened."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain import Kind
from services.notifications.store import inbox as store
from services.notifications.store import preferences
from shared.cursors import cut, read_cursor
from shared.database import Tx
from shared.dates import date_text, moment_text, span_text, time_text
from shared.messages import Language, language_of, text


class Message(BaseModel):
    """One message. `subject` is the unit or the outage it is about; `params` are what the text was made of."""

    notification_id: UUID
    kind: Kind
    title: str
    text: str
    params: dict[str, Any]
    subject: str | None
    cause_event_id: UUID
    at: dt.datetime
    read_at: dt.datetime | None


class Shown(NamedTuple):
    """A page of an inbox, the cursor of the page after it, and how many messages wait to be read in all."""

    messages: list[Message]
    following: str | None
    unread: int


async def shown(
    tx: Tx, employee_id: UUID, *, cursor: str | None, limit: int, unread_only: bool, accept_language: str | None
) -> Shown:
    """Messages of a person, newest first, in the language they chose, else in the one their client asks for."""
    (before,) = read_cursor(cursor, int) if cursor else (None,)
    rows = await store.messages(tx, employee_id, before=before, limit=limit + 1, unread_only=unread_only)
    language = (await preferences.of(tx, employee_id)).language or language_of(accept_language)
    page = cut(rows, limit, lambda row: [row.place])
    messages = [_message(row, language) for row in page.items]
    return Shown(messages, page.next, await store.unread(tx, employee_id))


def _message(row: store.Stored, language: Language) -> Message:
    title, body = render(row.kind, row.params, language, subject=row.subject, unit_name=row.unit_name)
    return Message(
        notification_id=row.notification_id,
        kind=row.kind,
        title=title,
        text=body,
        params=row.params,
        subject=row.subject,
        cause_event_id=row.cause_event_id,
        at=row.at,
        read_at=row.read_at,
    )


def _hours(starts_at: str | None, ends_at: str | None, language: Language) -> str:
    if starts_at is None or ends_at is None:
        return text("notification.no_hours", language)
    start, end = dt.datetime.fromisoformat(starts_at), dt.datetime.fromisoformat(ends_at)
    return f"{time_text(start, language)}–{time_text(end, language)} WIB"


def render(
    kind: Kind,
    params: Mapping[str, Any],
    language: Language,
    *,
    subject: str | None = None,
    unit_name: str | None = None,
) -> tuple[str, str]:
    """(title, text) of a message, in `language`."""
    code = f"notification.{kind}"
    places: dict[str, Any] = {}
    if "work_date" in params:
        places["date"] = date_text(dt.date.fromisoformat(params["work_date"]), language)
    if kind == "schedule.wfh":
        dates = sorted(dt.date.fromisoformat(day["work_date"]) for day in params["days"])
        places["dates"] = "; ".join(date_text(date, language) for date in dates)
    elif kind in ("schedule.new", "schedule.changed"):
        places["mode"] = text(f"mode.{params['mode']}", language)
        places["hours"] = _hours(params["starts_at"], params["ends_at"], language)
        if kind == "schedule.changed":
            places["previous"] = text(f"mode.{params['previous']}", language)
    elif kind in ("duty.not_met", "duty.unknown", "duty.corrected"):
        places["duty"] = text(f"duty.{params['duty']}", language)
        if kind != "duty.corrected":
            code = f"{code}.{params['duty']}"
    elif kind in ("counter.short", "counter.met"):
        as_of = dt.datetime.fromisoformat(params["as_of"])
        places["unit"] = unit_name or subject
        places["time"] = f"{moment_text(as_of, language)} WIB"
        places["present"], places["required"] = params["present"], params["required"]
    elif kind in ("outage.declared", "outage.revoked"):
        start, end = (dt.datetime.fromisoformat(params[name]) for name in ("starts_at", "ends_at"))
        places["interval"] = span_text(start, end, language)
        places["reason"] = params["reason"]
    title = text(f"notification.{kind}.title", language, **places)
    return title, text(f"{code}.text", language, **places)
