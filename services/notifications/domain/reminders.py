"""When time brings something to tell, and by which cause, so that it is told once. Pure.

All moments are of business time. A moment that was slept through is still told where that is of use: who learns at
07:50 that no check-in is known can still check in; who learns it in the evening cannot.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID, uuid5

from services.notifications.domain.kinds import Kind
from shared.dates import WIB, local_date, working_day_after

CHECKIN_USEFUL = dt.timedelta(hours=2)
"""So long after the planned start somebody is still asked to check in."""
REVIEWS_STAND = dt.timedelta(days=7)
"""So long reports that wait are carried on to others; then it begins anew, with the superior."""
_CAUSES = UUID("d0a5b0f4-8f0b-5a51-9a0e-6a2f3f1c7be2")
_DAY = dt.timedelta(days=1)


def cause(kind: Kind, what: object, date: dt.date) -> UUID:
    """The cause of a message that no event causes: the same for the same thing and date, whoever works it out."""
    return uuid5(_CAUSES, f"{kind}/{what}/{date}")


class ReportRules(NamedTuple):
    """Of a version of the rules of judgement, who owes a report, and until when (local time, `HH:MM[:SS]`)."""

    rules_version: str
    effective_from: dt.date
    report_modes: Sequence[str]
    report_cutoff: str


NONE_IN_FORCE = ReportRules("", dt.date.min, ("WFO", "WFH"), "23:59:59")
"""What holds with no rules in force: docs/rules.md."""


def in_force(versions: Collection[ReportRules], work_date: dt.date) -> ReportRules:
    """The version that holds on a work date: the latest one; at a tie the greatest as text."""
    begun = [one for one in versions if one.effective_from <= work_date]
    return max(begun, key=lambda one: (one.effective_from, one.rules_version), default=NONE_IN_FORCE)


class Due(NamedTuple):
    """Whose reports are due at a cutoff: people in one of these modes on a work date whose hours end on a date."""

    work_date: dt.date
    ends_on: dt.date
    modes: Sequence[str]
    cutoff: dt.datetime


def reports_due(versions: Collection[ReportRules], now: dt.datetime, minutes: int) -> list[Due]:
    """The cutoffs that are less than `minutes` away, and not over: then it is the time to remind.

    A plan begins within a day of its work date and lasts at most 48 hours.
    """
    found: list[Due] = []
    ahead = dt.timedelta(minutes=minutes)
    first, last = local_date(now), local_date(now + ahead)
    for ends_on in (first + n * _DAY for n in range((last - first).days + 1)):
        for back in range(-1, 4):
            work_date = ends_on - back * _DAY
            rules = in_force(versions, work_date)
            cutoff = dt.datetime.combine(ends_on, dt.time.fromisoformat(rules.report_cutoff), WIB)
            if cutoff - ahead <= now < cutoff and rules.report_modes:
                found.append(Due(work_date, ends_on, rules.report_modes, cutoff))
    return found


def is_working_day(date: dt.date, holidays: Collection[dt.date]) -> bool:
    """Monday to Friday without the calendar's dates."""
    return working_day_after(date - _DAY, 1, holidays) == date


def daily(now: dt.datetime, at: dt.time) -> dt.datetime | None:
    """The moment of today's digest, if it has come; until midnight it is of use."""
    moment = dt.datetime.combine(local_date(now), at, WIB)
    return moment if moment <= now else None


def weekly(now: dt.datetime, weekday: int, at: dt.time) -> dt.datetime | None:
    """The moment of the newest weekly digest, if it is less than a day ago."""
    date = local_date(now)
    date -= (date.weekday() - weekday) % 7 * _DAY
    moment = dt.datetime.combine(date, at, WIB)
    return moment if moment <= now < moment + _DAY else None


def week_before(date: dt.date) -> tuple[dt.date, dt.date]:
    """Monday and Sunday of the last week that is over on a date."""
    monday = date - (date.weekday() + 7) * _DAY
    return monday, monday + 6 * _DAY
