"""What a week came to, in sums that a head may see of an OPD and anybody of the city. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shared.events import DUTIES

LEAST_PEOPLE = 20
"""Of fewer the city's digest says nothing: no sum of it is about a handful of people."""


class Tally(NamedTuple):
    """How many person-days of an OPD came to one state of one duty in a week."""

    opd_code: str
    duty: str
    state: str
    number: int


def tallies(rows: Iterable[Tally]) -> dict[str, dict[str, int]]:
    """By duty how many were met, not met and unknown; duties of which nothing is known are left out."""
    sums: dict[str, dict[str, int]] = {}
    for row in rows:
        of_duty = sums.setdefault(row.duty, {"met": 0, "not_met": 0, "unknown": 0})
        of_duty[row.state] += row.number
    return {duty: sums[duty] for duty in DUTIES if duty in sums}


def params(
    first: dt.date,
    last: dt.date,
    week: Mapping[str, dict[str, int]],
    before: Mapping[str, dict[str, int]],
    *,
    opd_code: str | None,
    waiting: int | None,
) -> dict[str, Any]:
    """A week as a message's parameters; the week before is null where nothing is known of it."""
    return {
        "opd_code": opd_code,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "duties": dict(week),
        "before": dict(before) or None,
        "reports_waiting": waiting,
        "short_minutes": None,
    }
