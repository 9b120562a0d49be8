"""How a morning fills: who has come by when, beside the same weekday of the weeks before. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

WEEKS = 4
"""So many of the same weekday before a date say what is usual."""
EDGES: tuple[dt.timedelta, ...] = tuple(dt.timedelta(minutes=minute) for minute in range(360, 601, 15))
"""The times of day at which it is counted who has come: each quarter of an hour from 06.00 to 10.00."""


class Morning(NamedTuple):
    """People with a plan for office or home, and how many of them had checked in by each of `EDGES`."""

    planned: int
    came: tuple[int, ...]

    def share(self, at: int) -> float:
        return self.came[at] / self.planned


class Arrived(NamedTuple):
    """A time of day: the share that has come, and the least, middle and greatest of the days before.

    The share is None after the instant that is looked at, and where nobody has a plan; the others where none of
    the days before had any.
    """

    time: dt.timedelta
    share: float | None
    low: float | None
    usual: float | None
    high: float | None


def dates_before(date: dt.date) -> list[dt.date]:
    """The same weekday of the weeks before, the newest first."""
    return [date - dt.timedelta(weeks=week) for week in range(1, WEEKS + 1)]


def morning(counts: Mapping[int, int], late: int) -> Morning:
    """Of how many came first by each edge (by its place in `EDGES`), and how many later or not at all."""
    came, so_far = list[int](), 0
    for at in range(len(EDGES)):
        so_far += counts.get(at, 0)
        came.append(so_far)
    return Morning(so_far + late, tuple(came))


def curve(date: Morning, so_far: dt.timedelta, before: Sequence[Morning]) -> list[Arrived]:
    """A date as far as it has gone, `so_far` after its midnight, beside those before; a day off says nothing."""
    usual = [one for one in before if one.planned]
    found: list[Arrived] = []
    for at, time in enumerate(EDGES):
        shares = [one.share(at) for one in usual]
        found.append(
            Arrived(
                time,
                date.share(at) if date.planned and time <= so_far else None,
                min(shares, default=None),
                median(shares) if shares else None,
                max(shares, default=None),
            )
        )
    return found
