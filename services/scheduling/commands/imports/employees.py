"""The file of the people."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from services.scheduling.commands import people
from services.scheduling.commands.imports.kind import File, ImportKind, Job, Taken, ToMend, cleared, nip_of, places
from services.scheduling.domain import nip as nips
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.records import Employee, Known
from services.scheduling.domain.superiors import loops
from services.scheduling.store import directory, plans
from services.scheduling.store.records import Records
from services.scheduling.views import superiors
from services.scheduling.views.superiors import Leaver
from shared import mailbox
from shared.csvfile import Cells, RowError, once
from shared.events.base import MAX_HEADS, MAX_PLACES, MAX_SKILLS

_SKILL = re.compile("[a-z0-9][a-z0-9._-]{0,39}")
TIMETABLES = ("five_day", "six_day", "shift")
_CLEARABLE = {
    "supervisor_nip": "supervisor_id",
    "acting_supervisor_nip": "acting_supervisor_id",
    "echelon": "echelon",
    "email": "email",
    "phone": "phone",
    "remote_places": "remote_places",
    "heads": "heads",
    "skills": "skills",
    "shift_group": "shift_group",
    "post_since": "post_since",
    "discipline_until": "discipline_until",
}
"""Optional columns of the file, and the field that an empty cell clears. `active` is none of them: only the words
true and false end or begin an employment again."""


class Employees(ImportKind[Employee]):
    name = "employees"
    required = ("nip", "name", "opd_code", "unit_id", "employment", "timetable")
    optional = ("employee_id", *_CLEARABLE, "active")
    named = ("employee_id",)
    records = Records(Employee, "employee", key=("employee_id",))
    people = True

    def read(self, file: File[Employee]) -> list[Taken[Employee]]:
        identities = _Identities(file)
        bosses = dict(file.known.supervisors)
        taken: list[Taken[Employee]] = []
        for cells in file.lines():
            employee_id = identities.by_row.get(cells.row.number)
            if employee_id is not None and cells.has("supervisor_nip"):
                bosses.pop(employee_id, None)
            before = file.stored.get(employee_id)
            person = _employee(cells, file.known, identities.everyone, employee_id, before)
            if person is None:
                continue
            ended = _heads_elsewhere(person, before, file.known.unit_opd)
            person = replace(person, heads=tuple(head for head in person.heads if head not in ended))
            file.doubts.extend(_doubts(cells, person, before, ended))
            if person.supervisor_id is not None:
                bosses[person.employee_id] = person.supervisor_id
            taken.append(Taken(person, (cells.row.number,), cleared(cells, before, _CLEARABLE), ended))
        if len(identities.by_row) == len(
            file.rows
        ):  # else a stored superior, whom the file replaces, may close a ring
            file.errors.extend(_rings(bosses, taken))
        return taken

    async def outdated(self, job: Job[Employee]) -> Sequence[tuple[dt.date, int]]:
        """The plans of people who stay but work elsewhere or at other hours from now on."""
        moved = [
            person.employee_id
            for person in job.records
            if person.active
            and (before := job.stored.get(person.employee_id)) is not None
            and _post(before) != _post(person)
        ]
        return await plans.needing_of(job.tx, moved, job.today)

    async def plans(self, job: Job[Employee]) -> list[Planned]:
        return await people.days_of_departed(job.tx, job.today)

    async def to_mend(self, job: Job[Employee]) -> ToMend:
        if job.order.dry_run:  # names the next ones up, which publishing does else
            await directory.changed_employees(job.tx, job.today)
        changed = [person.employee_id for person in job.records]
        return ToMend(
            await superiors.left_behind(job.tx, _leavers(job.stored, job.taken)),
            await superiors.without_superior(job.tx, changed),
        )


class _Identities:
    """Who the rows are about: employee_id by row number, and by NIP with whom the directory knows.

    What is wrong with either is noted."""

    def __init__(self, file: File[Employee]) -> None:
        known = file.known.ids_by_nip
        self.by_row: dict[int, UUID] = {}
        ids: dict[str, UUID] = {}
        seen_nip: dict[str, int] = {}
        seen_id: dict[UUID, int] = {}
        for cells in file.lines():
            nip = nip_of(cells, "nip")
            stored = known.get(nip or "")
            employee_id = _given_id(cells, stored) or stored or uuid4()
            if nip is not None:
                once(seen_nip, nip, cells, "nip")
            if cells.good:
                once(seen_id, employee_id, cells, "employee_id")
            if cells.good and nip is not None:
                ids[nip] = self.by_row[cells.row.number] = employee_id
        owners = {employee_id: nip for nip, employee_id in known.items()}
        self.everyone = {**known, **ids}
        for nip, employee_id in ids.items():
            before = owners.get(employee_id)
            if before is not None and before != nip and before not in ids:
                self.everyone.pop(before, None)  # a new number for a person that is known by their employee_id


def _given_id(cells: Cells, stored: UUID | None) -> UUID | None:
    given = cells.optional("employee_id")
    if given is None:
        return None
    try:
        employee_id = UUID(given)
    except ValueError:
        cells.wrong("employee_id", "import.uuid")
        return None
    if stored is not None and employee_id != stored:
        cells.wrong("employee_id", "import.other_id")
    return employee_id


def _doubts(cells: Cells, person: Employee, before: Employee | None, ended: Sequence[str]) -> list[RowError]:
    doubts: list[RowError] = []
    row = cells.row.number
    if ended:
        doubts.append(RowError(row, "heads", "import.heads_ended", {"heads": ", ".join(ended)}))
    if before is not None and not before.active and not person.active and not cells.has("active"):
        doubts.append(RowError(row, "active", "import.still_departed"))
    doubt = nips.kind_doubt(person.nip, "PNS" if person.employment == "PNS" else "PPPK")
    if doubt is not None:
        doubts.append(RowError(row, "nip", doubt.code))
    return doubts


def _rings(bosses: Mapping[UUID, UUID], taken: Sequence[Taken[Employee]]) -> list[RowError]:
    lines = {person.record.employee_id: row for person in taken for row in person.rows}
    return [
        RowError(lines[member], "supervisor_nip", "import.supervisor_loop", {"length": len(loop)})
        for loop in loops(bosses)
        for member in loop
        if member in lines
    ]


def _superior(cells: Cells, column: str, everyone: Mapping[str, UUID], own: UUID | None) -> UUID | None:
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
    cells: Cells, known: Known, everyone: Mapping[str, UUID], employee_id: UUID | None, before: Employee | None
) -> Employee | None:
    """The record of a row; what the file has no column for stays as it is in `before`."""
    # The faults of nip are noted by _Identities.
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
    values: dict[str, Any] = {
        **dict.fromkeys(_CLEARABLE.values()),
        "remote_places": (),
        "heads": (),
        "skills": (),
        **kept,
        **given,
    }
    if timetable != "shift":
        values["shift_group"] = None
    elif values["shift_group"] is None and not any(error.column == "shift_group" for error in cells.own):
        cells.wrong("shift_group", "import.required")
    if not cells.good or employee_id is None:
        return None
    return Employee(
        employee_id=employee_id, nip=nip, opd_code=opd_code, unit_id=unit_id, timetable=timetable, **values
    )


def _optional(
    cells: Cells, known: Known, everyone: Mapping[str, UUID], employee_id: UUID | None
) -> dict[str, Any]:
    """The fields of the columns that the file has."""
    readers: dict[str, Callable[[], Any]] = {
        "supervisor_nip": lambda: _superior(cells, "supervisor_nip", everyone, employee_id),
        "acting_supervisor_nip": lambda: _superior(cells, "acting_supervisor_nip", everyone, employee_id),
        "echelon": lambda: cells.choice("echelon", ("II", "III", "IV"), required=False),
        "email": lambda: _email(cells),
        "phone": lambda: cells.optional("phone", longest=40),
        "remote_places": lambda: places(cells, "remote_places", most=MAX_PLACES),
        "heads": lambda: _heads(cells, known),
        "skills": lambda: _skills(cells),
        "shift_group": lambda: cells.whole("shift_group", 0, 3, required=False),
        "post_since": lambda: cells.date("post_since", required=False),
        "discipline_until": lambda: cells.date("discipline_until", required=False),
    }
    return {_CLEARABLE[column]: read() for column, read in readers.items() if cells.has(column)}


def _email(cells: Cells) -> str | None:
    email = cells.optional("email", longest=mailbox.LONGEST)
    if email is not None and not mailbox.is_address(email):
        cells.wrong("email", "import.email")
    return email


def _heads(cells: Cells, known: Known) -> tuple[str, ...]:
    heads = tuple(sorted(set(cells.items("heads", most=MAX_HEADS))))
    if any(head not in known.unit_opd and head not in known.opds for head in heads):
        cells.wrong("heads", "import.unknown_head")
    return heads


def _skills(cells: Cells) -> tuple[str, ...]:
    """In lower case: two files that write a code otherwise mean the same skill."""
    skills = tuple(sorted({skill.lower() for skill in cells.items("skills", most=MAX_SKILLS)}))
    if any(_SKILL.fullmatch(skill) is None for skill in skills):
        cells.wrong("skills", "import.skill")
    return skills


def _heads_elsewhere(person: Employee, before: Employee | None, unit_opd: Mapping[str, str]) -> tuple[str, ...]:
    """What someone who was known cannot head: units and OPD outside their own.

    A headship ends with a transfer to another OPD, and a file does not bring it back. One that already spans OPD
    stays while its holder does; who stands in for somebody elsewhere has an acting period.
    """
    if before is None:
        return ()
    stays = set(before.heads) if before.opd_code == person.opd_code else set[str]()
    return tuple(
        head for head in person.heads if unit_opd.get(head, head) != person.opd_code and head not in stays
    )


def _post(person: Employee) -> tuple[object, ...]:
    return person.opd_code, person.unit_id, person.timetable, person.shift_group


def _leavers(stored: Mapping[object, Employee], taken: Sequence[Taken[Employee]]) -> list[Leaver]:
    """Who leaves by the file: departs, or goes on in another OPD."""
    leavers: list[Leaver] = []
    for line in taken:
        person, before = line.record, stored.get(line.record.employee_id)
        if before is None or not before.active:
            continue
        if not person.active:
            leavers.append(Leaver(person.employee_id, None, before.heads))
        elif before.opd_code != person.opd_code or line.heads_ended:
            leavers.append(Leaver(person.employee_id, person.opd_code, line.heads_ended))
    return leavers
