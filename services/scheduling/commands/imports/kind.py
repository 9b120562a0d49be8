"""What an import kind is: one object that says its columns, its checks, where its records stand, and what it does
to published plans. Whatever the kind, `file` takes a file the same way."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from services.scheduling.domain import nip as nips
from services.scheduling.domain.plans import Planned
from services.scheduling.domain.records import Known, Place, Places
from services.scheduling.domain.stretches import Stretch
from services.scheduling.store import plans
from services.scheduling.store.records import Records
from services.scheduling.views.answer import Json
from services.scheduling.views.superiors import LeftBehind, WithoutSuperior
from shared.access import Principal
from shared.csvfile import Cells, Rejected, Row, RowError, decimal
from shared.database import Tx
from shared.dates import local_date

RecordT = TypeVar("RecordT")
NIP_COLUMNS = ("nip", "supervisor_nip", "acting_supervisor_nip")


@dataclass(frozen=True, slots=True)
class Order:
    """Who imports, and how: `replace` lets a file of holidays take dates away, `reason` is for past days."""

    who: Principal
    dry_run: bool = False
    replace: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Taken(Generic[RecordT]):
    """A record, and the rows of the file that it comes from.

    `cleared`: columns whose stored value an empty cell takes away. `heads_ended`: units and OPD that the person
    heads no longer, as they belong to another OPD than theirs.
    """

    record: RecordT
    rows: tuple[int, ...]
    cleared: tuple[str, ...] = ()
    heads_ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked(Generic[RecordT]):
    taken: Sequence[Taken[RecordT]]
    doubts: Sequence[RowError]
    """Odd but allowed: shown to the officer."""


@dataclass(frozen=True, slots=True)
class File(Generic[RecordT]):
    """The rows of a file while they are checked, with what is known of the directory.

    `stored` is what it holds of the kind, by key: a column that the file does not have leaves it as it is, an
    empty cell of a column that it has clears it.
    """

    rows: Sequence[Row]
    known: Known
    stored: Mapping[object, RecordT]
    errors: list[RowError] = field(default_factory=list[RowError])
    doubts: list[RowError] = field(default_factory=list[RowError])

    def lines(self) -> Iterator[Cells]:
        """The rows one after the other; what is wrong with one goes to `errors`."""
        return (Cells(row, self.errors) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Job(Generic[RecordT]):
    """A file that is being written: `records` are those of `taken` that differ from what is `stored`."""

    tx: Tx
    now: dt.datetime
    order: Order
    stored: Mapping[object, RecordT]
    taken: Sequence[Taken[RecordT]]
    records: Sequence[RecordT]

    @property
    def today(self) -> dt.date:
        return local_date(self.now)


@dataclass(frozen=True, slots=True)
class ToMend:
    """What those who go or move leave to be mended."""

    left_behind: Sequence[LeftBehind] = ()
    without_superior: Sequence[WithoutSuperior] = ()


class ImportKind(ABC, Generic[RecordT]):
    """One kind of file. Each method is a question that `file` asks of every kind; most kinds have no answer."""

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    """Columns that a file must have."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Columns that a file may have."""
    named: ClassVar[tuple[str, ...]]
    """The fields that name a record in an answer; a person by employee_id, never by NIP."""
    records: Records[RecordT]
    """Where the records stand."""
    sizes: ClassVar[bool] = False
    """Whether the checks ask how many people a unit has."""
    people: ClassVar[bool] = False
    """Whether the checks ask who has which NIP."""

    @abstractmethod
    def read(self, file: File[RecordT]) -> list[Taken[RecordT]]:
        """The records of a file; what is wrong goes to `file.errors`, what is odd to `file.doubts`."""

    def check(
        self, rows: Sequence[Row], known: Known, stored: Mapping[object, RecordT] | None = None
    ) -> Checked[RecordT]:
        """The records of a file. Raises Rejected with every error; then nothing may be stored."""
        file = File(rows, known, stored or {})
        taken = self.read(file)
        for column in NIP_COLUMNS:
            numbers = {row.number: nips.plain(row.cells[column]) for row in rows if row.cells.get(column)}
            damage = nips.damage(numbers.values(), known.ids_by_nip)
            if damage is not None:
                top = min(row.number for row in rows)
                (file.errors or file.doubts).append(RowError(top, column, damage.code))
        if file.errors:
            raise Rejected(file.errors)
        return Checked(taken, file.doubts)

    def name_of(self, record: RecordT) -> Json:
        return {name: str(getattr(record, name)) for name in self.named}

    def with_stored(self, before: RecordT | None, given: RecordT) -> tuple[RecordT, list[Json]]:  # noqa: ARG002
        """The record that a file means that only adds, and what is stored and stays though the file is silent."""
        return given, []

    def dropped(self, before: RecordT | None, after: RecordT) -> list[Json]:  # noqa: ARG002
        """Parts of a stored record that are not in the new one."""
        return []

    def stretches(self, stored: Mapping[object, RecordT], after: Sequence[RecordT]) -> list[Stretch]:  # noqa: ARG002
        """The dates that the records judge or plan otherwise; `stored` is all that is stored of the kind."""
        return []

    def crowded(self, stored: Mapping[object, RecordT], after: Sequence[RecordT]) -> bool:  # noqa: ARG002
        """Whether something would be more than its event may carry."""
        return False

    async def make_room(self, job: Job[RecordT]) -> list[RecordT]:  # noqa: ARG002
        """Cut what is stored and gives way. Returns it as it was."""
        return []

    async def outdated(self, job: Job[RecordT]) -> Sequence[tuple[dt.date, int]]:
        """(date, plans) that a new roster has to mend."""
        touched = self.stretches(job.stored, job.records)
        return await plans.needing(job.tx, touched, job.today) if touched else []

    async def plans(self, job: Job[RecordT]) -> list[Planned]:  # noqa: ARG002
        """The published plans that the records leave no choice about, as they have to be."""
        return []

    async def to_mend(self, job: Job[RecordT]) -> ToMend:  # noqa: ARG002
        """What is left to be mended, as the directory is after the file."""
        return ToMend()


def places(cells: Cells, column: str, *, most: int) -> Places:
    """Circles `lat lon radius_m`, in degrees and metres."""
    found: list[Place] = []
    for item in cells.items(column, most=most):
        parts = [decimal(part) for part in item.split()]
        if len(parts) != 3 or any(part is None for part in parts):
            cells.wrong(column, "import.place")
            break
        lat, lon, radius = (part or 0.0 for part in parts)
        if not (-90 <= lat <= 90 and -180 <= lon <= 180 and 1 <= radius <= 10_000):
            cells.wrong(column, "import.place")
            break
        found.append(Place(lat, lon, radius))
    return tuple(found)


def nip_of(cells: Cells, column: str, *, required: bool = True) -> str | None:
    """The number in a cell, in its plain form; notes what is wrong with it."""
    written = cells.text(column) if required else cells.optional(column)
    if not written:
        return None
    nip = nips.plain(written)
    fault = nips.fault_of(nip)
    if fault is not None:
        cells.wrong(column, fault.code)
        return None
    return nip


def cleared(cells: Cells, before: object | None, columns: Mapping[str, str]) -> tuple[str, ...]:
    """Those of `columns` (column of the file: field of the record) that are empty here and stored with a value."""
    if before is None:
        return ()
    return tuple(column for column, name in columns.items() if cells.empty(column) and getattr(before, name))
