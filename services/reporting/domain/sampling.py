"""The weekly audit: which accepted reports of an OPD are looked at again, and what that says of all of them. Pure.

Nobody chooses, and everybody can draw again: a report's place is the SHA-256 of the week's seed and its id, and
the sample are the first places. So a larger sample holds the smaller one, and a report that is accepted later
takes the place of one at most.
"""

import datetime as dt
import hashlib
import heapq
import re
from collections.abc import Collection, Iterable
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field

from services.reporting.domain import Exact
from services.reporting.domain.figures import ratio, wilson
from shared.events.base import FIRST_DATE, LAST_DATE
from shared.personal import Reason
from shared.refusals import FieldError, Forbidden, Invalid

SALT = "hadir/sample/1"
"""Published: whoever knows it, the OPD and the week draws the same."""

MOST = 200
"""The largest sample."""

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


class FindingIn(Exact):
    """What looking at a report again came to."""

    error: Annotated[bool, Field(strict=True)]
    """Whether it should not have been accepted as it was."""
    reason: Reason


class Share(NamedTuple):
    """How many of those looked at were in error; the share, and its Wilson interval at 95 %."""

    examined: int
    in_error: int
    share: float | None
    wilson_low: float | None
    wilson_high: float | None


class Week(NamedTuple):
    """A week of ISO 8601, from Monday to Sunday."""

    name: str
    first: dt.date
    last: dt.date


def week_of(name: str) -> Week:
    """The week `yyyy-Www`. Raises Invalid for a text that names none."""
    match = _WEEK.fullmatch(name)
    if match:
        year, number = (int(part) for part in match.groups())
        if FIRST_DATE.year < year < LAST_DATE.year:
            try:
                first = dt.date.fromisocalendar(year, number, 1)
            except ValueError:
                pass
            else:
                return Week(name, first, first + dt.timedelta(days=6))
    raise Invalid("validation", errors=[FieldError("week", "sample.week")])


def seed_of(opd_code: str, week: Week) -> str:
    """The SHA-256, in hexadecimal digits, of OPD, week and salt, a line each."""
    return hashlib.sha256(f"{opd_code}\n{week.name}\n{SALT}".encode()).hexdigest()


def drawn(seed: str, report_ids: Iterable[UUID], size: int) -> list[UUID]:
    """The `size` reports whose SHA-256 of `seed` and id, a line each, is the least, in that order."""
    return heapq.nsmallest(
        size, report_ids, key=lambda report_id: hashlib.sha256(f"{seed}\n{report_id}".encode()).digest()
    )


def check_examiner(examiner: UUID, author: UUID, reviewers: Collection[UUID]) -> None:
    """Raises Forbidden for one's own report, and for one that the examiner decided on."""
    if examiner == author:
        raise Forbidden("sample.own")
    if examiner in reviewers:
        raise Forbidden("sample.own_review")


def share_of(errors: Collection[bool]) -> Share:
    """What findings, each an error or none, say of the whole."""
    return share_of_counts(len(errors), sum(errors))


def share_of_counts(examined: int, in_error: int) -> Share:
    """The same of findings that were counted."""
    low, high = wilson(in_error, examined) or (None, None)
    return Share(examined, in_error, ratio(in_error, examined), low, high)
