"""The file of opening hours: how many people a counter needs, and when."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter

from services.scheduling.commands.imports.kind import File, ImportKind, Taken
from services.scheduling.domain.records import Opening, RequirementSet
from services.scheduling.domain.stretches import EVER, Stretch
from services.scheduling.store.records import Records
from services.scheduling.views.answer import Json
from shared.csvfile import Cells, RowError
from shared.events.base import MAX_REQUIREMENTS

_TIME = re.compile(r"(?P<time>(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)(?::00)?")

_OPENING = TypeAdapter(Opening)


class _Line(NamedTuple):
    """An opening, and the row that gives it."""

    opening: Opening
    row: int


_Sets = dict[tuple[str, dt.date], list[_Line]]
"""By unit and first date."""


def _local_time(cells: Cells, column: str, *, end: bool) -> str:
    value = cells.text(column)
    written = _TIME.fullmatch(value)
    if written is None or (written["time"] == "24:00" and not end):
        if value:
            cells.wrong(column, "import.time_end" if end else "import.time")
        return ""
    return written["time"]


def _bounded(file: File[RequirementSet], sets: _Sets) -> None:
    """Notes each unit that would have more openings, over all its dates, than its event may carry."""
    stands = Counter[str]()
    for stored in file.stored.values():
        if (stored.unit_id, stored.effective_from) not in sets:
            stands[stored.unit_id] += len(stored.openings)
    numbers: dict[str, list[int]] = {}
    for (unit_id, _), lines in sets.items():
        numbers.setdefault(unit_id, []).extend(line.row for line in lines)
    for unit_id, rows in numbers.items():
        count = stands[unit_id] + len(rows)
        if count > MAX_REQUIREMENTS:
            first = sorted(rows)[max(0, MAX_REQUIREMENTS - stands[unit_id])]
            params = {"unit": unit_id, "found": count, "most": MAX_REQUIREMENTS}
            file.errors.append(RowError(first, "unit_id", "import.requirements", params))


class Requirements(ImportKind[RequirementSet]):
    name = "requirements"
    required = ("unit_id", "effective_from", "weekdays", "opens", "closes", "min_staff", "on_holidays")
    named = ("unit_id", "effective_from")
    records = Records(RequirementSet, "requirement", key=("unit_id", "effective_from"))
    sizes = True

    def read(self, file: File[RequirementSet]) -> list[Taken[RequirementSet]]:
        sets: _Sets = {}
        for cells in file.lines():
            unit_id = cells.text("unit_id")
            if unit_id and unit_id not in file.known.unit_opd:
                cells.wrong("unit_id", "import.unknown_unit")
            effective_from = cells.date("effective_from")
            weekdays = cells.items("weekdays")
            if not weekdays or any(day not in "0123456" or len(day) != 1 for day in weekdays):
                cells.wrong("weekdays", "import.weekdays")
            opens, closes = _local_time(cells, "opens", end=False), _local_time(cells, "closes", end=True)
            if opens and closes and opens >= closes:
                cells.wrong("closes", "import.closes_before_opens")
            min_staff = cells.whole("min_staff", 1, 10_000) or 0
            size = file.known.unit_sizes.get(unit_id, 0)
            if size and min_staff > size:
                cells.wrong("min_staff", "import.minimum_above_size", size=size)
            on_holidays = cells.boolean("on_holidays")
            if not cells.good or effective_from is None:
                continue
            days = tuple(sorted({int(day) for day in weekdays}))
            opening = Opening(days, opens, closes, min_staff, on_holidays)
            sets.setdefault((unit_id, effective_from), []).append(_Line(opening, cells.row.number))
        _bounded(file, sets)
        return [
            Taken(
                RequirementSet(unit_id, day, tuple(sorted(line.opening for line in lines))),
                tuple(line.row for line in lines),
            )
            for (unit_id, day), lines in sets.items()
        ]

    def dropped(self, before: RequirementSet | None, after: RequirementSet) -> list[Json]:
        if before is None:
            return []
        gone = [opening for opening in before.openings if opening not in after.openings]
        return [{**self.name_of(before), **_OPENING.dump_python(opening, mode="json")} for opening in gone]

    def stretches(self, stored: Mapping[object, RequirementSet], after: Sequence[RequirementSet]) -> list[Stretch]:
        """Requirements hold from their effective_from to the next one of the unit."""
        starts: dict[str, set[dt.date]] = {}
        for requirement in [*stored.values(), *after]:
            starts.setdefault(requirement.unit_id, set()).add(requirement.effective_from)
        return [
            Stretch(
                requirement.unit_id,
                requirement.effective_from,
                min(
                    (day for day in starts[requirement.unit_id] if day > requirement.effective_from), default=EVER
                ),
                altered={"opening_hours": {"effective_from": str(requirement.effective_from)}},
            )
            for requirement in after
        ]

    def crowded(self, stored: Mapping[object, RequirementSet], after: Sequence[RequirementSet]) -> bool:
        """Whether some unit would have more openings, over all its dates, than its event may carry."""
        counts = Counter[str]()
        for requirement in {**stored, **self.records.by_key(after)}.values():
            counts[requirement.unit_id] += len(requirement.openings)
        return any(count > MAX_REQUIREMENTS for count in counts.values())
