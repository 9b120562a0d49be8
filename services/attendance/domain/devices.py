"""What a phone's own clock is worth: it counts since the phone was started, and nobody can set it.

docs/rules.md#a-punch. An exchange is a connected call that says {device_id, boot_id, elapsed_ms, sequence}: the
server knows when it came, so it knows when each later moment of the same start was.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from services.attendance.domain.punches import (
    CLOCK_SKEW,
    LATE,
    ClockOffset,
    Doubt,
    Flag,
    Timing,
    offline_timing,
)

AGREES = CLOCK_SKEW
"""A clock counting since the start that is further than this from the server's stood still, ran, or is made up."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as a device counts: milliseconds since its start `boot_id`, sleep included; `sequence` grows with
    each moment that the app writes down, whatever happens to the device."""

    device_id: str
    boot_id: str
    elapsed_ms: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """The last connected exchange of a device, and whose device it is.

    `ahead` is how far the server's clock was ahead of the device's at `ahead_at`; None where it never told a time.
    """

    employee_id: UUID
    moment: Moment
    received_at: dt.datetime
    ahead: dt.timedelta | None = None
    ahead_at: dt.datetime | None = None

    @property
    def offset(self) -> ClockOffset | None:
        """What is known of the clock that its owner can set."""
        if self.ahead is None or self.ahead_at is None:
            return None
        return ClockOffset(self.ahead, self.ahead_at)


def _start(moment: Moment) -> tuple[str, str]:
    return moment.device_id, moment.boot_id


def _since(first: Moment, later: Moment) -> dt.timedelta:
    return dt.timedelta(milliseconds=later.elapsed_ms - first.elapsed_ms)


def newest(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Of exchanges that came together, what is to be kept: of each device the last, of the first who names it.
    Ordered by device."""
    kept: dict[str, Exchange] = {}
    for one in exchanges:
        known = kept.setdefault(one.moment.device_id, one)
        later = (one.received_at, one.moment.sequence) > (known.received_at, known.moment.sequence)
        if known.employee_id == one.employee_id and later:
            kept[one.moment.device_id] = one
    return [kept[device_id] for device_id in sorted(kept)]


def confused(moments: Sequence[Moment]) -> dict[Moment, Doubt]:
    """Of the moments of different punches handed over together, those that cannot all be true.

    Two with the same number are both `sequence_repeated`; one that is numbered later and counted earlier is
    `elapsed_wrong`.
    """
    found: dict[Moment, Doubt] = {}
    starts: dict[tuple[str, str], list[Moment]] = {}
    for moment in moments:
        starts.setdefault(_start(moment), []).append(moment)
    for of_start in starts.values():
        of_start.sort(key=lambda moment: moment.sequence)
        most = 0
        for moment in of_start:
            if moment.elapsed_ms < most:
                found[moment] = "elapsed_wrong"
            most = max(most, moment.elapsed_ms)
        for one, other in pairwise(of_start):
            if one.sequence == other.sequence:
                found[one] = found[other] = "sequence_repeated"
    return found


def doubt(
    moment: Moment,
    whose: UUID,
    received_at: dt.datetime,
    last: Exchange,
    handed_over: Moment | None,
) -> Doubt | None:
    """Why a moment cannot be told from the `last` exchange of its device; None where it can.

    `handed_over` is the moment of the device at which the server received the punch, where the app says so.
    """
    known = last.moment
    if last.employee_id != whose:
        return "other_device"
    if known.boot_id != moment.boot_id:
        return "other_boot"
    # Without a word on the handing over, of it is known what its receipt says.
    since = received_at - last.received_at
    sent = handed_over if handed_over is not None and _start(handed_over) == _start(moment) else None
    if moment.sequence <= known.sequence or (sent is not None and sent.sequence <= moment.sequence):
        return "sequence_repeated"
    in_time = _since(known, moment) <= since + AGREES
    if sent is not None:
        in_time = moment.elapsed_ms <= sent.elapsed_ms and abs(_since(known, sent) - since) <= AGREES
    return None if in_time and known.elapsed_ms <= moment.elapsed_ms else "elapsed_wrong"


def timing(
    moment: Moment,
    device_at: dt.datetime | None,
    received_at: dt.datetime,
    last: Exchange | None,
    doubted: Doubt | None,
) -> Timing | None:
    """When a punch made offline at `moment` happened; None where nothing tells.

    `doubted` is what `doubt` says of it. Without doubt it happened as long after the `last` exchange as the device
    counted, `verified`, whatever its clock says, and at its receipt at the latest. Else its clock says when,
    corrected by what the device's own last exchange showed of it; another person's device says nothing of theirs.

    Flags: the doubt; `clock_skew` where the clock is more than five minutes from a verified time; else as for
    `offline_timing`.
    """
    if last is not None and doubted is None:
        at = min(last.received_at + _since(last.moment, moment), received_at)
        flags: list[Flag] = []
        if device_at is not None and abs(device_at - at) > CLOCK_SKEW:
            flags.append("clock_skew")
        if received_at - at > LATE:
            flags.append("late")
        return Timing(at, "verified", tuple(flags))
    if device_at is None:
        return None
    offset = last.offset if last is not None and doubted != "other_device" else None
    told = offline_timing(device_at, received_at, offset)
    return Timing(told.at, told.trust, (*told.flags, *([doubted] if doubted else [])))
