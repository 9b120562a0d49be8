"""Messages as a person reads them: stored parameters put into the catalogue's words when they are opened."""

import datetime as dt
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain.kinds import ToldKind
from services.notifications.domain.rules import Rules
from services.notifications.store import inbox as store
from services.notifications.store import preferences, rules
from services.notifications.store.escalation import waits
from services.notifications.views.wording import worded
from shared.cursors import cut, read_cursor
from shared.database import Tx
from shared.messages import Language, language_of


class Acknowledge(BaseModel):
    """Whether others are told unless somebody says that they see to it, and when somebody has said so."""

    needed: bool
    at: dt.datetime | None


class Message(BaseModel):
    """One message. `subject` is the unit or the outage it is about; `params` are what the text was made of.

    `text` says what happened, what to do and by when, `why` why it came; `link` is the page that it is about.
    """

    notification_id: UUID
    kind: ToldKind
    title: str
    text: str
    why: str
    link: str | None
    params: dict[str, Any]
    subject: str | None
    cause_event_id: UUID
    at: dt.datetime
    read_at: dt.datetime | None
    acknowledge: Acknowledge


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
    in_force = await rules.current(tx)
    messages = [message_of(row, language, in_force) for row in page.items]
    return Shown(messages, page.next, await store.unread(tx, employee_id))


def message_of(row: store.Stored, language: Language, in_force: Rules) -> Message:
    """A message in a language."""
    words = worded(row, language, in_force.kinds[row.kind], waits=waits(row))
    return Message(
        notification_id=row.notification_id,
        kind=row.kind,
        title=words.title,
        text=words.text,
        why=words.why,
        link=words.link,
        params=row.params,
        subject=row.subject,
        cause_event_id=row.cause_event_id,
        at=row.at,
        read_at=row.read_at,
        acknowledge=Acknowledge(needed=words.acknowledge, at=row.acknowledged_at),
    )
