"""What an import does beyond its own records: dates with published plans that it touches, rows that it drops."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.scheduling.domain.imports import Kind
from services.scheduling.domain.late import Touch
from services.scheduling.domain.records import CalendarYear, Employee, Record, RequirementSet
from services.scheduling.domain.timetable import Pattern, hours_on, instant
from shared.events.base import MAX_REQUIREMENTS

EVER = dt.date.max
_DAY = dt.timedelta(1)
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


def stretches(before: Mapping[object, Record], after: Sequence[Record]) -> list[Stretch]:
    """The dates that requirements or holidays touch; `before` is all that is stored of the kind.

    Requirements hold from their effective_from to the next one of the unit. A holiday that only gets another
    kind or name touches nothing (design: both kinds count alike).
    """
    found: list[Stretch] = []
    starts: dict[str, set[dt.date]] = {}
    for one in [*before.values(), *after]:
        if isinstance(one, RequirementSet):
            starts.setdefault(one.unit_id, set()).add(one.effective_from)
    for one in after:
        if isinstance(one, RequirementSet):
            until = min((day for day in starts[one.unit_id] if day > one.effective_from), default=EVER)
            altered = {"opening_hours": {"effective_from": str(one.effective_from)}}
            found.append(Stretch(one.unit_id, one.effective_from, until, altered=altered))
        elif isinstance(one, CalendarYear):
            old, new = _dates(before.get(one.year)), _dates(one)
            found.extend(
                Stretch(
                    None,
                    day,
                    day + _DAY,
                    frees=day in old,
                    altered={"holiday": {"old": day in old, "new": day in new}},
                )
                for day in sorted(old ^ new)
            )
    return found


def touches(found: Sequence[Stretch]) -> list[Touch]:
    """The same stretches as a late change sees them. A free day that becomes a work day has office hours."""
    return [
        Touch(
            one.unit_id,
            one.first,
            one.until,
            _ALL_MODES,
            _office_opens(one.first) if one.frees else None,
            one.altered,
        )
        for one in found
    ]


def _office_opens(day: dt.date) -> dt.datetime | None:
    hours = hours_on(Pattern("five_day"), day, holiday=False)
    return hours and instant(day, hours.start)


def crowded(stored: Mapping[object, Record], after: Sequence[Record]) -> bool:
    """Whether some unit would have more openings, over all its dates, than its event may carry."""
    sets = {
        (one.unit_id, one.effective_from): one
        for one in [*stored.values(), *after]
        if isinstance(one, RequirementSet)
    }
    counts = Counter[str]()
    for one in sets.values():
        counts[one.unit_id] += len(one.openings)
    return any(count > MAX_REQUIREMENTS for count in counts.values())


def _dates(year: Record | None) -> set[dt.date]:
    return {day for day, _, _ in year.holidays} if isinstance(year, CalendarYear) else set()


def moved(before: Mapping[object, Record], after: Sequence[Record]) -> list[UUID]:
    """People who stay but work elsewhere or at other hours from now on."""
    found: list[UUID] = []
    for one in after:
        if isinstance(one, Employee) and one.active:
            old = before.get(one.employee_id)
            if isinstance(old, Employee) and _post(old) != _post(one):
                found.append(one.employee_id)
    return found


def _post(one: Employee) -> tuple[object, ...]:
    return one.opd_code, one.unit_id, one.timetable, one.shift_group


def merged(stored: Record | None, given: CalendarYear) -> CalendarYear:
    """The stored year with the dates of the file; those that the file does not name stay."""
    if not isinstance(stored, CalendarYear):
        return given
    days = {one[0]: one for one in [*stored.holidays, *given.holidays]}
    return CalendarYear(given.year, tuple(sorted(days.values())))


def dropped(before: Record | None, after: Record) -> list[dict[str, Any]]:
    """Rows of requirements or holidays that are stored and not in `after`."""
    if isinstance(before, CalendarYear) and isinstance(after, CalendarYear):
        return [
            {"date": str(day), "kind": kind, "name": name}
            for day, kind, name in before.holidays
            if day not in _dates(after)
        ]
    if isinstance(before, RequirementSet) and isinstance(after, RequirementSet):
        start = {"unit_id": before.unit_id, "effective_from": str(before.effective_from)}
        gone = [opening for opening in before.openings if opening not in after.openings]
        return [{**start, **asdict(opening)} for opening in gone]
    return []


_BODIES: dict[Kind, TypeAdapter[Any]] = {
    "requirements": TypeAdapter(list[RequirementSet]),
    "holidays": TypeAdapter(list[CalendarYear]),
}


def to_body(kind: Kind, records: Sequence[Record]) -> list[Any]:
    """Records as JSON values, for a proposal."""
    return _BODIES[kind].dump_python(list(records), mode="json")


def from_body(kind: Kind, body: Sequence[Any]) -> list[Record]:
    """What `to_body` gave."""
    return _BODIES[kind].validate_python(list(body))
