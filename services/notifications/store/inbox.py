"""Messages as their readers have them."""

import datetime as dt
from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.store.escalation import STANDS
from shared.database import Tx


class Stored(NamedTuple):
    """A message without its words. `place` grows with time; `unit_name` is its subject's, if that is a unit."""

    notification_id: UUID
    place: int
    kind: Kind
    cause_event_id: UUID
    subject: str | None
    params: dict[str, Any]
    at: dt.datetime
    read_at: dt.datetime | None
    unit_name: str | None
    step: int | None
    due_at: dt.datetime | None
    acknowledged_at: dt.datetime | None
    ended_at: dt.datetime | None


_STORED = f"""
    select m.notification_id, m.place, m.kind, m.cause_event_id, m.subject, m.params, m.at, m.read_at,
        u.name as unit_name, {STANDS}
    from message m left join unit u on u.unit_id = m.subject
        left join escalation e on e.cause_event_id = m.cause_event_id and e.kind = m.kind
"""  # noqa: S608 - names of columns


async def messages(
    tx: Tx, employee_id: UUID, *, before: int | None, limit: int, unread_only: bool
) -> list[Stored]:
    """Messages of one person, newest first, from the place before `before`."""
    rows = await tx.connection.fetch(
        _STORED
        + """
        where m.employee_id = $1 and m.status = 'delivered' and ($2::bigint is null or m.place < $2)
            and (not $4 or m.read_at is null)
        order by m.place desc limit $3
        """,
        employee_id,
        before,
        limit,
        unread_only,
    )
    return [Stored(**row) for row in rows]


async def some(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Stored]:
    """These messages, whosever they are; those that are gone are left out."""
    rows = await tx.connection.fetch(_STORED + "where m.notification_id = any($1)", list(ids))
    return {row["notification_id"]: Stored(**row) for row in rows}


async def unread(tx: Tx, employee_id: UUID) -> int:
    """How many messages of a person wait to be read."""
    return await tx.connection.fetchval(
        "select count(*) from message where employee_id = $1 and status = 'delivered' and read_at is null",
        employee_id,
    )


async def all_unread(tx: Tx, people: Collection[UUID]) -> dict[UUID, int]:
    """The same of several people; who has read everything is left out."""
    rows = await tx.connection.fetch(
        """
        select employee_id, count(*) as waiting from message
        where employee_id = any($1) and status = 'delivered' and read_at is null group by employee_id
        """,
        list(people),
    )
    return {row["employee_id"]: row["waiting"] for row in rows}


async def mark_read(tx: Tx, employee_id: UUID, notification_id: UUID, now: dt.datetime) -> dt.datetime | None:
    """When the message was first read; None if this person has no such message."""
    return await tx.connection.fetchval(
        """
        update message set read_at = coalesce(read_at, $3)
        where notification_id = $2 and employee_id = $1 and status = 'delivered' returning read_at
        """,
        employee_id,
        notification_id,
        now,
    )


async def mark_all_read(tx: Tx, employee_id: UUID, now: dt.datetime) -> int:
    """Mark everything in a person's inbox as read; returns how many were not."""
    tag = await tx.connection.execute(
        "update message set read_at = $2 where employee_id = $1 and status = 'delivered' and read_at is null",
        employee_id,
        now,
    )
    return int(tag.split()[-1])
