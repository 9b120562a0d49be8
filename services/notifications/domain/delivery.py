"""When a message leaves the house, and when one that could not is tried again. Pure.

Retries: exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", 2015), so that what
failed together does not come back together. A breaker stands before each server: while one is down nobody's tries
are used up on it.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.notifications.domain.kinds import WAYS, Channel, Kind, Way, channel_of
from services.notifications.domain.rules import Limits, Rules
from shared.dates import WIB

MOST_TRIES = 12
"""With the pauses below a parcel that fails each time is given up after an hour and a quarter on average."""
FIRST_PAUSE = dt.timedelta(seconds=5)
LONGEST_PAUSE = dt.timedelta(hours=1)
LONGEST_ASKED = dt.timedelta(hours=6)
"""No server makes a message wait for longer than this, whatever it asks for."""
GIVE_UP = dt.timedelta(days=1)
"""Older than this a message is of no use to anybody outside; the inbox has it."""

HOLDS: frozenset[Way] = frozenset({"email", "push", "gateway"})
"""The ways to people: quiet hours and the limit an hour hold them back. Other systems do not sleep."""


class Going(NamedTuple):
    """That messages of a kind go out by a way. `held_s`: so many seconds after they were written."""

    kind: Kind
    way: Way
    channel: Channel
    urgent: bool
    held_s: int


def going(rules: Rules) -> list[Going]:
    """What goes out by which ways, if they are open."""
    return [
        Going(kind, way, channel_of(way), rule.urgent, rule.group_minutes * 60)
        for kind, rule in rules.kinds.items()
        for way in WAYS
        if channel_of(way) in rule.channels
    ]


def ceiling(attempt: int) -> dt.timedelta:
    """The longest pause after the `attempt`-th try, 1 being the first."""
    doubled = FIRST_PAUSE * 2 ** min(attempt - 1, 20)
    return min(doubled, LONGEST_PAUSE)


def pause(attempt: int, drawn: float, asked: dt.timedelta | None = None) -> dt.timedelta | None:
    """How long to wait after the `attempt`-th try failed; None: it was the last. `drawn`: 0 to 1, by lot.

    `asked`: no sooner than this, said by the other side.
    """
    if attempt >= MOST_TRIES:
        return None
    return max(ceiling(attempt) * drawn, min(asked or dt.timedelta(), LONGEST_ASKED))


def is_quiet(limits: Limits, now: dt.datetime) -> bool:
    """Whether nothing but what is urgent goes to people at this instant of business time."""
    return quiet_ends(limits, now) is not None


def quiet_ends(limits: Limits, now: dt.datetime) -> dt.datetime | None:
    """When the quiet hours that are now are over; None outside of them. `now` is business time."""
    first, last = limits.quiet_from, limits.quiet_until
    local = now.astimezone(WIB)
    at = local.time()
    within = first <= at < last if first <= last else at >= first or at < last
    if not within:
        return None
    ends = dt.datetime.combine(local.date(), last, WIB)
    return ends if ends > local else ends + dt.timedelta(days=1)


BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """Whether one server is taken to be down. A value; times are seconds of one monotonic clock.

    `OPENS_AFTER` failures in a row open it; when its time is up one parcel may try, and closes it, or opens it
    again for twice as long.
    """

    failures: int = 0
    opened: int = 0
    """How often it has opened since a parcel last came through."""
    until_s: float = 0.0
    trying: bool = False

    OPENS_AFTER = 3
    FIRST_S = 15.0
    LONGEST_S = 300.0

    def state(self, now_s: float) -> BreakerState:
        """Closed: send. Open: wait. Half open: one may try."""
        if not self.opened:
            return "closed"
        return "open" if now_s < self.until_s or self.trying else "half_open"

    def tries(self) -> "Breaker":
        """One parcel is tried while it is half open."""
        return Breaker(self.failures, self.opened, self.until_s, trying=True)

    def worked(self) -> "Breaker":
        """The server answered."""
        return Breaker()

    def failed(self, now_s: float, drawn: float) -> "Breaker":
        """The server could not be reached. `drawn`: 0 to 1, by lot: replicas do not try together."""
        failures = self.failures + 1
        if failures < self.OPENS_AFTER and not self.opened:
            return Breaker(failures)
        if self.opened and not self.trying:  # of a parcel that was under way when it opened
            return Breaker(failures, self.opened, self.until_s)
        longest = min(self.FIRST_S * 2**self.opened, self.LONGEST_S)
        return Breaker(failures, self.opened + 1, now_s + longest * (1 + drawn) / 2)
