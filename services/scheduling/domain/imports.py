"""The checks of the CSV imports: rows in, records out, or every error by row and column."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args
from uuid import UUID

from services.scheduling.domain import nip as nips
from services.scheduling.domain import staff
from services.scheduling.domain.csvfile import Cells, Rejected, Row, RowError
from services.scheduling.domain.found import Checked, Found, cleared, nip_of, once
from services.scheduling.domain.records import (
    Absence,
    CalendarYear,
    Known,
    Opd,
    Opening,
    Record,
    RequirementSet,
    Unit,
    gives_way,
)
from services.scheduling.domain.staff import loops
from shared.events.base import MAX_PLACES, MAX_REQUIREMENTS

__all__ = ["COLUMNS", "KINDS", "Kind", "check", "loops"]

Kind = Literal["opds", "units", "requirements", "employees", "holidays", "leave", "duty_travel"]
KINDS: tuple[Kind, ...] = get_args(Kind)

COLUMNS: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "opds": (("opd_code", "name", "short_name", "kind", "direct_service"), ()),
    "units": (("unit_id", "opd_code", "name", "is_service_point", "direct_service"), ("places", "slo")),
    "requirements": (
        ("unit_id", "effective_from", "weekdays", "opens", "closes", "min_staff", "on_holidays"),
        (),
    ),
    "employees": (
        ("nip", "name", "opd_code", "unit_id", "employment", "timetable"),
        (
            "employee_id",
            "supervisor_nip",
            "acting_supervisor_nip",
            "echelon",
            "email",
            "phone",
            "remote_places",
            "heads",
            "shift_group",
            "post_since",
            "discipline_until",
            "active",
        ),
    ),
    "holidays": (("date", "kind", "name"), ()),
    "leave": (("nip", "from", "to", "kind"), ()),
    "duty_travel": (("nip", "from", "to"), ("letter",)),
}
"""Columns of each file: those it must have, and those it may have."""

OPD_KINDS = ("secretariat", "inspectorate", "dinas", "badan", "satuan", "rsud", "kecamatan")
LEAVE_KINDS = ("annual", "long", "sick", "maternity", "important", "unpaid", "permission")
SLO = 0.99
"""The share of opening minutes that a service point has to keep its minimum in, where nobody says otherwise."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TIME = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)(?::00)?")


def check(kind: Kind, rows: Sequence[Row], known: Known, stored: Mapping[object, Record] | None = None) -> Checked:
    """The records of a file. Raises Rejected with every error; then nothing may be stored.

    `stored` is what the directory holds of the kind, by key: a column that the file does not have leaves it as it
    is, an empty cell of a column that it has clears it.
    """
    stored = stored or {}
    errors: list[RowError] = []
    doubts: list[RowError] = []
    checks: dict[Kind, Callable[[], list[Found]]] = {
        "opds": lambda: _opds(rows, errors),
        "units": lambda: _units(rows, known, stored, errors),
        "requirements": lambda: _requirements(rows, known, stored, errors),
        "employees": lambda: staff.employees(rows, known, stored, errors, doubts),
        "holidays": lambda: _holidays(rows, errors),
        "leave": lambda: _absences(rows, known, stored, errors, "leave"),
        "duty_travel": lambda: _absences(rows, known, stored, errors, "duty_travel"),
    }
    found = checks[kind]()
    for column in ("nip", "supervisor_nip", "acting_supervisor_nip"):
        numbers = [nips.plain(row.cells[column]) for row in rows if row.cells.get(column)]
        damage = nips.damage(numbers, known.ids_by_nip)
        if damage is not None:
            (errors or doubts).append(RowError(rows[0].number, column, damage.code))
    if errors:
        raise Rejected(errors)
    return Checked(found, doubts)


def _identifier(cells: Cells, column: str) -> str:
    value = cells.text(column)
    if value and not _ID.fullmatch(value):
        cells.wrong(column, "import.identifier")
    return value


def _opds(rows: Sequence[Row], errors: list[RowError]) -> list[Found]:
    found: list[Found] = []
    seen: dict[object, int] = {}
    for row in rows:
        cells = Cells(row, errors)
        code = _identifier(cells, "opd_code")
        record = Opd(
            code,
            cells.text("name", free=True),
            cells.text("short_name", longest=64, free=True),
            cells.choice("kind", OPD_KINDS) or "",
            cells.choice("direct_service", ("none", "partial", "full")) or "",
        )
        once(seen, code, cells, "opd_code")
        found.append(Found(record, (row.number,)))
    return found


def _units(
    rows: Sequence[Row], known: Known, stored: Mapping[object, Record], errors: list[RowError]
) -> list[Found]:
    found: list[Found] = []
    seen: dict[object, int] = {}
    for row in rows:
        cells = Cells(row, errors)
        unit_id = _identifier(cells, "unit_id")
        opd_code = cells.text("opd_code")
        if opd_code and opd_code not in known.opds:
            cells.wrong("opd_code", "import.unknown_opd")
        elif known.unit_sizes.get(unit_id) and known.unit_opd[unit_id] != opd_code:
            cells.wrong("opd_code", "import.unit_has_people", opd=known.unit_opd[unit_id])
        before = stored.get(unit_id)
        kept = before if isinstance(before, Unit) else Unit(unit_id, opd_code, "", False, False, (), SLO)
        record = Unit(
            unit_id,
            opd_code,
            cells.text("name", free=True),
            cells.boolean("is_service_point"),
            cells.boolean("direct_service"),
            cells.places("places", most=MAX_PLACES) if cells.has("places") else kept.places,
            cells.number("slo", 0, 1, SLO) if cells.has("slo") else kept.slo,
        )
        once(seen, unit_id, cells, "unit_id")
        gone = cleared(cells, before, {"places": "places"})
        if cells.empty("slo") and kept.slo != SLO:
            gone = (*gone, "slo")
        found.append(Found(record, (row.number,), gone))
    return found


def _local_time(cells: Cells, column: str, *, end: bool) -> str:
    value = cells.text(column)
    found = _TIME.fullmatch(value)
    if found is None or (found[1] == "24:00" and not end):
        if value:
            cells.wrong(column, "import.time_end" if end else "import.time")
        return ""
    return found[1]


def _requirements(
    rows: Sequence[Row], known: Known, stored: Mapping[object, Record], errors: list[RowError]
) -> list[Found]:
    sets: dict[tuple[str, dt.date], list[tuple[Opening, int]]] = {}
    for row in rows:
        cells = Cells(row, errors)
        unit_id = cells.text("unit_id")
        if unit_id and unit_id not in known.unit_opd:
            cells.wrong("unit_id", "import.unknown_unit")
        effective_from = cells.date("effective_from")
        weekdays = cells.items("weekdays")
        if not weekdays or any(day not in "0123456" or len(day) != 1 for day in weekdays):
            cells.wrong("weekdays", "import.weekdays")
        opens, closes = _local_time(cells, "opens", end=False), _local_time(cells, "closes", end=True)
        if opens and closes and opens >= closes:
            cells.wrong("closes", "import.closes_before_opens")
        min_staff = cells.whole("min_staff", 1, 10_000) or 0
        size = known.unit_sizes.get(unit_id, 0)
        if size and min_staff > size:
            cells.wrong("min_staff", "import.minimum_above_size", size=size)
        on_holidays = cells.boolean("on_holidays")
        if not cells.good or effective_from is None:
            continue
        days = tuple(sorted({int(day) for day in weekdays}))
        opening = Opening(days, opens, closes, min_staff, on_holidays)
        sets.setdefault((unit_id, effective_from), []).append((opening, row.number))
    _bounded(sets, stored, errors)
    return [
        Found(
            RequirementSet(unit_id, day, tuple(sorted(opening for opening, _ in openings))),
            tuple(number for _, number in openings),
        )
        for (unit_id, day), openings in sets.items()
    ]


def _bounded(
    sets: Mapping[tuple[str, dt.date], Sequence[tuple[Opening, int]]],
    stored: Mapping[object, Record],
    errors: list[RowError],
) -> None:
    """Notes each unit that would have more openings, over all its dates, than its event may carry."""
    stands = Counter[str]()
    for one in stored.values():
        if isinstance(one, RequirementSet) and (one.unit_id, one.effective_from) not in sets:
            stands[one.unit_id] += len(one.openings)
    numbers: dict[str, list[int]] = {}
    for (unit_id, _), openings in sets.items():
        numbers.setdefault(unit_id, []).extend(number for _, number in openings)
    for unit_id, rows in numbers.items():
        count = stands[unit_id] + len(rows)
        if count > MAX_REQUIREMENTS:
            first = sorted(rows)[max(0, MAX_REQUIREMENTS - stands[unit_id])]
            params = {"unit": unit_id, "found": count, "most": MAX_REQUIREMENTS}
            errors.append(RowError(first, "unit_id", "import.requirements", params))


def _holidays(rows: Sequence[Row], errors: list[RowError]) -> list[Found]:
    years: dict[int, list[tuple[tuple[dt.date, str, str], int]]] = {}
    seen: dict[object, int] = {}
    for row in rows:
        cells = Cells(row, errors)
        day = cells.date("date")
        kind = cells.choice("kind", ("national", "collective_leave")) or ""
        name = cells.text("name", free=True)
        if day is not None:
            once(seen, day, cells, "date")
            years.setdefault(day.year, []).append(((day, kind, name), row.number))
    return [
        Found(
            CalendarYear(year, tuple(sorted(holiday for holiday, _ in holidays))),
            tuple(number for _, number in holidays),
        )
        for year, holidays in years.items()
    ]


def _person(cells: Cells, known: Known) -> UUID | None:
    nip = nip_of(cells, "nip")
    if nip is None:
        return None
    employee_id = known.ids_by_nip.get(nip)
    if employee_id is None:
        cells.wrong("nip", "import.unknown_nip")
    return employee_id


def _absences(
    rows: Sequence[Row], known: Known, stored: Mapping[object, Record], errors: list[RowError], category: str
) -> list[Found]:
    by_person: dict[UUID, list[tuple[Absence, Cells]]] = {}
    for row in rows:
        cells = Cells(row, errors)
        employee_id = _person(cells, known)
        start, end = cells.date("from"), cells.date("to")
        if start is not None and end is not None and end < start:
            cells.wrong("to", "import.to_before_from")
        leave = category == "leave"
        kind = cells.choice("kind", LEAVE_KINDS) if leave else None
        letter = None if leave else cells.optional("letter", longest=100, free=True)
        if employee_id is None or start is None or end is None or end < start:
            continue
        before = stored.get((employee_id, category, start, end))
        if isinstance(before, Absence) and not leave and not cells.has("letter"):
            letter = before.letter
        by_person.setdefault(employee_id, []).append(
            (Absence(employee_id, category, start, end, kind, letter), cells)
        )
    found: list[Found] = []
    for employee_id, absences in by_person.items():
        others = known.absences.get(employee_id, ())
        absences.sort(key=lambda one: (one[0].from_date, one[0].to_date, one[1].row.number))
        longest: tuple[Absence, Cells] | None = None
        for absence, cells in absences:
            if longest is not None and absence.from_date <= longest[0].to_date:
                cells.wrong("from", "import.overlaps_row", other=longest[1].row.number)
            for other in others:
                same = (other.category, other.from_date, other.to_date) == (
                    absence.category,
                    absence.from_date,
                    absence.to_date,
                )
                if gives_way(other, absence):
                    continue
                if not same and other.from_date <= absence.to_date and absence.from_date <= other.to_date:
                    cells.wrong("from", "import.overlaps_stored", start=other.from_date, end=other.to_date)
            if longest is None or absence.to_date > longest[0].to_date:
                longest = (absence, cells)
            key = absence.employee_id, absence.category, absence.from_date, absence.to_date
            gone = cleared(cells, stored.get(key), {"letter": "letter"})
            found.append(Found(absence, (cells.row.number,), gone))
    return found
