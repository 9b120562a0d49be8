"""Of what a terminal sends: its lines, its clock, and what each line proves (docs/terminals.md)."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID, uuid5

from services.attendance.domain.punches import (
    CLOCK_SKEW,
    LATE,
    OFFSET_AGE,
    Flag,
    Position,
    Timing,
    zone_of,
)
from services.attendance.domain.terminals import Keys, Meaning, is_pin
from shared.events import Place, PunchKind, Zone

Reason = Literal[
    "unreadable",
    "unset_clock",
    "future",
    "before_commissioning",
    "unknown_state",
    "unknown_pin",
    "not_employed",
    "failed",
]
"""Why a line has become no punch yet."""
REASONS: tuple[Reason, ...] = get_args(Reason)

SPACE = UUID("5e6f3b0e-6a53-5d0f-9d1c-3f2f5a1f7c11")
"""The name space of lines' ids (RFC 9562, version 5)."""

LONGEST = 300
"""Characters of a line that are kept."""

NEVER_SET = dt.datetime(2010, 1, 1)  # noqa: DTZ001 - a display's time, without a zone
"""A clock that says less has lost its time: terminals begin again at 2000-01-01."""

YEARS = range(1900, 3000)
"""Those of the contract; in any zone they are instants."""

AGREES = dt.timedelta(seconds=60)
"""A clock that is no further off agrees with ours. Less would judge the network and the time until it sends."""

DOUBLE_TAP = dt.timedelta(minutes=5)
"""Without keys, a second tap so soon says nothing new: people put their finger on it until it beeps."""

GAP = dt.timedelta(minutes=2)
"""Terminals call every half minute. One that is quiet for so long was out of reach: what it sends may be old."""

_TIME = re.compile(
    r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII
)
_STATE = re.compile(r"[0-9]{1,3}", re.ASCII)
_STAMP = re.compile(r"[0-9]{1,20}", re.ASCII)
_OPERATION = re.compile(rb"^OPLOG [^\t\n]*\t[^\t\n]*\t([0-9: -]{8,19})\t", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a terminal: who by their number there, its display's time, the state of its keys.

    `line_id` is the punch's id, so that a line that comes again, from whichever side, is the same punch; where the
    line cannot be read (then the three are None) it is the id of its text. `received_at` is when it first came,
    `vouched` whether the terminal's clock could be believed then.
    """

    line_id: UUID
    received_at: dt.datetime
    raw: str
    pin: str | None = None
    local: dt.datetime | None = None
    state: str | None = None
    vouched: bool = False


def line_of(
    serial: str, received_at: dt.datetime, parts: tuple[str, str, str], raw: str, *, row: int | None = None
) -> Line:
    """A line with its parts: PIN, time, state. `row` tells lines of a file that cannot be read apart."""
    pin, time, state = (part.strip() for part in parts)
    local = local_time(time)
    kept = "".join(one if one >= " " or one == "\t" else f"\\x{ord(one):02x}" for one in raw)[:LONGEST]
    if local is None or not is_pin(pin) or not _STATE.fullmatch(state):
        name = raw if row is None else f"{row}\t{raw}"
        return Line(uuid5(SPACE, f"{serial}\n{name}"), received_at, kept)
    state = str(int(state))
    name = f"{serial}\t{pin}\t{local:%Y-%m-%d %H:%M:%S}\t{state}"
    return Line(uuid5(SPACE, name), received_at, kept, pin, local, state)


def local_time(text: str) -> dt.datetime | None:
    """A display's time, without a zone; None for what is none. The year comes first: 06/11 is two dates."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    if year not in YEARS:
        return None
    try:
        return dt.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - likewise
    except ValueError:
        return None


def pushed(serial: str, received_at: dt.datetime, body: bytes) -> list[Line]:
    """The lines of a push of attendance: PIN, time, state, way of verifying and more, by tabs.

    The third column is the state of the keys, the fourth how somebody was recognised. Lines end in LF or CR LF.
    """
    lines: list[Line] = []
    for raw in body.split(b"\n"):
        text = raw.decode("utf-8", "backslashreplace").strip("\r")
        if not text.strip():
            continue
        pin, time, state, *_ = [*text.split("\t"), "", "", ""]
        lines.append(line_of(serial, received_at, (pin, time, state), text))
    return lines


def operated(body: bytes) -> list[dt.datetime]:
    """When, by its display, a terminal did what its log of operations tells. Nothing else of it is looked at."""
    times = (local_time(found.decode("ascii")) for found in _OPERATION.findall(body))
    return [time for time in times if time is not None]


def instant(local: dt.datetime, utc_offset_minutes: int) -> dt.datetime:
    """A display's time as an instant, by how far it is ahead of UTC."""
    return (local - dt.timedelta(minutes=utc_offset_minutes)).replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of a terminal's clock: how far it was `ahead` when last compared, and until which of its own
    times it is known to have been wrong."""

    compared_at: dt.datetime | None = None
    ahead: dt.timedelta = dt.timedelta()
    wrong_until: dt.datetime | None = None

    def vouches_for(self, at: dt.datetime) -> bool:
        """Can a time that the terminal tells be believed: compared within a day of it, right, not wrong since?"""
        return (
            self.compared_at is not None
            and abs(self.ahead) <= AGREES
            and abs(at - self.compared_at) <= OFFSET_AGE
            and (self.wrong_until is None or at > self.wrong_until)
        )


@dataclass(frozen=True, slots=True)
class Contact:
    """A terminal called from `since` until `until`, never quiet for longer than GAP."""

    since: dt.datetime
    until: dt.datetime


def compared(clock: Clock, newest: dt.datetime, received_at: dt.datetime, contact: Contact | None) -> Clock:
    """The clock, after a message whose `newest` time is compared with when it came.

    No terminal tells its time for the asking: it sends what happens at once, so the newest time of a message is
    its clock, seen at most a few seconds late. A time that has not come yet: it is ahead. One that agrees: it is
    right. One that lies back is an old message, and says nothing; unless the terminal was within reach from then
    on without a break, and would have sent it: then it is behind.
    """
    ahead = newest - received_at
    said = (
        ahead >= -AGREES
        or newest.year < NEVER_SET.year
        or (contact is not None and contact.since <= newest < contact.until - GAP)
    )
    if not said:
        return clock
    if abs(ahead) <= AGREES:
        return Clock(received_at, ahead, clock.wrong_until)
    # What is further ahead than that is no punch anyhow, whatever becomes of the clock.
    wrong_until = received_at + min(max(ahead, dt.timedelta()), CLOCK_SKEW)
    return Clock(received_at, ahead, max(clock.wrong_until or wrong_until, wrong_until))


def timing(at: dt.datetime, received_at: dt.datetime, clock: Clock, *, believed: bool) -> Timing:
    """When a tap happened: by the terminal's clock, never corrected, never after its receipt.

    `verified` where it is `believed`; else `unverified`.
    """
    flags: list[Flag] = [] if believed else ["clock_unverified"]
    if clock.compared_at is not None and abs(clock.ahead) > CLOCK_SKEW:
        flags.append("clock_skew")
    if received_at - at > LATE:
        flags.append("late")
    return Timing(min(at, received_at), "verified" if believed else "unverified", tuple(flags))


def wrong_time(
    local: dt.datetime, at: dt.datetime, received_at: dt.datetime, commissioned_at: dt.datetime
) -> Reason | None:
    """Why a time cannot be a punch's; None where it can."""
    if local < NEVER_SET:
        return "unset_clock"
    if at - received_at > CLOCK_SKEW:
        return "future"
    return "before_commissioning" if at < commissioned_at else None


def meaning(state: str, states: Mapping[str, Meaning], keys: Keys) -> Meaning | None:
    """What a state says, None where nobody has said. Where no keys are pressed only `ignored` counts."""
    said = states.get(state)
    return (said if said == "ignored" else "in") if keys == "first_last" else said


def kind_without_keys(at: dt.datetime, earlier: Iterable[tuple[dt.datetime, PunchKind]]) -> PunchKind:
    """The kind of a tap where no keys are pressed, by what else is recorded for its work date.

    The first is `in`, those after it are `out`, of which the last one counts; a second tap within five minutes
    says what the one before said. So who forgets a tap at noon loses nothing: taking turns would make the way home
    an arrival. A counter sees such a person gone from the first `out` on.
    """
    before = [tap for tap in earlier if tap[0] <= at]
    if not before:
        return "in"
    last_at, last = max(before)
    return last if at - last_at <= DOUBLE_TAP else "out"


@dataclass(frozen=True, slots=True)
class Site:
    """A unit, and where it is."""

    unit_id: str
    places: Sequence[Place]


def zone_at(door: Site, planned: Site, remote: Sequence[Place]) -> Zone:
    """The zone that a terminal proves, of the unit at whose `door` it hangs, for somebody planned there or not.

    Its own unit's people are at the office. For anybody else its unit's places are judged like a position: within
    the places of their unit (one building, two units) or their own, else `elsewhere`.
    """
    if door.unit_id == planned.unit_id:
        return "office"
    zones: set[Zone] = {
        zone_of(Position(place.lat, place.lon, 0), planned.places, remote) for place in door.places
    }
    if not zones:
        return "unknown"
    return zones.pop() if len(zones) == 1 else "uncertain"


def is_stamp(text: str) -> bool:
    """Can it be a terminal's own mark of how far it has sent?"""
    return _STAMP.fullmatch(text) is not None
