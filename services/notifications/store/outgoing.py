"""Messages as they leave the house: each with the language that its reader chose."""

import datetime as dt
from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind
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


async def messages(tx: Tx, ids: Collection[UUID]) -> list[Leaving]:
    """These messages, in any order; those that are gone are left out."""
    rows = await tx.connection.fetch(
        """
        select m.notification_id, m.kind, m.subject, m.params, m.at, u.name as unit_name,
            coalesce(s.language, p.language) as language, s.subscription_id is not null as subscribed
        from message m
        left join unit u on u.unit_id = m.subject
        left join preference p on p.employee_id = m.employee_id
        left join subscription s on s.subscription_id = m.employee_id
        where m.notification_id = any($1)
        """,
        list(ids),
    )
    return [Leaving(**row) for row in rows]
