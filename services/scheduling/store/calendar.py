"""SQL of the calendar feed: whose it is, and the plans in it."""

import datetime as dt
from typing import NamedTuple
from uuid import UUID

from shared.database import Tx

_FEED_PLANS = """
    select employee_id, work_date, revision, mode, starts_at, ends_at, published_at from plan
    where employee_id = $1 and work_date between $2 and $3 and (mode <> 'OFF' or shown) order by work_date
"""
_REVOKE = "update feed set revoked_at = $2 where employee_id = $1 and revoked_at is null"

_FEED = "insert into feed (token_hash, employee_id, created_at) values ($1, $2, $3)"

_FEED_OWNER = "select employee_id from feed where token_hash = $1 and revoked_at is null"


class FeedPlan(NamedTuple):
    """A plan as a calendar shows it; `published_at` is None for one from before that was kept."""

    employee_id: UUID
    work_date: dt.date
    revision: int
    mode: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None
    published_at: dt.datetime | None


async def feed(tx: Tx, employee_id: UUID, first: dt.date, last: dt.date) -> list[FeedPlan]:
    """One person's plans that are, or in an earlier revision were, more than a free day; by date."""
    rows = await tx.connection.fetch(_FEED_PLANS, employee_id, first, last)
    return [FeedPlan(*row) for row in rows]


async def replace_feed(tx: Tx, employee_id: UUID, token_hash: bytes | None, now: dt.datetime) -> None:
    """Revoke a person's feed tokens, and store the new one if there is one."""
    await tx.connection.execute(_REVOKE, employee_id, now)
    if token_hash is not None:
        await tx.connection.execute(_FEED, token_hash, employee_id, now)


async def feed_owner(tx: Tx, token_hash: bytes) -> UUID | None:
    """Whose feed a token opens; None for an unknown or revoked one."""
    return await tx.connection.fetchval(_FEED_OWNER, token_hash)
