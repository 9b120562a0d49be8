"""Rules: what becomes a message to whom, by which ways and how urgently. Data; `rules.toml` is what is shipped.

Which change or moment leads to a kind of message is code (`domain/news.py`, `tasks/`); who is told, when, how
often and by which way is a rule, and BKPSDM may change it.
"""

import datetime as dt
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.notifications.domain.kinds import KINDS, Channel, Kind

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
    at: dt.time | None = None
    """Of digests: the local time (WIB)."""
    weekday: Annotated[int, Field(ge=0, le=6)] | None = None
    """Of weekly digests; Monday is 0."""


class Limits(BaseModel):
    """What holds for all that leaves the house and is not urgent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_person_per_hour: Annotated[int, Field(ge=1, le=1000)]
    quiet_from: dt.time
    quiet_until: dt.time
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
