"""The kinds of message there are, and the ways by which one reaches its reader."""

from typing import Annotated, Literal, get_args

from pydantic import WithJsonSchema

Kind = Literal[
    # what is known at once
    "schedule.new",
    "schedule.wfh",
    "schedule.changed",
    "report.accepted",
    "report.returned",
    "request.decided",
    "duty.not_met",
    "duty.unknown",
    "duty.corrected",
    "counter.short",
    "counter.met",
    "outage.declared",
    "outage.revoked",
    "budget.burning",
    "budget.recovered",
    # what time brings
    "checkin.missing",
    "report.missing",
    "reviews.waiting",
    "counter.soon",
    "digest.head",
    "digest.council",
    # what people ask of each other
    "counter.call",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
ToldKind = Annotated[Kind, WithJsonSchema({"type": "string", "x-extensible-enum": [*KINDS]})]
"""A kind in an answer: there may be more of them; of one that it does not know a reader shows title and text."""

Channel = Literal["inbox", "email", "push", "webhook"]
"""The channels of `notification.sent.v1`, and those that people choose among."""
CHANNELS: tuple[Channel, ...] = get_args(Channel)

Answer = Literal["yes", "no"]
"""To a call for help."""

Way = Literal["email", "push", "webhook", "gateway"]
"""How a message leaves the house: each is a queue and a file under `channels/`. A gateway (Telegram, WhatsApp,
SMS) reaches a person's phone as a push does: to its reader and in events it is `push`."""
WAYS: tuple[Way, ...] = get_args(Way)


def channel_of(way: Way) -> Channel:
    """Under which channel people choose a way, and events tell of it."""
    return "push" if way == "gateway" else way
