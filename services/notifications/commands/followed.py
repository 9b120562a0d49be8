"""Which topics a webhook follows, as officers decide."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from services.notifications.commands.subscriptions import Act, note, own
from services.notifications.domain.subscriptions import FollowedGiven, followable
from services.notifications.store import followed as store
from shared.access import READ_EVENTS, may
from shared.database import Tx
from shared.events import TOPICS
from shared.refusals import Conflict, FieldError, Invalid


def check(act: Act, given: FollowedGiven) -> None:
    """Raises Invalid for topics that do not exist, are never sent, or whose readers the officer is not among."""
    known = followable()
    errors: list[FieldError] = []
    for place, name in enumerate(given.topics):
        if name not in known:
            errors.append(FieldError(f"topics.{place}", "followed.unknown", {"topics": ", ".join(sorted(known))}))
        elif not may(act.who, readers := READ_EVENTS[TOPICS[name].audience]):
            errors.append(FieldError(f"topics.{place}", "followed.internal", {"allowed": ", ".join(readers)}))
    if errors:
        raise Invalid("validation", errors=errors)


async def new_ones(tx: Tx, subscription_id: UUID, topics: Collection[str]) -> list[str]:
    """Those of the topics that it does not follow yet."""
    known = {one.topic for one in await store.of(tx, subscription_id)}
    return [topic for topic in topics if topic not in known]


async def follow(
    tx: Tx, act: Act, subscription_id: UUID, given: FollowedGiven, starts: Mapping[str, Sequence[int]]
) -> None:
    """Follow exactly these topics; new ones from the offsets in `starts`. Raises Refused."""
    subscription = await own(tx, subscription_id)
    if subscription.way != "webhook":
        raise Conflict("followed.no_webhook")
    known = {one.topic for one in await store.of(tx, subscription_id)}
    new = {topic: starts[topic] for topic in given.topics if topic not in known}
    ended = known - set(given.topics)
    await store.follow(tx, subscription_id, new, ended)
    if new or ended:
        await note(tx, act, "followed", subscription, topics=given.topics, from_start=given.from_start)
