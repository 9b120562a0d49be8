"""Late changes: what an officer may not do alone (docs/rules.md#late-changes).

A change is late for a person-day that is over or has begun. Whoever came on time under the plan that stood must
not become late by a plan made afterwards, unless two officers have seen the list.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.dates import local_date

FREES = frozenset({"LEAVE", "DUTY_TRAVEL", "OFF"})
"""Modes that only take duties of presence away."""


class Work(Protocol):
    """What lateness follows from, of one plan: `starts_at` is None where the mode has no hours."""

    @property
    def mode(self) -> str: ...
    @property
    def starts_at(self) -> dt.datetime | None: ...


def is_late(work_date: dt.date, old: Work | None, new: Work | None, now: dt.datetime) -> bool:
    """Whether a change of a person-day at `now` is late; `old` is None for a first plan.

    The day has begun when the earlier start of the two plans is not after `now`. A plan without hours has no
    start: then the other's counts, and where neither has one only a date before today is late.
    """
    if work_date < local_date(now):
        return True
    return any(one is not None and one.starts_at is not None and one.starts_at <= now for one in (old, new))


def officers_needed(work_date: dt.date, old: Work | None, new: Work, now: dt.datetime) -> int:
    """1 or 2. One is enough for a change that is not late, and for one that frees a day which is not over."""
    if not is_late(work_date, old, new, now):
        return 1
    over = work_date < local_date(now)
    return 1 if new.mode in FREES and not over else 2


EVE = dt.timedelta(1)
"""So long before its work date may a plan begin at most. The city's timetables begin none before its midnight."""


def alone_from(now: dt.datetime) -> dt.date:
    """The date from which on one officer changes the plans that the city's timetables make: tomorrow."""
    return local_date(now) + dt.timedelta(1)


def never_late_from(now: dt.datetime) -> dt.date:
    """The date from which on nothing is late, whatever the hours: no plan has begun, not even on the eve."""
    return alone_from(now) + EVE


@dataclass(frozen=True, slots=True)
class Touch:
    """Dates [first, until) of one unit, or of all (None), on which a change that is no plan alters person-days.

    `modes` are those that it alters. `begins` is the instant at which a plan of today without hours counts as
    begun, None: never. `altered` says what the change alters: by field, `old` and `new`.
    """

    unit_id: str | None
    first: dt.date
    until: dt.date
    modes: frozenset[str]
    begins: dt.datetime | None = None
    altered: Mapping[str, Any] = field(default_factory=dict[str, Any])
