"""The files of leave and of duty travel."""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple
from uuid import UUID

from services.scheduling.commands import absences
from services.scheduling.commands.imports.kind import File, ImportKind, Job, Taken, cleared, nip_of
from services.scheduling.domain.planning import Category
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.records import Absence, gives_way
from services.scheduling.store import plans
from services.scheduling.store.records import Records
from shared.csvfile import Cells

LEAVE_KINDS = ("annual", "long", "sick", "maternity", "important", "unpaid", "permission")


class _Line(NamedTuple):
    """An absence, and the row that gives it."""

    absence: Absence
    cells: Cells


class Absences(ImportKind[Absence]):
    """What the two files share. `stored` holds absences of both, as they must not overlap."""

    category: ClassVar[Category]
    named = ("employee_id", "from_date", "to_date")
    records = Records(Absence, "absence", key=("employee_id", "category", "from_date", "to_date"))
    people = True

    def kind(self, cells: Cells) -> str | None:  # noqa: ARG002
        """The kind of leave; a trip has none."""
        return None

    def letter(self, cells: Cells, before: Absence | None) -> str | None:  # noqa: ARG002
        """The letter of a trip; a leave has none."""
        return None

    def read(self, file: File[Absence]) -> list[Taken[Absence]]:
        by_person: dict[UUID, list[_Line]] = {}
        for cells in file.lines():
            employee_id = _person(cells, file.known.ids_by_nip)
            start, end = cells.date("from"), cells.date("to")
            if start is not None and end is not None and end < start:
                cells.wrong("to", "import.to_before_from")
            kind = self.kind(cells)
            before = file.stored.get((employee_id, self.category, start, end))
            letter = self.letter(cells, before)
            if employee_id is None or start is None or end is None or end < start:
                continue
            absence = Absence(employee_id, self.category, start, end, kind, letter)
            by_person.setdefault(employee_id, []).append(_Line(absence, cells))
        others: dict[UUID, list[Absence]] = {}
        for absence in file.stored.values():
            if absence.employee_id in by_person:
                others.setdefault(absence.employee_id, []).append(absence)
        return [
            self._taken(file, line)
            for employee_id, lines in by_person.items()
            for line in _without_overlap(lines, others.get(employee_id, []))
        ]

    def _taken(self, file: File[Absence], line: _Line) -> Taken[Absence]:
        before = file.stored.get(self.records.key_of(line.absence))
        return Taken(line.absence, (line.cells.row.number,), cleared(line.cells, before, {"letter": "letter"}))

    async def make_room(self, job: Job[Absence]) -> list[Absence]:
        """A sick note cuts the annual leave that it interrupts."""
        return [
            gone
            for absence in job.records
            if absence.kind == "sick"
            for gone in await absences.make_room(job.tx, absence, job.stored.get(self.records.key_of(absence)))
        ]

    async def plans(self, job: Job[Absence]) -> list[Planned]:
        mode, free = absences.absence_modes(self.category)
        away = await plans.plans_in(job.tx, job.records, [mode, free])
        return [plan.without_hours(mode, self.category) for plan in away]


class Leave(Absences):
    name = "leave"
    category = "leave"
    required = ("nip", "from", "to", "kind")

    def kind(self, cells: Cells) -> str | None:
        return cells.choice("kind", LEAVE_KINDS)


class DutyTravel(Absences):
    name = "duty_travel"
    category = "duty_travel"
    required = ("nip", "from", "to")
    optional = ("letter",)

    def letter(self, cells: Cells, before: Absence | None) -> str | None:
        given = cells.optional("letter", longest=100, free=True)
        return given if before is None or cells.has("letter") else before.letter


def _person(cells: Cells, ids_by_nip: Mapping[str, UUID]) -> UUID | None:
    nip = nip_of(cells, "nip")
    if nip is None:
        return None
    employee_id = ids_by_nip.get(nip)
    if employee_id is None:
        cells.wrong("nip", "import.unknown_nip")
    return employee_id


def _without_overlap(lines: list[_Line], stored: list[Absence]) -> list[_Line]:
    """One person's lines by date; notes each that overlaps an earlier one of the file, or what is stored."""
    ordered = sorted(lines, key=lambda line: (line.absence.from_date, line.absence.to_date, line.cells.row.number))
    longest: _Line | None = None
    for line in ordered:
        absence, cells = line
        if longest is not None and absence.from_date <= longest.absence.to_date:
            cells.wrong("from", "import.overlaps_row", other=longest.cells.row.number)
        for other in stored:
            if gives_way(other, absence) or Absences.records.key_of(other) == Absences.records.key_of(absence):
                continue
            if other.from_date <= absence.to_date and absence.from_date <= other.to_date:
                cells.wrong("from", "import.overlaps_stored", start=other.from_date, end=other.to_date)
        if longest is None or absence.to_date > longest.absence.to_date:
            longest = line
    return ordered
