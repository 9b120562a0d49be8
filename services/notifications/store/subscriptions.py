"""Who outside wants to hear of what, their secrets, and what became of what they were sent."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlmodel import col, select

from services.notifications.domain.kinds import Kind, Way
from services.notifications.store.tables import Subscription, WebhookSecret
from shared.database import Tx


async def lock(tx: Tx, subscription_id: UUID) -> Subscription | None:
    """A subscription, held until the transaction ends; one that is not there yet cannot come meanwhile either."""
    await tx.connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"subscription {subscription_id}"
    )
    return await tx.session.get(Subscription, subscription_id, with_for_update=True)


async def find(tx: Tx, subscription_id: UUID) -> Subscription | None:
    """A subscription, only to be looked at."""
    return await tx.session.get(Subscription, subscription_id)


async def put(tx: Tx, subscription: Subscription) -> None:
    """Keep a subscription as it now is."""
    tx.session.add(subscription)
    await tx.flush()


async def count(tx: Tx) -> int:
    """How many there are; nobody adds one until the transaction ends."""
    await tx.connection.execute("select pg_advisory_xact_lock(hashtextextended('subscriptions', 0))")
    found: int = await tx.connection.fetchval("select count(*) from subscription")
    return found


async def remove(tx: Tx, subscription: Subscription, now: dt.datetime) -> None:
    """Delete a subscription. Its secrets are kept as retired ones: their ids are never used again."""
    await tx.connection.execute(
        "update webhook_secret set retired_at = coalesce(retired_at, $2) where subscription_id = $1",
        subscription.subscription_id,
        now,
    )
    await tx.session.delete(subscription)
    await tx.flush()


async def listed(tx: Tx, *, after: UUID, limit: int) -> Sequence[Subscription]:
    """Subscriptions by id."""
    query = (
        select(Subscription)
        .where(col(Subscription.subscription_id) > after)
        .order_by(col(Subscription.subscription_id))
        .limit(limit)
    )
    return (await tx.session.exec(query)).all()


async def secrets(tx: Tx, subscriptions: Collection[UUID]) -> Sequence[WebhookSecret]:
    """The secrets that sign now, oldest first."""
    query = (
        select(WebhookSecret)
        .where(col(WebhookSecret.subscription_id).in_(subscriptions), col(WebhookSecret.retired_at).is_(None))
        .order_by(col(WebhookSecret.created_at), col(WebhookSecret.secret_id))
    )
    return (await tx.session.exec(query)).all()


async def secret(tx: Tx, secret_id: UUID) -> WebhookSecret | None:
    """One secret, retired or not."""
    return await tx.session.get(WebhookSecret, secret_id)


async def put_secret(tx: Tx, secret: WebhookSecret) -> None:
    """Keep a secret as it now is."""
    tx.session.add(secret)
    await tx.flush()


async def opds(tx: Tx, opd_codes: Collection[str]) -> list[str]:
    """Those of these OPDs that have a unit, or people."""
    rows = await tx.connection.fetch(
        """
        select opd_code from unnest($1::text[]) as asked(opd_code)
        where exists (select from unit u where u.opd_code = asked.opd_code)
            or exists (select from recipient r where r.opd_code = asked.opd_code)
        """,
        list(opd_codes),
    )
    return [row["opd_code"] for row in rows]


async def confirm(tx: Tx, subscription_id: UUID, now: dt.datetime) -> bool:
    """The reader of an e-mail address wants it: it is sent from now on. False where there is none that waits."""
    confirmed = await tx.connection.fetchval(
        """
        update subscription set confirmed_at = $2, active = true
        where subscription_id = $1 and way = 'email' and confirmed_at is null returning true
        """,
        subscription_id,
        now,
    )
    return bool(confirmed)


async def gone(tx: Tx, subscriptions: Collection[UUID]) -> None:
    """Stop those whose receivers say that they exist no more."""
    await tx.connection.execute(
        "update subscription set active = false, gone = true where subscription_id = any($1) and active",
        list(subscriptions),
    )


class Receiver(NamedTuple):
    """Where a subscription's webhooks go, and by which secrets they are signed."""

    subscription_id: UUID
    address: str
    secrets: list[UUID]


async def receivers(tx: Tx, subscriptions: Collection[UUID], *, stopped: bool = False) -> list[Receiver]:
    """Those of these subscriptions that are sent webhooks now; `stopped`: those that are not, too."""
    rows = await tx.connection.fetch(
        """
        select s.subscription_id, s.address, array_agg(w.secret_id order by w.created_at, w.secret_id) as secrets
        from subscription s join webhook_secret w on w.subscription_id = s.subscription_id and w.retired_at is null
        where s.subscription_id = any($1) and (s.active or $2) and s.way = 'webhook'
        group by s.subscription_id
        """,
        list(subscriptions),
        stopped,
    )
    return [Receiver(**row) for row in rows]


class Sent(NamedTuple):
    """What was, or is to be, sent to a subscription."""

    place: int
    delivery_id: UUID
    notification_id: UUID
    way: Way
    kind: Kind
    state: str
    attempts: int
    due_at: dt.datetime
    error: str | None
    created_at: dt.datetime
    ended_at: dt.datetime | None


async def sent(tx: Tx, subscription_id: UUID, *, before: int, limit: int) -> list[Sent]:
    """What a subscription was sent, the latest first, below a place in its inbox."""
    rows = await tx.connection.fetch(
        """
        select m.place, d.delivery_id, d.notification_id, d.way, d.kind, d.state, d.attempts, d.due_at, d.error,
            d.created_at, d.ended_at
        from message m join delivery d on d.notification_id = m.notification_id
        where m.employee_id = $1 and m.status = 'delivered' and m.place < $2
        order by m.place desc limit $3
        """,
        subscription_id,
        before,
        limit,
    )
    return [Sent(**row) for row in rows]
