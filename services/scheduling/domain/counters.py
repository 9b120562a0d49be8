"""Opening hours of a service point, and how many of its people are there (docs/rules.md#coverage)."""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from services.scheduling.domain.planning import WFO, UnitInput
from services.scheduling.domain.records import RequirementSet
from services.scheduling.domain.timetable import DAY, Hours, Pattern, minutes

PatternDay = tuple[Pattern, int]
"""A pattern's work day, by its number in the span."""


class _Shift(NamedTuple):
    """A work day with its start and end in minutes of the day that is looked at."""

    work_day: PatternDay
    start: int
    end: int


class Required(NamedTuple):
    """So many people from `opens` to `closes`, in local minutes."""

    opens: int
    closes: int
    least: int


@dataclass(slots=True)
class Segment:
    """A stretch of opening time in which neither the requirement nor the people's hours change.

    `day` counts from the first of the span; `start` and `end` are local minutes.
    """

    day: int
    start: int
    end: int
    required: int
    on_site: int = 0

    @property
    def tight(self) -> bool:
        """Nobody more can be spared."""
        return self.on_site <= self.required


@dataclass(frozen=True, slots=True)
class Shortage:
    """A minimum that is not kept: even with everybody at the office, or because a policy that does not keep
    minimums, or a settled day, sent people home. Local minutes after midnight."""

    unit_id: str
    work_date: dt.date
    start: int
    end: int
    required: int
    on_site: int
    because: Literal["absence", "timetable", "sent_home"]


@dataclass(slots=True)
class Coverage:
    """All segments of a span, and which of them each work day covers."""

    segments: list[Segment] = field(default_factory=list[Segment])
    by_work_day: dict[PatternDay, list[Segment]] = field(default_factory=dict[PatternDay, list[Segment]])
    shortages: list[Shortage] = field(default_factory=list[Shortage])


def openings_on(requirements: Sequence[RequirementSet], day: dt.date, *, holiday: bool) -> list[Required]:
    """The opening hours that hold on a date."""
    current = max(
        (one for one in requirements if one.effective_from <= day),
        key=lambda one: one.effective_from,
        default=None,
    )
    if current is None:
        return []
    return [
        Required(minutes(one.opens), minutes(one.closes), one.min_staff)
        for one in current.openings
        if day.weekday() in one.weekdays and (one.on_holidays or not holiday)
    ]


def coverage(
    unit: UnitInput,
    days: Sequence[dt.date],
    holidays: frozenset[dt.date],
    hours: Mapping[Pattern, Sequence[Hours | None]],
    modes: Sequence[bytearray],
) -> Coverage:
    """Cut the opening hours where requirement or hours change, and count who is there when nobody is at home.

    `hours` begins one day before the span and ends one day after it: a night shift reaches over midnight.
    """
    found = Coverage()
    present = _present(unit, days, modes)
    for number, day in enumerate([*days, _after(days)]):
        openings = openings_on(unit.requirements, day, holiday=day in holidays)
        if not openings:
            continue
        shifts = _shifts(hours, number)
        cuts = {edge for opens, closes, _ in openings for edge in (opens, closes)}
        cuts |= {edge for _, start, end in shifts for edge in (start, end) if 0 < edge < DAY}
        for start, end in itertools.pairwise(sorted(cuts)):
            required = max((least for opens, closes, least in openings if opens <= start < closes), default=0)
            if required == 0:
                continue
            segment = Segment(number, start, end, required)
            for work_day, first, last in shifts:
                if first <= start and end <= last:
                    segment.on_site += present[work_day]
                    found.by_work_day.setdefault(work_day, []).append(segment)
            if number < len(days):
                found.segments.append(segment)
                if segment.on_site < required:
                    found.shortages.append(_shortage(unit, day, segment, shifts))
    return found


def _before(days: Sequence[dt.date]) -> dt.date:
    return min(days) - dt.timedelta(1)


def _after(days: Sequence[dt.date]) -> dt.date:
    return max(days) + dt.timedelta(1)


def _present(unit: UnitInput, days: Sequence[dt.date], modes: Sequence[bytearray]) -> Counter[PatternDay]:
    """How many of each pattern work on each day, and on the days beside the span (-1 and its length)."""
    present: Counter[PatternDay] = Counter()
    beside = ((-1, _before(days)), (len(days), _after(days)))
    for person, own in zip(unit.people, modes, strict=True):
        present.update((person.pattern, number) for number, mode in enumerate(own) if mode == WFO)
        for number, day in beside:
            posted = (person.since or day) <= day <= (person.until or day)
            if posted and not any(one.from_date <= day <= one.to_date for one in person.away):
                present[person.pattern, number] += 1
    return present


def _shifts(hours: Mapping[Pattern, Sequence[Hours | None]], number: int) -> list[_Shift]:
    """Who may be there on a day: its own shifts, and those of the day before that reach over midnight."""
    shifts: list[_Shift] = []
    for pattern, worked in hours.items():
        for back in (0, 1):
            shift = worked[number + 1 - back]
            if shift is not None:
                shifts.append(_Shift((pattern, number - back), shift.start - back * DAY, shift.end - back * DAY))
    return shifts


def _shortage(unit: UnitInput, day: dt.date, segment: Segment, shifts: Sequence[_Shift]) -> Shortage:
    covering = Counter(
        pattern for (pattern, _), first, last in shifts if first <= segment.start and segment.end <= last
    )
    posted = sum(covering[person.pattern] for person in unit.people)
    return Shortage(
        unit.unit_id,
        day,
        segment.start,
        segment.end,
        segment.required,
        segment.on_site,
        "absence" if posted >= segment.required else "timetable",
    )
