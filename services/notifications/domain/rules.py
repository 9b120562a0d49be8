"""Rules: what becomes a message to whom, by which ways and how urgently. Data; `rules.toml` is what is shipped.

Which change or moment leads to a kind of message is code (`domain/news.py`, `tasks/`); who is told, when, how
often and by which way is a rule, and BKPSDM may change it.
"""

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from services.notifications.domain.kinds import KINDS, Channel, Kind
from shared.refusals import FieldError, Invalid

Recipient = Literal[
    "person",  # whom the fact is about
    "superior",
    "deputy",  # the acting superior
    "unit_head",  # whoever heads the unit; without one, the superiors of the people posted there
    "opd_head",
    "city",  # whoever heads the OPD that the limits name as BKPSDM
    "told",  # those who got the message that this one takes back
    "subscriber",  # other systems and offices that asked for the kind
]
Minutes = Annotated[int, Field(ge=0, le=7 * 24 * 60)]


Named = Kind | Literal["*"]
"""Whose rule: a kind's, or `*` for the limits."""
LIMITS: Literal["*"] = "*"


LocalTime = Annotated[
    dt.time, WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"})
]
"""Of the city (WIB). What JSON Schema calls a time has an offset."""


class Step(BaseModel):
    """Whom else, so many minutes after the first message, unless somebody has acknowledged it or it is over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)]
    to: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=8)]


class Rule(BaseModel):
    """How one kind of message is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: bool = True
    to: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=8)]
    escalate: Annotated[tuple[Step, ...], Field(max_length=5)] = ()
    channels: Annotated[tuple[Channel, ...], Field(max_length=4)] = ("inbox",)
    """By which channels; the inbox always has it."""
    urgent: bool = False
    """Waits for no quiet hours and counts towards no limit."""
    fixed: bool = False
    """Nobody can turn it off in their inbox."""
    group_minutes: Annotated[int, Field(ge=0, le=120)] = 0
    """What comes within so many minutes of the first unread one is one message, sent out when they are over."""
    minutes: Minutes | None = None
    """Of kinds that time brings: how long after, or before, the moment that they are about."""
    at: LocalTime | None = None
    """Of digests: the local time (WIB)."""
    weekday: Annotated[int, Field(ge=0, le=6)] | None = None
    """Of weekly digests; Monday is 0."""


class Limits(BaseModel):
    """What holds for all that leaves the house and is not urgent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_person_per_hour: Annotated[int, Field(ge=1, le=1000)]
    quiet_from: LocalTime
    quiet_until: LocalTime
    """Local times (WIB); the night may lie between them. Equal: no quiet hours."""
    city_opd: Annotated[str, Field(min_length=1, max_length=100)]
    """The OPD whose heads answer for the city."""


class Rules(BaseModel):
    """All rules as they are in force."""

    model_config = ConfigDict(frozen=True)

    limits: Limits
    kinds: dict[Kind, Rule]


@cache
def shipped() -> Rules:
    """The rules that hold where nobody has changed any. Raises ValueError where a kind lacks one."""
    given = tomllib.loads(Path(__file__).parent.with_name("rules.toml").read_text(encoding="utf-8"))
    rules = Rules.model_validate({"limits": given.pop("limits"), "kinds": given})
    if missing := set(KINDS) - rules.kinds.keys():
        raise ValueError(f"rules.toml: no rule for {', '.join(sorted(missing))}")
    return rules


_OWN: tuple[Recipient, ...] = ("person",)
_ANSWERABLE: tuple[Recipient, ...] = ("unit_head", "opd_head", "city", "subscriber")
_BY_KIND: Mapping[Kind, tuple[Recipient, ...]] = {
    **dict.fromkeys(("counter.soon", "counter.short", "budget.burning"), _ANSWERABLE),
    **dict.fromkeys(("counter.met", "budget.recovered"), ("told", *_ANSWERABLE)),
    "outage.declared": ("person", "city", "subscriber"),
    "outage.revoked": ("told", "city", "subscriber"),
    "reviews.waiting": ("superior", "deputy", "unit_head", "opd_head", "city"),
    "digest.head": ("opd_head", "subscriber"),
    "digest.council": ("subscriber",),
}
_MINUTES: frozenset[Kind] = frozenset({"checkin.missing", "report.missing", "counter.soon"})
_DAILY: frozenset[Kind] = frozenset({"reviews.waiting"})
_WEEKLY: frozenset[Kind] = frozenset({"digest.head", "digest.council"})
_ESCALATE: frozenset[Kind] = frozenset({"counter.short", "reviews.waiting"})
"""What is known to be over when it is over."""
_GROUPED: frozenset[Kind] = frozenset({"schedule.new", "schedule.wfh", "schedule.changed"})

Setting = Literal["escalate", "group_minutes", "minutes", "at", "weekday"]


def recipients_of(kind: Kind) -> tuple[Recipient, ...]:
    """Whom a kind can be told to. What is said to a person about their own work is for nobody else."""
    return _BY_KIND.get(kind, _OWN)


def settings_of(kind: Kind) -> tuple[Setting, ...]:
    """What else can be set for a kind, beside whom and how."""
    settings: tuple[tuple[Setting, frozenset[Kind]], ...] = (
        ("escalate", _ESCALATE),
        ("group_minutes", _GROUPED),
        ("minutes", _MINUTES),
        ("at", _DAILY | _WEEKLY),
        ("weekday", _WEEKLY),
    )
    return tuple(setting for setting, kinds in settings if kind in kinds)


def check(kind: Kind, rule: Rule) -> None:
    """Raises Invalid that names each field of a rule which makes no sense for its kind, and the mend."""
    if wrong := [*_wrong_recipients(kind, rule), *_wrong_settings(kind, rule)]:
        raise Invalid("message_rule.senseless", errors=wrong)


def check_limits(limits: Limits) -> None:
    """Raises Invalid for a time of another zone than ours."""
    named = {"quiet_from": limits.quiet_from, "quiet_until": limits.quiet_until}
    if wrong := [FieldError(field, "message_rule.local") for field, time in named.items() if time.tzinfo]:
        raise Invalid("message_rule.senseless", errors=wrong)


def _wrong_recipients(kind: Kind, rule: Rule) -> Iterator[FieldError]:
    sensible = recipients_of(kind)
    heard = set[Recipient]()
    minutes = 0
    lists = [("to", rule.to), *((f"escalate.{nth}.to", step.to) for nth, step in enumerate(rule.escalate))]
    for place, words in lists:
        for nth, word in enumerate(words):
            if word not in sensible or (place != "to" and word in {"told", "subscriber"}):
                yield FieldError(f"{place}.{nth}", "message_rule.recipient", {"choices": ", ".join(sensible)})
            elif word in heard:
                yield FieldError(f"{place}.{nth}", "message_rule.twice", {"word": word})
            heard.add(word)
    for nth, step in enumerate(rule.escalate):
        if step.after_minutes <= minutes:
            yield FieldError(f"escalate.{nth}.after_minutes", "message_rule.later", {"minutes": minutes})
        minutes = max(minutes, step.after_minutes)
    if len(set(rule.channels)) < len(rule.channels):
        yield FieldError("channels", "message_rule.channel_twice")
    if "subscriber" in rule.to and not {"webhook", "email"} & {*rule.channels}:
        yield FieldError("channels", "message_rule.subscriber")
    if "webhook" in rule.channels and "subscriber" not in rule.to:
        yield FieldError("channels", "message_rule.webhook")


def _wrong_settings(kind: Kind, rule: Rule) -> Iterator[FieldError]:
    allowed = settings_of(kind)
    given: Mapping[Setting, object] = {
        "escalate": rule.escalate or None,
        "group_minutes": rule.group_minutes or None,
        "minutes": rule.minutes,
        "at": rule.at,
        "weekday": rule.weekday,
    }
    for setting, value in given.items():
        if value is not None and setting not in allowed:
            yield FieldError(setting, "message_rule.no_setting")
        elif value is None and setting in allowed and setting in {"minutes", "at", "weekday"}:
            yield FieldError(setting, f"message_rule.{setting}")
    if rule.at is not None and rule.at.tzinfo:
        yield FieldError("at", "message_rule.local")
