"""Of a punch: its work date, its zone, and the honest time of one made offline (docs/rules.md#a-punch)."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Literal
from uuid import UUID

from shared.dates import local_date
from shared.events import Place, PunchKind, Zone

REACH = dt.timedelta(hours=4)
"""How long before its start and after its end a plan still claims a punch."""

TimeTrust = Literal["server", "verified", "unverified"]
"""How far the time of a punch can be believed: it is the server's receipt, or a device's word, verified or not."""

Source = Literal["app", "offline", "terminal", "manual"]
"""Who says that it happened: a connected app, an app later, a terminal at the door, an officer."""

Unusable = Literal["bad_position", "bad_device_at", "bad_device", "bad_signals"]
"""Evidence that came and said nothing."""

Doubt = Literal["other_device", "other_boot", "sequence_repeated", "elapsed_wrong"]
"""Why what a device counted cannot tell when a punch was."""

Flag = Literal["clock_skew", "clock_unverified", "late", "vouched", Unusable, Doubt]
"""What is to be said of a punch besides (docs/attendance.md)."""

CLOCK_SKEW = dt.timedelta(minutes=5)
"""A device clock further than this from the server's is worth a flag, and too wrong to be corrected by."""

OFFSET_AGE = dt.timedelta(hours=24)
"""An offset seen longer ago says nothing about a clock: it may have been set since."""

LATE = dt.timedelta(days=31)
"""An offline punch older than this is a matter for the supervisor's correction, not for a phone."""

PLANS_BEFORE, PLANS_AFTER = dt.timedelta(days=3), dt.timedelta(days=2)
"""Work dates around a punch's local date whose plans may claim it: shifts of up to two days, either side."""

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG): a sphere is off by 0.5 % at most, half a metre in a hundred."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Of one plan, what a punch is judged by. Without hours `starts_at` and `ends_at` are None."""

    work_date: dt.date
    opd_code: str
    unit_id: str
    starts_at: dt.datetime | None
    ends_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """Of an employee, what decides who answers for them."""

    employee_id: UUID
    opd_code: str
    unit_id: str
    supervisor_id: UUID | None
    acting_supervisor_id: UUID | None
    heads: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """Of an employee, what a punch is judged by: where they belong, and their plans by work date."""

    opd_code: str
    unit_id: str
    active: bool
    remote_places: tuple[Place, ...]
    plans: dict[dt.date, Plan]


@dataclass(frozen=True, slots=True)
class Position:
    """Degrees, and the radius in metres of the circle in which the device says that it is."""

    lat: float
    lon: float
    accuracy_m: float


def near(at: dt.datetime, plans: Mapping[dt.date, Plan]) -> list[Plan]:
    """Of a person's plans by work date, the few that may claim a punch at `at`."""
    date = local_date(at)
    first, last = date - PLANS_BEFORE, date + PLANS_AFTER
    return [plan for work_date, plan in plans.items() if first <= work_date <= last]


def work_date_of(kind: PunchKind, at: dt.datetime, plans: Iterable[Plan]) -> dt.date:
    """The work date that a punch at `at` belongs to, among the plans of its person.

    Of the plans with hours whose [starts_at - 4 h, ends_at + 4 h] contains it, the one with the nearest
    starts_at (`in`) or ends_at (`out`), the earlier date at a tie; else its local date.
    """
    claims: list[tuple[dt.timedelta, dt.date]] = []
    for plan in plans:
        if plan.starts_at is None or plan.ends_at is None:
            continue
        if plan.starts_at - REACH <= at <= plan.ends_at + REACH:
            claims.append((abs(at - (plan.starts_at if kind == "in" else plan.ends_at)), plan.work_date))
    if not claims:
        return local_date(at)
    _, work_date = min(claims)
    return work_date


def metres_between(a: Position | Place, b: Position | Place) -> float:
    """Great-circle distance in metres (haversine)."""
    lat_a, lat_b = radians(a.lat), radians(b.lat)
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin(radians(b.lon - a.lon) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half)))


def zone_of(position: Position | None, office: Sequence[Place], remote: Sequence[Place]) -> Zone:
    """Where a punch happened, with the accuracy circle taken at its word.

    A circle that lies wholly within a fence is inside it; one that touches it without lying within is
    `uncertain`. `office` comes before `remote`, both before `uncertain`. `unknown` is said of no position only: a
    reading that is none is given as None.
    """
    if position is None:
        return "unknown"
    crosses = False
    for zone, places in (("office", office), ("remote", remote)):
        for place in places:
            distance = metres_between(position, place)
            if distance + position.accuracy_m <= place.radius_m:
                return "office" if zone == "office" else "remote"
            crosses = crosses or distance - position.accuracy_m <= place.radius_m
    if crosses:
        return "uncertain"
    return "elsewhere"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a punch happened, how far that can be believed, and what should be said about the clock behind it."""

    at: dt.datetime
    trust: TimeTrust
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far the server's clock was ahead of a device's at `seen_at`, an instant of the server's."""

    ahead: dt.timedelta
    seen_at: dt.datetime


def online_timing(device_at: dt.datetime | None, received_at: dt.datetime) -> Timing:
    """A punch made while connected happened when the server got it; the device's time is evidence only."""
    skewed = device_at is not None and abs(received_at - device_at) > CLOCK_SKEW
    return Timing(received_at, "server", ("clock_skew",) if skewed else ())


def offline_timing(device_at: dt.datetime, received_at: dt.datetime, last: ClockOffset | None) -> Timing:
    """A punch made offline happened at the device's time, as nearly as that can be told; never after its receipt.

    `last` is the offset that the device showed last, or of a device without a name the person's last connected
    punch; None when there was none. It corrects the device's time if it was seen at most 24 hours before the
    receipt, is at most five minutes, and does not put the punch after its receipt: a clock that is off by more was
    set in between as likely as not, and correcting by it would move a true time by hours. Its owner can set it, so
    the time is `unverified` either way.

    Flags: `clock_unverified` when nothing corrected the time; `clock_skew` when the clock is known to be more than
    five minutes off or says a time more than five minutes after the receipt; `late` when the punch was handed over
    more than 31 days after it.
    """
    ahead = last.ahead if last is not None and received_at - last.seen_at <= OFFSET_AGE else None
    at, flags = min(device_at, received_at), list[Flag]()
    if ahead is not None and abs(ahead) <= CLOCK_SKEW and device_at + ahead <= received_at:
        at = device_at + ahead
    else:
        flags.append("clock_unverified")
    if device_at - received_at > CLOCK_SKEW or (ahead is not None and abs(ahead) > CLOCK_SKEW):
        flags.append("clock_skew")
    if received_at - at > LATE:
        flags.append("late")
    return Timing(at, "unverified", tuple(flags))
