"""Who outside wants to hear of what: other systems by webhook, offices by e-mail."""

from collections.abc import Collection
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from services.notifications.domain import Exact
from services.notifications.domain.kinds import KINDS, Kind
from services.notifications.domain.receivers import Guard
from services.notifications.domain.rules import Rules
from shared.events import TOPICS
from shared.mailbox import is_address
from shared.personal import NamesNobody
from shared.refusals import wrong

WAYS_OUT = Literal["webhook", "email"]
MOST = 1000
"""Subscriptions in all: each is a message and a delivery of everything that it asks for."""


def _once(given: list[str]) -> list[str]:
    if len(set(given)) != len(given):
        raise wrong("subscription.twice")
    return given


class SubscriptionTerms(Exact):
    """What a subscriber hears, where, and in which language. `opd_codes` null: of the whole city."""

    address: Annotated[str, StringConstraints(min_length=3, max_length=2000)]
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=len(KINDS)), AfterValidator(_once)]
    opd_codes: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] | None,
        Field(min_length=1, max_length=100),
    ] = None
    description: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=3, max_length=200, pattern=r"^[^\x00]*$"),
        NamesNobody,
    ]
    """Whose system or office it is: never a person's name."""
    language: Literal["id", "en"] = "id"


class SubscriptionGiven(SubscriptionTerms):
    """The whole subscription; `subscription_id` is the caller's choice: asking again makes no second one."""

    subscription_id: UUID
    way: WAYS_OUT


class FollowedGiven(Exact):
    """The topics that a webhook follows, all of them. A new one begins with the next event, or with the oldest."""

    topics: Annotated[
        list[Annotated[str, StringConstraints(max_length=100)]], Field(max_length=50), AfterValidator(_once)
    ]
    from_start: bool = False


def followable() -> list[str]:
    """The topics that a webhook may follow."""
    return [name for name, topic in TOPICS.items() if topic.audience != "restricted"]


def kinds_outside(rules: Rules) -> frozenset[Kind]:
    """The kinds that a subscriber can be told, as the rules say."""
    return frozenset(
        kind
        for kind, rule in rules.kinds.items()
        if "subscriber" in rule.to or any("subscriber" in step.to for step in rule.escalate)
    )


def address_of(way: WAYS_OUT, text: str, guard: Guard) -> str:
    """An address in its one spelling. Raises PydanticCustomError that says the mend."""
    if way == "webhook":
        return str(guard.read(text))
    if not is_address(text):
        raise wrong("subscription.email")
    return text


def unknown(opd_codes: Collection[str], known: Collection[str]) -> list[str]:
    """Those of `opd_codes` that no unit has been heard of."""
    return sorted(set(opd_codes) - set(known))
