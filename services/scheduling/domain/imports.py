"""The checks of the CSV imports: rows in, records out, or every error by row and column."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID, uuid4

from services.scheduling.domain import nip as nips
from services.scheduling.domain.csvfile import Cells, Rejected, Row, RowError
from services.scheduling.domain.records import (
    Absence,
    CalendarYear,
    Employee,
    Known,
    Opd,
    Opening,
    Record,
    RequirementSet,
    Unit,
)

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
TIMETABLES = ("five_day", "six_day", "shift")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and the rows of the file that it comes from."""

    record: Record
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    found: Sequence[Found]
    doubts: Sequence[RowError]
    """Odd but allowed: shown to the officer."""


def check(kind: Kind, rows: Sequence[Row], known: Known) -> Checked:
    """The records of a file. Raises Rejected with every error; then nothing may be stored."""
    errors: list[RowError] = []
    doubts: list[RowError] = []
    checks: dict[Kind, Callable[[], list[Found]]] = {
        "opds": lambda: _opds(rows, errors),
        "units": lambda: _units(rows, known, errors),
        "requirements": lambda: _requirements(rows, known, errors),
        "employees": lambda: _employees(rows, known, errors, doubts),
        "holidays": lambda: _holidays(rows, errors),
        "leave": lambda: _absences(rows, known, errors, "leave"),
        "duty_travel": lambda: _absences(rows, known, errors, "duty_travel"),
    }
    found = checks[kind]()
    if errors:
        raise Rejected(errors)
    return Checked(found, doubts)


def _identifier(cells: Cells, column: str) -> str:
    value = cells.text(column)
    if value and not _ID.fullmatch(value):
        cells.wrong(column, "import.identifier")
    return value


def _once(seen: dict[object, int], key: object, cells: Cells, column: str) -> None:
    """Notes an error when `key` stood in an earlier row."""
    first = seen.setdefault(key, cells.row.number)
    if first != cells.row.number:
        cells.wrong(column, "import.twice", first=first)


def _opds(rows: Sequence[Row], errors: list[RowError]) -> list[Found]:
    found: list[Found] = []
    seen: dict[object, int] = {}
    for row in rows:
        cells = Cells(row, errors)
        code = _identifier(cells, "opd_code")
        record = Opd(
            code,
            cells.text("name"),
            cells.text("short_name", longest=64),
            cells.choice("kind", OPD_KINDS) or "",
            cells.choice("direct_service", ("none", "partial", "full")) or "",
        )
        _once(seen, code, cells, "opd_code")
        found.append(Found(record, (row.number,)))
    return found


def _units(rows: Sequence[Row], known: Known, errors: list[RowError]) -> list[Found]:
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
        record = Unit(
            unit_id,
            opd_code,
            cells.text("name"),
            cells.boolean("is_service_point"),
            cells.boolean("direct_service"),
            cells.places("places"),
            cells.number("slo", 0, 1, 0.99),
        )
        _once(seen, unit_id, cells, "unit_id")
        found.append(Found(record, (row.number,)))
    return found


def _local_time(cells: Cells, column: str, *, end: bool) -> str:
    value = cells.text(column)
    if value and not (_TIME.fullmatch(value) or (end and value == "24:00")):
        cells.wrong(column, "import.time_end" if end else "import.time")
        return ""
    return value


def _requirements(rows: Sequence[Row], known: Known, errors: list[RowError]) -> list[Found]:
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
    return [
        Found(
            RequirementSet(unit_id, day, tuple(sorted(opening for opening, _ in openings))),
            tuple(number for _, number in openings),
        )
        for (unit_id, day), openings in sets.items()
    ]


def _holidays(rows: Sequence[Row], errors: list[RowError]) -> list[Found]:
    years: dict[int, list[tuple[tuple[dt.date, str, str], int]]] = {}
    seen: dict[object, int] = {}
    for row in rows:
        cells = Cells(row, errors)
        day = cells.date("date")
        kind = cells.choice("kind", ("national", "collective_leave")) or ""
        name = cells.text("name")
        if day is not None:
            _once(seen, day, cells, "date")
            years.setdefault(day.year, []).append(((day, kind, name), row.number))
    return [
        Found(
            CalendarYear(year, tuple(sorted(holiday for holiday, _ in holidays))),
            tuple(number for _, number in holidays),
        )
        for year, holidays in years.items()
    ]


def _person(cells: Cells, known: Known) -> UUID | None:
    nip = cells.text("nip")
    if not nip:
        return None
    fault = nips.fault_of(nip)
    if fault is not None:
        cells.wrong("nip", fault.code)
        return None
    employee_id = known.ids_by_nip.get(nip)
    if employee_id is None:
        cells.wrong("nip", "import.unknown_nip")
    return employee_id


def _absences(rows: Sequence[Row], known: Known, errors: list[RowError], category: str) -> list[Found]:
    by_person: dict[UUID, list[tuple[Absence, Cells]]] = {}
    for row in rows:
        cells = Cells(row, errors)
        employee_id = _person(cells, known)
        start, end = cells.date("from"), cells.date("to")
        if start is not None and end is not None and end < start:
            cells.wrong("to", "import.to_before_from")
        leave = category == "leave"
        kind = cells.choice("kind", LEAVE_KINDS) if leave else None
        letter = None if leave else cells.optional("letter")
        if employee_id is None or start is None or end is None or end < start:
            continue
        by_person.setdefault(employee_id, []).append(
            (Absence(employee_id, category, start, end, kind, letter), cells)
        )
    found: list[Found] = []
    for employee_id, absences in by_person.items():
        stored = known.absences.get(employee_id, ())
        absences.sort(key=lambda one: (one[0].from_date, one[0].to_date, one[1].row.number))
        longest: tuple[Absence, Cells] | None = None
        for absence, cells in absences:
            if longest is not None and absence.from_date <= longest[0].to_date:
                cells.wrong("from", "import.overlaps_row", other=longest[1].row.number)
            for other in stored:
                same = (other.category, other.from_date, other.to_date) == (
                    absence.category,
                    absence.from_date,
                    absence.to_date,
                )
                if not same and other.from_date <= absence.to_date and absence.from_date <= other.to_date:
                    cells.wrong("from", "import.overlaps_stored", start=other.from_date, end=other.to_date)
            if longest is None or absence.to_date > longest[0].to_date:
                longest = (absence, cells)
            found.append(Found(absence, (cells.row.number,)))
    return found


def _employees(rows: Sequence[Row], known: Known, errors: list[RowError], doubts: list[RowError]) -> list[Found]:
    ids, numbers = _identities(rows, known, errors)
    owners = {employee_id: nip for nip, employee_id in known.ids_by_nip.items()}
    everyone = {**known.ids_by_nip, **ids}
    for nip, employee_id in ids.items():
        before = owners.get(employee_id)
        if before is not None and before != nip and before not in ids:
            everyone.pop(before, None)  # a new number for a person that is known by their employee_id
    found: list[Found] = []
    bosses = dict(known.supervisors)
    for row in rows:
        cells = Cells(row, errors)
        employee_id = numbers.get(row.number)
        if employee_id is not None:
            bosses.pop(employee_id, None)
        record = _employee(cells, known, everyone, employee_id)
        if record is None:
            continue
        doubt = nips.kind_doubt(record.nip, "PNS" if record.employment == "PNS" else "PPPK")
        if doubt is not None:
            doubts.append(RowError(row.number, "nip", doubt.code))
        if record.supervisor_id is not None:
            bosses[record.employee_id] = record.supervisor_id
        found.append(Found(record, (row.number,)))
    if len(numbers) == len(rows):  # else a stored superior, whom the file replaces, may close a ring
        lines = {one.record.employee_id: one.rows[0] for one in found if isinstance(one.record, Employee)}
        errors.extend(
            RowError(lines[member], "supervisor_nip", "import.supervisor_loop", {"length": len(loop)})
            for loop in loops(bosses)
            for member in loop
            if member in lines
        )
    return found


def _identities(
    rows: Sequence[Row], known: Known, errors: list[RowError]
) -> tuple[dict[str, UUID], dict[int, UUID]]:
    """employee_id by NIP for the file, and by row number; notes what is wrong with either."""
    ids: dict[str, UUID] = {}
    numbers: dict[int, UUID] = {}
    seen_nip: dict[object, int] = {}
    seen_id: dict[object, int] = {}
    for row in rows:
        cells = Cells(row, errors)
        nip = cells.text("nip")
        fault = nips.fault_of(nip) if nip else None
        if fault is not None:
            cells.wrong("nip", fault.code)
        given = cells.optional("employee_id")
        stored = known.ids_by_nip.get(nip)
        employee_id = stored or uuid4()
        if given is not None:
            try:
                employee_id = UUID(given)
            except ValueError:
                cells.wrong("employee_id", "import.uuid")
            else:
                if stored is not None and employee_id != stored:
                    cells.wrong("employee_id", "import.other_id")
        if nip and fault is None:
            _once(seen_nip, nip, cells, "nip")
        if cells.good:
            _once(seen_id, employee_id, cells, "employee_id")
        if cells.good:
            ids[nip] = numbers[row.number] = employee_id
    return ids, numbers


def _superior(cells: Cells, column: str, everyone: dict[str, UUID], own: UUID | None) -> UUID | None:
    nip = cells.optional(column)
    if nip is None:
        return None
    fault = nips.fault_of(nip)
    if fault is not None:
        cells.wrong(column, fault.code)
        return None
    superior = everyone.get(nip)
    if superior is None:
        cells.wrong(column, "import.unknown_nip")
    elif superior == own:
        cells.wrong(column, "import.own_superior")
    return superior


def _employee(cells: Cells, known: Known, everyone: dict[str, UUID], employee_id: UUID | None) -> Employee | None:
    nip = cells.row.cells.get("nip", "").strip()  # its faults are noted by _identities
    opd_code, unit_id = cells.text("opd_code"), cells.text("unit_id")
    if opd_code and opd_code not in known.opds:
        cells.wrong("opd_code", "import.unknown_opd")
    if unit_id and unit_id not in known.unit_opd:
        cells.wrong("unit_id", "import.unknown_unit")
    elif cells.good and known.unit_opd[unit_id] != opd_code:
        cells.wrong("unit_id", "import.unit_of_other_opd", opd=known.unit_opd[unit_id])
    heads = tuple(sorted(set(cells.items("heads"))))
    if any(head not in known.unit_opd and head not in known.opds for head in heads):
        cells.wrong("heads", "import.unknown_head")
    timetable = cells.choice("timetable", TIMETABLES) or ""
    shift_group = cells.whole("shift_group", 0, 3, required=timetable == "shift")
    email = cells.optional("email", longest=254)
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        cells.wrong("email", "import.email")
    supervisor = _superior(cells, "supervisor_nip", everyone, employee_id)
    acting = _superior(cells, "acting_supervisor_nip", everyone, employee_id)
    record = (
        cells.text("name"),
        cells.choice("employment", ("PNS", "PPPK")) or "",
        cells.choice("echelon", ("II", "III", "IV"), required=False),
        cells.optional("phone", longest=40),
        cells.places("remote_places"),
        cells.date("post_since", required=False),
        cells.date("discipline_until", required=False),
        cells.boolean("active", default=True),
    )
    if not cells.good or employee_id is None:
        return None
    name, employment, echelon, phone, remote_places, post_since, discipline_until, active = record
    return Employee(
        employee_id=employee_id,
        nip=nip,
        name=name,
        opd_code=opd_code,
        unit_id=unit_id,
        supervisor_id=supervisor,
        acting_supervisor_id=acting,
        employment=employment,
        echelon=echelon,
        email=email,
        phone=phone,
        remote_places=remote_places,
        heads=heads,
        timetable=timetable,
        shift_group=shift_group if timetable == "shift" else None,
        post_since=post_since,
        discipline_until=discipline_until,
        active=active,
    )


def loops(superior_of: dict[UUID, UUID]) -> list[list[UUID]]:
    """Every ring of people who are, directly or through others, their own superior."""
    done: set[UUID] = set()
    found: list[list[UUID]] = []
    for start in superior_of:
        path: dict[UUID, int] = {}
        here: UUID | None = start
        while here is not None and here not in done and here not in path:
            path[here] = len(path)
            here = superior_of.get(here)
        if here is not None and here in path:
            found.append([person for person, depth in path.items() if depth >= path[here]])
        done.update(path)
    return found
