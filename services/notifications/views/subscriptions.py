"""Subscriptions as officers see them; a secret is shown by the door that makes it, once."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.notifications.domain.kinds import ToldKind
from services.notifications.domain.subscriptions import WAYS_OUT
from services.notifications.store import followed as store_of_followed
from services.notifications.store import subscriptions as store
from services.notifications.store.tables import Subscription
from shared.database import Tx
from shared.messages import Language
from shared.refusals import or_missing


class SecretOut(BaseModel):
    """A secret that signs now; the secret itself is never shown again."""

    model_config = ConfigDict(from_attributes=True)

    secret_id: UUID
    subscription_id: UUID
    created_at: dt.datetime


class SubscriptionOut(BaseModel):
    """Who hears of what. `opd_codes` null: of the whole city. Inactive: nothing is sent.

    `confirmed_at`: when the reader of an e-mail address said that they want it. `gone`: it was stopped because the
    receiver said that it exists no more. `topics`: those that a webhook is sent every event of.
    """

    subscription_id: UUID
    way: WAYS_OUT
    address: str
    kinds: list[ToldKind]
    opd_codes: list[str] | None
    description: str
    language: Language
    active: bool
    created_by: UUID
    created_at: dt.datetime
    confirmed_at: dt.datetime | None
    gone: bool
    secrets: list[SecretOut]
    topics: list[str]


class SubscriptionMade(SubscriptionOut):
    """The same, with the secret of a webhook's receiver, shown this once; null where it was shown before."""

    secret: str | None = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])


class SentOut(BaseModel):
    """A message to a subscriber. `error`: of the last try, for an operator."""

    model_config = ConfigDict(from_attributes=True)

    delivery_id: UUID
    notification_id: UUID
    kind: ToldKind
    state: Literal["waiting", "sending", "delivered", "dead", "dropped"]
    attempts: int
    due_at: dt.datetime
    error: str | None
    created_at: dt.datetime
    ended_at: dt.datetime | None


class FollowedOut(BaseModel):
    """A topic that a webhook follows. `attempts`: of the batch that it has not taken; `error`: of the last of
    them, for an operator; `due_at`: when it may next be sent something."""

    model_config = ConfigDict(from_attributes=True)

    topic: str
    attempts: int
    due_at: dt.datetime
    error: str | None


async def shown(tx: Tx, subscriptions: Sequence[Subscription]) -> list[SubscriptionOut]:
    """Subscriptions with the secrets that sign now."""
    ids = [one.subscription_id for one in subscriptions]
    secrets, topics = await _secrets(tx, ids), await store_of_followed.by_subscription(tx, ids)
    return [
        SubscriptionOut.model_validate(
            {
                **one.model_dump(),
                "secrets": secrets[one.subscription_id],
                "topics": topics.get(one.subscription_id, []),
            }
        )
        for one in subscriptions
    ]


async def one(tx: Tx, subscription: Subscription) -> SubscriptionOut:
    """One subscription."""
    (out,) = await shown(tx, [subscription])
    return out


async def made(tx: Tx, subscription: Subscription, secret: str | None) -> SubscriptionMade:
    """A subscription with the secret that was just made."""
    return SubscriptionMade(**(await one(tx, subscription)).model_dump(), secret=secret)


async def _secrets(tx: Tx, subscriptions: Collection[UUID]) -> dict[UUID, list[SecretOut]]:
    found = defaultdict[UUID, list[SecretOut]](list)
    for one in await store.secrets(tx, subscriptions):
        found[one.subscription_id].append(SecretOut.model_validate(one))
    return found


async def listed(tx: Tx, *, after: UUID, limit: int) -> list[SubscriptionOut]:
    """Subscriptions by id."""
    return await shown(tx, await store.listed(tx, after=after, limit=limit))


async def found(tx: Tx, subscription_id: UUID) -> SubscriptionOut:
    """A subscription. Raises Missing."""
    return await one(tx, or_missing(await store.find(tx, subscription_id), "subscription.not_found"))


async def sent(tx: Tx, subscription_id: UUID, *, before: int, limit: int) -> list[store.Sent]:
    """What a subscription was sent, the latest first."""
    return await store.sent(tx, subscription_id, before=before, limit=limit)


async def followed(tx: Tx, subscription_id: UUID) -> list[FollowedOut]:
    """The topics that a subscription follows, by name."""
    return [FollowedOut.model_validate(one) for one in await store_of_followed.of(tx, subscription_id)]
