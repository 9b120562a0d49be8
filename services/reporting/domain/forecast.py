"""Whether a service point will fall short soon (docs/rules.md#coverage, *What is coming*). Pure.

Its date is given in pieces, as it will be if nothing more is recorded: whoever is inside stays until their plan
ends. Beside them those are expected who are planned, have not come, and are not late yet.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from services.reporting.domain.counters import Piece

AHEAD = dt.timedelta(minutes=20)
"""So far ahead a shortage is told: time enough to send somebody over from the next unit."""
CALM = dt.timedelta(minutes=5)
"""So much further there must be none before that is said: two shortages close together are one."""

ForecastStatus = Literal["will_fall_short", "holds"]


class Awaited(NamedTuple):
    """Who is planned at a service point from `starts_at` until before `ends_at`, is not there and not late yet."""

    unit_id: str
    employee_id: UUID
    starts_at: dt.datetime
    ends_at: dt.datetime


class Outlook(NamedTuple):
    """What is to be said of a service point. `at` is the instant of `required` and `expected`; `starts_at` and
    `ends_at` are those of the shortage, None where there is none, or no end is known."""

    status: ForecastStatus
    at: dt.datetime
    required: int
    expected: int
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None


def outlook(
    pieces: Sequence[Piece], awaited: Sequence[Awaited], now: dt.datetime, *, said: bool
) -> Outlook | None:
    """What is so of a service point as of `now`; None while it is short already, which is said elsewhere.

    `pieces` follow each other from `now` or before to the end of what is known; `said`: whether it was said last
    that it will fall short.
    """
    if _at(pieces, now).status == "short":
        return None
    last = now + AHEAD + (CALM if said else dt.timedelta())
    cuts = {piece.from_at for piece in pieces}
    cuts |= {instant for one in awaited for instant in (one.starts_at, one.ends_at)}
    begun: dt.datetime | None = None
    for cut in sorted(cut for cut in cuts if now < cut < pieces[-1].until_at):
        if begun is None and cut > last:
            break
        short = _is_short(pieces, awaited, cut)
        if begun is None and short:
            begun = cut
        elif begun is not None and not short:
            return _shortage(pieces, awaited, begun, cut)
    if begun is not None:
        return _shortage(pieces, awaited, begun, None)
    at = min(now + AHEAD, pieces[-1].until_at - dt.timedelta(microseconds=1))
    return Outlook("holds", at, _at(pieces, at).required, _expected(pieces, awaited, at))


def _shortage(
    pieces: Sequence[Piece], awaited: Sequence[Awaited], begun: dt.datetime, ends_at: dt.datetime | None
) -> Outlook:
    required, expected = _at(pieces, begun).required, _expected(pieces, awaited, begun)
    return Outlook("will_fall_short", begun, required, expected, begun, ends_at)


def _at(pieces: Sequence[Piece], instant: dt.datetime) -> Piece:
    return pieces[bisect_right(pieces, instant, key=lambda piece: piece.from_at) - 1]


def _expected(pieces: Sequence[Piece], awaited: Sequence[Awaited], instant: dt.datetime) -> int:
    to_come = {one.employee_id for one in awaited if one.starts_at <= instant < one.ends_at}
    return _at(pieces, instant).present_high + len(to_come)


def _is_short(pieces: Sequence[Piece], awaited: Sequence[Awaited], instant: dt.datetime) -> bool:
    """By the status of the piece what is closed, or lies in an outage, is not short."""
    piece = _at(pieces, instant)
    return piece.status == "short" and _expected(pieces, awaited, instant) < piece.required
