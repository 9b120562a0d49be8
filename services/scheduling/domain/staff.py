"""The check of a file of people."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.domain import nip as nips
from services.scheduling.domain.csvfile import Cells, Row, RowError
from services.scheduling.domain.found import Found, cleared, nip_of, once
from services.scheduling.domain.records import Employee, Known, Record
from shared.events.base import MAX_HEADS, MAX_PLACES

TIMETABLES = ("five_day", "six_day", "shift")
_CLEARABLE = {
    "supervisor_nip": "supervisor_id",
    "acting_supervisor_nip": "acting_supervisor_id",
    "echelon": "echelon",
    "email": "email",
    "phone": "phone",
    "remote_places": "remote_places",
    "heads": "heads",
    "shift_group": "shift_group",
    "post_since": "post_since",
    "discipline_until": "discipline_until",
}
"""Optional columns of the file, and the field that an empty cell clears. `active` is none of them: only the words
true and false end or begin an employment again."""


def employees(
    rows: Sequence[Row],
    known: Known,
    stored: Mapping[object, Record],
    errors: list[RowError],
    doubts: list[RowError],
) -> list[Found]:
    """The people of a file, or what is wrong with each row in `errors`; `doubts` are odd but allowed."""
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
        if employee_id is not None and cells.has("supervisor_nip"):
            bosses.pop(employee_id, None)
        before = stored.get(employee_id)
        before = before if isinstance(before, Employee) else None
        record = _employee(cells, known, everyone, employee_id, before)
        if record is None:
            continue
        ended = heads_elsewhere(record, before, known.unit_opd)
        if ended:
            doubts.append(RowError(row.number, "heads", "import.heads_ended", {"heads": ", ".join(ended)}))
            record = replace(record, heads=tuple(head for head in record.heads if head not in ended))
        if before is not None and not before.active and not record.active and not cells.has("active"):
            doubts.append(RowError(row.number, "active", "import.still_departed"))
        doubt = nips.kind_doubt(record.nip, "PNS" if record.employment == "PNS" else "PPPK")
        if doubt is not None:
            doubts.append(RowError(row.number, "nip", doubt.code))
        if record.supervisor_id is not None:
            bosses[record.employee_id] = record.supervisor_id
        found.append(Found(record, (row.number,), cleared(cells, before, _CLEARABLE), ended))
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
        nip = nip_of(cells, "nip")
        given = cells.optional("employee_id")
        stored = known.ids_by_nip.get(nip or "")
        employee_id = stored or uuid4()
        if given is not None:
            try:
                employee_id = UUID(given)
            except ValueError:
                cells.wrong("employee_id", "import.uuid")
            else:
                if stored is not None and employee_id != stored:
                    cells.wrong("employee_id", "import.other_id")
        if nip is not None:
            once(seen_nip, nip, cells, "nip")
        if cells.good:
            once(seen_id, employee_id, cells, "employee_id")
        if cells.good and nip is not None:
            ids[nip] = numbers[row.number] = employee_id
    return ids, numbers


def _superior(cells: Cells, column: str, everyone: dict[str, UUID], own: UUID | None) -> UUID | None:
    nip = nip_of(cells, column, required=False)
    if nip is None:
        return None
    superior = everyone.get(nip)
    if superior is None:
        cells.wrong(column, "import.unknown_nip")
    elif superior == own:
        cells.wrong(column, "import.own_superior")
    return superior


def _employee(
    cells: Cells, known: Known, everyone: dict[str, UUID], employee_id: UUID | None, before: Employee | None
) -> Employee | None:
    """The record of a row; what the file has no column for stays as it is in `before`."""
    # The faults of nip are noted by _identities.
    nip = nips.plain(cells.row.cells.get("nip", ""))
    opd_code, unit_id = cells.text("opd_code"), cells.text("unit_id")
    if opd_code and opd_code not in known.opds:
        cells.wrong("opd_code", "import.unknown_opd")
    if unit_id and unit_id not in known.unit_opd:
        cells.wrong("unit_id", "import.unknown_unit")
    elif cells.good and known.unit_opd[unit_id] != opd_code:
        cells.wrong("unit_id", "import.unit_of_other_opd", opd=known.unit_opd[unit_id])
    timetable = cells.choice("timetable", TIMETABLES) or ""
    given: dict[str, Any] = {
        "name": cells.text("name", free=True),
        "employment": cells.choice("employment", ("PNS", "PPPK")) or "",
        "active": cells.boolean("active", default=before is None or before.active),
        **_optional(cells, known, everyone, employee_id),
    }
    kept = {name: getattr(before, name) for name in _CLEARABLE.values()} if before is not None else {}
    values: dict[str, Any] = {"remote_places": (), "heads": (), **dict.fromkeys(_NULLABLE), **kept, **given}
    if timetable != "shift":
        values["shift_group"] = None
    elif values["shift_group"] is None and not any(error.column == "shift_group" for error in cells.own):
        cells.wrong("shift_group", "import.required")
    if not cells.good or employee_id is None:
        return None
    return Employee(
        employee_id=employee_id, nip=nip, opd_code=opd_code, unit_id=unit_id, timetable=timetable, **values
    )


_NULLABLE = [name for name in _CLEARABLE.values() if name not in ("remote_places", "heads")]


def _optional(cells: Cells, known: Known, everyone: dict[str, UUID], employee_id: UUID | None) -> dict[str, Any]:
    """The fields of the columns that the file has."""
    readers: dict[str, Callable[[], Any]] = {
        "supervisor_nip": lambda: _superior(cells, "supervisor_nip", everyone, employee_id),
        "acting_supervisor_nip": lambda: _superior(cells, "acting_supervisor_nip", everyone, employee_id),
        "echelon": lambda: cells.choice("echelon", ("II", "III", "IV"), required=False),
        "email": lambda: _email(cells),
        "phone": lambda: cells.optional("phone", longest=40),
        "remote_places": lambda: cells.places("remote_places", most=MAX_PLACES),
        "heads": lambda: _heads(cells, known),
        "shift_group": lambda: cells.whole("shift_group", 0, 3, required=False),
        "post_since": lambda: cells.date("post_since", required=False),
        "discipline_until": lambda: cells.date("discipline_until", required=False),
    }
    return {_CLEARABLE[column]: read() for column, read in readers.items() if cells.has(column)}


def _email(cells: Cells) -> str | None:
    email = cells.optional("email", longest=254)
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        cells.wrong("email", "import.email")
    return email


def _heads(cells: Cells, known: Known) -> tuple[str, ...]:
    heads = tuple(sorted(set(cells.items("heads", most=MAX_HEADS))))
    if any(head not in known.unit_opd and head not in known.opds for head in heads):
        cells.wrong("heads", "import.unknown_head")
    return heads


def heads_elsewhere(record: Employee, before: Employee | None, unit_opd: Mapping[str, str]) -> tuple[str, ...]:
    """What someone who was known cannot head: units and OPD outside their own.

    A headship ends with a transfer to another OPD, and a file does not bring it back. One that already spans OPD
    stays while its holder does; who stands in for somebody elsewhere has an acting period.
    """
    if before is None:
        return ()
    stays = set(before.heads) if before.opd_code == record.opd_code else set[str]()
    return tuple(
        head for head in record.heads if unit_opd.get(head, head) != record.opd_code and head not in stays
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
