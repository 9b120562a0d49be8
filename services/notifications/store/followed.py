"""Which topics subscriptions follow, and how far each has come. Instants are of the database's clock."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlmodel import col, select

from services.notifications.store.tables import FollowedTopic
from shared.database import Tx


class Due(NamedTuple):
    """What may be sent something now."""

    subscription_id: UUID
    topic: str
    has: tuple[int, ...]
    sending: tuple[int, ...] | None
    attempts: int
    due_at: dt.datetime


async def of(tx: Tx, subscription_id: UUID) -> Sequence[FollowedTopic]:
    """The topics of a subscription, by name."""
    query = (
        select(FollowedTopic)
        .where(col(FollowedTopic.subscription_id) == subscription_id)
        .order_by(col(FollowedTopic.topic))
    )
    return (await tx.session.exec(query)).all()


async def by_subscription(tx: Tx, subscriptions: Collection[UUID]) -> dict[UUID, list[str]]:
    """The names of the topics that each of these follows, of those that follow any."""
    rows = await tx.connection.fetch(
        """
        select subscription_id, array_agg(topic order by topic) topics
        from followed_topic where subscription_id = any($1) group by subscription_id
        """,
        list(subscriptions),
    )
    return {row["subscription_id"]: row["topics"] for row in rows}


async def follow(tx: Tx, subscription_id: UUID, new: Mapping[str, Sequence[int]], ended: Collection[str]) -> None:
    """Follow topics from these offsets on, and others no more."""
    await tx.connection.execute(
        "delete from followed_topic where subscription_id = $1 and topic = any($2)", subscription_id, list(ended)
    )
    await tx.connection.executemany(
        "insert into followed_topic (subscription_id, topic, has, due_at) values ($1, $2, $3, clock_timestamp())",
        [(subscription_id, topic, list(offsets)) for topic, offsets in new.items()],
    )


async def any_followed(tx: Tx) -> bool:
    """Whether there is anything to do at all."""
    found: bool = await tx.connection.fetchval("select exists (select from followed_topic)")
    return found


async def due(tx: Tx) -> list[Due]:
    """Those of active subscriptions that may be sent something, longest waiting first."""
    rows = await tx.connection.fetch(
        """
        select f.subscription_id, f.topic, f.has, f.sending, f.attempts, f.due_at
        from followed_topic f join subscription s using (subscription_id)
        where s.active and s.way = 'webhook' and f.due_at <= clock_timestamp()
        order by f.due_at, f.subscription_id, f.topic
        """
    )
    return [
        Due(
            row["subscription_id"],
            row["topic"],
            tuple(row["has"]),
            None if row["sending"] is None else tuple(row["sending"]),
            row["attempts"],
            row["due_at"],
        )
        for row in rows
    ]


async def claim(tx: Tx, one: Due, sending: Sequence[int], lease: dt.timedelta) -> bool:
    """Note up to where it is being sent; False where another process was quicker, or it is followed no more."""
    claimed = await tx.connection.fetchval(
        """
        update followed_topic set sending = $4, attempts = attempts + 1, due_at = clock_timestamp() + $5
        where subscription_id = $1 and topic = $2 and due_at = $3 and has = $6 returning true
        """,
        one.subscription_id,
        one.topic,
        one.due_at,
        list(sending),
        lease,
        list(one.has),
    )
    return bool(claimed)


async def pass_over(tx: Tx, one: Due, upto: Sequence[int]) -> None:
    """There was nothing for readers between what it has and `upto`."""
    await tx.connection.execute(
        """
        update followed_topic set has = $3
        where subscription_id = $1 and topic = $2 and has = $4 and sending is null
        """,
        one.subscription_id,
        one.topic,
        list(upto),
        list(one.has),
    )


async def delivered(tx: Tx, one: Due, sending: Sequence[int]) -> None:
    """The receiver has what was being sent."""
    await tx.connection.execute(
        """
        update followed_topic set has = $3, sending = null, attempts = 0, due_at = clock_timestamp(), error = null
        where subscription_id = $1 and topic = $2 and sending = $3
        """,
        one.subscription_id,
        one.topic,
        list(sending),
    )


async def failed(tx: Tx, one: Due, sending: Sequence[int] | None, pause: dt.timedelta, error: str) -> None:
    """It is sent again later."""
    await tx.connection.execute(
        """
        update followed_topic set due_at = clock_timestamp() + $4, error = $5
        where subscription_id = $1 and topic = $2 and sending is not distinct from $3
        """,
        one.subscription_id,
        one.topic,
        None if sending is None else list(sending),
        pause,
        error,
    )
