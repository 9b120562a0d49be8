"""What is new in inboxes, for those who follow theirs.

A message is committed in another order than its place says, so nobody can ask for the places after the last one. A
position is the oldest transaction that was still open when one looked: whatever was written by it, or after it, is
looked at again, and what was written before has been seen. (PostgreSQL, 9.28.10, `pg_snapshot_xmin`.)
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared.database import Tx

CHANNEL = "inbox"
"""NOTIFY channel: whose inboxes are other ones now; the payload is their ids, parted by commas. Triggers of the
table say it, whoever writes."""

MOST = 200
"""Only a person's newest messages are looked at. With so many new ones their inbox is to be read anew."""


class Since(NamedTuple):
    """From which position on somebody wants to hear what is new; None: from now on."""

    employee_id: UUID
    position: int | None


class New(NamedTuple):
    """One message that was written since, for the `nth` of those who asked; `written_in` tells versions apart."""

    nth: int
    notification_id: UUID
    written_in: int


async def position(tx: Tx) -> int:
    """Where `tx` stands: what it sees is complete up to there."""
    return await tx.connection.fetchval("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


async def new(tx: Tx, asked: Sequence[Since]) -> list[New]:
    """What was written since, for each who asks, oldest first; as many as MOST where there may be more.

    A database that was put back from a dump counts transactions anew: what claims to be written by one that has
    not begun yet is of the past.
    """
    rows = await tx.connection.fetch(
        """
        select f.nth, m.notification_id, m.written_in
        from unnest($1::uuid[], $2::bigint[]) with ordinality as f(employee_id, since, nth)
        cross join lateral (
            select notification_id, place, written_in from message
            where employee_id = f.employee_id and status = 'delivered' order by place desc limit $3
        ) m
        where m.written_in >= f.since and m.written_in < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        order by f.nth, m.place
        """,
        [one.employee_id for one in asked],
        [one.position for one in asked],
        MOST,
    )
    return [New(**row) for row in rows]
