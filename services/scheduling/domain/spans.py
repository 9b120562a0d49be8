"""Runs of dates, both ends included: what is left of one without another."""

import datetime as dt
from collections.abc import Collection, Sequence

Days = tuple[dt.date, dt.date]
"""From a date to a date, both included."""

_DAY = dt.timedelta(1)


def without(whole: Days, taken: Days) -> list[Days]:
    """What is left of `whole` where `taken` is taken from it: no run, one or two."""
    left = (whole[0], min(whole[1], taken[0] - _DAY))
    right = (max(whole[0], taken[1] + _DAY), whole[1])
    return [run for run in dict.fromkeys((left, right)) if run[0] <= run[1]]


def covered(kept: Sequence[Days], given_back: Sequence[Days], late: Collection[dt.date]) -> list[Days]:
    """`kept`, and of each run of `given_back` the part up to its last late date; what touches is one run."""
    runs = list(kept)
    for first, last in given_back:
        until = max((day for day in late if first <= day <= last), default=None)
        if until is not None:
            runs.append((first, until))
    found: list[Days] = []
    for run in sorted(runs):
        if found and run[0] <= found[-1][1] + _DAY:
            found[-1] = (found[-1][0], max(found[-1][1], run[1]))
        else:
            found.append(run)
    return found
