"""Dates that a change of opening hours or holidays judges or plans otherwise than before."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.scheduling.domain.late import Touch
from services.scheduling.domain.timetable import Pattern, hours_on, instant

EVER = dt.date.max
_ALL_MODES = frozenset({"WFO", "WFH", "DUTY_TRAVEL", "LEAVE", "OFF"})


@dataclass(frozen=True, slots=True)
class Stretch:
    """Dates [first, until) of one unit, or of all (None), that are judged or planned otherwise than before.

    `frees` tells a date that is no holiday any more: there the free plans need a new roster, else those that work.
    """

    unit_id: str | None
    first: dt.date
    until: dt.date
    frees: bool = False
    altered: Mapping[str, Any] = field(default_factory=dict[str, Any])


def touches(stretches: Sequence[Stretch]) -> list[Touch]:
    """The same stretches as a late change sees them. A free day that becomes a work day has office hours."""
    return [
        Touch(
            stretch.unit_id,
            stretch.first,
            stretch.until,
            _ALL_MODES,
            _office_opens(stretch.first) if stretch.frees else None,
            stretch.altered,
        )
        for stretch in stretches
    ]


def _office_opens(day: dt.date) -> dt.datetime | None:
    hours = hours_on(Pattern("five_day"), day, holiday=False)
    return hours and instant(day, hours.start)
