"""What a person asked for, and what there is to choose from: nothing is offered that does nothing."""

from collections.abc import Collection, Mapping
from uuid import UUID

from pydantic import BaseModel

from services.notifications.domain.kinds import KINDS, Channel, ToldKind
from services.notifications.domain.preferences import (
    PERSONAL,
    Muted,
    Wishes,
    concerns,
    is_fixed,
    offered,
    standing,
)
from services.notifications.domain.rules import Rules
from services.notifications.store import addresses
from services.notifications.store import preferences as store
from services.notifications.store import rules as in_force
from shared.database import Tx
from shared.messages import Language, language_of, text


class ChannelOut(BaseModel):
    """A channel that reaches people. `available`: what is sent by it reaches this person; `why` says why not."""

    channel: Channel
    title: str
    available: bool
    why: str | None
    addresses: list[str]
    """Where it reaches them, masked."""


class ChoiceOut(BaseModel):
    """One kind by one channel of its rule. `fixed`: it cannot be turned off, and `why`."""

    channel: Channel
    on: bool
    fixed: bool
    why: str | None
    available: bool


class KindOut(BaseModel):
    """A kind of message, in the reader's words. `for_you`: they may ever get it, as what they are today."""

    kind: ToldKind
    title: str
    for_you: bool
    channels: list[ChoiceOut]


class PreferencesOut(BaseModel):
    """What a person asked for, and the kinds there are. `language` null: what their client asks for."""

    language: Language | None
    muted_channels: list[Channel]
    muted_kinds: list[ToldKind]
    muted: list[Muted]
    channels: list[ChannelOut]
    kinds: list[KindOut]


Reach = Mapping[Channel, Collection[str]]
"""The channels that the city has turned on, each with the addresses at which it reaches a person, masked."""


async def shown(tx: Tx, employee_id: UUID, accept_language: str | None) -> PreferencesOut:
    """What a person asked for; the defaults if they never did."""
    rules = await in_force.current(tx)
    wishes = standing(rules, await store.of(tx, employee_id))
    language = wishes.language or language_of(accept_language)
    reach = _reach(await addresses.places(tx, employee_id))
    channels = [_channel(channel, reach, language) for channel in PERSONAL]
    leads = await store.leads(tx, employee_id)
    available: list[Channel] = [one.channel for one in channels if one.available]
    return PreferencesOut(
        language=wishes.language,
        muted_channels=sorted(wishes.muted_channels),
        muted_kinds=sorted(wishes.muted_kinds),
        muted=sorted(wishes.muted, key=lambda one: (one.kind, one.channel)),
        channels=channels,
        kinds=[
            KindOut(
                kind=kind,
                title=text(f"notification.kind.{kind}", language),
                for_you=concerns(rules.kinds[kind], leads=leads),
                channels=_choices(kind, rules, wishes, available, language),
            )
            for kind in KINDS
        ],
    )


def _reach(places: addresses.Places) -> Reach:
    """Where what is sent would go: to a telephone only where no browser takes pushes, as the queue has it."""
    reach: dict[Channel, list[str]] = {}
    if "email" in places.ways:
        reach["email"] = [masked(places.email)] if places.email else []
    if "push" in places.ways:
        reach["push"] = places.devices
    if "gateway" in places.ways and not reach.get("push"):
        reach["push"] = [masked(places.phone)] if places.phone else []
    return reach


def masked(address: str) -> str:
    """An address or a number that its owner knows again, and nobody else: `s…@contoh.go.id`, `…7890`."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}" if at else f"…{address[-4:]}"


def _channel(channel: Channel, reach: Reach, language: Language) -> ChannelOut:
    addresses = list(reach.get(channel, ()))
    why: str | None = None
    if channel != "inbox" and not addresses:
        why = text(f"channel.{channel}.{'no_address' if channel in reach else 'off'}", language)
    return ChannelOut(
        channel=channel,
        title=text(f"channel.{channel}", language),
        available=why is None,
        why=why,
        addresses=addresses,
    )


def _choices(
    kind: ToldKind, rules: Rules, wishes: Wishes, available: Collection[Channel], language: Language
) -> list[ChoiceOut]:
    choices: list[ChoiceOut] = []
    for channel in offered(rules.kinds[kind]):
        fixed = is_fixed(rules.kinds[kind], channel)
        choices.append(
            ChoiceOut(
                channel=channel,
                on=fixed or not wishes.mute(kind, channel),
                fixed=fixed,
                why=text("preference.why_fixed", language) if fixed else None,
                available=channel in available,
            )
        )
    return choices
