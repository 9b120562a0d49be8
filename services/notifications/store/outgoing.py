"""Messages as they leave the house: each with the language that its reader chose."""

import datetime as dt
from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.store.escalation import STANDS
from shared.database import Tx
from shared.messages import Language


class Leaving(NamedTuple):
    """A message without its words. `subscribed`: its reader is a subscription; `language` null: never chosen."""

    notification_id: UUID
    kind: Kind
    subject: str | None
    params: dict[str, Any]
    at: dt.datetime
    unit_name: str | None
    language: Language | None
    subscribed: bool
    step: int | None
    due_at: dt.datetime | None
    acknowledged_at: dt.datetime | None
    ended_at: dt.datetime | None


async def messages(tx: Tx, ids: Collection[UUID]) -> list[Leaving]:
    """These messages, in any order; those that are gone are left out."""
    rows = await tx.connection.fetch(
        f"""
        select m.notification_id, m.kind, m.subject, m.params, m.at, u.name as unit_name,
            coalesce(s.language, p.language) as language, s.subscription_id is not null as subscribed, {STANDS}
        from message m
        left join unit u on u.unit_id = m.subject
        left join preference p on p.employee_id = m.employee_id
        left join subscription s on s.subscription_id = m.employee_id
        left join escalation e on e.cause_event_id = m.cause_event_id and e.kind = m.kind
        where m.notification_id = any($1)
        """,  # noqa: S608 - names of columns
        list(ids),
    )
    return [Leaving(**row) for row in rows]
