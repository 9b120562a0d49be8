"""What the check of a file finds, and what the checks of all kinds share."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.scheduling.domain import nip as nips
from services.scheduling.domain.csvfile import Cells, RowError
from services.scheduling.domain.records import Record


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and the rows of the file that it comes from.

    `cleared`: columns whose stored value an empty cell takes away. `heads_ended`: units and OPD that the person
    heads no longer, as they belong to another OPD than theirs.
    """

    record: Record
    rows: tuple[int, ...]
    cleared: tuple[str, ...] = ()
    heads_ended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    found: Sequence[Found]
    doubts: Sequence[RowError]
    """Odd but allowed: shown to the officer."""


def once(seen: dict[object, int], key: object, cells: Cells, column: str) -> None:
    """Notes an error when `key` stood in an earlier row."""
    first = seen.setdefault(key, cells.row.number)
    if first != cells.row.number:
        cells.wrong(column, "import.twice", first=first)


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


def cleared(cells: Cells, before: object | None, columns: dict[str, str]) -> tuple[str, ...]:
    """Those of `columns` (column of the file: field of the record) that are empty here and stored with a value."""
    if before is None:
        return ()
    return tuple(column for column, name in columns.items() if cells.empty(column) and getattr(before, name))
