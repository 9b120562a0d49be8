"""What people may turn off, and what that does. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from services.notifications.domain.kinds import Channel, Kind
from services.notifications.domain.rules import Recipient, Rule, Rules
from shared.refusals import FieldError

PERSONAL: tuple[Channel, ...] = ("inbox", "email", "push")
"""The channels that reach a person; a webhook reaches another system."""
_LEADING: frozenset[Recipient] = frozenset({"superior", "deputy", "unit_head", "opd_head", "city"})


class Muted(BaseModel, frozen=True, extra="forbid"):
    """One kind of message by one channel, turned off."""

    kind: Kind
    channel: Channel


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asked for. A kind is muted by a channel where any of the three says so."""

    language: Literal["id", "en"] | None = None
    muted_channels: tuple[Channel, ...] = ()
    muted_kinds: tuple[Kind, ...] = ()
    muted: frozenset[Muted] = frozenset()

    def mute(self, kind: Kind, channel: Channel) -> bool:
        """Whether they do not want a kind by a channel; what is fixed reaches them all the same."""
        asked = Muted(kind=kind, channel=channel) in self.muted
        return asked or kind in self.muted_kinds or channel in self.muted_channels


def is_fixed(rule: Rule, channel: Channel) -> bool:
    """Whether nobody can turn a kind off by this channel: what is fixed stays in the inbox, no more."""
    return rule.fixed and channel == "inbox"


def offered(rule: Rule) -> list[Channel]:
    """The channels by which a kind reaches people; the inbox always has it. None where it is for systems alone."""
    if not rule.on or not _people_of(rule):
        return []
    return [channel for channel in PERSONAL if channel == "inbox" or channel in rule.channels]


def _people_of(rule: Rule) -> set[Recipient]:
    people: set[Recipient] = {whom for step in (rule, *rule.escalate) for whom in step.to}
    return people - {"subscriber"}


def concerns(rule: Rule, *, leads: bool) -> bool:
    """Whether a kind may ever come to somebody; `leads`: they head something, or are somebody's superior."""
    people = _people_of(rule)
    return rule.on and bool(people if leads else people - _LEADING)


def wrong_wishes(rules: Rules, muted_kinds: Collection[Kind], muted: Collection[Muted]) -> list[FieldError]:
    """The fields that ask to turn off what cannot be turned off; of a kind, its other channels can."""
    kinds = [
        FieldError(f"muted_kinds.{nth}", "preference.fixed")
        for nth, kind in enumerate(muted_kinds)
        if is_fixed(rules.kinds[kind], "inbox")
    ]
    pairs = [
        FieldError(f"muted.{nth}", "preference.fixed")
        for nth, one in enumerate(muted)
        if is_fixed(rules.kinds[one.kind], one.channel)
    ]
    return kinds + pairs


def standing(rules: Rules, wishes: Wishes) -> Wishes:
    """Wishes as they hold: of a kind that has become fixed since, only the channels that can be turned off."""
    fixed: list[Kind] = [kind for kind in wishes.muted_kinds if is_fixed(rules.kinds[kind], "inbox")]
    more = {Muted(kind=kind, channel=channel) for kind in fixed for channel in PERSONAL}
    return Wishes(
        wishes.language,
        wishes.muted_channels,
        tuple(kind for kind in wishes.muted_kinds if kind not in fixed),
        frozenset(one for one in wishes.muted | more if not is_fixed(rules.kinds[one.kind], one.channel)),
    )
