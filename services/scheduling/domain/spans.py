"""Runs of dates, both ends included: what is left of one without another."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple


class Days(NamedTuple):
    """From a date to a date, both included."""

    first: dt.date
    last: dt.date


_DAY = dt.timedelta(1)


def without(whole: Days, taken: Days) -> list[Days]:
    """What is left of `whole` where `taken` is taken from it: no run, one or two."""
    left = Days(whole.first, min(whole.last, taken.first - _DAY))
    right = Days(max(whole.first, taken.last + _DAY), whole.last)
    return [run for run in dict.fromkeys((left, right)) if run.first <= run.last]


def covered(kept: Sequence[Days], given_back: Sequence[Days], late: Collection[dt.date]) -> list[Days]:
    """`kept`, and of each run of `given_back` the part up to its last late date; what touches is one run."""
    runs = list(kept)
    for first, last in given_back:
        until = max((day for day in late if first <= day <= last), default=None)
        if until is not None:
            runs.append(Days(first, until))
    joined: list[Days] = []
    for run in sorted(runs):
        before = joined.pop() if joined else run
        if run.first <= before.last + _DAY:
            joined.append(Days(before.first, max(before.last, run.last)))
        else:
            joined += before, run
    return joined
