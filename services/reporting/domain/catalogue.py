"""The catalogue of tasks: what is counted, in which unit, and how many minutes one takes by the norm. Pure.

A task has versions by date; in force on a work date is the one with the latest `effective_from` not after it. What
has been in force up to today stays as it is: a report's norm is that of its day, whenever the report is handed in.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.csvfile import Cells, Rejected, Row, RowError, identifier, once
from shared.personal import personal

REQUIRED = ("task_code", "name", "unit", "norm_minutes", "opd_code", "effective_from", "active")
LONGEST_NAME = 300
LONGEST_UNIT = 64
LEAST_NORM, MOST_NORM = 0.1, 10_000.0
"""Minutes for one unit: from some seconds for an entry to a month of working time for a study."""

LONGEST_WORD = 100
"""Characters of a word that are looked at: PostgreSQL holds no lexeme of 2 KB."""

_WORD = re.compile(r"[^\W_]+")


class Version(NamedTuple):
    """The key of one version of a task."""

    task_code: str
    effective_from: dt.date


@dataclass(frozen=True, slots=True)
class Task:
    """One version of a task. `norm_minutes` are for one `unit`; `opd_code` is null where every OPD has it."""

    task_code: str
    effective_from: dt.date
    name: str
    unit: str
    norm_minutes: float
    opd_code: str | None
    active: bool

    @property
    def version(self) -> Version:
        return Version(self.task_code, self.effective_from)


@dataclass(frozen=True, slots=True)
class Change:
    """A version that a file makes or alters: its row, and the columns that differ from what is stored."""

    row: int
    change: str
    columns: Sequence[str]
    task: Task


def words(text: str) -> list[str]:
    """The words that a text is found by, folded: of a name as of what somebody looks for."""
    found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return sorted({word[:LONGEST_WORD] for word in found})


def read(rows: Sequence[Row], opds: Collection[str]) -> list[tuple[int, Task]]:
    """The versions of a file, each with its row. Raises Rejected with every error by row and column."""
    errors: list[RowError] = []
    seen: dict[object, int] = {}
    taken = [(row.number, _task(Cells(row, errors), opds, seen)) for row in rows]
    if errors:
        raise Rejected(errors)
    return taken


def _task(cells: Cells, opds: Collection[str], seen: dict[object, int]) -> Task:
    code = identifier(cells, "task_code")
    name, unit = _words(cells, "name", LONGEST_NAME), _words(cells, "unit", LONGEST_UNIT)
    norm = cells.number("norm_minutes", LEAST_NORM, MOST_NORM, 0.0)
    if not cells.optional("norm_minutes"):
        cells.wrong("norm_minutes", "import.required")
    opd_code = cells.optional("opd_code", longest=100)
    if opd_code is not None and opd_code not in opds:
        cells.wrong("opd_code", "import.unknown_opd")
    effective_from = cells.date("effective_from") or dt.date.min
    active = cells.boolean("active")
    if cells.good:
        once(seen, (code, effective_from), cells, "task_code")
    return Task(code, effective_from, name, unit, norm, opd_code, active)


def _words(cells: Cells, column: str, longest: int) -> str:
    """Text for people; other systems will read it."""
    value = cells.text(column, longest=longest, free=True)
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        cells.wrong(column, "import.control")
    elif personal(value) is not None:
        cells.wrong(column, "import.personal")
    return value


def changes(taken: Sequence[tuple[int, Task]], stored: Mapping[Version, Task], today: dt.date) -> list[Change]:
    """What a file makes or alters of what is stored of its tasks.

    Raises Rejected where a task that is known would have meant something else up to today.
    """
    known = {version.task_code for version in stored}
    errors: list[RowError] = []
    found: list[Change] = []
    for row, task in taken:
        before = stored.get(task.version)
        if before == task:
            continue
        if task.task_code in known and task.effective_from <= today:
            tomorrow = today + dt.timedelta(days=1)
            errors.append(RowError(row, "effective_from", "catalogue.begun", {"first": tomorrow}))
        columns = [column for column in REQUIRED if before and getattr(before, column) != getattr(task, column)]
        found.append(Change(row, "changed" if before else "created", columns, task))
    if errors:
        raise Rejected(errors)
    return found
