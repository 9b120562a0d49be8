"""The day of a service point, cut off at any instant of it. Pure: the pieces come from coverage.sql.

Judged as of the midnight to come, a day's pieces say what will be if nothing more is recorded. Cut off at an
instant they are the day as of that instant, so that between two facts nothing has to be asked of the database.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

_MICROSECOND = dt.timedelta(microseconds=1)
_SUMS = ("open_us", "met_us", "unknown_us", "short_us", "required_us", "filled_us", "missing_us")


class CounterDay:
    """One service point's local date, in pieces within which nothing changes."""

    def __init__(self, pieces: Iterable[Mapping[str, Any]]) -> None:
        self._starts: list[dt.datetime] = []
        self._pieces: list[Mapping[str, Any]] = []
        self._before: list[tuple[int, ...]] = []
        so_far = (0,) * len(_SUMS)
        for piece in pieces:
            self._starts.append(piece["from_at"])
            self._pieces.append(piece)
            self._before.append(so_far)
            so_far = _add(so_far, piece, piece["until_at"] - piece["from_at"])

    def at(self, now: dt.datetime) -> dict[str, Any]:
        """The figures of the date as of `now`, an instant on it: those of a row of coverage() in coverage.sql."""
        index = bisect_right(self._starts, now) - 1
        piece = self._pieces[index]
        sums = _add(self._before[index], piece, now - piece["from_at"])
        shown = {name: piece[name] for name in ("status", "required", "present_low", "present_high")}
        return {**shown, **dict(zip(_SUMS, sums, strict=True))}


def _add(sums: tuple[int, ...], piece: Mapping[str, Any], during: dt.timedelta) -> tuple[int, ...]:
    """`sums` with one piece, or the part of it that lasted so long."""
    us = during // _MICROSECOND
    status, required = piece["status"], piece["required"]
    filled = min(piece["present_low"], required)
    more = (
        us if status != "closed" else 0,
        us if status == "met" else 0,
        us if status == "unknown" else 0,
        us if status == "short" else 0,
        us * required,
        us * filled,
        us * (required - filled),
    )
    return tuple(old + new for old, new in zip(sums, more, strict=True))


def days_of(pieces: Iterable[Mapping[str, Any]]) -> dict[str, CounterDay]:
    """The days of several service points, from their pieces in order of unit and time."""
    return {unit_id: CounterDay(found) for unit_id, found in groupby(pieces, key=itemgetter("unit_id"))}
