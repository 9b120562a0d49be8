"""Where letters go, and what offices say about those that they get."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from services.notifications.domain.kinds import Kind
from services.notifications.store import rules
from shared.database import Tx
from shared.messages import Language


class BoxRow(NamedTuple):
    """Somebody's address as the directory has it, or an office's that has confirmed it."""

    recipient: UUID
    address: str
    subscribed: bool


class Asking(NamedTuple):
    """An office that is to be asked; `asks`: how often it was, with this time."""

    subscription_id: UUID
    address: str
    kinds: list[str]
    language: Language
    asks: int


async def fixed_kinds(tx: Tx) -> frozenset[Kind]:
    """The kinds that nobody can turn off."""
    return frozenset(kind for kind, rule in (await rules.current(tx)).kinds.items() if rule.fixed)


async def boxes(tx: Tx, recipients: Collection[UUID]) -> list[BoxRow]:
    """Where these are reached by e-mail; nobody who has left."""
    rows = await tx.connection.fetch(
        """
        select employee_id as recipient, email as address, false as subscribed from recipient
        where employee_id = any($1) and active and email is not null
        union all
        select subscription_id, address, true from subscription
        where subscription_id = any($1) and way = 'email' and active
        """,
        list(recipients),
    )
    return [BoxRow(**row) for row in rows]


async def is_here(tx: Tx, employee_id: UUID) -> bool:
    """Whether the directory has somebody, who has not left."""
    return await tx.connection.fetchval(
        "select exists (select from recipient where employee_id = $1 and active)", employee_id
    )


async def saw_to_it(tx: Tx, notification_id: UUID) -> UUID | None:
    """Who has said that they see to what a message is about; None for nobody."""
    return await tx.connection.fetchval(
        """
        select e.acknowledged_by from message m join escalation e using (cause_event_id, kind)
        where m.notification_id = $1
        """,
        notification_id,
    )


class Subscribed(NamedTuple):
    """An office's subscription. Not `active`: it has not `confirmed` it, or an officer stopped it."""

    address: str
    active: bool
    confirmed: bool


async def subscribed(tx: Tx, subscription_id: UUID) -> Subscribed | None:
    """An office's subscription to letters; None where there is none."""
    row = await tx.connection.fetchrow(
        "select address, active, confirmed_at is not null as confirmed from subscription "
        "where subscription_id = $1 and way = 'email'",
        subscription_id,
    )
    return None if row is None else Subscribed(**row)


async def end(tx: Tx, subscription_id: UUID) -> None:
    """The office wants no more: nobody but its own confirmation begins it again."""
    await tx.connection.execute(
        "update subscription set active = false, confirmed_at = null where subscription_id = $1 and way = 'email'",
        subscription_id,
    )


async def next_to_ask(tx: Tx, *, at_most: int) -> Asking | None:
    """The next office to ask whether it wants what was asked for at its address, and note that it is being asked.

    Until it is noted as asked, it is asked again after ten minutes, `at_most` times; another address is asked
    anew. Replicas ask different ones.
    """
    row = await tx.connection.fetchrow(
        """
        update subscription s set asked_address = s.address, asked = false,
            asks = case when s.asked_address = s.address then s.asks + 1 else 1 end,
            ask_at = clock_timestamp() + interval '10 minutes'
        from (
            select subscription_id from subscription
            where way = 'email' and not active and confirmed_at is null
                and (asked_address is distinct from address
                    or not asked and asks < $1 and ask_at <= clock_timestamp())
            order by created_at limit 1 for update skip locked
        ) as due
        where s.subscription_id = due.subscription_id
        returning s.subscription_id, s.address, s.kinds, s.language, s.asks
        """,
        at_most,
    )
    return None if row is None else Asking(**row)


async def asked(tx: Tx, subscription_id: UUID, address: str) -> None:
    """It was asked: it has the letter, or will never take it."""
    await tx.connection.execute(
        "update subscription set asked = true where subscription_id = $1 and asked_address = $2",
        subscription_id,
        address,
    )
